package simulate

import (
	"net/netip"
	"slices"

	"meridian/geo"
	"meridian/snapshot"
)

// run is one comparison under way.
type run struct {
	q       *Question
	by      Basis
	pairs   map[string]*pair // by canonical name, other names too
	regions []string         // by number; the first is nobody
	number  map[string]int
	space   *space
}

func newRun(q *Question, pairs map[string]*pair) *run {
	r := &run{q: q, by: ByAddressSpace, pairs: pairs, regions: []string{Nobody}, number: map[string]int{Nobody: 0}}
	if len(q.Queries) > 0 {
		r.by = ByLedger
	}
	for _, p := range pairs {
		for _, s := range []*snapshot.Service{p.before, p.after} {
			if s == nil {
				continue
			}
			for i := range s.Spec().Pools {
				if name := s.Spec().Pools[i].Region.Name; !slices.Contains(r.regions, name) {
					r.regions = append(r.regions, name)
				}
			}
		}
	}
	slices.Sort(r.regions[1:])
	for i, name := range r.regions {
		r.number[name] = i
	}
	return r
}

// account is what is added up for one service, or for all of them.
type account struct {
	traffic, v4, v6 *tally
	countries       map[string]*tally // by address space
	movers          map[string]*tally // by country, of the traffic
}

func (r *run) account() *account {
	n := len(r.regions)
	return &account{newTally(n), newTally(n), newTally(n), map[string]*tally{}, map[string]*tally{}}
}

// country returns a country's tally, a new one the first time.
func (r *run) country(of map[string]*tally, country string) *tally {
	t := of[country]
	if t == nil {
		t = newTally(len(r.regions))
		of[country] = t
	}
	return t
}

// accounts adds up every service, by its name. With detail also what each country does.
func (r *run) accounts(detail bool) map[string]*account {
	all := map[string]*account{}
	for _, p := range r.pairs {
		if p.declared() {
			all[p.name] = r.account()
			if r.space != nil {
				r.countSpace(all[p.name], p, detail)
			}
		}
	}
	if r.by == ByAddressSpace {
		for _, a := range all {
			a.traffic, a.movers = a.v4, a.countries
			if a.v4.mass == 0 {
				a.traffic = a.v6
			}
		}
		return all
	}
	cache := map[divided]dealt{}
	for i := range r.q.Queries {
		if q := &r.q.Queries[i]; r.pairs[q.Service] != nil {
			if a := all[r.pairs[q.Service].name]; a != nil {
				r.countQuery(a, r.pairs[q.Service], q, cache, detail)
			}
		}
	}
	return all
}

// countSpace spreads the clients of one service over the address space.
func (r *run) countSpace(a *account, p *pair, detail bool) {
	ask4, ask6 := p.ask(false), p.ask(true)
	cache := map[divided]dealt{}
	for _, g := range r.space.of(p) {
		b4, a4 := r.divide(p.before, ask4, g.before, cache), r.divide(p.after, ask4, g.after, cache)
		b6, a6 := r.divide(p.before, ask6, g.before, cache), r.divide(p.after, ask6, g.after, cache)
		a.v4.add(g.v4, b4, a4)
		a.v6.add(g.v6, b6, a6)
		for _, part := range g.parts {
			switch {
			case !detail || part.country == "":
			case r.space.v4 > 0:
				r.country(a.countries, part.country).add(part.v4, b4, a4)
			default:
				r.country(a.countries, part.country).add(part.v6, b6, a6)
			}
		}
	}
}

// countQuery adds recorded queries of one kind.
func (r *run) countQuery(a *account, p *pair, q *Query, cache map[divided]dealt, detail bool) {
	for client, share := range p.pieces(q.Client) {
		before, after := r.divideFor(p.before, q.Type, client, cache), r.divideFor(p.after, q.Type, client, cache)
		a.traffic.add(q.Count*share, before, after)
		if !detail {
			continue
		}
		if place, _ := r.q.Before.Atlas().Lookup(client.Addr()); place.Country != "" {
			r.country(a.movers, place.Country).add(q.Count*share, before, after)
		}
	}
}

// divided names one division among regions.
type divided struct {
	service  *snapshot.Service
	qtype    uint16
	locality geo.Locality
}

// divide returns how the clients of a locality are divided; nil is a service that isn't there: nobody answers.
func (r *run) divide(s *snapshot.Service, qtype uint16, l geo.Locality, cache map[divided]dealt) dealt {
	key := divided{s, qtype, l}
	known, ok := cache[key]
	if !ok {
		if s != nil {
			known = r.toRegions(s, s.Divide(qtype, l))
		} else {
			known = r.nobody()
		}
		cache[key] = known
	}
	return known
}

func (r *run) divideFor(s *snapshot.Service, qtype uint16, client netip.Prefix, cache map[divided]dealt) dealt {
	if s == nil {
		return r.nobody()
	}
	loc := s.Locate(snapshot.Client{ECS: client})
	if s.Spec().Sticky && client.Addr().Is4() {
		return r.toRegions(s, s.DivideFor(qtype, loc))
	}
	return r.divide(s, qtype, loc.Locality, cache)
}

func (r *run) nobody() dealt {
	v := make(shares, len(r.regions))
	v[0] = 1
	return dealt{shares: v}
}

func (r *run) toRegions(s *snapshot.Service, d snapshot.Division) dealt {
	v := make(shares, len(r.regions))
	v[0] = d.Nobody
	for i, share := range d.Pools {
		v[r.number[s.Spec().Pools[i].Region.Name]] += share
	}
	return dealt{v, d.Fallback}
}
