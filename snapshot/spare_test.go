package snapshot

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"pgregory.net/rapid"

	"meridian/status"
	"meridian/zones"
)

// withholding returns a table in which the endpoints withhold the shares; 2 stands for down.
func withholding(svc *zones.Service, shares map[string]float64) status.Table {
	t := status.Table{}
	for addr, w := range shares {
		s := status.State{Health: status.Up, Withheld: w, Reason: "ramping"}
		if w > 1 {
			s = status.State{Health: status.Down, Reason: "timeout"}
		}
		t[svc.StateKey(netip.MustParseAddr(addr))] = s
	}
	return t
}

// counted asks n times and returns the share of each answer.
func counted(s *Service, c Client, n int) map[string]float64 {
	r := rand.New(rand.NewPCG(7, 7))
	loc, shares := s.Locate(c), map[string]float64{}
	for range n {
		shares[strings.Join(addresses(s.Draw(dns.TypeA, loc, r.Uint64())), " ")] += 1 / float64(n)
	}
	return shares
}

// TestWithheldShares: an endpoint is left out of the share of the answers that it withholds, and what a whole pool
// withholds flows on.
func TestWithheldShares(t *testing.T) {
	const first, second, both, next = "198.18.3.1", "198.18.3.2", "198.18.3.1 198.18.3.2", "198.18.2.1 198.18.2.2"
	for _, tt := range []struct {
		name   string
		w1, w2 float64
		want   map[string]float64
	}{
		{"nothing", 0, 0, map[string]float64{both: 1}},
		{"one comes back beside another", 0, 0.9, map[string]float64{first: 0.9, both: 0.1}},
		{"one drains: as if it were down", 0, 1, map[string]float64{first: 1}},
		{"and when it is down", 0, 2, map[string]float64{first: 1}},
		{"a region comes back", 0.6, 0.6, map[string]float64{both: 0.4, next: 0.6}},
		{"what is left of a region comes back", 2, 0.6, map[string]float64{second: 0.4, next: 0.6}},
		{"one more than the other", 0.2, 0.6, map[string]float64{both: 0.4, first: 0.4, next: 0.2}},
		{"all of it drains", 1, 1, map[string]float64{next: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			svc := service("www.glb.test.", nearest())
			s := layout(t, svc).Snapshot(withholding(svc, map[string]float64{first: tt.w1, second: tt.w2}), nil, nil).Service(0)
			got := counted(s, ecs(fromTokyo, 24), 20_000)
			for answer, share := range tt.want {
				if math.Abs(got[answer]-share) > 0.015 {
					t.Errorf("%q has a share of %.3f, want %.3f", answer, got[answer], share)
				}
				delete(got, answer)
			}
			if len(got) > 0 {
				t.Errorf("also %v", got)
			}
		})
	}
}

// TestFallbackHasNoVariants: when everything drains, or is down, the answer is as if all were up.
func TestFallbackHasNoVariants(t *testing.T) {
	svc := service("www.glb.test.", nearest())
	shares := map[string]float64{}
	for _, a := range []string{"198.18.1.1", "198.18.1.2", "198.18.2.1", "198.18.2.2", "198.18.3.1", "198.18.3.2"} {
		shares[a] = 1
	}
	shares["198.18.3.1"] = 2
	s := layout(t, svc).Snapshot(withholding(svc, shares), nil, nil).Service(0)
	if got := counted(s, ecs(fromTokyo, 24), 100); len(got) != 1 || got["198.18.3.1 198.18.3.2"] == 0 {
		t.Errorf("got %v", got)
	}
}

// TestStickyClientsStayWithARamp: a client network that got the endpoint keeps it while the ramp grows, and the share of
// those that get it is right.
func TestStickyClientsStayWithARamp(t *testing.T) {
	svc := service("sticky.glb.test.", weighted(1, 0, 0))
	svc.Sticky = true
	l := layout(t, svc)
	had := map[string]bool{}
	for _, takes := range []float64{0.1, 0.3, 0.7, 1} {
		s := l.Snapshot(withholding(svc, map[string]float64{"198.18.1.2": 1 - takes}), nil, nil).Service(0)
		n := 0
		for i := range 4000 {
			c := ecs(netip.AddrFrom4([4]byte{20, byte(i >> 8), byte(i), 0}).String(), 24)
			has := strings.Contains(ask(s, dns.TypeA, c), "198.18.1.2")
			if has {
				n++
			}
			if had[c.ECS.String()] && !has {
				t.Fatalf("%v had it, and lost it at %g", c.ECS, takes)
			}
			had[c.ECS.String()] = has
		}
		if got := float64(n) / 4000; math.Abs(got-takes) > 0.03 {
			t.Errorf("%.3f of the clients get what takes %g", got, takes)
		}
	}
}

