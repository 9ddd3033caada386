package snapshot

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"testing"

	"github.com/miekg/dns"
	"pgregory.net/rapid"

	"meridian/geo"
	"meridian/policy"
	"meridian/status"
	"meridian/zones"
)

// shares asks how Draw divides clients at one place, from 1 in n random numbers.
func shares(s *Service, qtype uint16, loc Location, n int) map[string]float64 {
	rng := rand.New(rand.NewPCG(7, 9))
	got := map[string]float64{}
	for range n {
		o := s.Draw(qtype, loc, rng.Uint64())
		name := ""
		if o.Set != nil {
			first := o.RR()[0]
			for p := range s.spec.Pools {
				if s.holds(p, first) {
					name = s.spec.Pools[p].Region.Name
				}
			}
		}
		got[name] += 1 / float64(n)
	}
	return got
}

func (s *Service) holds(p int, rr dns.RR) bool {
	for _, e := range s.spec.Pools[p].Endpoints {
		if a, ok := rr.(*dns.A); ok && a.A.String() == e.String() {
			return true
		}
	}
	return false
}

// TestDivideIsWhatDrawDraws holds every kind of policy, with pools that withhold and are down, against 20,000 draws.
func TestDivideIsWhatDrawDraws(t *testing.T) {
	for name, root := range map[string]policy.Node{
		"nearest":  nearest(),
		"weighted": weighted(5, 3, 2),
		"all":      &policy.All{Children: []policy.Node{&policy.Region{Pool: 0}, &policy.Region{Pool: 1}, &policy.Region{Pool: 2}}, Max: 2},
		"mixed":    &policy.Weighted{Shares: []policy.Share{{Weight: 1, Node: nearest()}, {Weight: 1, Node: weighted(0, 1, 3)}}},
	} {
		spec := service("www.glb.test.", root)
		states := status.Table{
			spec.StateKey(netip.MustParseAddr("198.18.1.1")): {Health: status.Up, Withheld: .75},
			spec.StateKey(netip.MustParseAddr("198.18.1.2")): {Health: status.Up, Withheld: .5},
			spec.StateKey(netip.MustParseAddr("198.18.2.1")): {Health: status.Down},
		}
		s := layout(t, spec).Snapshot(states, nil, nil).Service(0)
		for _, from := range []string{fromTokyo, fromFrankfurt, fromNewYork, fromNowhere} {
			loc := s.Locate(Client{Source: netip.MustParseAddr(from)})
			d := s.Divide(dns.TypeA, loc.Locality)
			const n = 20_000
			got, sum := shares(s, dns.TypeA, loc, n), d.Nobody
			for p, share := range d.Pools {
				sum += share
				seen := got[spec.Pools[p].Region.Name]
				if math.Abs(seen-share) > 4*math.Sqrt(share*(1-share)/n)+1e-9 {
					t.Errorf("%s from %s: %s has %g, drawn %g", name, from, spec.Pools[p].Region.Name, share, seen)
				}
			}
			if math.Abs(sum-1) > 1e-9 {
				t.Errorf("%s from %s: shares sum to %g: %v", name, from, sum, d)
			}
		}
	}
}

func TestDivideForASticky(t *testing.T) {
	spec := service("www.glb.test.", weighted(5, 3, 2))
	spec.Sticky = true
	s := layout(t, spec).Snapshot(nil, nil, nil).Service(0)
	for i := range 100 {
		loc := s.Locate(Client{Source: netip.AddrFrom4([4]byte{203, 0, byte(i), 1})})
		got := shares(s, dns.TypeA, loc, 50)
		for p, share := range s.DivideFor(dns.TypeA, loc).Pools {
			if math.Abs(got[spec.Pools[p].Region.Name]-share) > 1e-9 {
				t.Fatalf("client %d: %s has %g, and is drawn %v", i, spec.Pools[p].Region.Name, share, got)
			}
		}
	}
}

