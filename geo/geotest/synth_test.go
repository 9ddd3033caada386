package geotest_test

import (
	"bytes"
	"testing"

	"meridian/geo"
	"meridian/geo/geotest"
)

func TestCityIsTheSameEachTime(t *testing.T) {
	data := geotest.City(2000, 500)
	if !bytes.Equal(data, geotest.City(2000, 500)) {
		t.Error("two runs differ")
	}
	d, err := geo.OpenBytes("synthetic", data)
	if err != nil {
		t.Fatal(err)
	}
	r := d.Verify()
	if len(r.Problems) > 0 || r.Networks4 != 2000 || r.Networks6 != 500 || r.NoCoordinates != 0 {
		t.Errorf("%+v", r)
	}
	atlas, err := geo.NewAtlas(geo.Sources{Database: d})
	if err != nil {
		t.Fatal(err)
	}
	grid := geotest.Grid(10)
	seen := map[geo.Locality]bool{}
	for _, p := range atlas.Networks() {
		seen[grid(p)] = true
	}
	if len(seen) < 50 {
		t.Errorf("only %d squares of 10 degrees have networks", len(seen))
	}
}
