package snapshot

import (
	"encoding/binary"
	"maps"
	"math"
	"net/netip"
	"strconv"

	"github.com/miekg/dns"

	"meridian/policy"
	"meridian/status"
	"meridian/zones"
)

// plan is a policy compiled for one vector of acceptances: what is drawn from for each locality.
type plan struct {
	choices  []choice // distinct ones
	choice   []uint16 // index into choices, by locality
	outcomes []planned
}

// planned is one outcome that some choice of the plan can draw.
type planned struct {
	policy.Outcome
	fallback bool // drawn because nobody else would take the mass: the pools answer with all their endpoints
}

// choice is a weighted set of outcomes, ready to draw from.
type choice []entry

type entry struct {
	below   uint64 // drawn by random numbers below this, and not below the entry before
	p       float64
	outcome uint16 // index into plan.outcomes
}

// maxAnswer is how many addresses one answer holds at most.
const maxAnswer = 8

// compiler makes the services of one snapshot.
type compiler struct {
	layout *Layout
	states status.Table
	plans  map[string]*plan // of this snapshot
	old    map[string]*plan // of the one before, when it had the same layout: its localities are ours
}

func (c *compiler) service(i int) *Service {
	d := c.layout.services[i]
	s := &Service{declared: d}
	for f := range families {
		c.family(d, s, f)
	}
	return s
}

// family compiles the answers of one address family.
func (c *compiler) family(d *declared, s *Service, f int) {
	fam := &s.family[f]
	fam.acceptance = make([]float64, len(d.pools))
	open := make([]float64, len(d.pools)) // as if all were up
	exists := false
	for p := range d.pools {
		fam.acceptance[p], open[p] = c.accept(d, p, f)
		exists = exists || open[p] > 0
	}
	if !exists && !fallbackHas(d.spec, f) {
		return
	}
	fam.plan = c.plan(d, fam.acceptance, open)
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
		return 1, 1
	}
	es := d.pools[p].family[f]
	up, allowed := 0, 0
	for _, e := range es {
		switch st := c.states[e.target]; {
		case e.target == "" || st.Health != status.Down:
			up++
			allowed++
		case !st.Forced:
			allowed++
		}
	}
	if allowed > 0 {
		open = 1
	}
	if up > 0 && up >= need(d.spec.MinHealthy, len(es)) {
		now = 1
	}
	return now, open
}

// need returns how many of n endpoints must be up.
func need(m zones.MinHealthy, n int) int {
	if m.Share > 0 {
		return int(math.Ceil(m.Share*float64(n) - 1e-9))
	}
	return max(m.Count, 1)
}

