package policy

import (
	"bytes"
	"slices"
)

// Outcome is one possible answer: the pools whose endpoints it holds.
type Outcome struct {
	Pools  []byte // ascending; nil: nobody may answer (a fence kept the mass in), so the fallback does
	Max    int    // addresses in the answer; 0: no limit of the policy's
	Reason Reason // the node that decided
	Rank   uint8  // 1: the client's nearest pool; 0: not a matter of nearness
}

// Reason names the kind of node that led to an outcome, in the words of the configuration.
type Reason string

const (
	ReasonRegion   Reason = "region"
	ReasonFailover Reason = "failover"
	ReasonNearest  Reason = "nearest"
	ReasonWeighted Reason = "weighted"
	ReasonGeo      Reason = "geo"
	ReasonAll      Reason = "all"
)

// Part is an outcome with its share of the mass.
type Part struct {
	Outcome
	P float64 // 0..1
}

// Distribution says how the mass of one locality is divided. The parts are distinct; their shares sum to 1, or
// there are none: no pool took anything.
type Distribution []Part

// Pour runs mass 1 through the tree for the clients of one locality key (as Locate wrote it). acceptance holds
// the share that each pool takes of what it is offered, 0..1.
func (t Tree) Pour(key []byte, acceptance []float64) Distribution {
	p := pouring{key: key, acceptance: acceptance}
	f := p.pour(t.Root, ReasonRegion)
	if f.placed() == 0 {
		return nil
	}
	return f.scaled(1 / f.placed()).parts
}

// flow is what becomes of mass 1 offered to a node: what is placed where; the rest of 1 flows on.
type flow struct{ parts Distribution }

func (f flow) placed() float64 {
	sum := 0.0
	for i := range f.parts {
		sum += f.parts[i].P
	}
	return sum
}

// left is what flows on. A rounding error of a millionth of a millionth is nobody's traffic.
func (f flow) left() float64 {
	if l := 1 - f.placed(); l > 1e-12 {
		return l
	}
	return 0
}

func (f flow) scaled(by float64) flow {
	for i := range f.parts {
		f.parts[i].P *= by
	}
	return f
}

// add places g, scaled, on top of f.
func (f *flow) add(g flow, by float64) {
	for _, p := range g.parts {
		if p.P *= by; p.P > 0 {
			f.place(p)
		}
	}
}

func (f *flow) place(p Part) {
	for i := range f.parts {
		if f.parts[i].same(&p.Outcome) {
			f.parts[i].P += p.P
			return
		}
	}
	f.parts = append(f.parts, p)
}

func (o *Outcome) same(b *Outcome) bool {
	return o.Max == b.Max && o.Reason == b.Reason && o.Rank == b.Rank && bytes.Equal(o.Pools, b.Pools)
}

// pouring reads the key from left to right while it descends in the order of Locate.
type pouring struct {
	key        []byte
	acceptance []float64
}

func (p *pouring) next(n int) []byte {
	b := p.key[:n]
	p.key = p.key[n:]
	return b
}

// pour visits every node that Locate visited, dead ends included, so that the key stays in step.
func (p *pouring) pour(n Node, reason Reason) flow {
	switch n := n.(type) {
	case *Region:
		return p.pool(byte(n.Pool), reason, 0)
	case *Failover:
		var f flow
		for _, c := range n.Children {
			g := p.pour(c, ReasonFailover)
			f.add(g, f.left())
		}
		return f
	case *Nearest:
		var f flow
		order := p.next(int(p.next(1)[0]))
		for i, pool := range order {
			if f.left() == 0 {
				break
			}
			f.add(p.pool(pool, ReasonNearest, uint8(min(i+1, 255))), f.left())
		}
		return f
	case *Weighted:
		return p.weighted(n)
	case *All:
		return p.all(n)
	case *Geo:
		return p.geo(n)
	}
	return flow{}
}

func (p *pouring) pool(pool byte, reason Reason, rank uint8) flow {
	if a := p.acceptance[pool]; a > 0 {
		return flow{Distribution{{Outcome{Pools: []byte{pool}, Reason: reason, Rank: rank}, a}}}
	}
	return flow{}
}

func (p *pouring) geo(n *Geo) flow {
	var f flow
	if i := p.next(1)[0]; i != noRule {
		f = p.pour(n.Rules[i].Policy, ReasonGeo)
	} else if n.Default != nil {
		f = p.pour(n.Default, ReasonGeo)
	}
	if !n.Fence || f.left() == 0 {
		return f
	}
	if f.placed() == 0 {
		return flow{Distribution{{Outcome{Reason: ReasonGeo}, 1}}}
	}
	return f.scaled(1 / f.placed())
}

// weighted pours by weight, and what a child refuses over the siblings that haven't refused it yet: a client draws
// a child by weight, and if it is refused there, draws again among the others. A child that takes all it is offered
// ends the search, one that takes nothing is passed over, so only partly accepting children branch it:
// the work is 2^(number of those).
func (p *pouring) weighted(n *Weighted) flow {
	flows := make([]flow, len(n.Shares))
	var whole float64 // weight of the children that take everything
	var partly []int
	for i, s := range n.Shares {
		flows[i] = p.pour(s.Node, ReasonWeighted)
		switch {
		case s.Weight == 0 || flows[i].placed() == 0:
			flows[i] = flow{}
		case flows[i].left() == 0:
			whole += s.Weight
		default:
			partly = append(partly, i)
		}
	}
	// offered[i] is what child i is offered in all; at[set] the mass that exactly the partly accepting children of
	// set have refused so far. Every set comes after its subsets.
	offered := make([]float64, len(n.Shares))
	at := make([]float64, 1<<len(partly))
	at[0] = 1
	perWhole := 0.0 // mass per unit of weight that the wholly accepting children get
	for set, mass := range at {
		if mass == 0 {
			continue
		}
		open := whole
		for j, i := range partly {
			if set>>j&1 == 0 {
				open += n.Shares[i].Weight
			}
		}
		if open == 0 {
			continue // refused everywhere: it flows out
		}
		perWhole += mass / open
		for j, i := range partly {
			if set>>j&1 == 0 {
				m := mass * n.Shares[i].Weight / open
				offered[i] += m
				at[set|1<<j] += m * flows[i].left()
			}
		}
	}
	var f flow
	for i, s := range n.Shares {
		if flows[i].parts == nil {
			continue
		}
		m := offered[i]
		if !slices.Contains(partly, i) {
			m = s.Weight * perWhole
		}
		f.add(flows[i], m)
	}
	return f
}

// all lets every child draw by itself, and answers with the union of what they drew.
func (p *pouring) all(n *All) flow {
	union := flow{Distribution{{Outcome{Max: n.Max, Reason: ReasonAll}, 1}}}
	for _, c := range n.Children {
		f := p.pour(c, ReasonAll)
		var next flow
		next.add(union, f.left())
		for _, a := range union.parts {
			for _, b := range f.parts {
				pools := slices.Concat(a.Pools, b.Pools)
				slices.Sort(pools)
				next.place(Part{Outcome{Pools: slices.Compact(pools), Max: n.Max, Reason: ReasonAll}, a.P * b.P})
			}
		}
		union = next
	}
	// The draw in which nobody took anything is what flows on.
	union.parts = slices.DeleteFunc(union.parts, func(p Part) bool { return len(p.Pools) == 0 })
	return union
}
