package snapshot

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"

	"meridian/policy"
)

// Loads is the load of pools beside what the states say of it (status.Table.PoolLoad), in any unit that is the same for all pools of a service; it matters to least-loaded nodes.
// A pool that is missing, or at 0, has no known load. Published Loads are never written again. Each distinct load makes
// another plan, so whoever measures rounds.
type Loads map[PoolKey]float64

// PoolKey names a pool: its service (not one of its other names) and its region.
type PoolKey struct{ Service, Region string }

// inputs is what one family of a service's pools is like at one moment.
type inputs struct {
	now  policy.Input
	open policy.Input // as if all were up, but for what operators forced down
	// both is now with what each pool takes over both families at most; nil: each family goes by its own health.
	both []float64
}

// inputs returns the inputs of each family.
func (c *compiler) inputs(d *declared) (ins [families]inputs) {
	var loads []float64
	if d.tree.Loaded() {
		loads = make([]float64, len(d.pools))
		for p := range loads {
			loads[p] = c.load(d, p)
		}
	}
	for f := range ins {
		in := &ins[f]
		in.now = policy.Input{Acceptance: make([]float64, len(d.pools)), Loads: loads}
		in.open = policy.Input{Acceptance: make([]float64, len(d.pools)), Loads: loads, Open: true}
		for p := range d.pools {
			in.now.Acceptance[p], in.open.Acceptance[p] = c.accept(d, p, f)
		}
	}
	if d.spec.Together && ins[v4].exists() && ins[v6].exists() {
		both := slices.Clone(ins[v4].now.Acceptance)
		for p := range both {
			both[p] = min(both[p], ins[v6].now.Acceptance[p])
		}
		ins[v4].both, ins[v6].both = both, both
	}
	return ins
}

// exists reports whether there is any address of the family that no operator forced down.
func (in *inputs) exists() bool {
	return slices.ContainsFunc(in.open.Acceptance, func(a float64) bool { return a > 0 })
}

// of returns the input that decides for one locality: that of both families, unless it leaves more clients without an
// answer than the family's own.
func (in *inputs) of(d *declared, key []byte) policy.Input {
	if in.both == nil {
		return in.now
	}
	both := in.now
	both.Acceptance = in.both
	if answered(d.tree.Pour(key, both)) < answered(d.tree.Pour(key, in.now))-lossless {
		return in.now
	}
	return both
}

// answered returns the share of the mass that pools answer.
func answered(dist policy.Distribution) float64 {
	sum := 0.0
	for _, part := range dist {
		if len(part.Pools) > 0 {
			sum += part.P
		}
	}
	return sum
}

// key returns a text that is equal for services and states whose plans are equal.
func (in *inputs) key(d *declared) string {
	key := make([]byte, 0, len(d.shape)+32*len(d.pools)+8)
	key = append(key, d.shape...)
	key = strconv.AppendInt(key, int64(d.spec.Fallback.Kind), 10)
	key = strconv.AppendBool(key, d.spec.Sticky)
	key = strconv.AppendBool(key, d.spec.Second)
	for _, v := range [][]float64{in.now.Acceptance, in.open.Acceptance, in.both, in.now.Loads} {
		key = append(key, byte(len(v)))
		for _, a := range v {
			key = binary.BigEndian.AppendUint64(key, math.Float64bits(a))
		}
	}
	return string(key)
}

// load returns the load of pool p; 0: not known.
func (c *compiler) load(d *declared, p int) float64 {
	key := d.load(p)
	if given, ok := c.loads[key]; ok {
		return given
	}
	return c.states.PoolLoad(key.Service, key.Region).Load
}

// load returns under which key the load of pool p is kept.
func (d *declared) load(p int) PoolKey {
	return PoolKey{d.spec.Declared().Name, d.spec.Pools[p].Region.Name}
}
