package admin

import (
	"slices"

	"meridian/geo"
)

// FoldRegions rolls the pools of all services up into one report for each region, in the order of regions. Several
// services may share an endpoint: a region counts each address once, and as down when any service finds it so.
func FoldRegions(regions []geo.Region, services []ServiceState) []RegionReport {
	reports := make([]RegionReport, len(regions))
	index := make(map[string]int, len(regions))
	for i, r := range regions {
		reports[i] = RegionReport{Name: r.Name, Country: r.Country, Admin: AdminReady, Weight: 1}
		index[r.Name] = i
	}
	endpoints := make([]map[string]EndpointReport, len(regions))
	for _, s := range services {
		for _, p := range s.Pools {
			i, ok := index[p.Region]
			if !ok {
				continue
			}
			reports[i].Pools++
			for _, e := range p.Endpoints {
				if endpoints[i] == nil {
					endpoints[i] = make(map[string]EndpointReport)
				}
				if old, seen := endpoints[i][e.Address]; !seen || worse(e.State, old.State) {
					endpoints[i][e.Address] = e
				}
			}
		}
	}
	for i := range reports {
		fold(&reports[i], endpoints[i])
	}
	return reports
}

// fold fills in what the endpoints say: the counts, the state, and since when and why of the latest change for the worse.
func fold(r *RegionReport, endpoints map[string]EndpointReport) {
	states := make([]string, 0, len(endpoints))
	for _, e := range endpoints {
		states = append(states, e.State)
		switch e.State {
		case StateUp:
			r.Up++
		case StateDown:
			r.Down++
		default:
			r.Unknown++
		}
	}
	r.State = FoldStates(states...)
	if r.Pools > 0 && len(endpoints) == 0 {
		r.State = StateUp // names only: nothing here is probed
	}
	decisive := StateUp
	if r.Down > 0 {
		decisive = StateDown
	}
	for _, e := range endpoints {
		if e.State != decisive || e.Since == nil {
			continue
		}
		if r.Since == nil || e.Since.After(*r.Since) {
			r.Since = e.Since
			if decisive == StateDown {
				r.Reason = e.Reason
			}
		}
	}
}

// FoldStates is the state of a whole with these parts. Unknown parts don't count beside known ones; no parts, or
// unknown ones only: StateUnknown.
func FoldStates(parts ...string) string {
	up := slices.Contains(parts, StateUp)
	down := slices.Contains(parts, StateDown)
	switch {
	case slices.Contains(parts, StatePartial), up && down:
		return StatePartial
	case down:
		return StateDown
	case up:
		return StateUp
	}
	return StateUnknown
}

// worse reports whether state a calls for more attention than b.
func worse(a, b string) bool {
	order := []string{StateUp, StateUnknown, StatePartial, StateDown}
	return slices.Index(order, a) > slices.Index(order, b)
}
