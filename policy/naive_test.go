package policy

import (
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"meridian/geo"
)

// naive is the slow, obviously right twin of Locate and Pour: it follows one client's mass through the tree by
// the rules as design and documentation state them, without keys, shared work or shortcuts.
type naive struct {
	tree       Tree
	addr       netip.Addr
	place      geo.Place
	acceptance []float64
	loads      []float64
	open       bool
}

// result maps an outcome, as text, to its mass.
type result map[string]float64

func (r result) sum() (s float64) {
	for _, m := range r {
		s += m
	}
	return s
}

func (r result) pour(from result, by float64) {
	for k, m := range from {
		r[k] += m * by
	}
}

const blocked = "blocked"

// alive tells whether some pool takes something.
func (r result) alive() bool {
	for k, m := range r {
		if k != blocked && m > 0 {
			return true
		}
	}
	return false
}

// enough tells whether as many children are alive as the node demands.
func (nv *naive) enough(m MinHealthy, rs []result) bool {
	alive := 0
	for _, r := range rs {
		if r.alive() {
			alive++
		}
	}
	return nv.open || alive >= m.Count && float64(alive) >= m.Share*float64(len(rs))-1e-9
}

func (nv *naive) node(n Node, reason Reason) result {
	out := result{}
	switch n := n.(type) {
	case *Region:
		if a := nv.acceptance[n.Pool]; a > 0 {
			out[outcomeText([]byte{byte(n.Pool)}, 0, reason, 0)] = a
		}
	case *Failover:
		left := 1.0
		var rs []result
		for _, c := range n.Children {
			r := nv.node(c, ReasonFailover)
			rs = append(rs, r)
			out.pour(r, left)
			left *= 1 - r.sum()
		}
		if !nv.enough(n.MinHealthy, rs) {
			return result{}
		}
	case *Nearest:
		left := 1.0
		var rs []result
		rank := 1
		for _, group := range nv.order(n) {
			var same []result
			for _, pool := range group {
				r := result{}
				if a := nv.acceptance[pool]; a > 0 {
					r[outcomeText([]byte{byte(pool)}, 0, ReasonNearest, rank)] = a
				}
				same = append(same, r)
			}
			rank += len(group)
			rs = append(rs, same...)
			r := result{}
			nv.draw(same, nil, r)
			out.pour(r, left)
			left *= 1 - r.sum()
		}
		if !nv.enough(n.MinHealthy, rs) {
			return result{}
		}
	case *Weighted:
		var rs []result
		var weights []float64
		for _, s := range n.Shares {
			if s.Weight > 0 {
				rs = append(rs, nv.node(s.Node, ReasonWeighted))
				weights = append(weights, s.Weight)
			}
		}
		if nv.enough(n.MinHealthy, rs) {
			nv.draw(rs, weights, out)
		}
	case *RoundRobin:
		var rs []result
		for _, c := range n.Children {
			rs = append(rs, nv.node(c, ReasonRoundRobin))
		}
		if nv.enough(n.MinHealthy, rs) {
			nv.draw(rs, nil, out)
		}
	case *LeastLoaded:
		var rs []result
		for _, pool := range n.Pools {
			r := result{}
			if a := nv.acceptance[pool]; a > 0 {
				r[outcomeText([]byte{byte(pool)}, 0, ReasonLeastLoaded, 0)] = a
			}
			rs = append(rs, r)
		}
		if nv.enough(n.MinHealthy, rs) {
			nv.draw(rs, nv.byLoad(n), out)
		}
	case *Geo:
		chosen := n.Default
		best := 0
		for _, r := range n.Rules {
			if s := nv.matches(r); s > best {
				best, chosen = s, r.Policy
			}
		}
		if chosen != nil {
			out = nv.node(chosen, ReasonGeo)
		}
		if n.Fence && out.sum() < 1-1e-12 {
			if !out.alive() {
				return result{blocked: 1}
			}
			s := out.sum()
			for k := range out {
				out[k] /= s
			}
		}
	case *All:
		sets := map[string]float64{"": 1} // pools as a byte string
		var rs []result
		for _, c := range n.Children {
			r := nv.node(c, ReasonAll)
			rs = append(rs, r)
			next := map[string]float64{}
			for set, m := range sets {
				next[set] += m * (1 - r.sum())
				for k, p := range r {
					u := slices.Concat([]byte(set), poolsOf(k))
					slices.Sort(u)
					next[string(slices.Compact(u))] += m * p
				}
			}
			sets = next
		}
		if !nv.enough(n.MinHealthy, rs) {
			return result{}
		}
		for set, m := range sets {
			if set != "" && m > 0 {
				out[outcomeText([]byte(set), n.Max, ReasonAll, 0)] += m
			}
		}
	}
	return out
}

