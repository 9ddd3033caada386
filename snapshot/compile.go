package snapshot

import (
	"maps"
	"net/netip"

	"github.com/miekg/dns"

	"meridian/status"
	"meridian/zones"
)

// maxAnswer is how many addresses one answer holds at most.
const maxAnswer = 8

// compiler makes the services of one snapshot.
type compiler struct {
	layout *Layout
	states status.Table
	loads  Loads
	terms  Terms
	plans  map[string]*plan // of this snapshot
	old    map[string]*plan // of the one before, when it had the same layout: its localities are ours
}

func (c *compiler) service(i int) *Service {
	d := c.terms.weighed(c.layout.services[i])
	s := &Service{declared: d}
	for f, in := range c.inputs(d) {
		c.family(d, s, f, in)
	}
	return s
}

// family compiles the answers of one address family.
func (c *compiler) family(d *declared, s *Service, f int, in inputs) {
	fam := &s.family[f]
	fam.inputs, fam.acceptance = in, in.now.Acceptance
	if !in.exists() && !fallbackHas(d.spec, f) {
		return
	}
	fam.plan = c.plan(d, in)
	fam.answers = make([]answer, len(fam.plan.outcomes))
	for i := range fam.plan.outcomes {
		fam.answers[i] = c.answer(d, &fam.plan.outcomes[i], f)
	}
}

// fallbackHas reports whether the service names fallback addresses of the family.
func fallbackHas(spec *zones.Service, f int) bool {
	if spec.Fallback.Kind != zones.FallbackAddresses {
		return false
	}
	for _, a := range spec.Fallback.Addresses {
		if a.Is6() == (f == v6) {
			return true
		}
	}
	return false
}

// accept returns what pool p takes of the traffic it is offered for family f, and what it would take if
// everything were up: 0 when it has nothing of that family, or an operator forced all of it down.
func (c *compiler) accept(d *declared, p, f int) (now, open float64) {
	if d.spec.Pools[p].CNAME != "" {
		return c.terms.fold(d, p, 1, 1)
	}
	es, own := d.pools[p].family[f], d.load(p)
	up := 0
	for _, e := range es {
		st := c.state(d, e)
		if st.Health != status.Down {
			up++
		}
		if st.Health != status.Down || !st.Forced {
			open = 1
		}
	}
	if up > 0 && up >= d.spec.MinHealthy.Of(len(es)) {
		now = c.most(d, es) * takes(c.states.PoolLoad(own.Service, own.Region))
	}
	return c.terms.fold(d, p, now, open)
}

// plan returns the plan for the inputs, shared with every service of the same shape.
func (c *compiler) plan(d *declared, in inputs) *plan {
	key := in.key(d)
	if p := c.plans[key]; p != nil {
		return p
	}
	p := c.old[key]
	if p == nil {
		p = newPlan(d, in)
	}
	c.plans[key] = p
	return p
}

// keptPlans is how many plans may pile up before those that no service uses are thrown away. A region that comes
// back finds its old plan among them.
const keptPlans = 256

// merged returns the plans of this snapshot and the one before, without the unused ones if they are many.
func (c *compiler) merged(services []*Service) map[string]*plan {
	if len(c.old)+len(c.plans) <= keptPlans {
		out := maps.Clone(c.old)
		maps.Copy(out, c.plans)
		return out
	}
	used := make(map[*plan]bool, len(c.plans)+len(c.old))
	for _, s := range services {
		for f := range families {
			used[s.family[f].plan] = true
		}
	}
	out := make(map[string]*plan, len(c.plans)+len(c.old))
	for _, m := range []map[string]*plan{c.old, c.plans} {
		for k, p := range m {
			if used[p] {
				out[k] = p
			}
		}
	}
	return out
}

// answer packs what the service says for one outcome.
func (c *compiler) answer(d *declared, o *planned, f int) answer {
	a := answer{rank: o.Rank, region: "several", reason: string(o.Reason)}
	var all []spared
	switch {
	case o.Pools == nil && d.spec.Fallback.Kind == zones.FallbackServfail:
		a.servfail = true
	case o.Pools == nil:
		for _, addr := range d.spec.Fallback.Addresses {
			if addr.Is6() == (f == v6) {
				all = append(all, spared{addressRR(d.spec, addr, f), 1})
			}
		}
	default:
		for _, p := range o.Pools {
			if name := d.spec.Pools[p].CNAME; name != "" {
				// A name can't share an answer with other records: where several pools answer together, it stands aside.
				if len(o.Pools) == 1 {
					all = append(all, spared{&dns.CNAME{Hdr: header(d.spec, dns.TypeCNAME), Target: name}, 1})
				}
				continue
			}
			all = c.endpoints(all, d, int(p), f, o.fallback)
		}
		if len(o.Pools) == 1 {
			a.region = d.spec.Pools[o.Pools[0]].Region.Name
		}
	}
	if o.Pools == nil {
		a.region = "none"
	}
	if o.fallback {
		a.reason = "fallback"
	}
	most := maxAnswer
	if o.Max > 0 {
		most = min(most, o.Max)
	}
	a.pack(d.spec.Name, all, most)
	a.counter = c.layout.counters.number(Label{Service: d.spec.Name, Region: a.region, Reason: a.reason})
	return a
}

// endpoints appends the addresses with which pool p answers: those that take something, or for the fallback all but
// those that an operator forced down.
func (c *compiler) endpoints(all []spared, d *declared, p, f int, fallback bool) []spared {
	es := d.pools[p].family[f]
	most := c.most(d, es)
	for _, e := range es {
		st := c.state(d, e)
		share := 1.0
		switch {
		case fallback && st.Health == status.Down && st.Forced:
			continue
		case !fallback:
			if share = takes(st); share == 0 {
				continue
			}
			share /= most
		}
		all = append(all, spared{addressRR(d.spec, d.spec.Pools[p].Endpoints[e.index], f), share})
	}
	return all
}

func header(spec *zones.Service, rrtype uint16) dns.RR_Header {
	return dns.RR_Header{Name: spec.Name, Rrtype: rrtype, Class: dns.ClassINET, Ttl: spec.TTL}
}

func addressRR(spec *zones.Service, addr netip.Addr, f int) dns.RR {
	if f == v4 {
		return &dns.A{Hdr: header(spec, dns.TypeA), A: addr.AsSlice()}
	}
	return &dns.AAAA{Hdr: header(spec, dns.TypeAAAA), AAAA: addr.AsSlice()}
}

// mustRRset packs address and CNAME records of a checked configuration, which always pack.
func mustRRset(name string, rrs []dns.RR) *zones.RRset {
	set, err := zones.NewRRset(name, rrs)
	if err != nil {
		panic("snapshot: packing " + name + ": " + err.Error())
	}
	return set
}
