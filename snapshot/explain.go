package snapshot

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/miekg/dns"

	"meridian/geo"
	"meridian/policy"
	"meridian/status"
)

// Candidate is one pool of a service as it looks to one client: what explain says of it.
type Candidate struct {
	Region      string
	Rank        int     // by distance from 1; equal places in the order of the configuration
	DistanceKm  float64 // great circle; below 0: not known
	Health      status.Health
	Forced      bool
	Acceptance  float64 // 0..1
	Probability float64 // that an answer to this client holds the pool, 0..1
	Why         string  // why it is chosen, or what eliminated it
}

// Candidates says of each pool why a client at loc does or doesn't get it in answers of the type A or AAAA, in
// order of rank. place is what is known of loc.Address. It reads the very plan that Draw draws from.
func (s *Service) Candidates(states status.Table, qtype uint16, loc Location, place *geo.Place) []Candidate {
	f := familyOf(qtype)
	met := s.met(f, loc)
	cs := make([]Candidate, len(s.pools))
	for p := range cs {
		cs[p] = s.candidate(states, p, f, loc, place, met[p])
	}
	slices.SortStableFunc(cs, func(a, b Candidate) int {
		if (a.DistanceKm < 0) != (b.DistanceKm < 0) {
			return cmp.Compare(b.DistanceKm, a.DistanceKm)
		}
		return cmp.Compare(a.DistanceKm, b.DistanceKm)
	})
	for i := range cs {
		cs[i].Rank = i + 1
	}
	return cs
}

func (s *Service) candidate(states status.Table, p, f int, loc Location, place *geo.Place, met *policy.Step) Candidate {
	pool := &s.spec.Pools[p]
	c := Candidate{Region: pool.Region.Name, DistanceKm: -1}
	if place.Coordinates.Known && pool.Region.Coordinates.Known {
		c.DistanceKm = geo.Distance(place.Coordinates, pool.Region.Coordinates)
	}
	health := s.PoolHealth(states, p, f)
	c.Health, c.Forced = health.Health, health.Forced
	fam := &s.family[f]
	if fam.plan == nil || (pool.CNAME == "" && len(s.pools[p].family[f]) == 0) {
		c.Why = "has no " + familyNames[f] + " address"
		return c
	}
	c.Acceptance = fam.acceptance[p]
	fallback := false
	var out planned
	for _, e := range fam.plan.choices[fam.plan.choice[loc.Locality]].entries {
		if o := fam.plan.outcomes[e.outcome]; slices.Contains(o.Pools, byte(p)) {
			c.Probability += e.p
			fallback = fallback || o.fallback
			out = o
		}
	}
	c.Why = s.why(&c, p, f, met, fallback, out, health)
	return c
}

// why says why the pool is chosen, or what eliminated it. met is the step of the policy at which the client met it, nil
// if it didn't.
func (s *Service) why(c *Candidate, p, f int, met *policy.Step, fallback bool, out planned, h PoolHealth) string {
	both := s.family[f].inputs.both
	other := len(both) > 0 && both[p] == 0 // the other family keeps it out
	switch {
	case c.Probability > 0 && fallback:
		return "nothing takes this client's traffic, so the answer is as if everything were up"
	case c.Probability > 0 && h.Withheld != "":
		return chosen(out.Reason, c.Probability, out.Rank) + " (" + h.Withheld + ")"
	case c.Probability > 0:
		return chosen(out.Reason, c.Probability, out.Rank)
	case c.Acceptance == 0 && h.Health != status.Down && h.Withheld == "":
		return "up, but it is to take nothing"
	case c.Acceptance == 0 && h.Health != status.Down:
		return "up, but takes nothing: " + h.Withheld
	case c.Acceptance == 0:
		return fmt.Sprintf("%d of %d endpoints up, %d needed: %s", h.Up, h.Endpoints, s.spec.MinHealthy.Of(h.Endpoints), h.Reason)
	case other:
		return "takes nothing over " + familyNames[1-f] + ", and both families go together"
	case met == nil:
		return "the policy offers it nothing from the client's place"
	case met.Taken > 0: // and yet it isn't in the answer
		return "the client's first choice"
	}
	return met.Why
}

