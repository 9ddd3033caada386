package snapshot

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"meridian/geo"
	"meridian/policy"
	"meridian/status"
	"meridian/zones"
)

// trees are policies over the three regions, each of which divides clients by itself.
var trees = map[string]policy.Node{
	"weighted":    weighted(1, 2, 3),
	"round-robin": &policy.RoundRobin{Children: []policy.Node{&policy.Region{Pool: 0}, &policy.Region{Pool: 1}, &policy.Region{Pool: 2}}},
	"near ties":   &policy.Nearest{Pools: seq(3), Spread: policy.Spread{Km: 20000}},
	"all of draws": &policy.All{Children: []policy.Node{
		weighted(1, 1, 1), &policy.Nearest{Pools: []int{1, 2}, Spread: policy.Spread{Km: 20000}},
	}},
	"nested": &policy.Failover{Children: []policy.Node{
		&policy.Weighted{Shares: []policy.Share{
			{Weight: 1, Node: weighted(1, 1, 0)},
			{Weight: 1, Node: &policy.RoundRobin{Children: []policy.Node{&policy.Region{Pool: 1}, weighted(0, 1, 4)}}},
		}},
		nearest(),
	}},
}

// clients returns different networks, half of them all over IPv4, half of them in the IPv6 cities of the demo data.
func clients(n int) []Client {
	r := rand.New(rand.NewPCG(7, 7))
	cs := make([]Client, n)
	for i := range cs {
		v := r.Uint32()
		cs[i] = Client{ECS: netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), 0}), 24)}
		if i%2 == 0 {
			a := netip.MustParseAddr("2001:db8::").As16()
			a[5], a[6] = byte(v>>24)%0x30, byte(v)
			cs[i] = Client{ECS: netip.PrefixFrom(netip.AddrFrom16(a), 56)}
		}
	}
	return cs
}

// In a sticky service a region that fails moves only its own clients, under every policy and for both families, and its
// return brings exactly these back.
func TestStickyMovesOnlyTheClientsOfTheFailedRegion(t *testing.T) {
	for name, tree := range trees {
		t.Run(name, func(t *testing.T) {
			svc := service("sticky.glb.test.", tree)
			svc.Sticky = true
			l := layout(t, svc)
			for _, c := range []struct {
				qtype uint16
				own   string
			}{{dns.TypeA, "198.18.2."}, {dns.TypeAAAA, "2001:db8:2:"}} {
				dead := down(l, "198.18.2.1", "198.18.2.2", "2001:db8:2::1")
				all, some := l.Snapshot(nil, nil, nil).Service(0), l.Snapshot(dead, nil, nil).Service(0)
				again := l.Snapshot(nil, nil, nil).Service(0)
				moved := 0
				for _, client := range clients(3000) {
					before, after := ask(all, c.qtype, client), ask(some, c.qtype, client)
					if back := ask(again, c.qtype, client); back != before {
						t.Fatalf("client %v comes back to %s, from %s", client.ECS, back, before)
					}
					if before == after {
						continue
					}
					if moved++; !strings.Contains(before, c.own) {
						t.Fatalf("client %v moved from %s, which is up, to %s", client.ECS, before, after)
					}
				}
				if moved < 500 {
					t.Errorf("%d of 3000 clients moved", moved)
				}
			}
		})
	}
}

// A sticky service sends a client to the same region over both families where both have it.
func TestFamiliesAgreeWhereBothCan(t *testing.T) {
	for name, tree := range trees {
		t.Run(name, func(t *testing.T) {
			svc := service("sticky.glb.test.", tree)
			svc.Sticky = true
			svc.Pools[2].Endpoints = svc.Pools[2].Endpoints[:2] // no IPv6
			s := layout(t, svc).Snapshot(nil, nil, nil).Service(0)
			apart := 0
			for _, client := range clients(2000) {
				a, aaaa := ask(s, dns.TypeA, client), ask(s, dns.TypeAAAA, client)
				if strings.Contains(a, "198.18.3.") {
					apart++
					continue
				}
				for region := 1; region <= 2; region++ {
					if strings.Contains(a, fmt.Sprintf("198.18.%d.", region)) != strings.Contains(aaaa, fmt.Sprintf("2001:db8:%d:", region)) {
						t.Fatalf("client %v gets %s and %s", client.ECS, a, aaaa)
					}
				}
			}
			if apart == 0 {
				t.Error("nobody was sent to the region without IPv6")
			}
		})
	}
}

