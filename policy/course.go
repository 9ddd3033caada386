package policy

import "slices"

// Course is a tree as the clients of one locality meet it in one state: branches are taken, rankings known, and it is
// known what each node is offered and takes. It says what Pour says, and moreover can draw for one client (Draw) and
// tell how it came about (Trace). A Course is immutable.
type Course struct {
	tree         Tree
	root         *step
	distribution Distribution
	ends         []end
}

// Course runs mass 1 through the tree, as Pour does, and keeps what became of it at each node.
func (t Tree) Course(key []byte, in Input) *Course {
	p := pouring{tree: &t, key: key, in: &in, keep: true}
	f, root := p.pour(t.Root, ReasonRegion)
	c := &Course{tree: t, root: root, distribution: f.whole().parts}
	c.ends = c.endsOf(c.distribution)
	if root != nil {
		root.offered = 1
		c.prepare(root, Mix(0))
	}
	return c
}

// Distribution returns what Pour returns. Read only.
func (c *Course) Distribution() Distribution { return c.distribution }

// step is what became of one node, or of one pool of a node that lists pools.
type step struct {
	kind     kind
	node     Node // a pool of a list: the node that lists it
	children []*step
	weight   float64 // in the draw that it is a child of
	offered  float64 // of the mass that its parent is offered
	flow     flow    // of mass 1 that it is offered itself

	pool, rank      int  // kindTake: which, and as the client's how many-th nearest (0: nearness plays no part)
	rule            int  // of a Geo: the rule that was selected, or noRule
	ties            bool // kindDraw: a group of equally near pools
	alive, of, need int  // children: how many can take something, of how many, and how many must
	whole           bool // what the children refuse is divided as what they take

	seed uint64         // kindTake, and children of draws: tells them apart in a client's draw
	ends []end          // whole, and kindUnion: parallel to flow.parts
	sets map[bitset]int // kindUnion: which of the ends, by the pools
	end  end            // kindTake
}

// kind is what a step does with what it is offered.
type kind uint8

const (
	kindTake  kind = iota // a pool takes its share
	kindChain             // the children one after the other
	kindDraw              // the children in an order drawn by weight
	kindUnion             // all children at once
)

// end is where a draw may come to: a part of the distribution.
type end struct {
	part  int // index into Course.distribution; -1: it is nothing but a child's contribution to a union
	pools bitset
	seed  uint64
	p     float64
}

// bitset is a set of pools.
type bitset [4]uint64

func (b *bitset) add(pool byte) { b[pool>>6] |= 1 << (pool & 63) }

func (b *bitset) join(other bitset) {
	for i := range b {
		b[i] |= other[i]
	}
}

// step returns a step for the node, nil if none are kept. All methods of a nil step do nothing.
func (p *pouring) step(n Node, k kind) *step {
	if !p.keep {
		return nil
	}
	return &step{kind: k, node: n}
}

// has adds a child that is offered that share.
func (s *step) has(child *step, offered float64) {
	if s != nil && child != nil {
		child.offered = offered
		s.children = append(s.children, child)
	}
}

// fill notes that the step takes f, scaled up from what its children take.
func (s *step) fill(f flow) {
	if s != nil {
		s.flow, s.whole = f.clone(), true
	}
}

// prepare gives every step what drawing needs. seed is the one of the step.
//
// Seeds are made of the names of regions and, for nodes within nodes, of their place among their like. So a client's
// draws depend neither on the numbering of pools nor on what else there is: that is why little moves when little
// changes.
func (c *Course) prepare(s *step, seed uint64) {
	s.seed = seed
	switch {
	case s.kind == kindTake:
		s.end = end{part: -1, seed: seed}
		s.end.pools.add(byte(s.pool))
		if len(s.flow.parts) > 0 {
			s.end.part = c.distribution.find(&s.flow.parts[0].Outcome)
		}
	case s.kind == kindUnion:
		s.ends = c.endsOf(s.flow.parts)
		s.sets = make(map[bitset]int, len(s.ends))
		for i := range s.ends {
			s.sets[s.ends[i].pools] = i
		}
	case s.whole:
		s.ends = c.endsOf(s.flow.parts)
	}
	like := map[uint64]uint64{} // how many children of that name there were
	for _, child := range s.children {
		name := Mix(uint64(child.kind))
		switch {
		case child.ties: // its pools are the node's own
			c.prepare(child, seed)
			continue
		case child.kind == kindTake:
			name = Hash(c.tree.Pools[child.pool].Name)
		}
		like[name]++
		c.prepare(child, Mix(seed^Mix(name+like[name])))
	}
}

func (c *Course) endsOf(d Distribution) []end {
	ends := make([]end, len(d))
	for i := range d {
		e := end{part: c.distribution.find(&d[i].Outcome), p: d[i].P, seed: uint64(d[i].Rank)}
		for _, pool := range d[i].Pools {
			e.pools.add(pool)
			e.seed = Mix(e.seed ^ Hash(c.tree.Pools[pool].Name))
		}
		for slices.ContainsFunc(ends[:i], func(o end) bool { return o.seed == e.seed }) {
			e.seed++
		}
		ends[i] = e
	}
	return ends
}