// draw offers mass to one child after the other, each drawn by weight (nil: all alike) from those not drawn yet.
// A child that can take nothing at all isn't drawn.
func (nv *naive) draw(rs []result, weights []float64, out result) {
	var open []int
	for i := range rs {
		if rs[i].sum() > 0 {
			open = append(open, i)
		}
	}
	var from func(open []int, mass float64)
	from = func(open []int, mass float64) {
		weight := func(i int) float64 {
			if weights == nil {
				return 1
			}
			return weights[i]
		}
		total := 0.0
		for _, i := range open {
			total += weight(i)
		}
		for _, i := range open {
			offered := mass * weight(i) / total
			out.pour(rs[i], offered)
			if left := 1 - rs[i].sum(); left > 1e-12 {
				from(slices.DeleteFunc(slices.Clone(open), func(j int) bool { return j == i }), offered*left)
			}
		}
	}
	from(open, 1)
}

func (nv *naive) byLoad(n *LeastLoaded) []float64 {
	var known []float64
	for _, pool := range n.Pools {
		if nv.loads[pool] > 0 && nv.acceptance[pool] > 0 {
			known = append(known, nv.loads[pool])
		}
	}
	weights := make([]float64, len(n.Pools))
	for i, pool := range n.Pools {
		weights[i] = 1
		if len(known) == 0 {
			continue
		}
		sum := 0.0
		for _, l := range known {
			sum += l
		}
		load := nv.loads[pool]
		if load == 0 {
			load = sum / float64(len(known))
		}
		if tenth := slices.Max(known) / 10; load < tenth {
			load = tenth
		}
		weights[i] = 1 / load
	}
	return weights
}

// order returns the pools in groups of those that are about equally near.
func (nv *naive) order(n *Nearest) [][]int {
	type cand struct {
		pool int
		d    float64
	}
	var pinned, near, unknown []cand
	from := nv.place.Coordinates
	if !from.Known {
		for _, r := range nv.tree.Pools {
			if nv.place.Region != "" && r.Name == nv.place.Region {
				from = r.Coordinates
			}
		}
	}
	for i, pool := range n.Pools {
		r := nv.tree.Pools[pool]
		c := cand{pool: pool}
		measured := from.Known && r.Coordinates.Known
		if measured {
			c.d = geo.Distance(from, r.Coordinates)
			if n.Bias != nil {
				if b := float64(n.Bias[i]); b >= 0 {
					c.d *= 1 - b/100
				} else {
					c.d /= 1 + b/100
				}
			}
		}
		switch {
		case nv.place.Region != "" && nv.place.Region == r.Name:
			pinned = append(pinned, c)
		case !measured:
			unknown = append(unknown, c)
		case n.MaxDistance == 0 || c.d <= n.MaxDistance:
			near = append(near, c)
		}
	}
	slices.SortStableFunc(near, func(a, b cand) int {
		if a.d < b.d {
			return -1
		} else if a.d > b.d {
			return 1
		}
		return 0
	})
	var out [][]int
	for _, c := range pinned {
		out = append(out, []int{c.pool})
	}
	lead := 0.0
	for i, c := range near {
		if i > 0 && n.Spread != (Spread{}) && c.d <= lead*(1+n.Spread.Share)+n.Spread.Km {
			out[len(out)-1] = append(out[len(out)-1], c.pool)
			continue
		}
		lead = c.d
		out = append(out, []int{c.pool})
	}
	for _, c := range unknown {
		out = append(out, []int{c.pool})
	}
	return out
}

func (nv *naive) matches(r Rule) int {
	s := 0
	for _, p := range r.Networks {
		if p.Contains(nv.addr) {
			s = max(s, 6+p.Bits())
		}
	}
	if s == 0 && slices.Contains(r.ASNs, nv.place.ASN) && nv.place.ASN != 0 {
		s = 5
	}
	for _, c := range r.Cities {
		if s == 0 && strings.EqualFold(c.Name, nv.place.City) && (c.In == nv.place.Country || c.In == nv.place.Subdivision) {
			s = 4
		}
	}
	if s == 0 && slices.Contains(r.Subdivisions, nv.place.Subdivision) && nv.place.Subdivision != "" {
		s = 3
	}
	if s == 0 && slices.Contains(r.Countries, nv.place.Country) && nv.place.Country != "" {
		s = 2
	}
	if s == 0 && slices.Contains(r.Continents, nv.place.Continent) && nv.place.Continent != "" {
		s = 1
	}
	return s
}

func outcomeText(pools []byte, limit int, reason Reason, rank int) string {
	return fmt.Sprintf("%x max %d %s rank %d", pools, limit, reason, rank)
}

