package config

import (
	"slices"

	"meridian/cmd/config/nearest"
	"meridian/policy"
)

// maxPolicyDepth bounds how deep policies nest.
const maxPolicyDepth = 10

// policyBuilder makes the policy tree of one service.
type policyBuilder struct {
	*builder
	service *entry[rawService]
	pools   map[string]int // region -> position in the service's pools
	used    []bool         // parallel to the pools: a node names it
	weights bool           // a node reads the pools' own weights
}

// build returns the tree of a service's policy, and nil where a mistake has left nothing of it.
func (b *policyBuilder) build(raw *rawPolicy) policy.Node {
	if raw == nil {
		return b.nearest(nil)
	}
	n := b.node(raw, 1)
	if g, ok := n.(*policy.Geo); ok && g.Default == nil && !g.Fence {
		b.warnf(raw.at, "service %q: the geo policy has no default, so clients that no rule matches get the fallback", b.service.name)
	}
	return n
}

func (b *policyBuilder) node(raw *rawPolicy, depth int) policy.Node {
	if raw == nil {
		return nil
	}
	if depth > maxPolicyDepth {
		b.errorf(raw.at, "service %q: the policy is nested more than %d levels deep", b.service.name, maxPolicyDepth)
		return nil
	}
	switch {
	case raw.Word.set:
		return b.word(raw.Word)
	case raw.Nearest != nil:
		return b.nearest(raw.Nearest)
	case raw.Failover != nil:
		f := &policy.Failover{}
		b.repeated(raw.Failover, "failover")
		for i := range raw.Failover {
			if c := b.node(&raw.Failover[i], depth+1); c != nil {
				f.Children = append(f.Children, c)
			}
		}
		return f
	case raw.Weighted != nil:
		return b.weighted(raw.Weighted, depth)
	case raw.Geo != nil:
		return b.geo(raw.Geo, raw.at, depth)
	case raw.All != nil:
		return b.all(raw.All, raw.at, depth)
	}
	return nil
}

// word is a policy without options, or a region.
func (b *policyBuilder) word(t text) policy.Node {
	switch t.v {
	case "nearest":
		return b.nearest(nil)
	case "all":
		return b.all(&rawAll{}, t.at, maxPolicyDepth)
	case "weighted":
		return b.ownWeights(t.at)
	}
	if hint := nearest.Hint(t.v, []string{"nearest", "all", "weighted"}); hint != "" && !b.defined(t.v) {
		b.errorf(t.at, "service %q: %q is neither a policy nor a region%s", b.service.name, t.v, hint)
		return nil
	}
	if i, ok := b.pool(t); ok {
		return &policy.Region{Pool: i}
	}
	return nil
}

// pool finds the pool that a policy names.
func (b *policyBuilder) pool(t text) (int, bool) {
	if !t.set {
		return 0, false
	}
	i, ok := b.pools[t.v]
	switch {
	case ok:
		b.used[i] = true
	case b.defined(t.v):
		b.errorf(t.at, "service %q: the policy names region %q, where the service has no pool%s", b.service.name, t.v, list("pools", b.service.v.Pools.names()))
	default:
		b.unknownRegion(t.at, b.service.name, t.v)
	}
	return i, ok
}

func (b *policyBuilder) defined(region string) bool {
	_, ok := b.regions[region]
	return ok
}

// every marks all pools as used and returns their positions.
func (b *policyBuilder) every() []int {
	pools := make([]int, len(b.used))
	for i := range pools {
		pools[i] = i
		b.used[i] = true
	}
	return pools
}

func (b *policyBuilder) nearest(raw *rawNearest) policy.Node {
	n := &policy.Nearest{}
	if raw == nil {
		raw = &rawNearest{}
	}
	if raw.Regions == nil {
		n.Pools = b.every()
	}
	for _, t := range raw.Regions {
		i, ok := b.pool(t)
		switch {
		case !ok:
		case slices.Contains(n.Pools, i):
			b.errorf(t.at, "service %q: region %q stands twice in this nearest", b.service.name, t.v)
		default:
			n.Pools = append(n.Pools, i)
		}
	}
	if raw.Bias != nil {
		n.Bias = make([]int, len(n.Pools))
	}
	for _, e := range raw.Bias {
		i, ok := b.pool(text{v: e.name, at: e.at, set: true})
		at := slices.Index(n.Pools, i)
		switch {
		case !ok || !e.v.set:
		case e.v.v < -99 || e.v.v > 99:
			b.errorf(e.v.at, "service %q: the bias of %s must be from -99 to 99, not %d", b.service.name, e.name, e.v.v)
		case at < 0:
			b.errorf(e.at, "service %q: bias for region %q, which is not among the regions of this nearest", b.service.name, e.name)
		default:
			n.Bias[at] = int(e.v.v)
		}
	}
	if raw.MaxDistance.set {
		if n.MaxDistance = raw.MaxDistance.km; n.MaxDistance <= 0 {
			b.errorf(raw.MaxDistance.at, "service %q: max_distance must be above 0km", b.service.name)
		}
	}
	if len(n.Pools) > 1 || n.MaxDistance > 0 {
		for _, i := range n.Pools {
			if region := b.service.v.Pools[i].name; b.measured[region] == "" {
				b.measured[region] = b.service.name
			}
		}
	}
	return n
}

