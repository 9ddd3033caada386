package simulate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"pgregory.net/rapid"

	"meridian/geo"
	"meridian/policy"
	"meridian/snapshot"
	"meridian/status"
	"meridian/zones"
)

var regions = []geo.Region{
	{Name: "us-east", Coordinates: geo.At(39.04, -77.49)},
	{Name: "eu-west", Coordinates: geo.At(53.35, -6.26)},
	{Name: "ap-northeast", Coordinates: geo.At(35.68, 139.69)},
}

// service returns a service over all regions, with an IPv4 and an IPv6 endpoint in each and 100 queries per second.
func service(name string, root policy.Node) *zones.Service {
	s := &zones.Service{Name: name, TTL: 30, Policy: root, Check: &zones.Check{Name: "web", Type: zones.CheckTCP, Port: 80}}
	for i, r := range regions {
		s.Pools = append(s.Pools, zones.Pool{Region: r, Capacity: 100, Endpoints: []netip.Addr{
			netip.MustParseAddr(fmt.Sprintf("198.18.%d.1", i+1)), netip.MustParseAddr(fmt.Sprintf("2001:db8:%d::1", i+1)),
		}})
	}
	return s
}

func nearest() policy.Node { return &policy.Nearest{Pools: []int{0, 1, 2}} }

func weighted(ws ...float64) policy.Node {
	n := &policy.Weighted{}
	for i, w := range ws {
		n.Shares = append(n.Shares, policy.Share{Weight: w, Node: &policy.Region{Pool: i}})
	}
	return n
}

// compile makes a snapshot of services over the demo's map and overrides.
func compile(t testing.TB, states status.Table, overrides []geo.Override, services ...*zones.Service) *snapshot.Snapshot {
	t.Helper()
	return compileOver(t, geo.Sources{Database: geo.Demo(), Overrides: overrides}, states, services...)
}

func compileOver(t testing.TB, sources geo.Sources, states status.Table, services ...*zones.Service) *snapshot.Snapshot {
	t.Helper()
	zone, problems := zones.Parse("glb.test.", "glb.test.zone", strings.NewReader("@ 60 IN SOA ns1 h 1 2 3 4 5\n@ 60 IN NS ns1\nns1 60 IN A 192.0.2.53\n"))
	if zone == nil {
		t.Fatal(problems)
	}
	index, problems := zones.NewIndex([]*zones.Zone{zone}, services)
	if index == nil {
		t.Fatal(problems)
	}
	atlas, err := geo.NewAtlas(sources)
	if err != nil {
		t.Fatal(err)
	}
	layout, err := snapshot.NewLayout(index, services, atlas, new(snapshot.Counters))
	if err != nil {
		t.Fatal(err)
	}
	return layout.Snapshot(states, nil, nil)
}

