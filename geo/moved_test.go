package geo_test

import (
	"math"
	"math/big"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"meridian/geo"
)

func TestMovedEqualsPointwise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, a1 := randomTwin(t)
		after, a2 := randomTwin(t)
		region := func(p *geo.Place) geo.Locality {
			return geo.Locality(len(p.Country) + len(p.City) + len(p.Region))
		}
		regionOf := func(l geo.Locality) int {
			if l == geo.Private {
				return -1
			}
			return int(l) - 1
		}
		got := geo.Moved(a1.Compile(region), a2.Compile(region), regionOf, regionOf)
		at := func(w *twin, a netip.Addr) int {
			p := w.place(a)
			if p.Private && region(&p) == geo.Unknown {
				return -1
			}
			return int(region(&p)) - 1
		}
		// Between two neighbouring points of change nothing changes: weigh each stretch with its length.
		points := slices.Concat(before.points(), after.points())
		slices.SortFunc(points, netip.Addr.Compare)
		points = slices.Compact(points)
		var moved, known [2]float64
		for i, p := range points {
			if v4, shift := unembed(p); shift > 0 && v4.IsValid() {
				continue
			}
			end := new(big.Int).Lsh(big.NewInt(1), uint(p.BitLen()))
			if i+1 < len(points) && points[i+1].BitLen() == p.BitLen() {
				end.SetBytes(points[i+1].AsSlice())
			}
			size, _ := end.Sub(end, new(big.Int).SetBytes(p.AsSlice())).Float64()
			family := p.BitLen() / 128
			b, a := at(before, p), at(after, p)
			if b >= 0 || a >= 0 {
				known[family] += size
				if b != a {
					moved[family] += size
				}
			}
		}
		for family, share := range []float64{got.V4, got.V6} {
			want := 0.0
			if known[family] > 0 {
				want = moved[family] / known[family]
			}
			if math.Abs(share-want) > 1e-9 {
				t.Fatalf("family %d: share %g, want %g", family, share, want)
			}
		}
	})
}

func TestMovedNothing(t *testing.T) {
	atlas, err := geo.NewAtlas(geo.Sources{Database: geo.Demo()})
	if err != nil {
		t.Fatal(err)
	}
	byCountry := func(p *geo.Place) geo.Locality { return geo.Locality(p.Country[0]) }
	same := func(l geo.Locality) int { return int(l) }
	table := atlas.Compile(byCountry)
	if m := geo.Moved(table, table, same, same); m != (geo.Move{}) {
		t.Errorf("a table moved against itself: %+v", m)
	}
	elsewhere := func(l geo.Locality) int { return int(l) + 1 }
	if m := geo.Moved(table, table, same, elsewhere); m != (geo.Move{V4: 1, V6: 1}) {
		t.Errorf("every region changed: %+v", m)
	}
	nowhere := func(geo.Locality) int { return -1 }
	if m := geo.Moved(table, table, nowhere, nowhere); m != (geo.Move{}) {
		t.Errorf("no region anywhere: %+v", m)
	}
}
