package dnsserver

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

const (
	defaultConnections = 2048
	defaultPerSource   = 256
	defaultIdle        = 10 * time.Second
)

// withDefaults fills in what isn't said.
func (l TCPLimits) withDefaults() TCPLimits {
	if l.Connections <= 0 {
		l.Connections = min(defaultConnections, maxDescriptors()/2)
	}
	if l.PerSource <= 0 {
		l.PerSource = defaultPerSource
	}
	if l.Idle <= 0 {
		l.Idle = defaultIdle
	}
	return l
}

// seats are what TCP connections share: so many of them, and so many for each source.
type seats struct {
	limits TCPLimits
	counts *counters

	mu      sync.Mutex
	taken   []*seat
	sources map[netip.Addr]int // by seat.group
}

// seat is one connection, as far as the limits go.
type seat struct {
	source netip.Addr
	group  netip.Addr   // what PerSource counts
	active atomic.Int64 // when it last completed a query: nanoseconds, from whenever on
	at     int          // index in seats.taken; -1: it has left
	// conn can be aborted: cut at once, by any goroutine, while it has its seat. It leaves by itself then.
	conn interface{ abort() }
}

func newSeats(limits TCPLimits, counts *counters) seats {
	return seats{limits: limits.withDefaults(), counts: counts, sources: map[netip.Addr]int{}}
}

// take gives a connection from source a seat. It is false if the source has all that it may have. When all are taken
// the connection that has been idle the longest makes room.
func (s *seats) take(t *seat, source netip.Addr, now int64) bool {
	t.source, t.group = source, group(source)
	t.active.Store(now)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sources[t.group] >= s.limits.PerSource {
		s.counts.dropped[dropPerSource].Add(1)
		return false
	}
	if len(s.taken) >= s.limits.Connections {
		s.evict()
	}
	t.at = len(s.taken)
	s.taken = append(s.taken, t)
	s.sources[t.group]++
	return true
}

// group returns the address that stands for all that one client commonly has.
func group(a netip.Addr) netip.Addr {
	if a.Is4() {
		return a
	}
	p, _ := a.Prefix(64) // fails for lengths beyond the family's only
	return p.Addr()
}

// evict cuts the connection that has been idle the longest. The caller holds s.mu. It looks at all of them: a server
// that is full has worse costs.
func (s *seats) evict() {
	oldest := s.taken[0]
	for _, t := range s.taken {
		if t.active.Load() < oldest.active.Load() {
			oldest = t
		}
	}
	s.counts.dropped[dropEvicted].Add(1)
	s.forget(oldest)
	oldest.conn.abort()
}

// forget takes t off the books, once. The caller holds s.mu.
func (s *seats) forget(t *seat) {
	if t.at < 0 {
		return
	}
	last := s.taken[len(s.taken)-1]
	s.taken[t.at], last.at = last, t.at
	s.taken[len(s.taken)-1] = nil
	s.taken = s.taken[:len(s.taken)-1]
	t.at = -1
	if s.sources[t.group]--; s.sources[t.group] == 0 {
		delete(s.sources, t.group)
	}
}

// leave gives a seat back. Nobody aborts the connection from then on.
func (s *seats) leave(t *seat) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(t)
}

// each calls f for every connection that has a seat.
func (s *seats) each(f func(*seat)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.taken {
		f(t)
	}
}

// abort cuts all connections.
func (s *seats) abort() { s.each(func(t *seat) { t.conn.abort() }) }

// open returns how many connections there are.
func (s *seats) open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.taken)
}