// plan returns the plan for the acceptances, shared with every service of the same shape.
func (c *compiler) plan(d *declared, acceptance, open []float64) *plan {
	key := make([]byte, 0, len(d.shape)+16*len(acceptance)+8)
	key = append(key, d.shape...)
	for _, v := range [][]float64{acceptance, open} {
		for _, a := range v {
			key = binary.BigEndian.AppendUint64(key, math.Float64bits(a))
		}
	}
	key = strconv.AppendInt(key, int64(d.spec.Fallback.Kind), 10)
	if p := c.plans[string(key)]; p != nil {
		return p
	}
	p := c.old[string(key)]
	if p == nil {
		p = newPlan(d, acceptance, open)
	}
	c.plans[string(key)] = p
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

func newPlan(d *declared, acceptance, open []float64) *plan {
	p := &plan{choice: make([]uint16, d.localities())}
	b := planBuilder{plan: p, choices: map[string]uint16{}, outcomes: map[string]uint16{}}
	for l := range p.choice {
		key := d.key(l)
		dist := d.tree.Pour(key, acceptance)
		var fall policy.Distribution
		if d.spec.Fallback.Kind == zones.FallbackAll {
			fall = d.tree.Pour(key, open)
		}
		p.choice[l] = b.choice(dist, fall)
	}
	return p
}

type planBuilder struct {
	plan     *plan
	choices  map[string]uint16
	outcomes map[string]uint16
	key      []byte
}

// choice numbers the choice that draws from dist and, for mass that nobody takes, from fall; fall may be empty,
// and then that mass is an outcome without pools.
func (b *planBuilder) choice(dist, fall policy.Distribution) uint16 {
	var es choice
	add := func(o planned, p float64) {
		n := b.outcome(o)
		for i := range es {
			if es[i].outcome == n {
				es[i].p += p
				return
			}
		}
		es = append(es, entry{p: p, outcome: n})
	}
	lost := 1.0
	for _, part := range dist {
		if part.Pools != nil {
			add(planned{Outcome: part.Outcome}, part.P)
			lost -= part.P
		}
	}
	if lost > 1e-9 {
		placed := false
		for _, part := range fall {
			if part.Pools != nil {
				add(planned{Outcome: part.Outcome, fallback: true}, part.P*lost)
				placed = true
			}
		}
		if !placed {
			add(planned{fallback: true}, lost)
		}
	}
	sum := 0.0
	b.key = b.key[:0]
	for i := range es {
		sum += es[i].p
		es[i].below = threshold(sum)
		b.key = binary.BigEndian.AppendUint16(b.key, es[i].outcome)
		b.key = binary.BigEndian.AppendUint64(b.key, es[i].below)
	}
	es[len(es)-1].below = math.MaxUint64
	if n, ok := b.choices[string(b.key)]; ok {
		return n
	}
	n := uint16(len(b.plan.choices))
	b.choices[string(b.key)] = n
	b.plan.choices = append(b.plan.choices, es)
	return n
}

// threshold maps a share to the random numbers below it.
func threshold(p float64) uint64 {
	if p >= 1 {
		return math.MaxUint64
	}
	return uint64(p * (1 << 63) * 2)
}

func (b *planBuilder) outcome(o planned) uint16 {
	key := strconv.FormatBool(o.fallback) + string(o.Reason) + "/" + strconv.Itoa(o.Max) + "/" + strconv.Itoa(int(o.Rank)) + "/" + string(o.Pools)
	if n, ok := b.outcomes[key]; ok {
		return n
	}
	n := uint16(len(b.plan.outcomes))
	b.outcomes[key] = n
	b.plan.outcomes = append(b.plan.outcomes, o)
	return n
}

// answer packs what the service says for one outcome.
func (c *compiler) answer(d *declared, o *planned, f int) answer {
	a := answer{rank: o.Rank}
	var rrs []dns.RR
	region := "several"
	reason := string(o.Reason)
	switch {
	case o.Pools == nil && d.spec.Fallback.Kind == zones.FallbackServfail:
		a.servfail = true
	case o.Pools == nil:
		for _, addr := range d.spec.Fallback.Addresses {
			if addr.Is6() == (f == v6) {
				rrs = append(rrs, addressRR(d.spec, addr, f))
			}
		}
	default:
		for _, p := range o.Pools {
			if name := d.spec.Pools[p].CNAME; name != "" {
				// A name can't share an answer with other records: where several pools answer together, it stands aside.
				if len(rrs) == 0 && len(o.Pools) == 1 {
					rrs = append(rrs, &dns.CNAME{Hdr: header(d.spec, dns.TypeCNAME), Target: name})
				}
				continue
			}
			for _, e := range d.pools[p].family[f] {
				st := c.states[e.target]
				down := e.target != "" && st.Health == status.Down
				if down && (!o.fallback || st.Forced) {
					continue
				}
				rrs = append(rrs, addressRR(d.spec, d.spec.Pools[p].Endpoints[e.index], f))
			}
		}
		if len(o.Pools) == 1 {
			region = d.spec.Pools[o.Pools[0]].Region.Name
		}
	}
	if o.Pools == nil {
		region = "none"
	}
	if o.fallback {
		reason = "fallback"
	}
	a.count = min(len(rrs), maxAnswer)
	if o.Max > 0 {
		a.count = min(a.count, o.Max)
	}
	if len(rrs) > 0 {
		a.set = mustRRset(d.spec.Name, rrs)
	}
	a.region, a.reason = region, reason
	a.counter = c.layout.counters.number(Label{Service: d.spec.Name, Region: region, Reason: reason})
	return a
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
