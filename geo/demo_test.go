package geo_test

import (
	"net/netip"
	"testing"

	"meridian/geo"
)

// The networks that README, dig lines and users' notes rely on.
func TestDemoPlaces(t *testing.T) {
	atlas, err := geo.NewAtlas(geo.Sources{Database: geo.Demo()})
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string][2]string{ // country, city
		"192.0.2.0":          {"JP", "Tokyo"},
		"192.0.2.15":         {"JP", "Tokyo"},
		"192.0.2.64":         {"DE", "Frankfurt am Main"},
		"192.0.2.128":        {"US", "New York"},
		"198.51.100.0":       {"US", "San Francisco"},
		"198.51.100.128":     {"AU", "Sydney"},
		"198.51.100.192":     {"SG", "Singapore"},
		"203.0.113.0":        {"BR", "São Paulo"},
		"203.0.113.128":      {"IN", "Mumbai"},
		"2001:db8:1::1":      {"JP", "Tokyo"},
		"2001:db8:5::":       {"DE", "Frankfurt am Main"},
		"2001:db8:9:ffff::9": {"US", "New York"},
		"::ffff:192.0.2.1":   {"JP", "Tokyo"},
		"2002:c000:240::1":   {"DE", "Frankfurt am Main"},
		"8.8.8.8":            {"", ""},
	} {
		p, network := atlas.Lookup(netip.MustParseAddr(address))
		if p.Country != want[0] || p.City != want[1] {
			t.Errorf("%s is in %q %q (%s), want %q %q", address, p.Country, p.City, network, want[0], want[1])
		}
	}
	p, network := atlas.Lookup(netip.MustParseAddr("192.0.2.3"))
	if p.Subdivision != "JP-13" || p.Continent != "AS" || p.Coordinates != geo.At(35.68, 139.69) || network.String() != "192.0.2.0/28" {
		t.Errorf("192.0.2.3: %+v, %s", *p, network)
	}
	info := geo.Demo().Info()
	if info.Networks != 96 || info.Records != 48 || !info.HasCoordinates || info.Schema != "maxmind" || info.Name != geo.DemoName {
		t.Errorf("info: %+v", info)
	}
}
