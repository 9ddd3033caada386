package dnsserver

import (
	"testing"

	"github.com/miekg/dns"
)

// typical are the packets of the figures in bench.md, and of the allocation budget.
func typical() []struct {
	name  string
	query *dns.Msg
} {
	plain := ask("www.glb.test.", dns.TypeA)
	plain.Extra = nil
	return []struct {
		name  string
		query *dns.Msg
	}{
		{"geo with ECS v4", ask("www.glb.test.", dns.TypeA, clientSubnet("192.0.2.0/24"))},
		{"geo with ECS v6", ask("www.glb.test.", dns.TypeA, clientSubnet("2001:db8:1::/56"))},
		{"geo without ECS", ask("www.glb.test.", dns.TypeA)},
		{"geo without EDNS", plain},
		{"geo NODATA", ask("www.glb.test.", dns.TypeAAAA, clientSubnet("192.0.2.0/24"))},
		{"weighted", ask("w.glb.test.", dns.TypeA)},
		{"static", ask("static.glb.test.", dns.TypeA)},
		{"chain to a service", ask("twice.glb.test.", dns.TypeA, clientSubnet("192.0.2.0/24"))},
		{"wildcard", ask("a.wild.glb.test.", dns.TypeA)},
		{"NXDOMAIN", ask("nowhere.glb.test.", dns.TypeA)},
		{"delegation", ask("host.sub.glb.test.", dns.TypeA)},
		{"truncated", ask("long.glb.test.", dns.TypeTXT)},
		{"refused", ask("example.net.", dns.TypeA)},
	}
}

// BenchmarkRespond is parse, decide, render and count, without sockets. Budget: 150 ns for geo with ECS.
func BenchmarkRespond(b *testing.B) {
	for _, c := range typical() {
		b.Run(c.name, func(b *testing.B) {
			r := testResponder(b, udp)
			packet := pack(b, c.query)
			var out [maxUDP]byte
			b.ReportAllocs()
			for b.Loop() {
				r.respond(out[:0], packet, resolver)
			}
		})
	}
}

// BenchmarkSteps shows where the time of geo with ECS goes.
func BenchmarkSteps(b *testing.B) {
	r := testResponder(b, udp)
	snap := r.current.Load()
	packet := pack(b, ask("www.glb.test.", dns.TypeA, clientSubnet("192.0.2.0/24")))
	r.asked.take(packet, resolver)
	var out [maxUDP]byte
	b.Run("parse", func(b *testing.B) {
		for b.Loop() {
			r.asked.parse()
		}
	})
	b.Run("find", func(b *testing.B) {
		for b.Loop() {
			r.asked.find(snap)
			r.asked.fetch(snap)
		}
	})
	b.Run("decide", func(b *testing.B) {
		for b.Loop() {
			r.id.decide(snap, &r.asked.query, &r.asked.finding, 1, &r.answer)
		}
	})
	b.Run("render", func(b *testing.B) {
		for b.Loop() {
			r.answer.fit(&r.asked.query, r.id, maxUDP)
			appendFast(out[:0], &r.asked.query, &r.answer, r.id)
		}
	})
	b.Run("count", func(b *testing.B) {
		for b.Loop() {
			r.count(&r.asked, snap)
		}
	})
}

// TestFastPathDoesNotAllocate holds the budget of the query path.
func TestFastPathDoesNotAllocate(t *testing.T) {
	for _, c := range typical() {
		r := testResponder(t, udp)
		packet := pack(t, c.query)
		var out [maxUDP]byte
		r.respond(out[:0], packet, resolver) // the first answer of a service makes a chunk of counters
		if n := testing.AllocsPerRun(100, func() { r.respond(out[:0], packet, resolver) }); n != 0 {
			t.Errorf("%s: %v allocations, want 0", c.name, n)
		}
		if n := sum([]*counters{r.counts}).Slow; total(n) != 0 {
			t.Errorf("%s was declined by the fast path: %v", c.name, n)
		}
	}
}

func total(counts map[string]uint64) (n uint64) {
	for _, c := range counts {
		n += c
	}
	return n
}
