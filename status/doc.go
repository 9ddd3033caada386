// Package status is the contract between those who observe endpoints, those who operate them and those who serve:
// votes go in, states come out.
//
//	checker fra --ballot--+
//	checker nyc --ballot--+-- board -- Tally(quorum) --> Table: target -> up, down, unknown
//	checker sin --ballot--+
//
// A checker publishes its verdicts as votes, all of them in one ballot. Tally turns the ballots that are fresh into the
// state of every target. It is pure: the ages of ballots and the time come in as arguments. What is missing is never
// taken for "down": a stale ballot is ignored, and a target on which no quorum of fresh votes agrees keeps its last state.
// An operator's overrides are laid over the observed states afterwards and never enter the tally.
//
// The package imports the standard library only; boards, which do I/O, live in status/board.
package status
