package dnsserver

import (
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"runtime/debug"
	"time"

	"github.com/miekg/dns"

	"meridian/snapshot"
)

// responder turns packets into answers, for one goroutine. It keeps the memory that the steps work in.
type responder struct {
	current *snapshot.Current
	id      *identity
	counts  *counters
	log     *slog.Logger

	tally   tally // to be flushed before answers are sent
	untimed int   // queries before the next one that is timed
	random  uint64
	asked   asked // the packet that no batch holds
	answer  answer
}

func newResponder(current *snapshot.Current, id *identity, counts *counters, log *slog.Logger) *responder {
	return &responder{current: current, id: id, counts: counts, log: log, random: rand.Uint64()}
}

// respond appends the answer to packet to dst, and returns dst as it was if there is none to give. dst must have room
// for maxUDP bytes where no allocation is wanted.
func (r *responder) respond(dst, packet []byte, source netip.Addr) []byte {
	r.asked.take(packet, source)
	return r.respondTo(dst, &r.asked, r.current.Load())
}

// respondTo is respond for a packet of which something may have been found in snap.
func (r *responder) respondTo(dst []byte, k *asked, snap *snapshot.Snapshot) []byte {
	if r.untimed--; r.untimed >= 0 {
		return r.respondSafely(dst, k, snap)
	}
	r.untimed = sampleEvery - 1
	begin := time.Now()
	dst = r.respondSafely(dst, k, snap)
	r.counts.durations.observe(time.Since(begin))
	return dst
}

// respondSafely makes a mistake of ours that panics a SERVFAIL.
func (r *responder) respondSafely(dst []byte, k *asked, snap *snapshot.Snapshot) (out []byte) {
	defer func() {
		if p := recover(); p != nil {
			out = r.apologise(dst, k.packet, p)
		}
	}()
	if !k.found {
		k.parse()
		k.find(snap)
		k.fetch(snap)
	}
	if k.why != plain {
		return r.respondSlowly(dst, k, snap)
	}
	r.decide(k, snap)
	out = appendFast(dst, &k.query, &r.answer, r.id)
	r.count(k, snap)
	return out
}

// respondSlowly answers what the fast path declined. It runs in the caller's goroutine, so that no more of it runs at
// once than there are workers and connections, and its work is bounded by the length of the packet.
func (r *responder) respondSlowly(dst []byte, k *asked, snap *snapshot.Snapshot) []byte {
	r.counts.declined[k.why].Add(1)
	if k.why == declinedShort || k.why == declinedResponse {
		return dst
	}
	k.parseSlow()
	k.findAnyway(snap)
	k.finding.fetch(snap, k.query.qtype)
	r.decide(k, snap)
	out, err := appendSlow(dst, &k.query, &r.answer, r.id)
	if err != nil {
		// A record that was packed when the snapshot was compiled can be packed now.
		panic(err)
	}
	r.count(k, snap)
	return out
}

// decide turns the query into the answer.
func (r *responder) decide(k *asked, snap *snapshot.Snapshot) {
	r.id.decide(snap, &k.query, &k.finding, r.nextRandom(), &r.answer)
	limit := maxTCP
	if r.counts.proto == udp {
		limit = udpLimit(&k.query)
	}
	r.answer.fit(&k.query, r.id, limit)
}

// nextRandom returns a uniform random number, by SplitMix64 (Steele, Lea and Flood): the choice of a pool is no secret,
// and the whole of math/rand/v2 costs four times as much.
func (r *responder) nextRandom() uint64 {
	r.random += 0x9e3779b97f4a7c15
	x := r.random
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// count counts one answer.
func (r *responder) count(k *asked, snap *snapshot.Snapshot) {
	f := ipv4
	if k.finding.client.Source.Is6() {
		f = ipv6
	}
	r.tally.count(r.counts, snap, &k.query, &r.answer, f)
}

// flush makes what was counted visible.
func (r *responder) flush() { r.tally.flush(r.counts) }

// apologise answers SERVFAIL for a panic, and logs the 1st, 2nd, 4th, 8th ... of them: a packet that finds a mistake
// will be sent again, and must not fill the log.
func (r *responder) apologise(dst, packet []byte, cause any) []byte {
	n := r.counts.panics.Add(1)
	if n&(n-1) == 0 {
		r.log.Error("A query met a mistake in the server. It was answered SERVFAIL, and the server goes on. Please report this.",
			"cause", cause, "packet", packet, "panics", n, "stack", string(debug.Stack()))
	}
	if answerable(packet) != plain {
		return dst
	}
	dst = append(dst, packet[0], packet[1], 0x80|packet[2]&0x79, byte(dns.RcodeServerFailure), 0, 0, 0, 0, 0, 0, 0, 0)
	if n := nameLen(packet[headerLen:]); n > 0 && headerLen+n+4 <= len(packet) {
		dst[len(dst)-headerLen+5] = 1
		dst = append(dst, packet[headerLen:headerLen+n+4]...)
	}
	return dst
}
