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
	if raw.Word.set {
		return b.word(raw.Word)
	}
	if kinds := raw.kinds(); kinds != 1 && !raw.bad {
		b.errorf(raw.at, "service %q: a policy has one of nearest, failover, weighted, round-robin, least-loaded, geo and all in it, this one %d of them", b.service.name, kinds)
		return nil
	}
	n := b.kind(raw, depth)
	b.minimum(n, &raw.MinHealthy)
	return n
}

// kind builds the one node that the mapping describes.
func (b *policyBuilder) kind(raw *rawPolicy, depth int) policy.Node {
	switch {
	case raw.Nearest != nil:
		return b.nearest(raw.Nearest)
	case raw.Failover != nil:
		return &policy.Failover{Children: b.nodes(raw.Failover, "failover", depth)}
	case raw.Weighted != nil:
		return b.weighted(raw.Weighted, depth)
	case raw.RoundRobin != nil:
		return &policy.RoundRobin{Children: b.nodes(raw.RoundRobin, "round-robin", depth)}
	case raw.LeastLoaded != nil:
		return &policy.LeastLoaded{Pools: b.list(raw.LeastLoaded, "least-loaded")}
	case raw.Geo != nil:
		return b.geo(raw.Geo, raw.at, depth)
	case raw.All != nil:
		return b.all(raw.All, raw.at, depth)
	}
	return nil
}

// nodes builds the children of a node of that kind.
func (b *policyBuilder) nodes(raws []rawPolicy, kind string, depth int) (children []policy.Node) {
	b.repeated(raws, kind)
	for i := range raws {
		if c := b.node(&raws[i], depth+1); c != nil {
			children = append(children, c)
		}
	}
	return children
}

// list returns the pools of the regions that a node of that kind lists.
func (b *policyBuilder) list(regions []text, kind string) (pools []int) {
	for _, t := range regions {
		i, ok := b.pool(t)
		switch {
		case !ok:
		case slices.Contains(pools, i):
			b.errorf(t.at, "service %q: region %q stands twice in this %s", b.service.name, t.v, kind)
		default:
			pools = append(pools, i)
		}
	}
	return pools
}

// minimum sets the node's min_healthy.
func (b *policyBuilder) minimum(n policy.Node, raw *rawMinHealthy) {
	if !raw.Count.set && !raw.Share.set {
		return
	}
	at, m := raw.Count.at, raw.minHealthy()
	var of int
	switch n := n.(type) {
	case *policy.Failover:
		n.MinHealthy, of = m, len(n.Children)
	case *policy.Nearest:
		n.MinHealthy, of = m, len(n.Pools)
	case *policy.Weighted:
		n.MinHealthy = m
		for _, s := range n.Shares {
			if s.Weight > 0 {
				of++
			}
		}
	case *policy.RoundRobin:
		n.MinHealthy, of = m, len(n.Children)
	case *policy.LeastLoaded:
		n.MinHealthy, of = m, len(n.Pools)
	case *policy.All:
		n.MinHealthy, of = m, len(n.Children)
	case *policy.Geo:
		b.errorf(at, "service %q: min_healthy of geo: a client meets one rule of it alone (set it on the policies of the rules)", b.service.name)
		return
	default:
		return
	}
	if m.Count > of && of > 0 {
		b.errorf(at, "service %q: min_healthy of %d, but this policy has %d to choose from, so it would never count as up", b.service.name, m.Count, of)
	}
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
	case "round-robin":
		r := &policy.RoundRobin{}
		for _, i := range b.every() {
			r.Children = append(r.Children, &policy.Region{Pool: i})
		}
		return r
	case "least-loaded":
		return &policy.LeastLoaded{Pools: b.every()}
	}
	if hint := nearest.Hint(t.v, []string{"nearest", "all", "weighted", "round-robin", "least-loaded"}); hint != "" && !b.defined(t.v) {
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
	n.Pools = append(n.Pools, b.list(raw.Regions, "nearest")...)
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
	n.Spread = raw.Spread.v
	if raw.Spread.set && n.Spread == (policy.Spread{}) {
		b.errorf(raw.Spread.at, "service %q: spread must be above 0km", b.service.name)
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
	a.Children = append(a.Children, b.nodes(raw.Of, "all", depth)...)
	if n := answers(a); n > maxAnswers {
		b.errorf(at, "service %q: the policies in this all make %d different answers together; at most %d are possible", b.service.name, n, maxAnswers)
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
	case *policy.LeastLoaded:
		return n.Pools
	}
	return nil
}

// maxAnswers is how many different answers an all policy may make: each is packed ahead of time.
const maxAnswers = 1000

// answers returns how many different answers the children of a make together: one for each way to draw one of the
// pools below each child.
func answers(a *policy.All) int {
	n := 1
	for _, c := range a.Children {
		pools := map[int]bool{}
		tree := policy.Tree{Root: c}
		for n := range tree.Nodes() {
			for _, i := range poolsOf(n) {
				pools[i] = true
			}
		}
		if n *= max(len(pools), 1); n > 1e6 {
			return n
		}
	}
	return n
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