func poolsOf(text string) []byte {
	var pools []byte
	if text != blocked {
		if _, err := fmt.Sscanf(text, "%x", &pools); err != nil {
			panic(err)
		}
	}
	return pools
}

func asResult(d Distribution) result {
	r := result{}
	for _, p := range d {
		k := blocked
		if p.Pools != nil {
			k = outcomeText(p.Pools, p.Max, p.Reason, int(p.Rank))
		}
		r[k] += p.P
	}
	return r
}

func genTree(t *rapid.T) Tree {
	n := rapid.IntRange(1, 5).Draw(t, "pools")
	tree := Tree{Pools: make([]geo.Region, n)}
	for i := range tree.Pools {
		tree.Pools[i].Name = string(rune('a' + i))
		if rapid.IntRange(0, 9).Draw(t, "known") > 0 {
			tree.Pools[i].Coordinates = genCoordinates(t)
		}
	}
	tree.Root = genNode(t, n, 3)
	return tree
}

func genCoordinates(t *rapid.T) geo.Coordinates {
	return geo.At(rapid.Float64Range(-90, 90).Draw(t, "lat"), rapid.Float64Range(-180, 180).Draw(t, "lon"))
}

var (
	someNetworks   = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("10.1.2.0/24"), netip.MustParsePrefix("20.0.0.0/8")}
	someAddresses  = []string{"10.0.0.1", "10.1.0.1", "10.1.2.3", "20.1.1.1", "30.0.0.1"}
	someContinents = []string{"EU", "AS"}
	someCountries  = []string{"DE", "FR", "JP"}
	someSubs       = []string{"DE-BE", "JP-13"}
	someCities     = []City{{"DE", "Berlin"}, {"DE-BE", "berlin"}, {"FR", "Paris"}, {"JP-13", "Paris"}}
)

func genNode(t *rapid.T, pools, depth int) Node {
	kind := rapid.IntRange(0, 7).Draw(t, "kind")
	if depth == 0 {
		kind = rapid.IntRange(0, 2).Draw(t, "leaf")
	}
	some := func() (cs []Node) {
		for range rapid.IntRange(1, 4).Draw(t, "children") {
			cs = append(cs, genNode(t, pools, depth-1))
		}
		return cs
	}
	switch kind {
	case 0:
		return &Region{Pool: rapid.IntRange(0, pools-1).Draw(t, "pool")}
	case 1:
		n := &Nearest{Pools: rapid.Permutation(seq(pools)).Draw(t, "order")}
		n.Pools = n.Pools[:rapid.IntRange(1, pools).Draw(t, "few")]
		if rapid.Bool().Draw(t, "biased") {
			n.Bias = rapid.SliceOfN(rapid.IntRange(-99, 99), len(n.Pools), len(n.Pools)).Draw(t, "bias")
		}
		if rapid.Bool().Draw(t, "limited") {
			n.MaxDistance = rapid.Float64Range(1, 20000).Draw(t, "max")
		}
		switch rapid.IntRange(0, 3).Draw(t, "spread") {
		case 0:
			n.Spread.Share = rapid.Float64Range(0.01, 1).Draw(t, "share")
		case 1:
			n.Spread.Km = rapid.Float64Range(1, 9000).Draw(t, "km")
		}
		n.MinHealthy = genMinHealthy(t)
		return n
	case 2:
		n := &LeastLoaded{Pools: rapid.Permutation(seq(pools)).Draw(t, "loaded"), MinHealthy: genMinHealthy(t)}
		n.Pools = n.Pools[:rapid.IntRange(1, pools).Draw(t, "few")]
		return n
	case 3:
		n := &Weighted{MinHealthy: genMinHealthy(t)}
		for _, c := range some() {
			n.Shares = append(n.Shares, Share{Weight: float64(rapid.IntRange(0, 5).Draw(t, "weight")), Node: c})
		}
		return n
	case 4:
		return &All{Children: some(), Max: rapid.IntRange(0, 3).Draw(t, "max"), MinHealthy: genMinHealthy(t)}
	case 5:
		return &Failover{Children: some(), MinHealthy: genMinHealthy(t)}
	case 6:
		return &RoundRobin{Children: some(), MinHealthy: genMinHealthy(t)}
	}
	g := &Geo{Fence: rapid.Bool().Draw(t, "fence")}
	for _, c := range some() {
		g.Rules = append(g.Rules, Rule{
			Continents:   rapid.SliceOfN(rapid.SampledFrom(someContinents), 0, 1).Draw(t, "continents"),
			Countries:    rapid.SliceOfN(rapid.SampledFrom(someCountries), 0, 2).Draw(t, "countries"),
			Subdivisions: rapid.SliceOfN(rapid.SampledFrom(someSubs), 0, 1).Draw(t, "subdivisions"),
			Cities:       rapid.SliceOfN(rapid.SampledFrom(someCities), 0, 1).Draw(t, "cities"),
			ASNs:         rapid.SliceOfN(rapid.Uint32Range(1, 3), 0, 1).Draw(t, "asns"),
			Networks:     rapid.SliceOfN(rapid.SampledFrom(someNetworks), 0, 2).Draw(t, "networks"),
			Policy:       c,
		})
	}
	if rapid.Bool().Draw(t, "default") {
		g.Default = genNode(t, pools, depth-1)
	}
	return g
}

