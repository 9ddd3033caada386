package policy

// Pour runs mass 1 through the tree for the clients of one locality key (as Locate wrote it).
func (t Tree) Pour(key []byte, in Input) Distribution {
	p := pouring{tree: &t, key: key, in: &in}
	f, _ := p.pour(t.Root, ReasonRegion)
	return f.whole().parts
}

// pouring reads the key from left to right while it descends in the order of Locate.
type pouring struct {
	tree *Tree
	key  []byte
	in   *Input
	keep bool // what becomes of each node, as steps; without it all steps are nil
}

func (p *pouring) next(n int) []byte {
	b := p.key[:n]
	p.key = p.key[n:]
	return b
}

// pour visits every node that Locate visited, dead ends included, so that the key stays in step.
func (p *pouring) pour(n Node, reason Reason) (flow, *step) {
	switch n := n.(type) {
	case *Region:
		return p.pool(n, n.Pool, reason, 0)
	case *Failover:
		return p.chain(n, n.Children, ReasonFailover, n.MinHealthy)
	case *Nearest:
		return p.nearest(n)
	case *Weighted:
		d := p.draw(n, n.MinHealthy)
		for _, s := range n.Shares {
			f, child := p.pour(s.Node, ReasonWeighted)
			d.add(f, child, s.Weight)
		}
		return d.flow()
	case *RoundRobin:
		d := p.draw(n, n.MinHealthy)
		for _, c := range n.Children {
			f, child := p.pour(c, ReasonRoundRobin)
			d.add(f, child, 1)
		}
		return d.flow()
	case *LeastLoaded:
		d := p.draw(n, n.MinHealthy)
		weights := p.byLoad(n)
		for i, pool := range n.Pools {
			f, child := p.pool(n, pool, ReasonLeastLoaded, 0)
			d.add(f, child, weights[i])
		}
		return d.flow()
	case *All:
		return p.all(n)
	case *Geo:
		return p.geo(n)
	}
	return flow{}, nil
}

func (p *pouring) pool(n Node, pool int, reason Reason, rank int) (flow, *step) {
	var f flow
	if a := p.in.Acceptance[pool]; a > 0 {
		f.parts = Distribution{{Outcome{Pools: []byte{byte(pool)}, Reason: reason, Rank: uint8(min(rank, 255))}, a}}
	}
	s := p.step(n, kindTake)
	if s != nil {
		s.pool, s.rank, s.flow = pool, rank, f.clone()
	}
	return f, s
}

func (p *pouring) chain(n Node, children []Node, reason Reason, m MinHealthy) (flow, *step) {
	var f flow
	s := p.step(n, kindChain)
	alive := 0
	for _, c := range children {
		g, child := p.pour(c, reason)
		s.has(child, f.left())
		f.add(g, f.left())
		if g.alive() {
			alive++
		}
	}
	return p.enough(f, s, m, alive, len(children))
}

// nearest is a chain of groups: single pools, and draws among those that are equally near.
func (p *pouring) nearest(n *Nearest) (flow, *step) {
	var f flow
	s := p.step(n, kindChain)
	alive, of, left := 0, 0, 1.0
	pour := func(group []byte) {
		for _, pool := range group {
			if of++; p.in.Acceptance[pool] > 0 {
				alive++
			}
		}
		if left == 0 && !p.keep {
			return
		}
		g, child := p.group(n, group, of-len(group)+1)
		s.has(child, left)
		f.add(g, left)
		left = f.left()
	}
	if n.Spread != (Spread{}) {
		for size := p.next(1)[0]; size > 0; size = p.next(1)[0] {
			pour(p.next(int(size)))
		}
	} else {
		order := p.next(int(p.next(1)[0]))
		for i := range order {
			pour(order[i : i+1])
		}
	}
	return p.enough(f, s, n.MinHealthy, alive, of)
}

// group is one or more pools that are equally near: the client's rank-th nearest.
func (p *pouring) group(n *Nearest, group []byte, rank int) (flow, *step) {
	if len(group) == 1 {
		return p.pool(n, int(group[0]), ReasonNearest, rank)
	}
	d := p.draw(n, MinHealthy{})
	if d.step != nil {
		d.step.ties = true
	}
	for _, pool := range group {
		f, child := p.pool(n, int(pool), ReasonNearest, rank)
		d.add(f, child, 1)
	}
	return d.flow()
}

func (p *pouring) geo(n *Geo) (flow, *step) {
	var f flow
	var child *step
	s := p.step(n, kindChain)
	rule := p.next(1)[0]
	if rule != noRule {
		f, child = p.pour(n.Rules[rule].Policy, ReasonGeo)
	} else if n.Default != nil {
		f, child = p.pour(n.Default, ReasonGeo)
	}
	s.has(child, 1)
	if n.Fence {
		if !f.alive() {
			f = flow{Distribution{{Outcome{Reason: ReasonGeo}, 1}}}
		}
		f = f.whole()
	}
	if s != nil {
		s.rule, s.whole, s.flow = int(rule), n.Fence, f.clone()
	}
	return f, s
}

// enough says whether the node counts as alive for its parent: alive of its children can take something. If not it
// takes nothing.
func (p *pouring) enough(f flow, s *step, m MinHealthy, alive, of int) (flow, *step) {
	need := m.Of(of)
	if s != nil {
		s.alive, s.of, s.need = alive, of, need
	}
	if alive < need && !p.in.Open && m != (MinHealthy{}) {
		f = flow{}
	}
	if s != nil {
		s.flow = f.clone()
	}
	return f, s
}

// all lets every child draw by itself, and answers with the union of what they drew.
func (p *pouring) all(n *All) (flow, *step) {
	s := p.step(n, kindUnion)
	union := flow{Distribution{{Outcome{Max: n.Max, Reason: ReasonAll}, 1}}}
	alive, partly := 0, 0
	for _, c := range n.Children {
		f, child := p.pour(c, ReasonAll)
		s.has(child, 1)
		if f.alive() {
			alive++
		}
		if f.placed() > 0 && f.left() > 0 {
			if partly++; partly > maxPartly {
				f = f.whole()
				child.fill(f)
			}
		}
		union = union.joined(f, n.Max)
	}
	// The draw in which nobody took anything is what flows on.
	var f flow
	for _, part := range union.parts {
		if len(part.Pools) > 0 {
			f.parts = append(f.parts, part)
		}
	}
	return p.enough(f, s, n.MinHealthy, alive, len(n.Children))
}

// maxPartly is how many children of an all node may take a part of what they are offered, each one doubling the sets
// of pools that an answer may hold. Those beyond it take all or nothing.
const maxPartly = 8

// byLoad returns the weight of each pool of the node: 1/load. A load that isn't known counts as the average of those
// that are, and one below a tenth of the highest as that tenth, so that an idle pool isn't flooded.
func (p *pouring) byLoad(n *LeastLoaded) []float64 {
	weights := make([]float64, len(n.Pools))
	highest, sum, known := 0.0, 0.0, 0.0
	for i, pool := range n.Pools {
		weights[i] = 1
		if pool < len(p.in.Loads) && p.in.Loads[pool] > 0 && p.in.Acceptance[pool] > 0 {
			highest = max(highest, p.in.Loads[pool])
			sum += p.in.Loads[pool]
			known++
		}
	}
	if known == 0 {
		return weights
	}
	for i, pool := range n.Pools {
		load := p.in.Loads[pool]
		if load <= 0 {
			load = sum / known
		}
		weights[i] = highest / max(load, highest/10)
	}
	return weights
}
