// Package status is the contract between those who observe endpoints, those who operate them and those who serve:
// votes go in, states come out.
//
//	checker fra --ballot--+
//	checker nyc --ballot--+-- board -- Tally (quorum) -- Govern (brakes) --> Table: state key -> up, down, unknown
//	checker sin --ballot--+                                    |
//	                                                           `--> events, and when to run again
//
// A checker publishes its verdicts as votes, all of them in one ballot. Tally turns the ballots that are fresh into the
// observed state of every target. What is missing is never taken for "down": a stale ballot is ignored, and a target on
// which no quorum of fresh votes agrees keeps its last state. Govern makes of it what traffic goes by: it damps flapping,
// brings endpoints back as their service wishes, limits how fast a service is taken apart, and follows an operator's
// freeze. Both are pure: the ages of ballots and the time come in as arguments, and what must be remembered goes out and
// comes in again.
// An operator's overrides are laid over the observed states afterwards and never enter the tally.
//
// The package imports the standard library only; boards, which do I/O, live in status/board.
package status
