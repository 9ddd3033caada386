package policy

// Reweigh returns the tree with another weight for a pool: in every weighted node that has the pool as a direct child.
// weight is given the configured one and returns the new one, 0 or above. It reports how many shares that were; with 0
// of them the tree is as it was. The tree itself isn't changed. Views and locality keys stay valid: weights are no part
// of the map.
func (t Tree) Reweigh(pool int, weight func(configured float64) float64) (Tree, int) {
	n := 0
	t.Root = reweigh(t.Root, pool, weight, &n)
	return t, n
}

func reweigh(n Node, pool int, weight func(float64) float64, count *int) Node {
	all := func(list []Node) []Node {
		out := make([]Node, len(list))
		for i, c := range list {
			out[i] = reweigh(c, pool, weight, count)
		}
		return out
	}
	switch n := n.(type) {
	case *Weighted:
		out := &Weighted{Shares: make([]Share, len(n.Shares)), MinHealthy: n.MinHealthy}
		for i, s := range n.Shares {
			if r, direct := s.Node.(*Region); direct && r.Pool == pool {
				s.Weight = weight(s.Weight)
				*count++
			}
			s.Node = reweigh(s.Node, pool, weight, count)
			out.Shares[i] = s
		}
		return out
	case *Failover:
		out := *n
		out.Children = all(n.Children)
		return &out
	case *RoundRobin:
		out := *n
		out.Children = all(n.Children)
		return &out
	case *All:
		out := *n
		out.Children = all(n.Children)
		return &out
	case *Geo:
		out := *n
		out.Rules = make([]Rule, len(n.Rules))
		for i, r := range n.Rules {
			r.Policy = reweigh(r.Policy, pool, weight, count)
			out.Rules[i] = r
		}
		if n.Default != nil {
			out.Default = reweigh(n.Default, pool, weight, count)
		}
		return &out
	}
	return n
}
