package policy

import (
	"fmt"
	"iter"
	"strings"
)

// Nodes yields every node of the tree, parents before children.
func (t Tree) Nodes() iter.Seq[Node] {
	return func(yield func(Node) bool) { walk(t.Root, yield) }
}

func walk(n Node, yield func(Node) bool) bool {
	if !yield(n) {
		return false
	}
	for _, c := range children(n) {
		if !walk(c, yield) {
			return false
		}
	}
	return true
}

// children returns the direct children of n in the order in which mass reaches them.
func children(n Node) []Node {
	switch n := n.(type) {
	case *Failover:
		return n.Children
	case *All:
		return n.Children
	case *RoundRobin:
		return n.Children
	case *Weighted:
		cs := make([]Node, len(n.Shares))
		for i, s := range n.Shares {
			cs[i] = s.Node
		}
		return cs
	case *Geo:
		var cs []Node
		for i := range n.Rules {
			cs = append(cs, n.Rules[i].Policy)
		}
		if n.Default != nil {
			cs = append(cs, n.Default)
		}
		return cs
	}
	return nil
}

// Shape returns a text that is equal for two trees exactly when they treat every client and every vector of
// acceptances alike, so that services of one shape can share what is compiled from it.
func (t Tree) Shape() string {
	var b strings.Builder
	t.shape(&b, t.Root, true)
	t.regions(&b)
	return b.String()
}

// View is like Shape but for the part that Locate depends on: trees of one view share a map.
func (t Tree) View() string {
	var b strings.Builder
	t.shape(&b, t.Root, false)
	t.regions(&b)
	return b.String()
}

func (t Tree) regions(b *strings.Builder) {
	for _, r := range t.Pools {
		fmt.Fprintf(b, "|%q%v", r.Name, r.Coordinates)
	}
}

func (t Tree) shape(b *strings.Builder, n Node, whole bool) {
	switch n := n.(type) {
	case *Region:
		if whole {
			fmt.Fprintf(b, "r%d", n.Pool)
		}
	case *Nearest:
		fmt.Fprintf(b, "n%v%v/%g~%g", n.Pools, n.Bias, n.MaxDistance, n.Spread)
		minimum(b, n.MinHealthy, whole)
	case *LeastLoaded:
		if whole {
			fmt.Fprintf(b, "l%v", n.Pools)
			minimum(b, n.MinHealthy, whole)
		}
	case *Failover:
		b.WriteString("f(")
		minimum(b, n.MinHealthy, whole)
		for _, c := range n.Children {
			t.shape(b, c, whole)
		}
		b.WriteString(")")
	case *RoundRobin:
		b.WriteString("t(")
		minimum(b, n.MinHealthy, whole)
		for _, c := range n.Children {
			t.shape(b, c, whole)
		}
		b.WriteString(")")
	case *Weighted:
		b.WriteString("w(")
		minimum(b, n.MinHealthy, whole)
		for _, s := range n.Shares {
			if whole {
				fmt.Fprintf(b, "%g*", s.Weight)
			}
			t.shape(b, s.Node, whole)
		}
		b.WriteString(")")
	case *All:
		b.WriteString("a(")
		if whole {
			fmt.Fprintf(b, "%d:", n.Max)
		}
		minimum(b, n.MinHealthy, whole)
		for _, c := range n.Children {
			t.shape(b, c, whole)
		}
		b.WriteString(")")
	case *Geo:
		b.WriteString("g(")
		if whole && n.Fence {
			b.WriteString("fence:")
		}
		for i := range n.Rules {
			r := &n.Rules[i]
			fmt.Fprintf(b, "%q%q%q%q%v%v=", r.Continents, r.Countries, r.Subdivisions, r.Cities, r.ASNs, r.Networks)
			t.shape(b, r.Policy, whole)
			b.WriteString(";")
		}
		if n.Default != nil {
			t.shape(b, n.Default, whole)
		}
		b.WriteString(")")
	}
}

// minimum writes a node's min_healthy, which matters to states only.
func minimum(b *strings.Builder, m MinHealthy, whole bool) {
	if whole && m != (MinHealthy{}) {
		fmt.Fprintf(b, "m%d/%g:", m.Count, m.Share)
	}
}

// Loaded reports whether loads matter to the tree.
func (t Tree) Loaded() bool {
	for n := range t.Nodes() {
		if _, ok := n.(*LeastLoaded); ok {
			return true
		}
	}
	return false
}