func TestFamiliesTogether(t *testing.T) {
	svc := service("www.glb.test.", nearest())
	svc.Together = true
	l := layout(t, svc)
	for _, c := range []struct {
		name    string
		down    []string
		a, aaaa string
	}{
		{"both are up", nil, "198.18.2.1 198.18.2.2", "2001:db8:2::1"},
		{"IPv6 fails, and IPv4 goes along", []string{"2001:db8:2::1"}, "198.18.1.1 198.18.1.2", "2001:db8:1::1"},
		{"IPv4 fails, and IPv6 goes along", []string{"198.18.2.1", "198.18.2.2"}, "198.18.1.1 198.18.1.2", "2001:db8:1::1"},
		{"nobody serves both: each goes its way", []string{"2001:db8:2::1", "2001:db8:1::1", "198.18.3.1", "198.18.3.2"}, "198.18.2.1 198.18.2.2", "2001:db8:3::1"},
		{"IPv6 is down everywhere: IPv4 stays", []string{"2001:db8:1::1", "2001:db8:2::1", "2001:db8:3::1"}, "198.18.2.1 198.18.2.2", "2001:db8:2::1"},
	} {
		s := l.Snapshot(down(l, c.down...), nil, nil).Service(0)
		if a, aaaa := ask(s, dns.TypeA, ecs(fromFrankfurt, 32)), ask(s, dns.TypeAAAA, ecs(fromFrankfurt, 32)); a != c.a || aaaa != c.aaaa {
			t.Errorf("%s: got %s and %s, want %s and %s", c.name, a, aaaa, c.a, c.aaaa)
		}
	}
	svc = service("www.glb.test.", nearest())
	svc.Together = true
	for i := range svc.Pools {
		svc.Pools[i].Endpoints = svc.Pools[i].Endpoints[:2]
	}
	if got := ask(layout(t, svc).Snapshot(nil, nil, nil).Service(0), dns.TypeA, ecs(fromFrankfurt, 32)); got != "198.18.2.1 198.18.2.2" {
		t.Errorf("without any IPv6: %s", got)
	}
}

// second returns the service and its name of second choices.
func second(svc *zones.Service) []*zones.Service {
	next := *svc
	next.Name, next.Of, next.Second = "second."+svc.Name, svc, true
	return []*zones.Service{svc, &next}
}

