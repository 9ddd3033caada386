package geo

import (
	"os"
	"testing"

	"github.com/oschwald/geoip2-golang/v2"
)

// Reading parts by their offsets gives what geoip2's whole models give.
func TestNestedEqualsWholeRecords(t *testing.T) {
	data, err := os.ReadFile("demo.mmdb")
	if err != nil {
		t.Fatal(err)
	}
	d, err := OpenBytes("demo", data)
	if err != nil {
		t.Fatal(err)
	}
	decoder := newDecoder(d.schema)
	for range 2 { // the second time, every part is known
		for _, offset := range d.offsets {
			result := d.reader.LookupOffset(uintptr(offset))
			var whole geoip2.City
			if err := result.Decode(&whole); err != nil {
				t.Fatal(err)
			}
			want := Place{
				Continent: whole.Continent.Code, Country: whole.Country.ISOCode, City: whole.City.Names.English,
				Coordinates: At(*whole.Location.Latitude, *whole.Location.Longitude),
			}
			if len(whole.Subdivisions) > 0 {
				want.Subdivision = whole.Subdivisions[0].ISOCode
			}
			got, err := decoder.decode(result)
			if err != nil || got != want {
				t.Fatalf("offset %d: %+v, %v, want %+v", offset, got, err, want)
			}
		}
	}
}
