package snapshot

import (
	"net/netip"

	"github.com/miekg/dns"

	"meridian/geo"
	"meridian/zones"
)

// Map tells services apart by how they see the map: services with equal ones have the same locality for every address.
// The zero value is the map of services that treat all clients alike.
type Map struct{ view *view }

// Map returns the service's map.
func (s *Service) Map() Map { return Map{s.view} }

// Division says which share of the questions sends clients to which pool, by the first address of the answer; that is
// where most clients go. The shares and Nobody sum to 1.
type Division struct {
	Pools  []float64 // by pool of the service
	Nobody float64   // no pool answers: the fallback's addresses, SERVFAIL, or no record of the type
	// Fallback is the share that the service's fallback answers, because no pool takes it: with pools as if all were up,
	// or with Nobody.
	Fallback float64
}

// Serves reports whether the service has answers of the type A or AAAA at all, in whatever state.
func (s *Service) Serves(qtype uint16) bool { return s.of(qtype).plan != nil }

func (s *Service) of(qtype uint16) *family { return &s.family[familyOf(qtype)] }

// Divide returns how questions of the type A or AAAA are divided that come from one locality, over all its clients.
func (s *Service) Divide(qtype uint16, l geo.Locality) Division {
	d := Division{Pools: make([]float64, len(s.pools))}
	f := s.of(qtype)
	if f.plan == nil {
		d.Nobody = 1
		return d
	}
	for _, e := range f.plan.choices[f.plan.choice[l]].entries {
		s.deal(&d, f, e.outcome, e.p)
	}
	return d
}

// DivideFor is Divide for the clients at one location, who for a sticky service all get the same.
func (s *Service) DivideFor(qtype uint16, loc Location) Division {
	f := s.of(qtype)
	if f.plan == nil || f.plan.choices[f.plan.choice[loc.Locality]].way == nil {
		return s.Divide(qtype, loc.Locality)
	}
	d := Division{Pools: make([]float64, len(s.pools))}
	s.deal(&d, f, s.pick(f.plan, &loc, 0), 1)
	return d
}

// deal adds share p of one outcome to the division.
func (s *Service) deal(d *Division, f *family, outcome uint32, p float64) {
	a, pools := &f.answers[outcome], f.plan.outcomes[outcome].Pools
	if f.plan.outcomes[outcome].fallback {
		d.Fallback += p
	}
	switch {
	case len(pools) == 0 || a.set == nil:
		d.Nobody += p
	case len(pools) == 1:
		d.Pools[pools[0]] += p
	case a.variants == nil:
		s.dealSet(d, a.set, pools, p)
	default:
		last := uint64(0)
		for _, v := range a.variants {
			s.dealSet(d, v.set, pools, p*(float64(v.below-last)/(1<<64)))
			last = v.below
		}
	}
}

// dealSet divides p among the pools whose addresses the set holds: each record comes first equally often.
func (s *Service) dealSet(d *Division, set *zones.RRset, pools []byte, p float64) {
	for _, rr := range set.RRs {
		d.Pools[s.poolOf(rr, pools)] += p / float64(len(set.RRs))
	}
}

// poolOf returns which of the pools a record is from.
func (s *Service) poolOf(rr dns.RR, pools []byte) byte {
	var addr netip.Addr
	switch rr := rr.(type) {
	case *dns.A:
		addr, _ = netip.AddrFromSlice(rr.A)
	case *dns.AAAA:
		addr, _ = netip.AddrFromSlice(rr.AAAA)
	}
	addr = addr.Unmap()
	for _, p := range pools {
		for _, e := range s.spec.Pools[p].Endpoints {
			if e == addr {
				return p
			}
		}
	}
	return pools[0]
}