// The second choice is where a client goes if its first choice fails.
func TestSecondIsWhereClientsGoWithoutTheirFirst(t *testing.T) {
	for name, tree := range trees {
		for _, sticky := range []bool{false, true} {
			svc := service("www.glb.test.", tree)
			svc.Sticky = sticky
			l := layout(t, second(svc)...)
			up := l.Snapshot(nil, nil, nil)
			for _, client := range append(clients(60), ecs(fromTokyo, 32), ecs(fromFrankfurt, 32)) {
				first, next := ask(up.Service(0), dns.TypeA, client), ask(up.Service(1), dns.TypeA, client)
				if !sticky && name != "near ties" {
					continue // the two draw independently of each other
				}
				if sticky && !strings.Contains(name, "all") && first == next {
					t.Fatalf("%s: client %v gets %s both times", name, client.ECS, first)
				}
				if !sticky {
					continue
				}
				without := l.Snapshot(down(l, strings.Fields(first)...), nil, nil)
				if moved := ask(without.Service(0), dns.TypeA, client); moved != next {
					t.Fatalf("%s: client %v gets %s, then %s, but without the first %s", name, client.ECS, first, next, moved)
				}
			}
		}
	}
	svc := service("www.glb.test.", nearest())
	l := layout(t, second(svc)...)
	up := l.Snapshot(nil, nil, nil).Service(1)
	if got := ask(up, dns.TypeA, ecs(fromTokyo, 32)); got != "198.18.2.1 198.18.2.2" {
		t.Errorf("the second choice of Tokyo is %s", got)
	}
	alone := l.Snapshot(down(l, "198.18.1.1", "198.18.1.2", "198.18.2.1", "198.18.2.2"), nil, nil).Service(1)
	if got := ask(alone, dns.TypeA, ecs(fromTokyo, 32)); got != "198.18.3.1 198.18.3.2" {
		t.Errorf("with one region left the second choice is %s", got)
	}
	none := l.Snapshot(down(l, "198.18.1.1", "198.18.1.2", "198.18.2.1", "198.18.2.2", "198.18.3.1", "198.18.3.2"), nil, nil).Service(1)
	if got := ask(none, dns.TypeA, ecs(fromTokyo, 32)); got != "198.18.2.1 198.18.2.2" {
		t.Errorf("with everything down the second choice is %s", got)
	}
}

// Without stickiness the second choice is drawn from what is second to each first one.
func TestSecondOfWeights(t *testing.T) {
	s := layout(t, second(service("www.glb.test.", weighted(1, 1, 2)))...).Snapshot(nil, nil, nil).Service(1)
	// After 1/4 us-east: eu-west 1/3, ap 2/3; after 1/4 eu-west likewise; after 1/2 ap: half and half.
	want := map[string]float64{"198.18.1.1 198.18.1.2": 1. / 3, "198.18.2.1 198.18.2.2": 1. / 3, "198.18.3.1 198.18.3.2": 1. / 3}
	const seed = 11
	r := rand.New(rand.NewPCG(seed, 0))
	counts := map[string]int{}
	for range 30000 {
		counts[strings.Join(addresses(s.Draw(dns.TypeA, Location{}, r.Uint64())), " ")]++
	}
	if x := chiSquare(counts, want); x > 13.8 || len(counts) != 3 {
		t.Errorf("seed %d: chi-square %.1f: %v", seed, x, counts)
	}
}

func TestLoadsShiftShares(t *testing.T) {
	svc := service("www.glb.test.", &policy.LeastLoaded{Pools: seq(3)})
	l := layout(t, svc, service("other.glb.test.", nearest()))
	shares := func(s *Snapshot) (got [3]float64) {
		for i, c := range s.Service(0).Candidates(s.States(), dns.TypeA, Location{}, &geo.Place{}) {
			got[i] = c.Probability
		}
		return got
	}
	before := l.Compile(Observed{}, nil, nil)
	if got := shares(before); got != [3]float64{1. / 3, 1. / 3, 1. / 3} {
		t.Errorf("without known loads: %v", got)
	}
	loads := Loads{{"www.glb.test.", "us-east"}: 10, {"www.glb.test.", "eu-west"}: 20, {"www.glb.test.", "ap-northeast"}: 20}
	after := l.Compile(Observed{Loads: loads}, before, nil)
	if got := shares(after); got != [3]float64{0.5, 0.25, 0.25} {
		t.Errorf("with loads: %v", got)
	}
	if after.Service(1) != before.Service(1) {
		t.Error("a service to which loads don't matter was compiled anew")
	}
}

