package snapshot

import (
	"maps"
	"net/netip"
	"slices"

	"meridian/policy"
	"meridian/status"
)

// Terms are what is laid down for pools and endpoints on top of their states: supposed for a simulation or a dry run, or
// said by operators. The zero value changes nothing. Terms that a snapshot was made with are never written again.
type Terms struct {
	// Pools says what pools take. An empty Service means the region's pools of all services; where both are given a pool
	// goes by the product.
	Pools map[PoolKey]Term
	// Down has endpoints that count as down, in whatever pool they are.
	Down map[netip.Addr]bool
	// Weights are those of pools in the weighted nodes that name them, in place of the configured ones.
	Weights map[PoolKey]Weight
}

// Term is what one pool takes.
type Term struct {
	Take float64 // 0..1: the share that it takes of what it would take
	// Off also keeps the fallback from answering with a pool whose Take is 0: an operator's word, not an outage.
	Off bool
	// Up has the endpoints count as up, whatever is observed.
	Up bool
}

// Weight is a weight in place of the configured one.
type Weight struct {
	Value    float64 // 0 or above
	Relative bool    // Value is a factor of the configured weight
}

// Over returns the terms t laid over base: t's word counts where both say something of the same pool or weight.
func (t Terms) Over(base Terms) Terms {
	return Terms{Pools: over(t.Pools, base.Pools), Down: over(t.Down, base.Down), Weights: over(t.Weights, base.Weights)}
}

func over[K comparable, V any](top, base map[K]V) map[K]V {
	if len(base) == 0 {
		return top
	}
	out := maps.Clone(base)
	maps.Copy(out, top)
	return out
}

// touch reports whether the terms say anything of the service.
func (t *Terms) touch(d *declared) bool {
	for p := range d.spec.Pools {
		own := d.load(p)
		for _, key := range []PoolKey{own, {Region: own.Region}} {
			if _, said := t.Pools[key]; said {
				return true
			}
		}
		if _, said := t.Weights[own]; said {
			return true
		}
		if len(t.Down) > 0 && slices.ContainsFunc(d.spec.Pools[p].Endpoints, func(a netip.Addr) bool { return t.Down[a] }) {
			return true
		}
	}
	return false
}

func (t *Terms) equal(o *Terms) bool {
	return maps.Equal(t.Pools, o.Pools) && maps.Equal(t.Down, o.Down) && maps.Equal(t.Weights, o.Weights)
}

// weighed returns the service with the weights of the terms.
func (t *Terms) weighed(d *declared) *declared {
	if len(t.Weights) == 0 {
		return d
	}
	tree, shares := d.tree, 0
	for p := range d.spec.Pools {
		w, ok := t.Weights[d.load(p)]
		if !ok {
			continue
		}
		var n int
		tree, n = tree.Reweigh(p, func(configured float64) float64 {
			if w.Relative {
				return configured * w.Value
			}
			return w.Value
		})
		shares += n
	}
	if shares == 0 {
		return d
	}
	out := *d
	out.tree, out.shape = tree, tree.Shape()
	return &out
}

// fold folds the terms into what a pool takes now, and what it would take if everything were up.
func (t *Terms) fold(d *declared, p int, now, open float64) (float64, float64) {
	if len(t.Pools) == 0 {
		return now, open
	}
	own := d.load(p)
	for _, key := range []PoolKey{own, {Region: own.Region}} {
		term, ok := t.Pools[key]
		if !ok {
			continue
		}
		now *= term.Take
		if term.Off && term.Take == 0 {
			open = 0
		}
	}
	return now, open
}

// Suppose returns what the snapshot would be under the terms, on top of those that it was made with. It is for
// questions, and is never published; it shares all that the terms don't touch.
func (s *Snapshot) Suppose(t Terms) *Snapshot {
	out := s.layout.Compile(Observed{States: s.states, Loads: s.loads, Terms: t.Over(s.terms)}, s, nil)
	out.Generation = s.Generation
	return out
}

// Terms returns what the snapshot was made with on top of the states. Read only.
func (s *Snapshot) Terms() Terms { return s.terms }

// supposed returns the state of an endpoint under the terms.
func (t *Terms) supposed(d *declared, e endpoint, s status.State) status.State {
	switch {
	case t.Down[e.addr]:
		return status.State{Health: status.Down, Reason: "supposed to be down"}
	case len(t.Pools) > 0:
		own := d.load(e.pool)
		if t.Pools[own].Up || t.Pools[PoolKey{Region: own.Region}].Up {
			return status.State{Health: status.Up, Forced: true, Reason: "forced up"}
		}
	}
	return s
}

// Weighed returns how many shares of the policy's weighted nodes are the weight of pool p: with none of them no Weight
// of the pool does anything.
func (s *Service) Weighed(p int) int {
	_, n := s.tree.Reweigh(p, func(w float64) float64 { return w })
	return n
}

// Tree returns the service's policy as it counts, with the weights of the terms. Read only.
func (s *Service) Tree() policy.Tree { return s.tree }

// Under returns what the snapshot would be under another layout, in the same states and with the same terms. It is for
// questions, and is never published.
func (s *Snapshot) Under(l *Layout) *Snapshot {
	out := l.Compile(Observed{States: s.states, Loads: s.loads, Terms: s.terms}, nil, nil)
	out.Generation = s.Generation
	return out
}
