package snapshot

import (
	"math"
	"net/netip"
	"testing"

	"github.com/miekg/dns"

	"meridian/policy"
	"meridian/status"
)

// TestPoolWithholdsForItsLoad: what a pool sheds flows on to the next choice, on top of what its endpoints withhold, for
// one service alone; and explain says why.
func TestPoolWithholdsForItsLoad(t *testing.T) {
	svc, other := service("www.glb.test.", nearest()), service("other.glb.test.", nearest())
	l := layout(t, svc, other)
	states := withholding(svc, map[string]float64{"198.18.3.1": .5, "198.18.3.2": .5})
	before := l.Snapshot(states, nil, nil)
	const region, why = "ap-northeast", "over its target (load 92% of 80%): takes 70%"
	next := status.Table{status.LoadKey("www.glb.test.", region): {Health: status.Up, Load: .92, Withheld: .3, Reason: why}}
	for key, s := range states {
		next[key] = s
	}
	after := l.Snapshot(next, before, status.Changed(states, next))
	s := after.Service(0)
	loc := s.Locate(ecs(fromTokyo, 24))
	place, _ := after.Atlas().Lookup(loc.Address)
	c := s.Candidates(after.States(), dns.TypeA, loc, place)[0]
	want := "nearest region that is up, for 35% of such clients (198.18.3.1: ramping; 198.18.3.2: ramping; " + why + ")"
	if c.Region != region || c.Why != want || math.Abs(c.Acceptance-.35) > 1e-9 {
		t.Errorf("%s takes %g: %s\nwant %s", c.Region, c.Acceptance, c.Why, want)
	}
	if got := counted(s, ecs(fromTokyo, 24), 20_000)["198.18.3.1 198.18.3.2"]; math.Abs(got-.35) > .015 {
		t.Errorf("the pool answers %.3f of the questions", got)
	}
	if after.Service(1) != before.Service(1) {
		t.Error("the load of one service's pool moved another service")
	}
}

// TestObservedLoadsShiftShares: least-loaded goes by what the states say of pools, unless loads are given.
func TestObservedLoadsShiftShares(t *testing.T) {
	l := layout(t, service("www.glb.test.", &policy.LeastLoaded{Pools: seq(3)}))
	states := status.Table{}
	for region, load := range map[string]float64{"us-east": .2, "eu-west": .4, "ap-northeast": .4} {
		states[status.LoadKey("www.glb.test.", region)] = status.State{Health: status.Up, Load: load}
	}
	before := l.Snapshot(status.Table{}, nil, nil)
	s := l.Snapshot(states, before, status.Changed(status.Table{}, states)).Service(0)
	for i, want := range []float64{.5, .25, .25} {
		if got := s.Divide(dns.TypeA, 0).Pools[i]; math.Abs(got-want) > 1e-9 {
			t.Errorf("pool %d has a share of %g, want %g", i, got, want)
		}
	}
	given := Loads{{"www.glb.test.", "us-east"}: .4}
	if got := l.Compile(Observed{States: states, Loads: given}, nil, nil).Service(0).Divide(dns.TypeA, 0).Pools[0]; math.Abs(got-1./3) > 1e-9 {
		t.Errorf("with a given load the share is %g", got)
	}
}

// TestShedClientsAreTheSame: a pool that sheds more moves only the added clients, to their next choice, and one that
// sheds less takes exactly these back.
func TestShedClientsAreTheSame(t *testing.T) {
	svc := service("www.glb.test.", nearest())
	svc.Sticky = true
	l := layout(t, svc)
	const clients = 4000
	answers := func(withheld float64) (got [clients]string) {
		states := status.Table{}
		if withheld > 0 {
			states[status.LoadKey("www.glb.test.", "ap-northeast")] = status.State{Health: status.Up, Load: .92, Withheld: withheld}
		}
		s := l.Snapshot(states, nil, nil).Service(0)
		place := s.Locate(ecs(fromTokyo, 24))
		for i := range got {
			loc := place
			loc.Address = netip.AddrFrom4([4]byte{100, 64 | byte(i>>8), byte(i), 1})
			o := s.Draw(dns.TypeA, loc, 0)
			got[i] = s.poolNamed(o)
		}
		return got
	}
	all, some, more, back := answers(0), answers(.1), answers(.3), answers(.1)
	moved := [2]int{}
	for i := range all {
		if all[i] != "ap-northeast" {
			t.Fatalf("client %d is in %s", i, all[i])
		}
		if some[i] != all[i] {
			moved[0]++
			if more[i] != some[i] {
				t.Fatalf("client %d moved to %s, and on to %s", i, some[i], more[i])
			}
		}
		if more[i] != all[i] {
			moved[1]++
		}
	}
	if back != some {
		t.Error("others came back than had gone")
	}
	for i, want := range []float64{.1, .3} {
		if got := float64(moved[i]) / clients; math.Abs(got-want) > .02 {
			t.Errorf("%.3f of the clients moved, want %g", got, want)
		}
	}
}

// poolNamed returns the region whose address an outcome begins with.
func (s *Service) poolNamed(o Outcome) string {
	all := make([]byte, len(s.pools))
	for p := range all {
		all[p] = byte(p)
	}
	return s.spec.Pools[s.poolOf(o.RR()[0], all)].Region.Name
}
