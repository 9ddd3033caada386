// Package simulate says what a change would do to the traffic, before it is made.
//
// A change is a Hypothesis (regions or endpoints down, dials, weights), or another snapshot altogether: of a changed
// configuration or GeoIP database. Either way there are two snapshots, before and after, and Run compares them:
//
//	clients ──► locality ──► plan ──► which share goes to which region     (before)
//	       └──► locality ──► plan ──► which share goes to which region     (after)
//
// Nothing is sampled. All addresses of one place have the same locality, and a plan gives the probabilities of a locality
// exactly; so what is added up are localities x choices, weighed by how many clients there are. That is known from the
// record of real queries where there is one, and otherwise taken from the address space that the map knows.
//
// Who moves: of the clients of one locality, as many as must. Where a region's share falls from 50% to 30%, 20% move,
// and nobody moves between two regions whose shares grow. Sticky services do nearly that (weighted rendezvous hashing);
// clients of the others draw anew with each question anyway.
//
// The package is pure: no clock, no I/O, no randomness.
package simulate