func ask(t testing.TB, q Question) *Report {
	t.Helper()
	r, err := Run(q)
	if err != nil {
		t.Fatal(err)
	}
	conserved(t, r)
	return r
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

// conserved checks what holds for every report: all shares sum to 1, before and after; what moves is what the flows move.
func conserved(t testing.TB, r *Report) {
	t.Helper()
	whole := func(what string, regions []RegionEffect) {
		t.Helper()
		var traffic, v4, v6 Change
		for _, g := range regions {
			for _, s := range []struct {
				sum *Change
				c   Change
			}{{&traffic, g.Traffic}, {&v4, g.V4}, {&v6, g.V6}} {
				s.sum.Before += s.c.Before
				s.sum.After += s.c.After
			}
		}
		for name, c := range map[string]Change{"traffic": traffic, "IPv4": v4, "IPv6": v6} {
			if empty := (c == Change{}); !empty && !(near(c.Before, 1) && near(c.After, 1)) {
				t.Errorf("%s: shares of %s sum to %v", what, name, c)
			}
		}
	}
	whole("total", r.Total.Regions)
	for i := range r.Services {
		whole(r.Services[i].Service, r.Services[i].Regions)
	}
	for i := range r.Losses {
		whole("loss of "+r.Losses[i].Region, r.Losses[i].Regions)
	}
	moved := 0.0
	net := map[string]float64{}
	for _, f := range r.Flows {
		moved += f.Share
		net[f.From] -= f.Share
		net[f.To] += f.Share
		if f.From == f.To || f.Share <= 0 {
			t.Errorf("a flow that is none: %+v", f)
		}
	}
	if math.Abs(moved-r.Total.Moved) > 1e-6 {
		t.Errorf("flows move %g, the total says %g", moved, r.Total.Moved)
	}
	for _, g := range r.Total.Regions {
		if math.Abs(net[g.Region]-(g.Traffic.After-g.Traffic.Before)) > 1e-6 {
			t.Errorf("%s: flows make %g of %v", g.Region, net[g.Region], g.Traffic)
		}
	}
}

// TestAgainstDraws is the twin: 20,000 random addresses of those that the map knows, each drawn through the very
// snapshots, must be divided as the report says, by the address space and by a ledger of these addresses.
func TestAgainstDraws(t *testing.T) {
	www, api := service("www.glb.test.", nearest()), service("api.glb.test.", weighted(5, 3, 2))
	mixed := service("mixed.glb.test.", &policy.Geo{
		Rules:   []policy.Rule{{Continents: []string{"EU"}, Policy: weighted(1, 4, 0)}, {Countries: []string{"JP", "IN"}, Policy: &policy.Region{Pool: 2}}},
		Default: &policy.All{Children: []policy.Node{&policy.Region{Pool: 0}, &policy.Region{Pool: 1}}, Max: 1},
	})
	overrides := []geo.Override{{Prefix: netip.MustParsePrefix("20.0.0.0/6"), Place: geo.Place{Country: "FR", Continent: "EU", Coordinates: geo.At(46, 2)}}}
	states := status.Table{www.StateKey(netip.MustParseAddr("198.18.3.1")): {Health: status.Up, Withheld: .3}}
	before := compile(t, states, overrides, www, api, mixed)
	h := Hypothesis{
		Down:    []Down{{Service: www.Name, Region: "eu-west"}},
		Dials:   []Dial{{Region: "us-east", Share: .4}},
		Weights: []Weight{{Service: api.Name, Region: "eu-west", Value: 1}},
	}
	if err := h.Check(before); err != nil {
		t.Fatal(err)
	}
	after := before.Suppose(h.Terms())

	const n = 20_000
	const seed = 4
	rng := rand.New(rand.NewPCG(seed, seed))
	clients := known(rng, before.Atlas(), n)
	for i, svc := range []*zones.Service{www, api, mixed} {
		var queries []Query
		for _, c := range clients {
			queries = append(queries, Query{netip.PrefixFrom(c, 32), svc.Name, dns.TypeA, 1})
		}
		for _, q := range []Question{{Before: before, After: after, Services: []string{svc.Name}}, {Before: before, After: after, Services: []string{svc.Name}, Queries: queries}} {
			r := ask(t, q)
			for _, side := range []struct {
				snap  *snapshot.Snapshot
				share func(Change) float64
			}{{before, func(c Change) float64 { return c.Before }}, {after, func(c Change) float64 { return c.After }}} {
				drawn := map[string]float64{}
				for _, c := range clients {
					s := side.snap.Service(i)
					o := s.Draw(dns.TypeA, s.Locate(snapshot.Client{ECS: netip.PrefixFrom(c, 32)}), rng.Uint64())
					drawn[regionOf(svc, o)] += 1. / n
				}
				for _, g := range r.Total.Regions {
					want := side.share(g.Traffic)
					if sigma := math.Sqrt(want*(1-want)/n) + 1e-6; math.Abs(drawn[g.Region]-want) > 4.5*sigma {
						t.Errorf("%s %s, by %s (seed %d): simulated %g, drawn %g", svc.Name, g.Region, r.By, seed, want, drawn[g.Region])
					}
				}
			}
		}
	}
}

// known returns random IPv4 addresses of those that the map knows.
func known(rng *rand.Rand, atlas *geo.Atlas, n int) []netip.Addr {
	var networks []netip.Prefix
	var sums []float64
	sum := 0.0
	for p, place := range atlas.Networks() {
		if p.Addr().Is4() && !place.Private {
			sum += math.Ldexp(1, 32-p.Bits())
			networks, sums = append(networks, p), append(sums, sum)
		}
	}
	out := make([]netip.Addr, n)
	for i := range out {
		u := rng.Float64() * sum
		k := 0
		for sums[k] <= u {
			k++
		}
		b := networks[k].Addr().As4()
		v := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
		v += uint32(rng.Uint64N(1 << (32 - networks[k].Bits())))
		out[i] = netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
	}
	return out
}

func regionOf(svc *zones.Service, o snapshot.Outcome) string {
	if o.Set == nil {
		return Nobody
	}
	first := o.RR()[0].(*dns.A).A.String()
	for _, p := range svc.Pools {
		for _, e := range p.Endpoints {
			if e.String() == first {
				return p.Region.Name
			}
		}
	}
	return Nobody
}

// TestConservation: whatever is supposed, all shares sum to 1, and nothing is supposed of what stays.
func TestConservation(t *testing.T) {
	before := compile(t, nil, nil, service("www.glb.test.", nearest()), service("api.glb.test.", weighted(5, 3, 2)))
	pool := rapid.Custom(func(t *rapid.T) [2]string {
		return [2]string{rapid.SampledFrom([]string{"", "www.glb.test.", "api.glb.test."}).Draw(t, "service"), rapid.SampledFrom(regions).Draw(t, "region").Name}
	})
	rapid.Check(t, func(rt *rapid.T) {
		var h Hypothesis
		for _, p := range rapid.SliceOfN(pool, 0, 3).Draw(rt, "down") {
			h.Down = append(h.Down, Down{Service: p[0], Region: p[1]})
		}
		for _, p := range rapid.SliceOfN(pool, 0, 2).Draw(rt, "dials") {
			h.Dials = append(h.Dials, Dial{p[0], p[1], rapid.SampledFrom([]float64{0, .25, 1}).Draw(rt, "share")})
		}
		q := Question{Before: before, After: before.Suppose(h.Terms()), Each: rapid.Bool().Draw(rt, "each")}
		for range rapid.IntRange(0, 20).Draw(rt, "queries") {
			q.Queries = append(q.Queries, Query{
				netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(rapid.IntRange(0, 255).Draw(rt, "client"))}), 32),
				rapid.SampledFrom([]string{"www.glb.test.", "api.glb.test.", "gone.glb.test."}).Draw(rt, "name"),
				rapid.SampledFrom([]uint16{dns.TypeA, dns.TypeAAAA}).Draw(rt, "type"), float64(rapid.IntRange(1, 9).Draw(rt, "count")),
			})
		}
		r := ask(t, q)
		if h.Empty() && r.Total.Moved != 0 {
			rt.Fatalf("nothing is supposed, and %g moves", r.Total.Moved)
		}
		if t.Failed() {
			rt.Fatal("shares are lost")
		}
	})
}