// ownWeights is "policy: weighted": each pool has its weight beside it.
func (b *policyBuilder) ownWeights(at pos) policy.Node {
	b.weights = true
	w := &policy.Weighted{}
	for _, i := range b.every() {
		w.Shares = append(w.Shares, policy.Share{Weight: b.service.v.Pools[i].v.Weight.or(1), Node: &policy.Region{Pool: i}})
	}
	b.someWeight(w, at)
	return w
}

func (b *policyBuilder) weighted(raw *rawWeighted, depth int) policy.Node {
	w := &policy.Weighted{}
	for _, e := range raw.Regions {
		i, ok := b.pool(text{v: e.name, at: e.at, set: true})
		if !e.v.set {
			return w // a weight that was complained about
		}
		if ok {
			w.Shares = append(w.Shares, policy.Share{Weight: e.v.v, Node: &policy.Region{Pool: i}})
		}
	}
	for i := range raw.Shares {
		s := &raw.Shares[i]
		c := b.node(s.Policy, depth+1)
		if !s.Weight.set {
			return w
		}
		if c != nil {
			w.Shares = append(w.Shares, policy.Share{Weight: s.Weight.v, Node: c})
		}
	}
	b.someWeight(w, raw.at)
	return w
}

func (b *policyBuilder) someWeight(w *policy.Weighted, at pos) {
	if len(w.Shares) > 0 && !slices.ContainsFunc(w.Shares, func(s policy.Share) bool { return s.Weight > 0 }) {
		b.errorf(at, "service %q: all weights are 0, so nobody would ever be answered from here", b.service.name)
	}
}

func (b *policyBuilder) all(raw *rawAll, at pos, depth int) policy.Node {
	a := &policy.All{Max: int(raw.Max.v)}
	if raw.Of == nil {
		for _, i := range b.every() {
			a.Children = append(a.Children, &policy.Region{Pool: i})
		}
	}
	b.repeated(raw.Of, "all")
	for i := range raw.Of {
		if c := b.node(&raw.Of[i], depth+1); c != nil {
			a.Children = append(a.Children, c)
		}
	}
	tree := policy.Tree{Root: a}
	for n := range tree.Nodes() {
		for _, i := range poolsOf(n) {
			if p := &b.service.v.Pools[i]; p.v.CNAME.set {
				b.errorf(at, "service %q: the policy all puts addresses together, but the pool %s is a name", b.service.name, p.name)
				return a
			}
		}
	}
	return a
}

func poolsOf(n policy.Node) []int {
	switch n := n.(type) {
	case *policy.Region:
		return []int{n.Pool}
	case *policy.Nearest:
		return n.Pools
	}
	return nil
}

// repeated warns of a region that stands twice among siblings, where once would do the same.
func (b *policyBuilder) repeated(items []rawPolicy, what string) {
	seen := map[string]bool{}
	for i := range items {
		if w := items[i].Word; w.set {
			if seen[w.v] {
				b.warnf(w.at, "service %q: %q stands twice in this %s", b.service.name, w.v, what)
			}
			seen[w.v] = true
		}
	}
}

// unused warns of pools that the policy never gives to anybody, and of weights that nobody reads.
func (b *policyBuilder) unused() {
	for i, used := range b.used {
		p := &b.service.v.Pools[i]
		if !used {
			b.warnf(p.at, "service %q: the policy never uses the pool %s", b.service.name, p.name)
		}
		if p.v.Weight.set && !b.weights {
			b.warnf(p.v.Weight.at, "service %q: the weight of the pool %s is read by \"policy: weighted\" only", b.service.name, p.name)
		}
	}
}
