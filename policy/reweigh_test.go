package policy

import (
	"testing"

	"pgregory.net/rapid"
)

// TestReweigh: the same weights are the same policy, other ones are the same map; the tree itself stays as it is.
func TestReweigh(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tree := genTree(t)
		shape, view := tree.Shape(), tree.View()
		pool := rapid.IntRange(0, len(tree.Pools)-1).Draw(t, "pool")
		direct := 0
		for n := range tree.Nodes() {
			if w, ok := n.(*Weighted); ok {
				for _, s := range w.Shares {
					if r, ok := s.Node.(*Region); ok && r.Pool == pool {
						direct++
					}
				}
			}
		}
		same, n := tree.Reweigh(pool, func(w float64) float64 { return w })
		if n != direct || same.Shape() != shape {
			t.Fatalf("%d shares, want %d; shape %s, want %s", n, direct, same.Shape(), shape)
		}
		other, _ := tree.Reweigh(pool, func(w float64) float64 { return w + 7.25 })
		if other.View() != view || tree.Shape() != shape {
			t.Fatalf("view %s, want %s; the tree became %s, was %s", other.View(), view, tree.Shape(), shape)
		}
		if (other.Shape() != shape) != (direct > 0) {
			t.Fatalf("%d shares have another weight, and the shape is %s", direct, other.Shape())
		}
	})
}
