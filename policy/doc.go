// Package policy turns "where is the client" and "what does each region take" into a choice.
//
// A policy is a tree (Tree). Mass 1 is poured in at its root; each node hands mass to its children; each pool
// takes mass x acceptance, and what it doesn't take flows on:
//
//	failover ──► us-east (acceptance 0.3) takes 0.3 ──► the 0.7 left flow on
//	        └──► nearest ──► eu-west (acceptance 0) takes 0 ──► ap-south (acceptance 1) takes 0.7
//
// What is left at the root, although something took some, is scaled up to 1. If nothing took anything the service's
// fallback answers, which is not this package's business.
//
// Work is split in two, so that a query does neither:
//
//   - Locate reduces a place to a locality key: the branch taken at each geographic node, and the ranking of the
//     pools at each nearest node. Clients with equal keys are treated alike. It depends on the map only.
//   - Pour runs the water for one key and one vector of acceptances. It depends on health only.
//
// The package is pure: no clock, no I/O, no randomness of its own.
package policy
