package policy

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
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

func (nv *naive) node(n Node, reason Reason) result {
	out := result{}
	switch n := n.(type) {
	case *Region:
		if a := nv.acceptance[n.Pool]; a > 0 {
			out[outcomeText([]byte{byte(n.Pool)}, 0, reason, 0)] = a
		}
	case *Failover:
		left := 1.0
		for _, c := range n.Children {
			r := nv.node(c, ReasonFailover)
			out.pour(r, left)
			left *= 1 - r.sum()
		}
	case *Nearest:
		left := 1.0
		for i, pool := range nv.order(n) {
			a := nv.acceptance[pool]
			if a*left > 0 {
				out[outcomeText([]byte{byte(pool)}, 0, ReasonNearest, i+1)] = a * left
			}
			left *= 1 - a
		}
	case *Weighted:
		rs := make([]result, len(n.Shares))
		var all []int
		for i, s := range n.Shares {
			rs[i] = nv.node(s.Node, ReasonWeighted)
			if s.Weight > 0 {
				all = append(all, i)
			}
		}
		nv.drawWithoutReplacement(n, rs, all, 1, out)
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
			if out.sum() == 0 {
				return result{blocked: 1}
			}
			s := out.sum()
			for k := range out {
				out[k] /= s
			}
		}
	case *All:
		sets := map[string]float64{"": 1} // pools as a byte string
		for _, c := range n.Children {
			r := nv.node(c, ReasonAll)
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
		for set, m := range sets {
			if set != "" && m > 0 {
				out[outcomeText([]byte(set), n.Max, ReasonAll, 0)] += m
			}
		}
	}
	return out
}

// drawWithoutReplacement offers mass to one child after the other, each drawn by weight from those not drawn yet.
// A child that can take nothing at all isn't drawn.
func (nv *naive) drawWithoutReplacement(n *Weighted, rs []result, open []int, mass float64, out result) {
	total := 0.0
	for _, i := range open {
		if rs[i].sum() > 0 {
			total += n.Shares[i].Weight
		}
	}
	for _, i := range open {
		if rs[i].sum() == 0 || mass == 0 {
			continue
		}
		offered := mass * n.Shares[i].Weight / total
		out.pour(rs[i], offered)
		rest := slices.DeleteFunc(slices.Clone(open), func(j int) bool { return j == i })
		nv.drawWithoutReplacement(n, rs, rest, offered*max(0, 1-rs[i].sum()), out)
	}
}

func (nv *naive) order(n *Nearest) []int {
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
	var out []int
	for _, c := range slices.Concat(pinned, near, unknown) {
		out = append(out, c.pool)
	}
	return out
}

func (nv *naive) matches(r Rule) int {
	s := 0
	for _, p := range r.Networks {
		if p.Contains(nv.addr) {
			s = max(s, 5+p.Bits())
		}
	}
	if s == 0 && slices.Contains(r.ASNs, nv.place.ASN) && nv.place.ASN != 0 {
		s = 4
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
)

func genNode(t *rapid.T, pools, depth int) Node {
	kind := rapid.IntRange(0, 5).Draw(t, "kind")
	if depth == 0 {
		kind = rapid.IntRange(0, 1).Draw(t, "leaf")
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
		return n
	case 2:
		return &Failover{Children: some()}
	case 3:
		n := &Weighted{}
		for _, c := range some() {
			n.Shares = append(n.Shares, Share{Weight: float64(rapid.IntRange(0, 5).Draw(t, "weight")), Node: c})
		}
		return n
	case 4:
		return &All{Children: some(), Max: rapid.IntRange(0, 3).Draw(t, "max")}
	}
	g := &Geo{Fence: rapid.Bool().Draw(t, "fence")}
	for _, c := range some() {
		g.Rules = append(g.Rules, Rule{
			Continents:   rapid.SliceOfN(rapid.SampledFrom(someContinents), 0, 1).Draw(t, "continents"),
			Countries:    rapid.SliceOfN(rapid.SampledFrom(someCountries), 0, 2).Draw(t, "countries"),
			Subdivisions: rapid.SliceOfN(rapid.SampledFrom(someSubs), 0, 1).Draw(t, "subdivisions"),
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

func genAcceptance(t *rapid.T, n int) []float64 {
	return rapid.SliceOfN(rapid.SampledFrom([]float64{0, 0, 0.25, 0.5, 1, 1}), n, n).Draw(t, "acceptance")
}

func TestPourEqualsNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tree := genTree(t)
		addr, place := genPlace(t, tree)
		acceptance := genAcceptance(t, len(tree.Pools))
		nv := naive{tree: tree, addr: addr, place: place, acceptance: acceptance}
		want := nv.node(tree.Root, ReasonRegion)
		if s := want.sum(); s > 0 {
			for k := range want {
				want[k] /= s
			}
		}
		dist := tree.Pour(tree.Locator().Locate(nil, &place), acceptance)
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
		acceptance := genAcceptance(t, len(tree.Pools))
		ra, rb := asResult(tree.Pour(ka, acceptance)), asResult(tree.Pour(kb, acceptance))
		if fmt.Sprint(ra) != fmt.Sprint(rb) {
			t.Fatalf("%v and %v share a key, but %v is not %v", a, b, ra, rb)
		}
	})
}
