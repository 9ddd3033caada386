package dnsserver

import (
	"math/rand/v2"
	"net/netip"
	"sync/atomic"

	"meridian/snapshot"
)

// Sample stands for some queries that services answered. It holds no address: clients are networks.
type Sample struct {
	// Client is the network that decided: that of the client subnet option, or the one around the source.
	Client  netip.Prefix
	Service string  // canonical name of the service, or of the other name of one, that answered
	Type    uint16  // A or AAAA
	Count   float64 // how many queries it stands for
}

const (
	// sampleSpan is the longest gap between two samples of a worker, in answers of services. Gaps are drawn evenly from
	// 1..sampleSpan: so that no rhythm of the queries can hide from them.
	sampleSpan  = 128
	sampleWorth = (1 + sampleSpan) / 2. // answers that one sample stands for
	// sampleRoom is how many samples of a worker wait to be taken. It is a power of two.
	sampleRoom = 2048
	// Client networks are cut to these lengths before anybody sees them; where the map tells clients of one such network
	// apart, they are a little longer.
	sampleBits4, longestSample4 = 24, 28
	sampleBits6, longestSample6 = 48, 56
)

// samples is a ring between one worker, which writes, and one reader. Neither waits for the other: what finds no room
// is counted, and the others then stand for it too.
type samples struct {
	written atomic.Uint64 // by the worker
	lost    atomic.Uint64
	_       [48]byte
	taken   atomic.Uint64 // by the reader
	_       [56]byte
	ring    [sampleRoom]sample
}

type sample struct {
	client  netip.Prefix
	service string
	qtype   uint16
}

// sampler decides which answers are sampled. It is part of a tally.
type sampler struct {
	left  int // answers before the next sample
	armed bool
}

// sample writes the answer down, and draws the next gap. It runs once in sampleWorth answers.
func (t *sampler) sample(c *counters, s *snapshot.Service, q *query, a *answer) {
	t.left = int(rand.Uint64() % sampleSpan)
	if !t.armed || c.samples == nil {
		t.armed = true // the very first answer is no sample of anything
		return
	}
	ring := c.samples
	n := ring.written.Load()
	if n-ring.taken.Load() == sampleRoom {
		ring.lost.Add(1)
		return
	}
	ring.ring[n%sampleRoom] = sample{clientNetwork(q, a, s), s.Spec().Name, q.qtype}
	ring.written.Store(n + 1)
}

// clientNetwork returns the network that an answer was located by, cut.
func clientNetwork(q *query, a *answer, s *snapshot.Service) netip.Prefix {
	addr := a.location.Address
	bits, longest := sampleBits4, longestSample4
	if addr.Is6() {
		bits, longest = sampleBits6, longestSample6
	}
	alike := s.Locate(snapshot.Client{ECS: netip.PrefixFrom(addr, addr.BitLen())}).Scope
	bits = min(max(bits, int(alike)), longest)
	if a.location.FromECS {
		bits = min(bits, int(q.subnet.source))
	}
	// It fails only for lengths beyond the family's.
	p, _ := addr.Prefix(bits)
	return p
}

// take hands all samples that wait to f.
func (s *samples) take(f func(Sample)) {
	first, end := s.taken.Load(), s.written.Load()
	if first == end {
		return
	}
	worth := sampleWorth * (1 + float64(s.lost.Swap(0))/float64(end-first))
	for ; first < end; first++ {
		r := &s.ring[first%sampleRoom]
		f(Sample{Client: r.client, Service: r.service, Type: r.qtype, Count: worth})
		s.taken.Store(first + 1)
	}
}

// Samples hands what was sampled since the last call to f, worker by worker. It holds up no query.
func (s *Server) Samples(f func(Sample)) {
	s.sampling.Lock()
	defer s.sampling.Unlock()
	s.mu.Lock()
	all := make([]*samples, 0, len(s.counters))
	for _, c := range s.counters {
		all = append(all, c.samples)
	}
	s.mu.Unlock()
	for _, ring := range all {
		ring.take(f)
	}
}
