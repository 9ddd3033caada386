package geo

import (
	"math/rand/v2"
	"testing"
)

// crowdedSteps returns a step function with edges in clusters at every depth, so that the index goes down to the
// last bits, and values of which some repeat.
func crowdedSteps(r *rand.Rand, clusters, edges int) steps[addr6] {
	var networks []network[addr6]
	for range clusters {
		base := addr6{r.Uint64()>>3 | 1<<61, r.Uint64()}
		depth := r.IntN(120)
		for range edges {
			a := base
			for bit := depth; bit < 128; bit++ {
				if r.IntN(3) != 0 {
					continue
				}
				if bit < 64 {
					a.hi ^= 1 << (63 - bit)
				} else {
					a.lo ^= 1 << (127 - bit)
				}
			}
			length := depth + r.IntN(129-depth)
			first := addr6{a.hi &^ (addr6{}).end(length).hi, a.lo &^ (addr6{}).end(length).lo}
			networks = append(networks, network[addr6]{first, first.end(length), length, uint32(r.IntN(4) + 1)})
		}
	}
	return flatten(networks, func(uint32, uint32) {})
}

func TestTable6EqualsSteps(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	deep := 0
	for range 30 {
		s := crowdedSteps(r, 1+r.IntN(8), 1+r.IntN(200))
		var table table6
		table.compile(s)
		deep += len(table.nodes)
		check := func(a addr6) {
			i := s.at(a)
			l, scope := table.lookup(a)
			if l != Locality(s[i].value) || int(scope) != s.certain(i, a) {
				t.Fatalf("%s: %d scope %d, want %d scope %d", a.addr(), l, scope, s[i].value, s.certain(i, a))
			}
		}
		for _, e := range s {
			check(e.first)
			check(e.first.prev())
			check(addr6{e.first.hi, r.Uint64()})
		}
		check(addr6{^uint64(0), ^uint64(0)})
	}
	if deep < 100 {
		t.Errorf("only %d nodes were made: the test doesn't reach the depths", deep)
	}
}

func TestStepsOfBlocks(t *testing.T) {
	s := steps[addr4]{{0, 0}, {0x0a000000, 1}, {0x0a010000, 2}, {0x0a020000, 1}, {0x0b000000, 0}}
	i := s.at(0x0a000001)
	if got := s.certain(i, 0x0a000001); got != 16 {
		t.Errorf("10/8 → A, 10.1/16 → B: 10.0.0.1 is certain at /%d, want /16", got)
	}
	if got := s.certain(s.at(0x0aff0000), 0x0aff0000); got != 9 {
		t.Errorf("10.255.0.0 is certain at /%d, want /9", got)
	}
	whole := steps[addr4]{{0, 7}}
	if got := whole.certain(0, 12345); got != 0 {
		t.Errorf("one value everywhere is certain at /%d, want /0", got)
	}
}