func genMinHealthy(t *rapid.T) (m MinHealthy) {
	switch rapid.IntRange(0, 4).Draw(t, "minimum") {
	case 0:
		m.Count = rapid.IntRange(1, 3).Draw(t, "count")
	case 1:
		m.Share = float64(rapid.IntRange(1, 100).Draw(t, "share")) / 100
	}
	return m
}

func seq(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

func genPlace(t *rapid.T, tree Tree) (netip.Addr, geo.Place) {
	addr := netip.MustParseAddr(rapid.SampledFrom(someAddresses).Draw(t, "addr"))
	p := geo.Place{
		Continent:   rapid.SampledFrom(append(someContinents, "")).Draw(t, "continent"),
		Country:     rapid.SampledFrom(append(someCountries, "")).Draw(t, "country"),
		Subdivision: rapid.SampledFrom(append(someSubs, "")).Draw(t, "subdivision"),
		City:        rapid.SampledFrom([]string{"", "Berlin", "Paris"}).Draw(t, "city"),
		ASN:         rapid.Uint32Range(0, 3).Draw(t, "asn"),
		Region:      rapid.SampledFrom([]string{"", "", "", "a", "b"}).Draw(t, "pinned"),
	}
	if rapid.IntRange(0, 3).Draw(t, "placed") > 0 {
		p.Coordinates = genCoordinates(t)
	}
	for _, n := range tree.Networks() {
		if n.Contains(addr) && (!p.Rule.IsValid() || n.Bits() > p.Rule.Bits()) {
			p.Rule = n
		}
	}
	return addr, p
}

func genInput(t *rapid.T, n int) Input {
	return Input{
		Acceptance: rapid.SliceOfN(rapid.SampledFrom([]float64{0, 0, 0.25, 0.5, 1, 1}), n, n).Draw(t, "acceptance"),
		Loads:      rapid.SliceOfN(rapid.SampledFrom([]float64{0, 0.5, 1, 3, 100}), n, n).Draw(t, "loads"),
		Open:       rapid.IntRange(0, 5).Draw(t, "open") == 0,
	}
}

func TestPourEqualsNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tree := genTree(t)
		addr, place := genPlace(t, tree)
		in := genInput(t, len(tree.Pools))
		nv := naive{tree: tree, addr: addr, place: place, acceptance: in.Acceptance, loads: in.Loads, open: in.Open}
		want := nv.node(tree.Root, ReasonRegion)
		if s := want.sum(); s > 0 {
			for k := range want {
				want[k] /= s
			}
		}
		key := tree.Locator().Locate(nil, &place)
		dist := tree.Pour(key, in)
		got := asResult(dist)
		for k := range want {
			if math.Abs(want[k]-got[k]) > 1e-9 {
				t.Fatalf("%s: want %g, got %g\nall: want %v\n got %v", k, want[k], got[k], want, got)
			}
		}
		if len(dist) > 0 && math.Abs(got.sum()-1) > 1e-9 {
			t.Fatalf("mass isn't conserved: %v sums to %g", got, got.sum())
		}
		if len(dist) == 0 && want.sum() > 0 {
			t.Fatalf("nothing was placed, want %v", want)
		}
		if course := asResult(tree.Course(key, in).Distribution()); !reflect.DeepEqual(course, got) {
			t.Fatalf("the course says %v, pouring %v", course, got)
		}
	})
}

// Clients with equal keys are treated alike, whatever the states; and trees of one Shape or View are interchangeable.
func TestEqualKeysAreTreatedAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tree := genTree(t)
		_, a := genPlace(t, tree)
		_, b := genPlace(t, tree)
		ka, kb := tree.Locator().Locate(nil, &a), tree.Locator().Locate(nil, &b)
		if string(ka) != string(kb) {
			return
		}
		in := genInput(t, len(tree.Pools))
		ra, rb := asResult(tree.Pour(ka, in)), asResult(tree.Pour(kb, in))
		if fmt.Sprint(ra) != fmt.Sprint(rb) {
			t.Fatalf("%v and %v share a key, but %v is not %v", a, b, ra, rb)
		}
	})
}
