package geo_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"meridian/geo"
)

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b geo.Coordinates
		km   float64
	}{
		{"itself", geo.At(35.68, 139.69), geo.At(35.68, 139.69), 0},
		{"pole to pole", geo.At(90, 0), geo.At(-90, 123), 20015.1},
		{"a degree of the equator", geo.At(0, 0), geo.At(0, 1), 111.2},
		{"across the date line", geo.At(0, 179.5), geo.At(0, -179.5), 111.2},
		{"Tokyo to San Francisco", geo.At(35.68, 139.69), geo.At(37.77, -122.42), 8271},
		{"Frankfurt to Dublin", geo.At(50.11, 8.68), geo.At(53.35, -6.26), 1087},
		{"unknown", geo.Coordinates{}, geo.At(1, 1), 0},
	} {
		if got := geo.Distance(c.a, c.b); math.Abs(got-c.km) > c.km/500+0.1 {
			t.Errorf("%s: %.1f km, want %.1f", c.name, got, c.km)
		}
	}
}

func TestChordOrdersAsDistance(t *testing.T) {
	point := rapid.Custom(func(t *rapid.T) geo.Coordinates {
		return geo.At(rapid.Float64Range(-90, 90).Draw(t, "lat"), rapid.Float64Range(-180, 180).Draw(t, "lon"))
	})
	rapid.Check(t, func(t *rapid.T) {
		from, a, b := point.Draw(t, "from"), point.Draw(t, "a"), point.Draw(t, "b")
		da, db := geo.Distance(from, a), geo.Distance(from, b)
		if math.Abs(da-db) < 1 { // both formulas lose digits near the antipode
			return
		}
		v := from.Vector()
		ca, cb := geo.Chord2(v, a.Vector()), geo.Chord2(v, b.Vector())
		if (da < db) != (ca < cb) {
			t.Fatalf("distances %g, %g km, but chords² %g, %g", da, db, ca, cb)
		}
	})
}