// A service with a min_healthy at its root and too few regions answers as if all were up, but for what is forced down.
func TestMinHealthyOfTheRootServesEverything(t *testing.T) {
	svc := service("www.glb.test.", &policy.Nearest{Pools: seq(3), MinHealthy: policy.MinHealthy{Count: 3}})
	l := layout(t, svc)
	states := down(l, "198.18.3.1", "198.18.3.2")
	if got := ask(l.Snapshot(states, nil, nil).Service(0), dns.TypeA, ecs(fromTokyo, 32)); got != "198.18.3.1 198.18.3.2" {
		t.Errorf("got %s, want the nearest as if it were up", got)
	}
	for key, s := range states {
		s.Forced = true
		states[key] = s
	}
	if got := ask(l.Snapshot(states, nil, nil).Service(0), dns.TypeA, ecs(fromTokyo, 32)); got != "198.18.2.1 198.18.2.2" {
		t.Errorf("got %s, want the nearest that isn't forced down", got)
	}
}

func TestTraceOfAService(t *testing.T) {
	svc := service("www.glb.test.", nearest())
	svc.Together, svc.Sticky = true, true
	l := layout(t, second(svc)...)
	states := down(l, "2001:db8:3::1")
	loc := l.Snapshot(nil, nil, nil).Service(0).Locate(ecs(fromTokyo, 32))
	trace := func(states status.Table, service int, qtype uint16) string {
		var b strings.Builder
		for _, s := range l.Snapshot(states, nil, nil).Service(service).Trace(qtype, loc) {
			fmt.Fprintf(&b, "%s: %s%s\n", s.What, strings.Repeat("  ", s.Depth), s.Result)
		}
		return b.String()
	}
	const want = `locality: kind 1 of the 5 kinds of clients that the policy tells apart; so are all in its /26
families: A and AAAA together: a pool takes what it takes over both
policy: nearest: offered 100%, took 100%; in the order of distance; 2 of 3 alive
policy:   region ap-northeast: offered 100%, took 0%; takes nothing
policy:   region eu-west: offered 100%, took 100%; takes all that it is offered
policy:   region us-east: nothing left to take
second: the first choice is eu-west; without it:
second: nearest: offered 100%, took 100%; in the order of distance; 1 of 3 alive
second:   region ap-northeast: offered 100%, took 0%; takes nothing
second:   region eu-west: offered 100%, took 0%; takes nothing
second:   region us-east: offered 100%, took 100%; takes all that it is offered
draw: one answer is possible
`
	if got := trace(states, 1, dns.TypeA); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	all := down(l, "198.18.1.1", "198.18.1.2", "198.18.2.1", "198.18.2.2", "198.18.3.1", "198.18.3.2")
	if got := trace(all, 0, dns.TypeA); !strings.Contains(got, "fallback: nobody takes 100%: as if all were up") || !strings.Contains(got, "families: A and AAAA together") {
		t.Error(got)
	}
	if got := trace(nil, 0, dns.TypeAAAA); !strings.Contains(got, "region ap-northeast: offered 100%, took 100%") {
		t.Error(got)
	}
}

func TestDrawingAWayAllocatesNothing(t *testing.T) {
	for name, tree := range trees {
		svc := service("sticky.glb.test.", tree)
		svc.Sticky = true
		l := layout(t, second(svc)...)
		states := down(l, "198.18.2.1", "198.18.2.2")
		for key := range states {
			states[key] = status.State{Health: status.Up, Withheld: 0.5}
		}
		s := l.Snapshot(states, nil, nil)
		some := clients(50)
		for i := range 2 {
			svc, c := s.Service(i), 0
			if n := testing.AllocsPerRun(200, func() { c++; svc.Draw(dns.TypeA, svc.Locate(some[c%len(some)]), uint64(c)) }); n != 0 {
				t.Errorf("%s of %s: %g allocations", svc.Spec().Name, name, n)
			}
		}
	}
}

func BenchmarkDrawSticky(b *testing.B) {
	for name, tree := range trees {
		b.Run(strings.ReplaceAll(name, " ", "-"), func(b *testing.B) {
			svc := service("sticky.glb.test.", tree)
			svc.Sticky = true
			s := layout(b, svc).Snapshot(nil, nil, nil).Service(0)
			some := clients(64)
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				i++
				s.Draw(dns.TypeA, s.Locate(some[i%len(some)]), uint64(i))
			}
		})
	}
}
