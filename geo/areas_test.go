package geo

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"testing"
)

// TestAreasCoverEverything: the shares of the IPv4 space sum to 1, those of IPv6 to 1 without the embeddings.
func TestAreasCoverEverything(t *testing.T) {
	a, err := NewAtlas(Sources{Database: Demo()})
	if err != nil {
		t.Fatal(err)
	}
	var v4, v6 float64
	for _, area := range Areas(a, a) {
		v4 += area.V4
		v6 += area.V6
		if (area.V4 > 0) != area.Example4.IsValid() || (area.V6 > 0) != area.Example6.IsValid() || !area.Example().IsValid() {
			t.Errorf("examples %v, %v of shares %g, %g", area.Example4, area.Example6, area.V4, area.V6)
		}
		if *area.Before != *area.After {
			t.Errorf("one atlas, and two places: %v, %v", area.Before, area.After)
		}
	}
	embedded := 0.0
	for _, p := range embeddings {
		embedded += math.Ldexp(1, -p.Bits())
	}
	if v4 != 1 || math.Abs(v6-(1-embedded)) > 1e-12 {
		t.Errorf("IPv4 %v of 1, IPv6 %v of %v", v4, v6, 1-embedded)
	}
}

// TestAreasAgreeWithLookups asks both atlases for random addresses, and compares what share of them has each pair of
// places; and asks each area's example.
func TestAreasAgreeWithLookups(t *testing.T) {
	before, err := NewAtlas(Sources{Database: Demo()})
	if err != nil {
		t.Fatal(err)
	}
	after, err := NewAtlas(Sources{Database: Demo(), Overrides: []Override{
		{Prefix: netip.MustParsePrefix("192.0.0.0/9"), Place: Place{Country: "JP"}},
		{Prefix: netip.MustParsePrefix("2001:db8::/33"), Place: Place{Country: "JP"}},
		{Prefix: netip.MustParsePrefix("16.0.0.0/5"), Place: Place{Region: "eu-west"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	shares := map[[2]Place]float64{}
	for _, area := range Areas(before, after) {
		shares[[2]Place{*area.Before, *area.After}] += area.V4
		for _, example := range []netip.Addr{area.Example4, area.Example6} {
			if !example.IsValid() {
				continue
			}
			b, _ := before.Lookup(example)
			a, _ := after.Lookup(example)
			if *b != *area.Before || *a != *area.After {
				t.Errorf("%v is at %v and %v, its area at %v and %v", example, b, a, area.Before, area.After)
			}
		}
	}
	const n = 200_000
	rng := rand.New(rand.NewPCG(1, 2))
	seen := map[[2]Place]float64{}
	for range n {
		addr := addr4(rng.Uint32()).addr()
		b, _ := before.Lookup(addr)
		a, _ := after.Lookup(addr)
		seen[[2]Place{*b, *a}] += 1. / n
	}
	for pair, share := range shares {
		if math.Abs(seen[pair]-share) > 5*math.Sqrt(share/n)+1e-4 {
			t.Errorf("%v: share %g, seen %g", pair, share, seen[pair])
		}
	}
	if len(shares) < 4 {
		t.Errorf("only %d pairs", len(shares))
	}
}
