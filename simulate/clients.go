package simulate

import (
	"cmp"
	"slices"

	"meridian/geo"
	"meridian/snapshot"
)

// group is the clients of one locality before and one after.
type group struct {
	before, after geo.Locality
	v4, v6        float64 // shares of the known address space of each family
	parts         []part  // by country, ascending
}

// part is the clients of a group in one country.
type part struct {
	country string // ISO 3166-1; empty: not known
	v4, v6  float64
}

// space divides the known address space by places, once for all services.
type space struct {
	areas  []geo.Area
	v4, v6 float64                     // of the address space that is known
	groups map[[2]snapshot.Map][]group // by the maps before and after
}

func newSpace(before, after *snapshot.Snapshot) *space {
	s := &space{groups: map[[2]snapshot.Map][]group{}}
	for _, a := range geo.Areas(before.Atlas(), after.Atlas()) {
		if a.Before.Private || a.After.Private || a.Before.IsUnknown() && a.After.IsUnknown() {
			continue
		}
		s.areas = append(s.areas, a)
		s.v4 += a.V4
		s.v6 += a.V6
	}
	return s
}

// of returns the groups of clients that the pair tells apart. Their shares sum to 1 in each family that the map knows
// anything of; where it knows nothing at all, all clients are at an unknown place.
func (s *space) of(p *pair) []group {
	before, after := p.before, p.after
	if before == nil {
		before = after
	}
	if after == nil {
		after = before
	}
	key := [2]snapshot.Map{before.Map(), after.Map()}
	if known, ok := s.groups[key]; ok {
		return known
	}
	groups := s.divide(before, after)
	s.groups[key] = groups
	return groups
}

func (s *space) divide(before, after *snapshot.Service) []group {
	if s.v4 == 0 && s.v6 == 0 {
		return []group{{v4: 1, parts: []part{{v4: 1}}}}
	}
	type shares = map[string]*part
	byPair := map[[2]geo.Locality]shares{}
	for i := range s.areas {
		a := &s.areas[i]
		key := [2]geo.Locality{locality(before, a), locality(after, a)}
		if byPair[key] == nil {
			byPair[key] = shares{}
		}
		country := cmp.Or(a.Before.Country, a.After.Country)
		p := byPair[key][country]
		if p == nil {
			p = &part{country: country}
			byPair[key][country] = p
		}
		p.v4 += ratio(a.V4, s.v4)
		p.v6 += ratio(a.V6, s.v6)
	}
	groups := make([]group, 0, len(byPair))
	for key, countries := range byPair {
		g := group{before: key[0], after: key[1]}
		for _, p := range countries {
			g.parts = append(g.parts, *p)
		}
		slices.SortFunc(g.parts, func(a, b part) int { return cmp.Compare(a.country, b.country) })
		for _, p := range g.parts {
			g.v4 += p.v4
			g.v6 += p.v6
		}
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(a, b group) int {
		return cmp.Or(cmp.Compare(a.before, b.before), cmp.Compare(a.after, b.after))
	})
	return groups
}

func locality(s *snapshot.Service, a *geo.Area) geo.Locality {
	return s.Locate(snapshot.Client{Source: a.Example()}).Locality
}

func ratio(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return part / whole
}