// TestLosses: the loss of a region moves at least what it had, and under nearest exactly that.
func TestLosses(t *testing.T) {
	before := compile(t, nil, nil, service("www.glb.test.", nearest()))
	r := ask(t, Question{Before: before, After: before, Each: true, Demand: map[string]float64{"": 150}})
	if len(r.Losses) != len(regions) || r.Total.Moved != 0 {
		t.Fatalf("%d losses, %g moves", len(r.Losses), r.Total.Moved)
	}
	sum := 0.0
	for _, l := range r.Losses {
		had := r.Total.Region(l.Region).Traffic.After
		if !near(l.Moved, had) {
			t.Errorf("%s has %g, its loss moves %g", l.Region, had, l.Moved)
		}
		sum += l.Moved
		load := 0.0
		for _, g := range l.Regions {
			load += g.Load.After
			if g.Region == l.Region && g.Traffic.After != 0 {
				t.Errorf("%s is lost and has %g", g.Region, g.Traffic.After)
			}
			if !near(g.Load.Used.After, 1.5*g.Traffic.After) {
				t.Errorf("%s carries %v with %g of 150", g.Region, g.Load, g.Traffic.After)
			}
		}
		if !near(load, 150) {
			t.Errorf("without %s %g of 150 are carried", l.Region, load)
		}
	}
	if !near(sum, 1) {
		t.Errorf("the losses move %g together", sum)
	}
}