func TestDivideWithoutAFamily(t *testing.T) {
	spec := service("www.glb.test.", nearest())
	for p := range spec.Pools {
		spec.Pools[p].Endpoints = spec.Pools[p].Endpoints[:2]
	}
	s := layout(t, spec).Snapshot(nil, nil, nil).Service(0)
	if d := s.Divide(dns.TypeAAAA, geo.Unknown); d.Nobody != 1 || s.Serves(dns.TypeAAAA) || !s.Serves(dns.TypeA) {
		t.Errorf("AAAA without an address: %v", d)
	}
}

// TestTerms: what each kind of term does to the shares of one weighted service, and to nothing else.
func TestTerms(t *testing.T) {
	spec, other := service("www.glb.test.", weighted(50, 30, 20)), service("api.glb.test.", weighted(1, 1, 0))
	base := layout(t, spec, other).Snapshot(nil, nil, nil)
	east, all := PoolKey{spec.Name, "us-east"}, PoolKey{"", "us-east"}
	for name, tc := range map[string]struct {
		terms      Terms
		www, api   []float64
		sameOthers bool
	}{
		"nothing":           {Terms{}, []float64{.5, .3, .2}, []float64{.5, .5, 0}, true},
		"a dial":            {Terms{Pools: map[PoolKey]Term{east: {Take: .4, Off: true}}}, []float64{.2, .48, .32}, []float64{.5, .5, 0}, true},
		"a region's dial":   {Terms{Pools: map[PoolKey]Term{all: {Take: .5}}}, []float64{.25, .45, .3}, []float64{.25, .75, 0}, false},
		"both dials":        {Terms{Pools: map[PoolKey]Term{all: {Take: .5}, east: {Take: .5}}}, []float64{.125, .525, .35}, []float64{.25, .75, 0}, false},
		"an outage":         {Terms{Pools: map[PoolKey]Term{all: {}}}, []float64{0, .6, .4}, []float64{0, 1, 0}, false},
		"a weight":          {Terms{Weights: map[PoolKey]Weight{east: {Value: 150}}}, []float64{.75, .15, .1}, []float64{.5, .5, 0}, true},
		"half of a weight":  {Terms{Weights: map[PoolKey]Weight{east: {Value: .5, Relative: true}}}, []float64{25. / 75, 30. / 75, 20. / 75}, []float64{.5, .5, 0}, true},
		"endpoints down":    {Terms{Down: map[netip.Addr]bool{spec.Pools[0].Endpoints[0]: true, spec.Pools[0].Endpoints[1]: true}}, []float64{0, .6, .4}, []float64{0, 1, 0}, false},
		"one endpoint down": {Terms{Down: map[netip.Addr]bool{spec.Pools[0].Endpoints[0]: true}}, []float64{.5, .3, .2}, []float64{.5, .5, 0}, false},
	} {
		s := base.Suppose(tc.terms)
		for i, want := range [][]float64{tc.www, tc.api} {
			for p, share := range s.Service(i).Divide(dns.TypeA, geo.Unknown).Pools {
				if math.Abs(share-want[p]) > 1e-9 {
					t.Errorf("%s: pool %d of service %d has %g, want %v", name, p, i, share, want)
				}
			}
		}
		if same := s.Service(1) == base.Service(1); same != tc.sameOthers {
			t.Errorf("%s: the other service is shared: %v", name, same)
		}
		if got := base.Service(0).Divide(dns.TypeA, geo.Unknown).Pools[0]; got != .5 {
			t.Fatalf("%s changed what it was asked of: %g", name, got)
		}
	}
}

