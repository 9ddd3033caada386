package snapshot

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"pgregory.net/rapid"

	"meridian/geo"
	"meridian/policy"
	"meridian/status"
	"meridian/zones"
)

var regions = []geo.Region{
	{Name: "us-east", Coordinates: geo.At(39.04, -77.49)},
	{Name: "eu-west", Coordinates: geo.At(53.35, -6.26)},
	{Name: "ap-northeast", Coordinates: geo.At(35.68, 139.69)},
}

const (
	fromTokyo     = "192.0.2.1"
	fromFrankfurt = "192.0.2.65"
	fromNewYork   = "192.0.2.129"
	fromNowhere   = "240.0.0.1"
)

func seq(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

// service returns a service over the three regions with two IPv4 endpoints and one IPv6 endpoint in each pool.
func service(name string, root policy.Node) *zones.Service {
	s := &zones.Service{Name: name, TTL: 30, Policy: root, Check: &zones.Check{Name: "web", Type: zones.CheckTCP, Port: 80}}
	for i, r := range regions {
		s.Pools = append(s.Pools, zones.Pool{Region: r, Endpoints: []netip.Addr{
			netip.MustParseAddr(fmt.Sprintf("198.18.%d.1", i+1)),
			netip.MustParseAddr(fmt.Sprintf("198.18.%d.2", i+1)),
			netip.MustParseAddr(fmt.Sprintf("2001:db8:%d::1", i+1)),
		}})
	}
	return s
}

func nearest() policy.Node { return &policy.Nearest{Pools: seq(len(regions))} }

func weighted(ws ...float64) policy.Node {
	n := &policy.Weighted{}
	for i, w := range ws {
		n.Shares = append(n.Shares, policy.Share{Weight: w, Node: &policy.Region{Pool: i}})
	}
	return n
}

func layout(t testing.TB, services ...*zones.Service) *Layout {
	t.Helper()
	return layoutWith(t, nil, services...)
}

// layoutWith is layout over a map with the borders of rules.
func layoutWith(t testing.TB, rules []netip.Prefix, services ...*zones.Service) *Layout {
	t.Helper()
	zone, problems := zones.Parse("glb.test.", "glb.test.zone", strings.NewReader("$ORIGIN glb.test.\n@ 60 IN SOA ns1 h 1 2 3 4 5\n@ 60 IN NS ns1\nns1 60 IN A 192.0.2.53\n"))
	if zone == nil {
		t.Fatal(problems)
	}
	index, problems := zones.NewIndex([]*zones.Zone{zone}, services)
	if index == nil {
		t.Fatal(problems)
	}
	atlas, err := geo.NewAtlas(geo.Sources{Database: geo.Demo(), Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	l, err := NewLayout(index, services, atlas, new(Counters))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func ecs(addr string, bits int) Client {
	return Client{ECS: netip.PrefixFrom(netip.MustParseAddr(addr), bits), Source: netip.MustParseAddr("127.0.0.1")}
}

func addresses(o Outcome) (as []string) {
	for _, rr := range o.RR() {
		switch rr := rr.(type) {
		case *dns.A:
			as = append(as, rr.A.String())
		case *dns.AAAA:
			as = append(as, rr.AAAA.String())
		case *dns.CNAME:
			as = append(as, rr.Target)
		}
	}
	slices.Sort(as)
	return as
}

func ask(s *Service, qtype uint16, c Client) string {
	return strings.Join(addresses(s.Draw(qtype, s.Locate(c), 0)), " ")
}

// down returns a table in which the endpoints at the addresses are down and the others unknown.
func down(l *Layout, addrs ...string) status.Table {
	t := status.Table{}
	for _, d := range l.services {
		for _, p := range d.spec.Pools {
			for _, a := range p.Endpoints {
				if slices.Contains(addrs, a.String()) {
					t[d.spec.Check.Target(a)] = status.State{Health: status.Down, Reason: "connection refused"}
				}
			}
		}
	}
	return t
}

func TestNearestFollowsTheClientAndItsHealth(t *testing.T) {
	svc := service("www.glb.test.", nearest())
	l := layout(t, svc)
	for _, c := range []struct {
		name  string
		qtype uint16
		from  Client
		down  []string
		min   zones.MinHealthy
		want  string
	}{
		{"Tokyo", dns.TypeA, ecs(fromTokyo, 24), nil, zones.MinHealthy{}, "198.18.3.1 198.18.3.2"},
		{"Frankfurt", dns.TypeA, ecs(fromFrankfurt, 32), nil, zones.MinHealthy{}, "198.18.2.1 198.18.2.2"},
		{"New York over IPv6", dns.TypeAAAA, ecs(fromNewYork, 32), nil, zones.MinHealthy{}, "2001:db8:1::1"},
		{"unknown place: the configured order", dns.TypeA, ecs(fromNowhere, 32), nil, zones.MinHealthy{}, "198.18.1.1 198.18.1.2"},
		{"unknown is counted as up", dns.TypeA, ecs(fromTokyo, 24), nil, zones.MinHealthy{Share: 1}, "198.18.3.1 198.18.3.2"},
		{"one of two down: the other answers", dns.TypeA, ecs(fromTokyo, 24), []string{"198.18.3.1"}, zones.MinHealthy{Share: .5}, "198.18.3.2"},
		{"one of two is less than min_healthy: next region", dns.TypeA, ecs(fromFrankfurt, 32), []string{"198.18.2.1"}, zones.MinHealthy{Count: 2}, "198.18.1.1 198.18.1.2"},
		{"v6 down moves AAAA", dns.TypeAAAA, ecs(fromFrankfurt, 32), []string{"2001:db8:2::1"}, zones.MinHealthy{}, "2001:db8:1::1"},
		{"v6 down leaves A alone", dns.TypeA, ecs(fromFrankfurt, 32), []string{"2001:db8:2::1"}, zones.MinHealthy{}, "198.18.2.1 198.18.2.2"},
		{"everything down: as if all were up", dns.TypeA, ecs(fromTokyo, 24), []string{"198.18.1.1", "198.18.1.2", "198.18.2.1", "198.18.2.2", "198.18.3.1", "198.18.3.2"}, zones.MinHealthy{}, "198.18.3.1 198.18.3.2"},
		{"another type is no data", dns.TypeTXT, ecs(fromTokyo, 24), nil, zones.MinHealthy{}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			svc.MinHealthy = c.min
			s := l.Snapshot(down(l, c.down...), nil, nil).Service(0)
			if got := ask(s, c.qtype, c.from); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestFallbacks(t *testing.T) {
	all := []string{"198.18.1.1", "198.18.1.2", "198.18.2.1", "198.18.2.2", "198.18.3.1", "198.18.3.2"}
	svc := service("www.glb.test.", nearest())
	svc.Fallback = zones.Fallback{Kind: zones.FallbackAddresses, Addresses: []netip.Addr{netip.MustParseAddr("198.18.9.9")}}
	l := layout(t, svc)
	sn := l.Snapshot(down(l, all...), nil, nil)
	s := sn.Service(0)
	if got := ask(s, dns.TypeA, ecs(fromTokyo, 24)); got != "198.18.9.9" {
		t.Errorf("fallback addresses: got %q", got)
	}
	if got := sn.Label(s.Draw(dns.TypeA, s.Locate(ecs(fromTokyo, 24)), 0)); got != (Label{"www.glb.test.", "none", "fallback"}) {
		t.Errorf("counted as %+v", got)
	}
	svc = service("www.glb.test.", nearest())
	svc.Fallback.Kind = zones.FallbackServfail
	l = layout(t, svc)
	s = l.Snapshot(down(l, all...), nil, nil).Service(0)
	if o := s.Draw(dns.TypeA, s.Locate(ecs(fromTokyo, 24)), 0); !o.Servfail || o.Set != nil {
		t.Errorf("fallback servfail: got %+v", o)
	}
	if got := ask(s, dns.TypeAAAA, ecs(fromTokyo, 24)); got != "2001:db8:3::1" {
		t.Errorf("the other family isn't touched: got %q", got)
	}
}

// An operator's OFF is never overridden by the fallback.
func TestForcedDownStaysOutOfTheFallback(t *testing.T) {
	l := layout(t, service("www.glb.test.", nearest()))
	all := down(l, "198.18.1.1", "198.18.1.2", "198.18.2.1", "198.18.2.2", "198.18.3.1", "198.18.3.2")
	for _, a := range []string{"198.18.3.1", "198.18.3.2"} {
		target := l.services[0].spec.Check.Target(netip.MustParseAddr(a))
		all[target] = status.State{Health: status.Down, Forced: true}
	}
	s := l.Snapshot(all, nil, nil).Service(0)
	if got := ask(s, dns.TypeA, ecs(fromTokyo, 24)); got != "198.18.2.1 198.18.2.2" {
		t.Errorf("got %q, want the nearest region that isn't forced down", got)
	}
}

func TestLocateScope(t *testing.T) {
	sticky := service("sticky.glb.test.", weighted(1, 1, 1))
	sticky.Sticky = true
	l := layout(t, service("www.glb.test.", nearest()), service("w.glb.test.", weighted(1, 2, 3)), sticky)
	s := l.Snapshot(nil, nil, nil)
	source := netip.MustParseAddr(fromFrankfurt)
	for _, c := range []struct {
		name    string
		service int
		client  Client
		scope   uint8
		fromECS bool
	}{
		{"no ECS", 0, Client{Source: source}, 0, false},
		{"source prefix 0 means: don't use my address", 0, Client{ECS: netip.MustParsePrefix("0.0.0.0/0"), Source: source}, 0, false},
		{"the scope is where the decision is certain", 0, ecs(fromTokyo, 32), 26, true},
		{"the scope may exceed the source prefix", 0, ecs("192.0.2.0", 24), 26, true},
		{"a private address falls back to the source, under the scope of its block", 0, Client{ECS: netip.MustParsePrefix("10.1.2.0/24"), Source: source}, 8, false},
		{"weights don't look at the client", 1, ecs(fromTokyo, 24), 0, true},
		{"sticky looks at the /24", 2, ecs(fromTokyo, 24), 24, true},
		{"sticky looks at the /56", 2, ecs("2001:db8::", 48), 56, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			loc := s.Service(c.service).Locate(c.client)
			if loc.Scope != c.scope || loc.FromECS != c.fromECS {
				t.Errorf("got scope %d, from ECS %t; want %d, %t", loc.Scope, loc.FromECS, c.scope, c.fromECS)
			}
		})
	}
	private := s.Service(0).Locate(Client{ECS: netip.MustParsePrefix("10.1.2.0/24"), Source: source})
	if own := s.Service(0).Locate(Client{Source: source}); private.Locality != own.Locality || private.Locality == geo.Unknown {
		t.Errorf("private ECS is located at %d, its resolver at %d", private.Locality, own.Locality)
	}
}

// Two addresses inside one scope block always have the same locality.
func TestScopeBlockSharesALocality(t *testing.T) {
	s := layout(t, service("www.glb.test.", nearest())).Snapshot(nil, nil, nil).Service(0)
	near := []string{"192.0.2.0", "198.51.100.0", "203.0.113.0", "10.0.0.0", "0.0.0.0"}
	rapid.Check(t, func(t *rapid.T) {
		base := netip.MustParseAddr(rapid.SampledFrom(near).Draw(t, "near")).As4()
		base[3] = rapid.Byte().Draw(t, "host")
		if rapid.Bool().Draw(t, "far") {
			base = [4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "any"))
		}
		a := netip.AddrFrom4(base)
		loc := s.Locate(Client{ECS: netip.PrefixFrom(a, 32), Source: netip.MustParseAddr(fromNowhere)})
		other := base
		for bit := int(loc.Scope); bit < 32; bit++ {
			if rapid.Bool().Draw(t, "flip") {
				other[bit/8] ^= 0x80 >> (bit % 8)
			}
		}
		b := netip.AddrFrom4(other)
		if got := s.Locate(Client{ECS: netip.PrefixFrom(b, 32), Source: netip.MustParseAddr(fromNowhere)}); got.Locality != loc.Locality || got.Scope != loc.Scope {
			t.Fatalf("%s has locality %d scope %d, but %s inside has %d scope %d", a, loc.Locality, loc.Scope, b, got.Locality, got.Scope)
		}
	})
}

// chiSquare tells how far counts are from shares of their sum.
func chiSquare(counts map[string]int, shares map[string]float64) float64 {
	n := 0
	for _, c := range counts {
		n += c
	}
	x := 0.0
	for k, p := range shares {
		d := float64(counts[k]) - p*float64(n)
		x += d * d / (p * float64(n))
	}
	return x
}

func TestWeightedSharesAreExact(t *testing.T) {
	// 13.8 is the 99.9% quantile of chi-square with 2 degrees of freedom; the seed is fixed, so the test can't flicker.
	const seed, limit = 42, 13.8
	want := map[string]float64{"198.18.1.1 198.18.1.2": 1. / 6, "198.18.2.1 198.18.2.2": 2. / 6, "198.18.3.1 198.18.3.2": 3. / 6}
	for _, sticky := range []bool{false, true} {
		svc := service("w.glb.test.", weighted(10, 20, 30))
		svc.Sticky = sticky
		s := layout(t, svc).Snapshot(nil, nil, nil).Service(0)
		r := rand.New(rand.NewPCG(seed, 0))
		counts := map[string]int{}
		for range 60000 {
			v := r.Uint32()
			c := Client{ECS: netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), 0}), 24)}
			counts[strings.Join(addresses(s.Draw(dns.TypeA, s.Locate(c), r.Uint64())), " ")]++
		}
		if x := chiSquare(counts, want); x > limit || len(counts) != 3 {
			t.Errorf("seed %d, sticky %t: chi-square %.1f > %.1f: %v", seed, sticky, x, limit, counts)
		}
	}
}

// A sticky service moves only the clients of the pool that fails, and the same ones come back.
func TestStickyMovesOnlyTheClientsOfTheFailedPool(t *testing.T) {
	svc := service("sticky.glb.test.", weighted(1, 2, 3))
	svc.Sticky = true
	l := layout(t, svc)
	before := l.Snapshot(nil, nil, nil).Service(0)
	after := l.Snapshot(down(l, "198.18.2.1", "198.18.2.2"), nil, nil).Service(0)
	moved := 0
	for i := range 5000 {
		c := ecs(netip.AddrFrom4([4]byte{byte(20 + i%7), byte(i >> 8), byte(i), 0}).String(), 24)
		a, b := ask(before, dns.TypeA, c), ask(after, dns.TypeA, c)
		if a != b {
			moved++
			if !strings.HasPrefix(a, "198.18.2.") {
				t.Fatalf("client %v moved from %s, which is up, to %s", c.ECS, a, b)
			}
		}
		if same := ask(before, dns.TypeA, Client{ECS: netip.PrefixFrom(c.ECS.Addr().Next(), 32)}); same != a {
			t.Fatalf("two clients of %v get %s and %s", c.ECS, a, same)
		}
	}
	if moved < 1400 || moved > 1950 {
		t.Errorf("%d of 5000 clients moved, expected about a third", moved)
	}
}

func TestMultivalueTurnsTheOrderAndHoldsTheMaximum(t *testing.T) {
	svc := service("multi.glb.test.", &policy.All{Children: []policy.Node{&policy.Region{Pool: 0}, &policy.Region{Pool: 1}, &policy.Region{Pool: 2}}, Max: 3})
	s := layout(t, svc).Snapshot(nil, nil, nil).Service(0)
	r := rand.New(rand.NewPCG(1, 2))
	first := map[string]int{}
	for range 6000 {
		o := s.Draw(dns.TypeA, Location{}, r.Uint64())
		if o.Count != 3 {
			t.Fatalf("%d addresses, want 3", o.Count)
		}
		first[o.RR()[0].(*dns.A).A.String()]++
	}
	if len(first) != 6 {
		t.Fatalf("only %v come first", first)
	}
	for a, n := range first {
		if n < 850 || n > 1150 {
			t.Errorf("%s came first %d times of 6000, expected about 1000", a, n)
		}
	}
}

// The incremental compile equals the whole one, shares what is untouched, and never writes to the snapshot before.
func TestIncrementalEqualsWhole(t *testing.T) {
	l := layout(t, service("a.glb.test.", nearest()), service("b.glb.test.", weighted(1, 2, 3)),
		service("c.glb.test.", &policy.Failover{Children: []policy.Node{&policy.Region{Pool: 1}, &policy.Region{Pool: 0}}}))
	clients := []Client{ecs(fromTokyo, 24), ecs(fromFrankfurt, 32), ecs(fromNowhere, 32)}
	look := func(s *Snapshot) string {
		var b bytes.Buffer
		for _, svc := range s.Services() {
			for _, c := range clients {
				for _, q := range []uint16{dns.TypeA, dns.TypeAAAA} {
					for random := range uint64(8) {
						fmt.Fprintln(&b, addresses(svc.Draw(q, svc.Locate(c), random<<61)))
					}
				}
			}
		}
		return b.String()
	}
	rapid.Check(t, func(t *rapid.T) {
		prev := l.Snapshot(nil, nil, nil)
		states := status.Table{}
		for range rapid.IntRange(1, 6).Draw(t, "steps") {
			next := status.Table{}
			for k, v := range states {
				next[k] = v
			}
			var changed []string
			targets := slices.Sorted(maps.Keys(l.byKey))
			for range rapid.IntRange(1, 4).Draw(t, "changes") {
				target := rapid.SampledFrom(targets).Draw(t, "target")
				if rapid.IntRange(0, 4).Draw(t, "of one service") == 0 {
					target = status.HoldKey("b.glb.test.", target)
				}
				next[target] = status.State{
					Health:   status.Health(rapid.IntRange(0, 2).Draw(t, "health")),
					Withheld: rapid.SampledFrom([]float64{0, 0, 0.1, 0.5, 0.9, 1}).Draw(t, "withheld"),
				}
				changed = append(changed, target)
			}
			frozen := look(prev)
			s := l.Snapshot(next, prev, changed)
			if a, b := look(s), look(l.Snapshot(next, nil, nil)); a != b {
				t.Fatalf("incremental:\n%s\nwhole:\n%s", a, b)
			}
			if look(prev) != frozen {
				t.Fatal("the snapshot before was written to")
			}
			prev, states = s, next
		}
	})
}

func TestServicesOfOneShapeShareTheirPlans(t *testing.T) {
	var services []*zones.Service
	for i := range 10 {
		services = append(services, service(fmt.Sprintf("s%d.glb.test.", i), nearest()))
	}
	s := layout(t, services...).Snapshot(nil, nil, nil)
	for _, svc := range s.Services() {
		if svc.family[v4].plan != s.Service(0).family[v4].plan || svc.view != s.Service(0).view {
			t.Fatal("equal services don't share plan and view")
		}
	}
}

// More views than there are tables share one, and still answer as they do alone.
func TestViewsBeyondTheTablesAnswerAlike(t *testing.T) {
	var services []*zones.Service
	for i := range ownTables + 5 {
		services = append(services, service(fmt.Sprintf("s%d.glb.test.", i), &policy.Nearest{Pools: []int{i % 3, (i + 1) % 3}, MaxDistance: float64(1000 + 800*i)}))
	}
	together := layout(t, services...).Snapshot(nil, nil, nil)
	for i, svc := range services {
		alone := layout(t, svc).Snapshot(nil, nil, nil).Service(0)
		for _, from := range []string{fromTokyo, fromFrankfurt, fromNewYork, fromNowhere, "203.0.113.1", "10.0.0.1"} {
			a, b := ask(alone, dns.TypeA, ecs(from, 32)), ask(together.Service(i), dns.TypeA, ecs(from, 32))
			if a != b {
				t.Errorf("service %d from %s: alone %q, among others %q", i, from, a, b)
			}
		}
	}
}

// A private network that a rule of one service names stays a matter of the source address for the others, also where
// they share a table.
func TestPrivateNetworkNamedByAnotherServicesRule(t *testing.T) {
	var services []*zones.Service
	for i := range ownTables + 2 {
		services = append(services, service(fmt.Sprintf("s%d.glb.test.", i), &policy.Nearest{Pools: []int{0, 1, 2}, MaxDistance: float64(12000 + i)}))
	}
	home := netip.MustParsePrefix("10.1.0.0/16")
	services = append(services, service("home.glb.test.", &policy.Geo{
		Rules:   []policy.Rule{{Networks: []netip.Prefix{home}, Policy: &policy.Region{Pool: 2}}},
		Default: nearest(),
	}))
	s := layoutWith(t, []netip.Prefix{home}, services...).Snapshot(nil, nil, nil)
	client := Client{ECS: netip.MustParsePrefix("10.1.2.0/24"), Source: netip.MustParseAddr(fromFrankfurt)}
	for i, svc := range s.Services() {
		want := "198.18.2.1 198.18.2.2"
		if i == len(services)-1 {
			want = "198.18.3.1 198.18.3.2"
		}
		if got := ask(svc, dns.TypeA, client); got != want {
			t.Errorf("%s: got %q, want %q", svc.Spec().Name, got, want)
		}
	}
}

func TestCNAMEPool(t *testing.T) {
	svc := service("cdn.glb.test.", nearest())
	svc.Check = nil
	svc.Pools[0] = zones.Pool{Region: regions[0], CNAME: "us.cdn.example.net."}
	s := layout(t, svc).Snapshot(nil, nil, nil).Service(0)
	for _, q := range []uint16{dns.TypeA, dns.TypeAAAA} {
		if got := ask(s, q, ecs(fromNewYork, 32)); got != "us.cdn.example.net." {
			t.Errorf("type %d from New York: %q", q, got)
		}
	}
	if got := ask(s, dns.TypeA, ecs(fromFrankfurt, 32)); got != "198.18.2.1 198.18.2.2" {
		t.Errorf("from Frankfurt: %q", got)
	}
}

func TestGenerationOnlyGrows(t *testing.T) {
	l := layout(t, service("www.glb.test.", nearest()))
	var cur Current
	if cur.Load() != nil {
		t.Fatal("something is in use before the first Publish")
	}
	for want := uint64(1); want < 4; want++ {
		cur.Publish(l.Snapshot(nil, cur.Load(), nil))
		if got := cur.Load().Generation; got != want {
			t.Fatalf("generation %d, want %d", got, want)
		}
	}
}

func TestMovedIsTheShareThatChangesItsRegion(t *testing.T) {
	svc := service("www.glb.test.", nearest())
	before := layout(t, svc)
	if m := Moved(before, layout(t, svc)); m != (geo.Move{}) {
		t.Errorf("the same map moves %+v", m)
	}
	moved, err := geo.NewAtlas(geo.Sources{Database: geo.Demo(), Overrides: []geo.Override{
		{Prefix: netip.MustParsePrefix("192.0.2.0/26"), Place: geo.Place{Region: "us-east"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	after, err := NewLayout(before.index, []*zones.Service{svc}, moved, new(Counters))
	if err != nil {
		t.Fatal(err)
	}
	if m := Moved(before, after); m.V4 < 64.0/768 || m.V4 > 64.0/256 || m.V6 != 0 {
		t.Errorf("64 of the demo's 768 or fewer addresses moved, got %+v", m)
	}
}

func TestCandidatesSayWhy(t *testing.T) {
	l := layout(t, service("www.glb.test.", nearest()))
	sn := l.Snapshot(down(l, "198.18.3.1", "198.18.3.2"), nil, nil)
	s := sn.Service(0)
	loc := s.Locate(ecs(fromTokyo, 24))
	place, _ := sn.Atlas().Lookup(loc.Address)
	var got []string
	for _, c := range s.Candidates(sn.States(), dns.TypeA, loc, place) {
		got = append(got, fmt.Sprintf("%d %s %s %g: %s", c.Rank, c.Region, c.Health, c.Probability, c.Why))
	}
	want := []string{
		"1 ap-northeast down 0: 0 of 2 endpoints up, 1 needed: 198.18.3.1: connection refused; 198.18.3.2: connection refused",
		"2 eu-west unknown 1: takes what nearer regions don't",
		"3 us-east unknown 0: nothing left to take",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestReadingAllocatesNothing(t *testing.T) {
	svc := service("sticky.glb.test.", weighted(1, 2, 3))
	svc.Sticky = true
	s := layout(t, service("www.glb.test.", nearest()), svc).Snapshot(nil, nil, nil)
	c := ecs(fromTokyo, 24)
	for i := range 2 {
		svc := s.Service(i)
		if n := testing.AllocsPerRun(100, func() { svc.Draw(dns.TypeA, svc.Locate(c), math.MaxUint64/3) }); n != 0 {
			t.Errorf("%s: %g allocations", svc.Spec().Name, n)
		}
	}
}

func BenchmarkLocateAndDraw(b *testing.B) {
	s := layout(b, service("www.glb.test.", nearest())).Snapshot(nil, nil, nil).Service(0)
	c := ecs(fromTokyo, 24)
	b.ReportAllocs()
	for b.Loop() {
		s.Draw(dns.TypeA, s.Locate(c), 1)
	}
}

func BenchmarkSnapshotOneChange(b *testing.B) {
	for _, n := range []int{1000, 100000} {
		b.Run(fmt.Sprintf("services=%d", n), func(b *testing.B) {
			services := make([]*zones.Service, n)
			for i := range services {
				services[i] = service(fmt.Sprintf("s%d.glb.test.", i), nearest())
				services[i].Pools[0].Endpoints[0] = netip.AddrFrom4([4]byte{100, byte(i >> 16), byte(i >> 8), byte(i)})
			}
			l := layout(b, services...)
			prev := l.Snapshot(nil, nil, nil)
			target := services[n/2].Check.Target(services[n/2].Pools[0].Endpoints[0])
			states := status.Table{target: {Health: status.Down}}
			b.ReportAllocs()
			for b.Loop() {
				l.Snapshot(states, prev, []string{target})
			}
		})
	}
}