// met returns the most telling step of each pool in the policy's course for clients at loc: where it takes something,
// else where it is offered something, else the first; nil for a pool that the course doesn't come to.
func (s *Service) met(f int, loc Location) []*policy.Step {
	met := make([]*policy.Step, len(s.pools))
	if s.family[f].plan == nil {
		return met
	}
	key := s.key(int(loc.Locality))
	for _, step := range s.tree.Course(key, s.family[f].inputs.of(s.declared, key)).Trace() {
		if step.Pool < 0 {
			continue
		}
		best := &met[step.Pool]
		if *best == nil || step.Taken > (*best).Taken || step.Offered > 0 && (*best).Offered == 0 {
			*best = &step
		}
	}
	return met
}

func chosen(r policy.Reason, probability float64, rank uint8) string {
	switch r {
	case policy.ReasonNearest:
		switch {
		case rank == 1 && probability < 1:
			return fmt.Sprintf("nearest region that is up, for %s of such clients", policy.Percent(probability))
		case rank == 1:
			return "nearest region that is up"
		}
		return "takes what nearer regions don't"
	case policy.ReasonFailover:
		return "first in the failover order to take traffic"
	case policy.ReasonWeighted:
		return "share by weight: " + policy.Percent(probability)
	case policy.ReasonRoundRobin:
		return "an even share: " + policy.Percent(probability)
	case policy.ReasonLeastLoaded:
		return "share by load: " + policy.Percent(probability)
	case policy.ReasonGeo:
		return "the rule for the client's place names it"
	case policy.ReasonAll:
		return "all healthy endpoints answer"
	}
	return "the policy names it"
}

// PoolHealth sums up one family of one pool.
type PoolHealth struct {
	Health    status.Health // of the pool: Down when too few endpoints are up, Unknown when nothing is known of any
	Forced    bool          // an operator's word decided (part of) it
	Up        int           // endpoints up, or not known to be down
	Endpoints int
	Reason    string // evidence of the endpoints that are down; "no check" without one
	Withheld  string // why endpoints that are up, or the pool for its load, withhold a share of their traffic; empty: none does
}

// PoolHealth returns the health of pool p of the service; f is 0 for IPv4, 1 for IPv6.
func (s *Service) PoolHealth(states status.Table, p, f int) PoolHealth {
	if s.spec.Pools[p].CNAME != "" {
		return PoolHealth{Health: status.Up, Reason: "a name has no check"}
	}
	es := s.pools[p].family[f]
	h := PoolHealth{Endpoints: len(es)}
	known := false
	for _, e := range es {
		if e.key == "" {
			h.Up++
			known = true
			h.Reason = "no check"
			continue
		}
		st := states.View(s.spec.Declared().Name, e.key)
		known = known || st.Health != status.Unknown
		h.Forced = h.Forced || st.Forced
		told := &h.Reason
		if st.Health != status.Down {
			h.Up++
			if st.Withheld == 0 {
				continue
			}
			told = &h.Withheld
		}
		if *told != "" {
			*told += "; "
		}
		*told += s.spec.Pools[p].Endpoints[e.index].String() + ": " + st.Reason
	}
	if load := states.PoolLoad(s.spec.Declared().Name, s.spec.Pools[p].Region.Name); load.Withheld > 0 {
		if h.Withheld != "" {
			h.Withheld += "; "
		}
		h.Withheld += load.Reason
	}
	switch {
	case len(es) > 0 && h.Up < s.spec.MinHealthy.Of(len(es)):
		h.Health = status.Down
	case known:
		h.Health = status.Up
	}
	return h
}

// Label returns what is counted for the outcome: the region that is given and the reason.
func (s *Snapshot) Label(o Outcome) Label { return s.layout.counters.Labels()[o.Counter] }

// RR converts the outcome to records, in the order of the answer.
func (o Outcome) RR() []dns.RR {
	if o.Set == nil {
		return nil
	}
	rrs := make([]dns.RR, 0, o.Count)
	for i := range o.Count {
		rrs = append(rrs, o.Set.RRs[(o.First+i)%len(o.Set.RRs)])
	}
	return rrs
}

// Acceptance returns the share that pool p takes of the questions of the type A or AAAA that it is offered, 0..1.
func (s *Service) Acceptance(qtype uint16, p int) float64 {
	return s.family[familyOf(qtype)].acceptance[p]
}
