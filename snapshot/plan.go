package snapshot

import (
	"encoding/binary"
	"math"
	"strconv"

	"meridian/policy"
	"meridian/zones"
)

// plan is a policy compiled for one state of its pools: what is drawn from for each locality.
type plan struct {
	choices  []choice // distinct ones
	choice   []uint32 // index into choices, by locality
	outcomes []planned
}

// planned is one outcome that some choice of the plan can draw.
type planned struct {
	policy.Outcome
	fallback bool // drawn because nobody else would take the mass: the pools answer with all their endpoints
}

// choice is a weighted set of outcomes, ready to draw from.
type choice struct {
	entries []entry
	way     *way // how clients are divided where the service is sticky; nil: it isn't, or there is one outcome
}

type entry struct {
	below   uint64 // drawn by random numbers below this, and not below the entry before
	p       float64
	outcome uint32 // index into plan.outcomes
}

// newPlan pours once for each locality.
func newPlan(d *declared, in inputs) *plan {
	b := planBuilder{
		d: d, in: in, plan: &plan{choice: make([]uint32, d.localities())},
		choices: map[string]uint32{}, outcomes: map[string]uint32{},
	}
	for l := range b.plan.choice {
		b.plan.choice[l] = b.choice(d.key(l))
	}
	return b.plan
}

type planBuilder struct {
	d        *declared
	in       inputs
	plan     *plan
	choices  map[string]uint32 // by entries, of those without a way
	outcomes map[string]uint32
	key      []byte
}

// choice numbers the choice of one locality: what the policy gives, and for mass that nobody takes what it would give
// if all were up. Where that is nothing as well, or the service falls back to something else, such mass becomes an
// outcome without pools.
func (b *planBuilder) choice(key []byte) uint32 {
	var es []entry
	add := func(dist policy.Distribution, fallback bool, by float64) (lost float64) {
		lost = 1
		for _, part := range dist {
			if len(part.Pools) > 0 {
				es = b.add(es, planned{part.Outcome, fallback}, part.P*by)
				lost -= part.P
			}
		}
		return lost
	}
	now := b.in.of(b.d, key)
	lost := add(b.pour(key, now), false, 1)
	if lost > lossless && b.d.spec.Fallback.Kind == zones.FallbackAll {
		lost *= add(b.pour(key, b.in.open), true, lost)
	}
	if lost > lossless {
		es = b.add(es, planned{fallback: true}, lost)
	}
	sum := 0.0
	b.key = b.key[:0]
	for i := range es {
		sum += es[i].p
		es[i].below = threshold(sum)
		b.key = binary.BigEndian.AppendUint32(b.key, es[i].outcome)
		b.key = binary.BigEndian.AppendUint64(b.key, es[i].below)
	}
	es[len(es)-1].below = math.MaxUint64
	c := choice{entries: es}
	n := uint32(len(b.plan.choices))
	if b.d.spec.Sticky && len(es) > 1 {
		c.way = b.way(key, now)
	} else if same, ok := b.choices[string(b.key)]; ok {
		return same
	} else {
		b.choices[string(b.key)] = n
	}
	b.plan.choices = append(b.plan.choices, c)
	return n
}

// lossless is the share of the mass up to which a loss is a rounding error.
const lossless = 1e-9

// add adds an outcome to entries, with its share.
func (b *planBuilder) add(es []entry, o planned, p float64) []entry {
	n := b.outcome(o)
	for i := range es {
		if es[i].outcome == n {
			es[i].p += p
			return es
		}
	}
	return append(es, entry{p: p, outcome: n})
}

// pour returns how the mass of a locality is divided: by the policy, or for a name of second choices by what the policy
// does without each of its first ones.
func (b *planBuilder) pour(key []byte, in policy.Input) policy.Distribution {
	first := b.d.tree.Pour(key, in)
	if !b.d.spec.Second {
		return first
	}
	var all policy.Distribution
	for i := range first {
		for _, part := range b.second(key, in, &first[i]) {
			part.P *= first[i].P
			all = append(all, part)
		}
	}
	return all
}

// second returns how the mass of one part is divided if the part's pools take nothing. Where nobody else would take it
// it stays.
func (b *planBuilder) second(key []byte, in policy.Input, first *policy.Part) policy.Distribution {
	if len(first.Pools) > 0 {
		if next := b.d.tree.Pour(key, without(in, first.Pools)); answered(next) > 0 {
			return next
		}
	}
	return policy.Distribution{{Outcome: first.Outcome, P: 1}}
}

// without returns the input with pools that take nothing.
func without(in policy.Input, pools []byte) policy.Input {
	rest := make([]float64, len(in.Acceptance))
	copy(rest, in.Acceptance)
	for _, p := range pools {
		rest[p] = 0
	}
	in.Acceptance = rest
	return in
}

// threshold maps a share to the random numbers below it.
func threshold(p float64) uint64 {
	if p >= 1 {
		return math.MaxUint64
	}
	return uint64(p * (1 << 63) * 2)
}

func (b *planBuilder) outcome(o planned) uint32 {
	key := strconv.FormatBool(o.fallback) + string(o.Reason) + "/" + strconv.Itoa(o.Max) + "/" + strconv.Itoa(int(o.Rank)) + "/" + string(o.Pools)
	if n, ok := b.outcomes[key]; ok {
		return n
	}
	n := uint32(len(b.plan.outcomes))
	b.outcomes[key] = n
	b.plan.outcomes = append(b.plan.outcomes, o)
	return n
}
