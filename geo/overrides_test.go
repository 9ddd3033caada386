package geo_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"meridian/geo"
)

var testRegions = []geo.Region{{Name: "eu-west"}, {Name: "us-east"}, {Name: "ap-northeast"}}

func TestReadOverrides(t *testing.T) {
	text := "\ufeffprefix,country,subdivision,city,latitude,longitude\r\n" + `
# our offices
192.0.2.0/24,JP,13,Tokyo,35.68,139.69
198.51.100.0/24, jp , jp-27 ,"Osaka, Umeda"
203.0.113.0/24,@eu-west
2001:db8::/32,US
10.0.0.0/8,,,,-33.87,151.21
10.1.0.0/16,,DE-HE
`
	got, errs := geo.ReadOverrides("networks.csv", strings.NewReader(text), testRegions)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	want := []geo.Override{
		{netip.MustParsePrefix("192.0.2.0/24"), geo.Place{Continent: "AS", Country: "JP", Subdivision: "JP-13", City: "Tokyo", Coordinates: geo.At(35.68, 139.69)}, 4},
		{netip.MustParsePrefix("198.51.100.0/24"), geo.Place{Continent: "AS", Country: "JP", Subdivision: "JP-27", City: "Osaka, Umeda"}, 5},
		{netip.MustParsePrefix("203.0.113.0/24"), geo.Place{Region: "eu-west"}, 6},
		{netip.MustParsePrefix("2001:db8::/32"), geo.Place{Continent: "NA", Country: "US"}, 7},
		{netip.MustParsePrefix("10.0.0.0/8"), geo.Place{Coordinates: geo.At(-33.87, 151.21)}, 8},
		{netip.MustParsePrefix("10.1.0.0/16"), geo.Place{Continent: "EU", Country: "DE", Subdivision: "DE-HE"}, 9},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// Each line of testdata/overrides.csv has one mistake; overrides.txt beside it has the messages.
func TestReadOverridesMistakes(t *testing.T) {
	f, err := os.Open(filepath.Join("testdata", "overrides.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want, err := os.ReadFile(filepath.Join("testdata", "overrides.txt"))
	if err != nil {
		t.Fatal(err)
	}
	good, errs := geo.ReadOverrides("networks.csv", f, testRegions)
	var got strings.Builder
	for _, err := range errs {
		got.WriteString(err.Error() + "\n")
	}
	if got.String() != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got.String(), want)
	}
	if len(good) != 1 || good[0].Place.Country != "DE" {
		t.Errorf("the good line beside them: %+v", good)
	}
}

func TestOverridesOnTopOfTheDatabase(t *testing.T) {
	text := `192.0.2.0/30,@us-east
192.0.2.4/30,,,,34.69,135.5
192.0.2.8/30,JP
192.0.2.12/30,JP,27
192.0.2.64/26,@eu-west
192.0.2.80/28,GB,,Manchester
10.0.0.0/8,IE
`
	overrides, errs := geo.ReadOverrides("networks.csv", strings.NewReader(text), testRegions)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	atlas, err := geo.NewAtlas(geo.Sources{Database: geo.Demo(), Overrides: overrides})
	if err != nil {
		t.Fatal(err)
	}
	tokyo := geo.Place{Continent: "AS", Country: "JP", Subdivision: "JP-13", City: "Tokyo", Coordinates: geo.At(35.68, 139.69), Override: true}
	pinned, moved, described := tokyo, tokyo, tokyo
	pinned.Region = "us-east"
	moved.Coordinates = geo.At(34.69, 135.5)
	described.Subdivision, described.City = "JP-27", ""
	described.Coordinates, _ = geo.Centre("JP")
	manchester := geo.Place{Continent: "EU", Country: "GB", City: "Manchester", Override: true}
	manchester.Coordinates, _ = geo.Centre("GB")
	ireland := geo.Place{Continent: "EU", Country: "IE", Override: true}
	ireland.Coordinates, _ = geo.Centre("IE")
	for _, c := range []struct {
		address, network, why string
		place                 geo.Place
	}{
		{"192.0.2.1", "192.0.2.0/30", "a pin keeps what is known", pinned},
		{"192.0.2.5", "192.0.2.4/30", "coordinates alone move it and keep the names", moved},
		{"192.0.2.9", "192.0.2.8/30", "the database agrees: nothing is lost", tokyo},
		{"192.0.2.13", "192.0.2.12/30", "another subdivision: described anew, at the country's centre", described},
		{"192.0.2.81", "192.0.2.80/28", "a place in a narrower line lifts the pin of a wider one", manchester},
		{"10.1.1.1", "10.0.0.0/8", "a private network that the operator places isn't private", ireland},
	} {
		p, network := atlas.Lookup(netip.MustParseAddr(c.address))
		if *p != c.place || network.String() != c.network {
			t.Errorf("%s: %s\ngot  %s %+v\nwant %s %+v", c.address, c.why, network, *p, c.network, c.place)
		}
	}
	if p, _ := atlas.Lookup(netip.MustParseAddr("192.0.2.65")); p.Region != "eu-west" || p.City != "Frankfurt am Main" {
		t.Errorf("192.0.2.65: %+v", *p)
	}
}

func FuzzReadOverrides(f *testing.F) {
	for _, seed := range []string{"192.0.2.0/24,JP,13,Tokyo,35.68,139.69\n", "203.0.113.0/24,@eu-west\n", "2001:db8::/32,,\"x\n", "prefix\n#\n,\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		overrides, errs := geo.ReadOverrides("n", strings.NewReader(text), testRegions)
		for _, err := range errs {
			if !strings.HasPrefix(err.Error(), "n:") {
				t.Errorf("no position: %v", err)
			}
		}
		seen := map[netip.Prefix]bool{}
		for _, o := range overrides {
			if o.Prefix != o.Prefix.Masked() || seen[o.Prefix] || o.Line < 1 || o.Place == (geo.Place{}) {
				t.Errorf("accepted %+v", o)
			}
			seen[o.Prefix] = true
		}
		atlas, err := geo.NewAtlas(geo.Sources{Overrides: overrides})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range overrides {
			if p, network := atlas.Lookup(o.Prefix.Addr()); o.Prefix.Addr().Is4() && (!network.Contains(o.Prefix.Addr()) || !p.Override) {
				t.Errorf("%s: %s %+v", o.Prefix, network, *p)
			}
		}
	})
}
