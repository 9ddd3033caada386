package checker

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var (
	epoch   = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	refusal = Observation{Refused: true, Reason: "connection refused", Latency: time.Millisecond}
)

func inNetwork(i int) netip.Addr { return netip.MustParseAddr(fmt.Sprintf("198.18.%d.1", i)) }

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
			o := good
			if i < tt.silent {
				o = silence
			}
			u.count(inNetwork(i), nil, &o, epoch, time.Minute)
		}
		if u.lost() != tt.lost {
			t.Errorf("%d silent networks, %d that answer: lost = %v", tt.silent, tt.answering, !tt.lost)
		}
	}
}

// TestUplinkCutOff: refusals from everywhere are this side's fault when most networks answered just before, until one
// answers again.
func TestUplinkCutOff(t *testing.T) {
	for _, tt := range []struct {
		name           string
		answered       int           // of five networks, before
		after          time.Duration // until they refuse
		silent, refuse int
		cut            bool
	}{
		{"all at once", 5, 10 * time.Second, 0, 5, true},
		{"some refuse, some are silent", 5, 10 * time.Second, 2, 3, true},
		{"three of them had answered", 3, 10 * time.Second, 0, 5, true},
		{"two of them had answered", 2, 10 * time.Second, 0, 5, false},
		{"one answers on", 5, 10 * time.Second, 0, 4, false},
		{"they answered long ago", 5, 2 * time.Minute, 0, 5, false},
		{"they never did", 0, 10 * time.Second, 0, 5, false},
	} {
		var u uplink
		var last [5]*Observation
		see := func(i int, o Observation, at time.Time) {
			u.count(inNetwork(i), last[i], &o, at, time.Minute)
			last[i] = &o
		}
		for i := range last {
			o := refusal
			if i < tt.answered {
				o = good
			}
			see(i, o, epoch)
		}
		for range 3 { // seen again and again, the judgement stays
			for i := range tt.silent + tt.refuse {
				o := refusal
				if i < tt.silent {
					o = silence
				}
				see(i, o, epoch.Add(tt.after))
			}
			tt.after += time.Minute / 2
		}
		if u.lost() != tt.cut {
			t.Errorf("%s: lost = %v", tt.name, u.lost())
		}
		see(4, good, epoch.Add(tt.after))
		if u.lost() {
			t.Errorf("%s: lost although one answers", tt.name)
		}
	}
}

func TestUplinkWitness(t *testing.T) {
	var u uplink
	at := func(s int) time.Time { return epoch.Add(time.Duration(s) * time.Second) }
	for i, s := range []int{1, 5, 3} {
		o := good
		o.Latency = 0
		u.count(inNetwork(i), nil, &o, at(s), time.Minute)
	}
	for _, tt := range []struct {
		network, since int
		want           bool
	}{{7, 4, true}, {7, 6, false}, {1, 4, false}, {1, 3, true}, {2, 5, true}, {0, 5, true}} {
		if got := u.witnessed(inNetwork(tt.network), at(tt.since)); got != tt.want {
			t.Errorf("somebody outside of network %d was heard since %ds: %v", tt.network, tt.since, got)
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
		seen := map[netip.Addr]*Observation{}
		t.Repeat(map[string]func(*rapid.T){
			"observe": func(t *rapid.T) {
				addr := netip.AddrFrom4([4]byte{198, 18, byte(rapid.IntRange(0, 12).Draw(t, "network")), byte(rapid.IntRange(1, 3).Draw(t, "host"))})
				o := rapid.SampledFrom([]Observation{silence, silence, silence, silence, silence, silence, refusal, good, bad}).Draw(t, "seen")
				u.count(addr, seen[addr], &o, epoch, time.Minute)
				seen[addr] = &o
			},
			"drop": func(t *rapid.T) {
				for addr, o := range seen {
					u.count(addr, o, nil, epoch, 0)
					delete(seen, addr)
					break
				}
			},
			"": func(t *rapid.T) {
				silent, unreached := map[netip.Prefix]bool{}, map[netip.Prefix]bool{}
				for addr, o := range seen {
					p := netip.PrefixFrom(addr, 24).Masked()
					if _, known := silent[p]; !known {
						silent[p], unreached[p] = true, true
					}
					silent[p] = silent[p] && o.Silent
					unreached[p] = unreached[p] && (o.Silent || o.Refused)
				}
				n := len(silent)
				want := n >= 3 && count(silent) >= n-n/10
				if got := u.most(u.silent); got != want || len(u.networks) != n || u.unreached != count(unreached) {
					t.Fatalf("%d of %d networks are silent, %d unreached: lost = %v, with %d networks and %d unreached",
						count(silent), n, count(unreached), got, len(u.networks), u.unreached)
				}
			},
		})
	})
}

func count(m map[netip.Prefix]bool) (n int) {
	for _, is := range m {
		if is {
			n++
		}
	}
	return n
}
