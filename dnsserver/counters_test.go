package dnsserver

import (
	"maps"
	"slices"
	"testing"

	"github.com/miekg/dns"
	"pgregory.net/rapid"
)

// TestTrafficIsCountedByTheQuestionsZone: also where a CNAME leads to another zone, and as none of ours where refused.
func TestTrafficIsCountedByTheQuestionsZone(t *testing.T) {
	r := testResponder(t, udp)
	snap := r.current.Load()
	for _, name := range []string{"static.glb.test.", "nowhere.glb.test.", "few.crowd.test.", "example.net.", "example.org."} {
		exchange(t, r, pack(t, ask(name, dns.TypeA)))
	}
	r.flush()
	got := map[string]uint64{}
	for _, tr := range sum([]*counters{r.counts}).Traffic {
		zone := ""
		for _, z := range snap.Index.Zones() {
			if snap.ZoneCounter(z) == tr.Zone {
				zone = z.Apex
			}
		}
		got[zone+" "+tr.RCode] = tr.Count
	}
	want := map[string]uint64{"glb.test. NOERROR": 1, "glb.test. NXDOMAIN": 1, "crowd.test. NOERROR": 1, " REFUSED": 2}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestOnlyGeographicServicesLookClientsUp: a service that treats all clients alike neither finds nor misses them.
func TestOnlyGeographicServicesLookClientsUp(t *testing.T) {
	r := testResponder(t, udp)
	exchange(t, r, pack(t, ask("w.glb.test.", dns.TypeA)))
	exchange(t, r, pack(t, ask("www.glb.test.", dns.TypeA, clientSubnet("192.0.2.0/28"))))
	exchange(t, r, pack(t, ask("www.glb.test.", dns.TypeA, clientSubnet("8.8.0.0/16"))))
	r.flush()
	if st := sum([]*counters{r.counts}); st.Located != 1 || st.Unknown != 1 {
		t.Errorf("%d located and %d unknown, want 1 and 1", st.Located, st.Unknown)
	}
}

// TestDurationsAreSampled: the first query is timed, and then one in sampleEvery.
func TestDurationsAreSampled(t *testing.T) {
	r := testResponder(t, tcp)
	packet := pack(t, ask("static.glb.test.", dns.TypeA))
	var out [maxUDP]byte
	for range 2*sampleEvery + 1 {
		r.respond(out[:0], packet, resolver)
	}
	d := sum([]*counters{r.counts}).Durations["tcp"]
	var n uint64
	for _, c := range d.Counts {
		n += c
	}
	if n != 3 || d.Sum <= 0 || len(d.Counts) != len(d.Bounds)+1 || !slices.IsSorted(d.Bounds) {
		t.Errorf("%d timed, want 3: %+v", n, d)
	}
}

// TestTallyCountsLikeCountingEachByItself: whatever comes in whatever order, flushed whenever.
func TestTallyCountsLikeCountingEachByItself(t *testing.T) {
	type event struct {
		zone, qtype, rcode int
		v6                 bool
	}
	r := testResponder(t, udp)
	snap := r.current.Load()
	all := snap.Index.Zones()
	rapid.Check(t, func(t *rapid.T) {
		c, slow := &counters{proto: udp}, map[kind]uint64{}
		var tl tally
		for _, e := range rapid.SliceOf(rapid.Custom(func(t *rapid.T) event {
			return event{rapid.IntRange(-1, len(all)-1).Draw(t, "zone"), rapid.IntRange(0, 300).Draw(t, "qtype"), rapid.IntRange(0, 5).Draw(t, "rcode"), rapid.Bool().Draw(t, "v6")}
		})).Draw(t, "events") {
			q, a := query{qtype: uint16(e.qtype)}, answer{rcode: uint16(e.rcode), service: -1}
			k := kind{proto: udp, bucket: typeBucket(q.qtype), rcode: rcodeBucket(a.rcode)}
			if e.zone >= 0 {
				a.zone = all[e.zone]
				k.zone = snap.ZoneCounter(a.zone)
			}
			if e.v6 {
				k.family = ipv6
			}
			slow[k]++
			tl.count(c, snap, &q, &a, k.family)
			if rapid.Bool().Draw(t, "flush") {
				tl.flush(c)
			}
		}
		tl.flush(c)
		var s Stats
		fast := map[kind]uint64{}
		s.Truncated, s.Durations, s.Slow, s.Dropped, s.Ranks = map[string]uint64{}, map[string]Durations{"udp": newDurations()}, map[string]uint64{}, map[string]uint64{}, make([]uint64, maxRank+1)
		s.add(c, fast)
		if !maps.Equal(fast, slow) {
			t.Fatalf("got %v, want %v", fast, slow)
		}
	})
}
