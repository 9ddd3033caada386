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
	Rank   uint8  // 1: the client's nearest pool (or one of several that are equally near); 0: not a matter of nearness
}

// Reason names the kind of node that led to an outcome, in the words of the configuration.
type Reason string

const (
	ReasonRegion      Reason = "region"
	ReasonFailover    Reason = "failover"
	ReasonNearest     Reason = "nearest"
	ReasonWeighted    Reason = "weighted"
	ReasonRoundRobin  Reason = "round-robin"
	ReasonLeastLoaded Reason = "least-loaded"
	ReasonGeo         Reason = "geo"
	ReasonAll         Reason = "all"
)

// Part is an outcome with its share of the mass.
type Part struct {
	Outcome
	P float64 // 0..1
}

// Distribution says how the mass of one locality is divided. The parts are distinct; their shares sum to 1, or
// there are none: no pool took anything.
type Distribution []Part

func (o *Outcome) same(b *Outcome) bool {
	return o.Max == b.Max && o.Reason == b.Reason && o.Rank == b.Rank && bytes.Equal(o.Pools, b.Pools)
}

// find returns the index of the part with that outcome, -1 for none.
func (d Distribution) find(o *Outcome) int {
	for i := range d {
		if d[i].same(o) {
			return i
		}
	}
	return -1
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

// alive reports whether some pool takes something. (A fence alone keeps mass, and answers nobody.)
func (f flow) alive() bool {
	return slices.ContainsFunc(f.parts, func(p Part) bool { return len(p.Pools) > 0 })
}

func (f flow) clone() flow { return flow{slices.Clone(f.parts)} }

// whole scales what is placed up to 1. Nothing stays nothing.
func (f flow) whole() flow {
	if placed := f.placed(); placed > 0 {
		for i := range f.parts {
			f.parts[i].P /= placed
		}
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
	if i := f.parts.find(&p.Outcome); i >= 0 {
		f.parts[i].P += p.P
		return
	}
	f.parts = append(f.parts, p)
}

// joined returns the union of what f and g draw independently of each other.
func (f flow) joined(g flow, limit int) flow {
	var next flow
	next.add(f, g.left())
	for _, a := range f.parts {
		for _, b := range g.parts {
			pools := slices.Concat(a.Pools, b.Pools)
			slices.Sort(pools)
			next.place(Part{Outcome{Pools: slices.Compact(pools), Max: limit, Reason: ReasonAll}, a.P * b.P})
		}
	}
	return next
}
