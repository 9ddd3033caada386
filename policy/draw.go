package policy

import (
	"hash/fnv"
	"math"
	"math/bits"
)

// Draw takes a client's own way through the course. It returns the index of the part of Distribution that the client
// gets, -1 if there is none. Over clients, which are uniform random numbers, it draws by Distribution exactly.
//
// The way depends on the client alone: each child of a draw rings at a time hashed from client and child, of the rate
// of its weight, and they are tried in the order in which they ring (weighted rendezvous hashing, Schindelhauer and
// Schomaker); each pool takes a client whose hash for that pool is below its acceptance. So a child that dies, or a
// pool that takes less, sends away its own clients only, those of a pool at 5% are still there at 10%, and they come
// back when it does. It is the same on every server, and for both address families as far as both can take it.
func (c *Course) Draw(client uint64) int {
	if len(c.ends) == 0 {
		return -1
	}
	if e := c.root.draw(client); e != nil && e.part >= 0 {
		return e.part
	}
	return settle(c.ends, client).part
}

// coin tells a pool's own hash of a client from the one by which a draw orders it.
const coin = 0x9ddfea08eb382d69

// draw returns where the client ends below s, nil: it is refused.
func (s *step) draw(client uint64) *end {
	if len(s.flow.parts) == 0 {
		return nil
	}
	var e *end
	switch s.kind {
	case kindTake:
		if p := s.flow.parts[0].P; p >= 1 || unit(client^s.seed^coin) < p {
			e = &s.end
		}
	case kindChain:
		for _, child := range s.children {
			if e = child.draw(client); e != nil {
				break
			}
		}
	case kindDraw:
		e = s.ring(client)
	case kindUnion:
		e = s.union(client)
	}
	if e == nil && s.whole {
		e = settle(s.ends, client^s.seed)
	}
	return e
}

// ring tries the children in the order of their clocks.
func (s *step) ring(client uint64) *end {
	for last := -1.0; ; {
		next, at := (*step)(nil), math.Inf(1)
		for _, child := range s.children {
			if child.weight == 0 || len(child.flow.parts) == 0 {
				continue
			}
			if t := -math.Log(unit(client^child.seed)) / child.weight; t > last && t < at {
				next, at = child, t
			}
		}
		if next == nil {
			return nil
		}
		if e := next.draw(client); e != nil {
			return e
		}
		last = at
	}
}

// union lets every child draw.
func (s *step) union(client uint64) *end {
	var pools bitset
	for _, child := range s.children {
		if e := child.draw(client); e != nil {
			pools.join(e.pools)
		}
	}
	if i, ok := s.sets[pools]; ok {
		return &s.ends[i]
	}
	return nil
}

// settle draws among ends by their shares: for clients that the way itself led nowhere.
func settle(ends []end, client uint64) *end {
	best, first := &ends[0], math.Inf(1)
	for i := range ends {
		if t := -math.Log(unit(client^ends[i].seed)) / ends[i].p; t < first {
			best, first = &ends[i], t
		}
	}
	return best
}

// unit maps equal numbers to equal ones between 0 and 1, both excluded, and otherwise at random.
func unit(x uint64) float64 { return (float64(Mix(x)>>11) + 0.5) / (1 << 53) }

// Mix is the finisher of SplitMix64: every bit of x reaches every bit of the result.
func Mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return bits.RotateLeft64(x^x>>31, 17)
}

// Hash maps a text to a number: the same on every machine.
func Hash(text string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(text))
	return Mix(h.Sum64())
}