// TestVariantsEqualADraw compares the packed variants with what they stand for: each endpoint is in the answer with the
// probability of its share.
func TestVariantsEqualADraw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a answer
		var all []spared
		shares := rapid.SliceOfN(rapid.SampledFrom([]float64{0.1, 0.25, 0.5, 0.9, 1}), 1, 6).Draw(t, "shares")
		shares = append(shares, 1) // the greatest is 1
		for i, share := range shares {
			spec := &zones.Service{Name: "a.test.", TTL: 30}
			all = append(all, spared{addressRR(spec, netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), v4), share})
		}
		a.pack("a.test.", all, maxAnswer)
		for _, u := range []float64{0, 0.05, 0.15, 0.3, 0.6, 0.95} {
			set := a.set
			if a.variants != nil {
				set, _ = a.drawn(uint64(u * (1 << 63) * 2))
			}
			for i, share := range shares {
				in := strings.Contains(joined(set), netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}).String()+";")
				if in != (share > u) {
					t.Fatalf("at %g the endpoint that takes %g is in the answer: %t", u, share, in)
				}
			}
		}
	})
}

func joined(set *zones.RRset) string {
	text := ""
	for _, rr := range set.RRs {
		text += rr.(*dns.A).A.String() + ";"
	}
	return text
}

// TestHeldForOneServiceAlone: what a safety limit holds up for one service is down for the others.
func TestHeldForOneServiceAlone(t *testing.T) {
	limited, other := service("limited.glb.test.", nearest()), service("other.glb.test.", nearest())
	l := layout(t, limited, other)
	states := down(l, "198.18.3.1", "198.18.3.2")
	for _, a := range []string{"198.18.3.1", "198.18.3.2"} {
		states[status.HoldKey(limited.Name, limited.StateKey(netip.MustParseAddr(a)))] = status.State{Health: status.Up, Held: status.HoldVelocity}
	}
	states[limited.Name] = status.State{Health: status.Up, Held: status.HoldVelocity}
	prev := l.Snapshot(down(l, "198.18.3.1", "198.18.3.2"), nil, nil)
	s := l.Snapshot(states, prev, status.Changed(prev.States(), states))
	if got := ask(s.Service(0), dns.TypeA, ecs(fromTokyo, 24)); got != "198.18.3.1 198.18.3.2" {
		t.Errorf("the limited service answers %s", got)
	}
	if s.Service(1) != prev.Service(1) {
		t.Error("the other service was compiled anew")
	}
	if got := ask(s.Service(1), dns.TypeA, ecs(fromTokyo, 24)); got != "198.18.2.1 198.18.2.2" {
		t.Errorf("the other service answers %s", got)
	}
}

func TestCandidatesSayWhatIsWithheld(t *testing.T) {
	svc := service("www.glb.test.", nearest())
	l := layout(t, svc)
	for _, tt := range []struct {
		withheld float64
		want     string
	}{
		{0.6, "nearest region that is up, for 40% of such clients (198.18.3.1: ramping; 198.18.3.2: ramping)"},
		{1, "up, but takes nothing: 198.18.3.1: ramping; 198.18.3.2: ramping"},
	} {
		sn := l.Snapshot(withholding(svc, map[string]float64{"198.18.3.1": tt.withheld, "198.18.3.2": tt.withheld}), nil, nil)
		s := sn.Service(0)
		loc := s.Locate(ecs(fromTokyo, 24))
		place, _ := sn.Atlas().Lookup(loc.Address)
		c := s.Candidates(sn.States(), dns.TypeA, loc, place)[0]
		if c.Why != tt.want || math.Abs(c.Acceptance-(1-tt.withheld)) > 1e-9 {
			t.Errorf("%s, acceptance %g; want %s", c.Why, c.Acceptance, tt.want)
		}
	}
}

func TestDrawingVariantsAllocatesNothing(t *testing.T) {
	svc := service("sticky.glb.test.", nearest())
	svc.Sticky = true
	s := layout(t, svc).Snapshot(withholding(svc, map[string]float64{"198.18.3.1": 0.6}), nil, nil).Service(0)
	c := ecs(fromTokyo, 24)
	if n := testing.AllocsPerRun(100, func() { s.Draw(dns.TypeA, s.Locate(c), math.MaxUint64/3) }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}
