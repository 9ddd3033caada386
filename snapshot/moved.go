package snapshot

import (
	"meridian/geo"
	"meridian/policy"
)

// Moved says which share of the address space goes to another region under the new layout than under the old one,
// with everything up: what a new GeoIP database does to the traffic. Of several views that both layouts have it is the
// one that moves most.
func Moved(before, after *Layout) geo.Move {
	var most geo.Move
	for name, b := range before.views {
		a := after.views[name]
		if a == nil {
			continue
		}
		m := geo.Moved(b.table, a.table, b.regions(), a.regions())
		most.V4, most.V6 = max(most.V4, m.V4), max(most.V6, m.V6)
	}
	return most
}

// regions returns a function that gives the pool that most clients of a locality get with everything up, -1 for a
// locality of which the map knows nothing.
func (v *view) regions() func(geo.Locality) int {
	open := make([]float64, len(v.tree.Pools))
	for i := range open {
		open[i] = 1
	}
	pools := make([]int, len(v.keys))
	for l, key := range v.keys {
		pools[l] = -1
		best := 0.0
		for _, part := range v.tree.Pour([]byte(key), policy.Input{Acceptance: open}) {
			if part.P > best && len(part.Pools) > 0 {
				pools[l], best = int(part.Pools[0]), part.P
			}
		}
	}
	pools[geo.Unknown] = -1
	return func(l geo.Locality) int {
		if l == geo.Private {
			return -1
		}
		return pools[v.locality(l)]
	}
}
