package geo_test

import (
	"net/netip"
	"testing"

	"meridian/geo"
)

func demoTable(t testing.TB) *geo.Table {
	atlas, err := geo.NewAtlas(geo.Sources{Database: geo.Demo()})
	if err != nil {
		t.Fatal(err)
	}
	return atlas.Compile(func(p *geo.Place) geo.Locality { return geo.Locality(p.Country[0]) })
}

func TestLookupDoesNotAllocate(t *testing.T) {
	table := demoTable(t)
	addrs := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8:1::1"), netip.MustParseAddr("2002:c000:201::")}
	if n := testing.AllocsPerRun(100, func() {
		for _, a := range addrs {
			table.Lookup(a)
		}
	}); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

func TestScopesOfEmbeddedAddresses(t *testing.T) {
	table := demoTable(t)
	for address, scope := range map[string]uint8{
		"192.0.2.129":                          28, // New York; Toronto is beside it
		"::ffff:192.0.2.129":                   96 + 28,
		"64:ff9b::c000:281":                    96 + 28,
		"2002:c000:281:77::9":                  16 + 28,
		"2001:0:c000:207:8000:f227:3fff:fd7e":  96 + 28, // Teredo: ^192.0.2.129
		"2001:0:ffff:ffff:ffff:ffff:f5ff:fffe": 96 + 8,  // Teredo: ^10.0.0.1, private
		"2001:db8:9::":                         48,
		"2001:db8:9:ffff:ffff:ffff:ffff:ffff":  48,
		"2001:0:1::":                           96 + 3, // Teredo: 255.255.255.255, in 224.0.0.0/3
		"2001:1::":                             32,     // beside Teredo, in 2001::/31
		"64:ff9b::1:0:0":                       96,     // beside NAT64
	} {
		if _, s := table.Lookup(netip.MustParseAddr(address)); s != scope {
			t.Errorf("%s: scope %d, want %d", address, s, scope)
		}
	}
	for _, address := range []string{"10.9.8.7", "127.0.0.1", "100.64.0.1", "169.254.1.1", "172.31.0.1", "192.168.1.1",
		"::1", "fd00::1", "fe80::1%eth0", "2002:a00:1::"} {
		if l, _ := table.Lookup(netip.MustParseAddr(address)); l != geo.Private {
			t.Errorf("%s: locality %d, want Private", address, l)
		}
	}
	if l, s := table.Lookup(netip.Addr{}); l != geo.Unknown || s != 0 {
		t.Errorf("no address: locality %d, scope %d", l, s)
	}
}

// An empty atlas still knows what is private, and carries non-zero scopes where that ends.
func TestNothingKnown(t *testing.T) {
	atlas, err := geo.NewAtlas(geo.Sources{})
	if err != nil {
		t.Fatal(err)
	}
	table := atlas.Compile(func(*geo.Place) geo.Locality {
		t.Error("locate was called")
		return 1
	})
	if l, s := table.Lookup4(0x08080808); l != geo.Unknown || s != 7 { // 10/8 is in 8/6
		t.Errorf("8.8.8.8: locality %d, scope %d", l, s)
	}
	if l, _ := table.Lookup4(0x0a000001); l != geo.Private {
		t.Errorf("10.0.0.1: locality %d", l)
	}
}

// A private network that a geo rule names is the policy's to place; where the policy doesn't know it, it stays
// private.
func TestPrivateNetworkInARule(t *testing.T) {
	atlas, err := geo.NewAtlas(geo.Sources{Rules: []netip.Prefix{
		netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("10.2.0.0/16"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	table := atlas.Compile(func(p *geo.Place) geo.Locality {
		if !p.Private {
			t.Errorf("not private: %+v", *p)
		}
		if p.Rule == netip.MustParsePrefix("10.1.0.0/16") {
			return 7
		}
		return geo.Unknown
	})
	for address, want := range map[string]geo.Locality{"10.1.0.1": 7, "10.2.0.1": geo.Private, "10.3.0.1": geo.Private} {
		if l, _ := table.Lookup(netip.MustParseAddr(address)); l != want {
			t.Errorf("%s: locality %d, want %d", address, l, want)
		}
	}
}

func TestLocalityOutOfRangeIsUnknown(t *testing.T) {
	atlas, err := geo.NewAtlas(geo.Sources{Database: geo.Demo()})
	if err != nil {
		t.Fatal(err)
	}
	table := atlas.Compile(func(*geo.Place) geo.Locality { return geo.MaxLocality + 1 })
	if l, _ := table.Lookup(netip.MustParseAddr("192.0.2.1")); l != geo.Unknown {
		t.Errorf("locality %d", l)
	}
}
