// Package snapshot compiles everything that a query may read into one immutable value.
//
// Declarations come in as a Layout: the index of names, and for every service its view of the map (network ->
// locality). The Layout changes with the configuration, the zone files and the GeoIP database. States come in as a
// status.Table, and change many times an hour. Layout.Snapshot joins the two:
//
//	Layout   service ─► view ─► table: address -> locality, scope        (the map; health never touches it)
//	Snapshot service ─► plan ─► locality -> choice ─► answer: packed RRset
//
// A plan depends only on the shape of the policy and on what each pool takes, not on names and addresses; so
// services of one shape in one state of health share it, and a region that fails under 100,000 services is one new
// plan. Answers (the packed records) are each service's own.
//
// Five rules, each with a test:
//
//  1. A published snapshot is never written again.
//  2. A query loads the pointer once (Current.Load) and passes it down.
//  3. No read method locks, allocates, logs or asks the time.
//  4. A compile that fails changes nothing.
//  5. The generation only grows (Current.Publish).
package snapshot
