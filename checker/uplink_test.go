package checker

import (
	"fmt"
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

func TestUplinkLost(t *testing.T) {
	for _, tt := range []struct {
		silent, answering int // networks
		lost              bool
	}{
		{0, 0, false}, {1, 0, false}, {2, 0, false}, // too few to tell a lost uplink from a lost region
		{3, 0, true}, {2, 1, false}, {4, 0, true}, {8, 1, false}, {9, 0, true}, {9, 1, true}, {8, 2, false}, {18, 2, true},
	} {
		var u uplink
		for i := range tt.silent + tt.answering {
			u.add(netip.MustParseAddr(fmt.Sprintf("198.18.%d.1", i)), i < tt.silent)
		}
		if u.lost() != tt.lost {
			t.Errorf("%d silent networks, %d that answer: lost = %v", tt.silent, tt.answering, !tt.lost)
		}
	}
}

func TestUplinkNetworks(t *testing.T) {
	for addr, want := range map[string]string{
		"198.18.1.77": "198.18.1.0/24", "::ffff:198.18.1.77": "198.18.1.0/24",
		"2001:db8:1:2::3": "2001:db8:1::/48", "fe80::1%eth0": "fe80::/48",
	} {
		if got := networkOf(netip.MustParseAddr(addr)).String(); got != want {
			t.Errorf("%s is in %s, want %s", addr, got, want)
		}
	}
}

// TestUplinkEqualsItsTwin compares the running counts with a twin that counts everything anew.
func TestUplinkEqualsItsTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var u uplink
		targets := map[netip.Addr]bool{} // silent?
		t.Repeat(map[string]func(*rapid.T){
			"observe": func(t *rapid.T) {
				addr := netip.AddrFrom4([4]byte{198, 18, byte(rapid.IntRange(0, 12).Draw(t, "network")), byte(rapid.IntRange(1, 3).Draw(t, "host"))})
				silent := rapid.IntRange(0, 9).Draw(t, "silent") > 0
				if before, ok := targets[addr]; ok {
					u.remove(addr, before)
				}
				u.add(addr, silent)
				targets[addr] = silent
			},
			"drop": func(t *rapid.T) {
				for addr, silent := range targets {
					u.remove(addr, silent)
					delete(targets, addr)
					break
				}
			},
			"": func(t *rapid.T) {
				silentNetworks := map[netip.Prefix]bool{}
				for addr, silent := range targets {
					p := netip.PrefixFrom(addr, 24).Masked()
					if before, ok := silentNetworks[p]; ok {
						silent = silent && before
					}
					silentNetworks[p] = silent
				}
				silent := 0
				for _, is := range silentNetworks {
					if is {
						silent++
					}
				}
				n := len(silentNetworks)
				if want := n >= 3 && silent >= n-n/10; u.lost() != want || len(u.networks) != n {
					t.Fatalf("%d of %d networks are silent: lost = %v, with %d networks", silent, n, u.lost(), len(u.networks))
				}
			},
		})
	})
}
