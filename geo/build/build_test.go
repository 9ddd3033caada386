package build_test

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"meridian/geo"
	"meridian/geo/build"
)

var built = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

// made builds a database of texts and opens it.
func made(t *testing.T, kind string, texts ...string) (*geo.Atlas, geo.Info, build.Summary) {
	t.Helper()
	var inputs []build.Input
	for _, text := range texts {
		inputs = append(inputs, build.Input{Name: "in", Reader: strings.NewReader(text)})
	}
	var out bytes.Buffer
	summary, err := build.Build(kind, inputs, &out, built)
	if err != nil {
		t.Fatal(err)
	}
	if summary.Bytes != int64(out.Len()) {
		t.Errorf("%d bytes written, summary says %d", out.Len(), summary.Bytes)
	}
	d, err := geo.OpenBytes("out.mmdb", out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if r := d.Verify(); len(r.Problems) > 0 {
		t.Errorf("verify: %v", r.Problems)
	}
	atlas, err := geo.NewAtlas(geo.Sources{Database: d})
	if err != nil {
		t.Fatal(err)
	}
	return atlas, d.Info(), summary
}

func in(country string) geo.Place {
	centre, _ := geo.Centre(country)
	return geo.Place{Country: country, Continent: geo.Continent(country), Coordinates: centre}
}

type want struct {
	address, network string
	place            geo.Place
}

func check(t *testing.T, atlas *geo.Atlas, wants []want) {
	t.Helper()
	for _, w := range wants {
		p, network := atlas.Lookup(netip.MustParseAddr(w.address))
		if *p != w.place || w.network != "" && network.String() != w.network {
			t.Errorf("%s: got %s %+v, want %s %+v", w.address, network, *p, w.network, w.place)
		}
	}
}

func TestTor(t *testing.T) {
	atlas, info, summary := made(t, "tor",
		"# Generated: …\n15726992,15726999,??\n16777216,16777471,AU\n16777472,16778239,CN\n3758095872,3758096127,EU\n3405803776,3405804031,UK\n16778240,16778495,A1\n",
		"# v6\n2001:200::,2001:200:134:ffff:ffff:ffff:ffff:ffff,JP\n2001:200:135::,2001:200:135:ffff:ffff:ffff:ffff:ffff,US\n2002::,2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff,US\n2000:ffff::,2003::,FR\n")
	check(t, atlas, []want{
		{"1.0.0.1", "1.0.0.0/24", in("AU")},
		{"1.0.1.1", "1.0.1.0/24", in("CN")}, // .1 to .3: /24 and /23
		{"1.0.3.255", "1.0.2.0/23", in("CN")},
		{"1.0.4.1", "", geo.Place{}},
		{"0.239.249.17", "", geo.Place{}},
		{"223.255.254.1", "223.255.254.0/24", geo.Place{Continent: "EU"}},
		{"203.0.113.9", "203.0.113.0/24", in("GB")},
		{"2001:200:134::1", "2001:200:134::/48", in("JP")},
		{"2001:200:135::1", "2001:200:135::/48", in("US")},
		{"2002:100:1::", "2002:100::/40", in("AU")}, // 6to4 of 1.0.0.1
		{"2000:ffff::1", "2000:ffff::/32", in("FR")},
		{"2001:1::1", "2001:1::/32", in("FR")}, // the range goes on behind Teredo
	})
	if !strings.Contains(info.Type, "GeoLite2-Country") || !info.BuildTime.Equal(built) || info.HasCoordinates {
		t.Errorf("info %+v", info)
	}
	if summary.Networks != 7 || summary.Skipped != 3 {
		t.Errorf("summary %+v", summary)
	}
}

func TestIP2ASN(t *testing.T) {
	atlas, info, _ := made(t, "ip2asn",
		"1.0.0.0\t1.0.0.255\t13335\tUS\tCLOUDFLARENET\n1.0.1.0\t1.0.3.255\t0\tNone\tNot routed\n2001:200::\t2001:200:ffff:ffff:ffff:ffff:ffff:ffff\t2500\tJP\tWIDE-BB\n5.0.0.0\t5.0.0.255\t64496\tNone\t\n")
	us, jp := in("US"), in("JP")
	us.ASN, jp.ASN = 13335, 2500
	check(t, atlas, []want{
		{"1.0.0.7", "1.0.0.0/24", us}, {"1.0.1.7", "", geo.Place{}}, {"2001:200::1", "2001:200::/32", jp},
		{"5.0.0.1", "5.0.0.0/24", geo.Place{ASN: 64496}},
	})
	if !info.HasASN {
		t.Errorf("info %+v", info)
	}
}

func TestGeofeed(t *testing.T) {
	atlas, _, _ := made(t, "geofeed",
		"# RFC 8805\n192.0.2.0/24,US,US-AL,,\n192.0.2.5,US,US-AL,Alabaster,\n192.0.2.0/25,pl,,\n2001:db8::/32,US,,,\n198.51.100.0/24,,,,\n203.0.113.0/24,JP,JP-13,\"Tokyo, Chiyoda\",100-0001\n")
	alabama, alabaster, tokyo := in("US"), in("US"), in("JP")
	alabama.Subdivision, alabaster.Subdivision, alabaster.City = "US-AL", "US-AL", "Alabaster"
	tokyo.Subdivision, tokyo.City = "JP-13", "Tokyo, Chiyoda"
	check(t, atlas, []want{
		{"192.0.2.200", "192.0.2.128/25", alabama}, {"192.0.2.5", "192.0.2.5/32", alabaster}, {"192.0.2.4", "192.0.2.4/32", in("PL")},
		{"2001:db8::", "2001:db8::/32", in("US")}, {"198.51.100.1", "", geo.Place{}}, {"203.0.113.1", "203.0.113.0/24", tokyo},
	})
}

func TestCSV(t *testing.T) {
	atlas, info, _ := made(t, "csv",
		"network,country,subdivision,city,latitude,longitude\n10.1.0.0/16,JP,13,Tokyo,35.68,139.69\n10.0.0.0/8,DE\n2001:db8::/32,,,,1,2\n")
	check(t, atlas, []want{
		{"10.1.2.3", "10.1.0.0/16", geo.Place{Continent: "AS", Country: "JP", Subdivision: "JP-13", City: "Tokyo", Coordinates: geo.At(35.68, 139.69)}},
		{"10.0.2.3", "10.0.0.0/16", in("DE")},
		{"2001:db8::1", "2001:db8::/32", geo.Place{Coordinates: geo.At(1, 2)}},
	})
	if !info.HasCoordinates {
		t.Errorf("info %+v", info)
	}
}

func TestBadInput(t *testing.T) {
	for _, c := range []struct{ kind, text, message string }{
		{"tor", "# x\n1,2\n", "in:2: 2 fields, want first,last,country"},
		{"tor", "1,x,DE\n", `in:1: "x" is not an IPv4 address as a number, nor an IPv6 address`},
		{"tor", "5,1,DE\n", "in:1: the range ends at 0.0.0.1, before it begins at 0.0.0.5"},
		{"tor", "5,2001::,DE\n", "in:1: the range begins with 0.0.0.5 and ends with 2001::: two families"},
		{"tor", "1,2,Germany\n", `in:1: "Germany" is not a two-letter country code`},
		{"tor", "1,2,DE\n1,2\n\nx\n", "in:2: 2 fields, want first,last,country\nin:4: 1 fields, want first,last,country"},
		{"ip2asn", "1.0.0.0,1.0.0.255,1,DE\n", "in:1: 1 fields, want first, last, AS number, country, description with tabs between"},
		{"ip2asn", "1.0.0.0\t1.0.0.255\tx\tDE\n", `in:1: "x" is not an AS number`},
		{"geofeed", "192.0.2.1/24,DE\n", "in:1: network 192.0.2.1/24 has bits set behind its prefix length (did you mean 192.0.2.0/24?)"},
		{"geofeed", "192.0.2.0/24,DE,US-CA\n", `in:1: subdivision "US-CA" is not an ISO 3166-2 code of DE`},
		{"geofeed", "192.0.2.0/24,DE,\"x\n", "in:1: a quote is missing or out of place"},
		{"csv", "192.0.2.0/24,XX\n", `in:1:14: "XX" is not an ISO 3166-1 alpha-2 country code such as DE`},
		{"csv", "192.0.2.0/24,@eu-west\n", `in:1:14: region "eu-west" is not defined (none is)`},
		{"tor", "1,2,??\n", "geo build: the input places no network"},
		{"maxmind", "", `geo build: unknown source "maxmind" (known: csv, geofeed, ip2asn, tor)`},
	} {
		var out bytes.Buffer
		_, err := build.Build(c.kind, []build.Input{{Name: "in", Reader: strings.NewReader(c.text)}}, &out, built)
		if err == nil || err.Error() != c.message {
			t.Errorf("%s %q:\ngot  %v\nwant %s", c.kind, c.text, err, c.message)
		}
		if out.Len() > 0 {
			t.Errorf("%s %q: %d bytes were written", c.kind, c.text, out.Len())
		}
	}
	_, err := build.Build("tor", []build.Input{{Name: "in", Reader: strings.NewReader(strings.Repeat("x\n", 1000))}}, new(bytes.Buffer), built)
	if lines := strings.Count(err.Error(), "\n") + 1; lines != 21 || !strings.HasSuffix(err.Error(), "and more") {
		t.Errorf("1000 bad lines give %d lines of error", lines)
	}
}

func TestKindsAreDescribed(t *testing.T) {
	for _, kind := range build.Kinds() {
		if build.Describe(kind) == "" {
			t.Errorf("%s is not described", kind)
		}
	}
	if build.Describe("x") != "" {
		t.Error("an unknown kind is described")
	}
}