// TestTermsOff: the fallback answers with what is down, never with what an operator switched off.
func TestTermsOff(t *testing.T) {
	spec := service("www.glb.test.", weighted(1, 1, 1))
	base := layout(t, spec).Snapshot(nil, nil, nil)
	terms := func(off bool) Terms {
		pools := map[PoolKey]Term{}
		for _, r := range regions {
			pools[PoolKey{Region: r.Name}] = Term{}
		}
		pools[PoolKey{Region: "us-east"}] = Term{Off: off}
		return Terms{Pools: pools}
	}
	for off, want := range map[bool]float64{false: 1. / 3, true: 0} {
		d := base.Suppose(terms(off)).Service(0).Divide(dns.TypeA, geo.Unknown)
		if math.Abs(d.Pools[0]-want) > 1e-9 || math.Abs(d.Pools[1]-(1-want)/2) > 1e-9 {
			t.Errorf("off %v: %v", off, d)
		}
	}
}

// TestTermsUp: what is said to be up is answered, whatever its states say; for one service, or for all of a region.
func TestTermsUp(t *testing.T) {
	www, api := service("www.glb.test.", weighted(1, 1, 1)), service("api.glb.test.", weighted(1, 1, 1))
	states := status.Table{}
	for _, spec := range []*zones.Service{www, api} {
		for _, a := range spec.Pools[0].Endpoints {
			states[spec.StateKey(a)] = status.State{Health: status.Down}
		}
	}
	base := layout(t, www, api).Snapshot(states, nil, nil)
	for key, want := range map[PoolKey][2]float64{
		{}:                    {0, 0},
		{www.Name, "us-east"}: {1. / 3, 0},
		{Region: "us-east"}:   {1. / 3, 1. / 3},
		{api.Name, "us-east"}: {0, 1. / 3},
		{Region: "elsewhere"}: {0, 0},
	} {
		s := base.Suppose(Terms{Pools: map[PoolKey]Term{key: {Take: 1, Up: true}}})
		for i := range want {
			if got := s.Service(i).Divide(dns.TypeA, geo.Unknown).Pools[0]; math.Abs(got-want[i]) > 1e-9 {
				t.Errorf("%v up: service %d sends %g there, want %g", key, i, got, want[i])
			}
		}
	}
}

// TestTermsCompileAlike: compiling anew what terms touch gives what compiling everything gives, back and forth.
func TestTermsCompileAlike(t *testing.T) {
	specs := []*zones.Service{service("a.glb.test.", nearest()), service("b.glb.test.", weighted(1, 2, 3))}
	l := layout(t, specs...)
	rapid.Check(t, func(t *rapid.T) {
		prev := l.Compile(Observed{}, nil, nil)
		for range 4 {
			terms := genTerms(t)
			prev = l.Compile(Observed{Terms: terms}, prev, nil)
			whole := l.Compile(Observed{Terms: terms}, nil, nil)
			for i := range specs {
				for loc := range geo.Locality(prev.Service(i).localities()) {
					if a, b := prev.Service(i).Divide(dns.TypeA, loc), whole.Service(i).Divide(dns.TypeA, loc); !reflect.DeepEqual(a, b) {
						t.Fatalf("service %d, locality %d under %v: %v, compiled anew %v", i, loc, terms, a, b)
					}
				}
			}
		}
	})
}

func genTerms(t *rapid.T) Terms {
	terms := Terms{Pools: map[PoolKey]Term{}, Weights: map[PoolKey]Weight{}, Down: map[netip.Addr]bool{}}
	for range rapid.IntRange(0, 3).Draw(t, "terms") {
		key := PoolKey{rapid.SampledFrom([]string{"", "a.glb.test.", "b.glb.test."}).Draw(t, "service"), rapid.SampledFrom(regions).Draw(t, "region").Name}
		switch rapid.IntRange(0, 2).Draw(t, "kind") {
		case 0:
			terms.Pools[key] = Term{Take: rapid.SampledFrom([]float64{0, .3, 1}).Draw(t, "take"), Off: rapid.Bool().Draw(t, "off"), Up: rapid.Bool().Draw(t, "up")}
		case 1:
			terms.Weights[key] = Weight{Value: rapid.SampledFrom([]float64{0, 1, 7}).Draw(t, "weight")}
		default:
			terms.Down[netip.MustParseAddr("198.18.1.1")] = true
		}
	}
	return terms
}
