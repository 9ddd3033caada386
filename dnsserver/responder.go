package dnsserver

import (
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"runtime/debug"

	"github.com/miekg/dns"

	"meridian/snapshot"
)

// responder turns packets into answers, for one goroutine. It keeps the memory that the steps work in.
type responder struct {
	current *snapshot.Current
	id      *identity
	counts  *counters
	proto   proto
	log     *slog.Logger

	query  query
	answer answer
	name   [maxNameLen]byte
}

// respond appends the answer to packet to dst, and returns dst as it was if there is none to give. dst must have room
// for maxUDP bytes where no allocation is wanted. A mistake of ours that panics becomes a SERVFAIL.
func (r *responder) respond(dst, packet []byte, source netip.Addr) (out []byte) {
	defer func() {
		if p := recover(); p != nil {
			out = r.apologise(dst, packet, p)
		}
	}()
	snap := r.current.Load()
	q, a := &r.query, &r.answer
	if d := parseQuery(packet, &r.name, q); d != plain {
		return r.respondSlowly(dst, packet, source, snap, d)
	}
	r.id.decide(snap, q, source, rand.Uint64(), a)
	a.fit(q, r.id, r.limit())
	out = appendFast(dst, q, a, r.id)
	r.count(source)
	return out
}

// respondSlowly answers what the fast path declined. It runs in the caller's goroutine, so that no more of it runs at
// once than there are workers and connections, and its work is bounded by the length of the packet.
func (r *responder) respondSlowly(dst, packet []byte, source netip.Addr, snap *snapshot.Snapshot, why decline) []byte {
	r.counts.declined[why].Add(1)
	if why == declinedShort || why == declinedResponse {
		return dst
	}
	q, a := &r.query, &r.answer
	parseSlow(packet, &r.name, q)
	r.id.decide(snap, q, source, rand.Uint64(), a)
	a.fit(q, r.id, r.limit())
	out, err := appendSlow(dst, q, a, r.id)
	if err != nil {
		// A record that was packed when the snapshot was compiled can be packed now.
		panic(err)
	}
	r.count(source)
	return out
}

// limit returns the longest answer to the query.
func (r *responder) limit() int {
	if r.proto == tcp {
		return maxTCP
	}
	return udpLimit(&r.query)
}

// count counts one answer.
func (r *responder) count(source netip.Addr) {
	c, q, a := r.counts, &r.query, &r.answer
	family := ipv4
	if source.Is6() {
		family = ipv6
	}
	c.traffic[r.proto][family][typeBucket(q.qtype)][rcodeBucket(a.rcode)].Add(1)
	if a.truncated {
		c.cut[r.proto].Add(1)
	}
	if a.service >= 0 {
		c.countService(a)
	}
}

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
