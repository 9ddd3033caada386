package dnsserver

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	defaultConnections = 2048
	defaultPerSource   = 256
	defaultIdle        = 10 * time.Second

	// maxQuery is the longest query over TCP. Resolvers send less than a tenth of it; a peer that announces more is
	// cut off, so that a connection never holds more than this, whatever its length prefix says.
	maxQuery = 4096
	// flushAt is how many bytes of answers to pipelined queries go out together.
	flushAt = 16 << 10
	// keepBuffer is the largest answer buffer that is kept for the next connection.
	keepBuffer = 2 * flushAt
	// farewell is how long a connection that the server ends may take to send what is under way and to read the rest.
	farewell = 100 * time.Millisecond
)

// streams serves the TCP connections (RFC 7766) of all addresses: pipelined, answered in order.
type streams struct {
	limits TCPLimits
	make   func() *responder
	counts *counters // of what happens outside of workers
	conns  sync.WaitGroup
	ending atomic.Bool

	mu      sync.Mutex
	free    []*streamWorker
	live    map[*stream]struct{}
	sources map[netip.Addr]int
}

// stream is one connection.
type stream struct {
	*net.TCPConn
	source netip.Addr
	group  netip.Addr   // what PerSource counts
	active atomic.Int64 // when it last completed a query, Unix nanoseconds
}

// streamWorker is the memory that one connection works in.
type streamWorker struct {
	*responder
	in  [maxQuery + 2]byte
	out []byte
}

func newStreams(limits TCPLimits, make func() *responder) *streams {
	if limits.Connections <= 0 {
		limits.Connections = min(defaultConnections, maxDescriptors()/2)
	}
	if limits.PerSource <= 0 {
		limits.PerSource = defaultPerSource
	}
	if limits.Idle <= 0 {
		limits.Idle = defaultIdle
	}
	return &streams{limits: limits, make: make, counts: make().counts, live: map[*stream]struct{}{}, sources: map[netip.Addr]int{}}
}

// accept serves what comes in at l until l is closed.
func (s *streams) accept(l *net.TCPListener) {
	const first, most = 5 * time.Millisecond, time.Second
	wait := first
	for {
		conn, err := l.AcceptTCP()
		switch {
		case err == nil:
			wait = first
			s.admit(conn)
		case errors.Is(err, net.ErrClosed):
			return
		default: // out of descriptors or memory, or the peer has gone already
			time.Sleep(wait)
			wait = min(2*wait, most)
		}
	}
}

// admit begins to serve a connection, or closes it if its source has all that it may have. When the server is full
// the connection that has been idle the longest makes room.
func (s *streams) admit(conn *net.TCPConn) {
	from := conn.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()
	c := &stream{TCPConn: conn, source: from.WithZone(""), group: group(from)}
	c.active.Store(time.Now().UnixNano())
	s.mu.Lock()
	refused := s.sources[c.group] >= s.limits.PerSource
	if !refused {
		if len(s.live) >= s.limits.Connections {
			s.evict()
		}
		s.live[c] = struct{}{}
		s.sources[c.group]++
	}
	s.mu.Unlock()
	if refused {
		s.counts.dropped[dropPerSource].Add(1)
		c.abort()
		return
	}
	s.conns.Go(func() {
		s.serve(c)
		s.leave(c)
	})
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
func (s *streams) evict() {
	var oldest *stream
	for c := range s.live {
		if oldest == nil || c.active.Load() < oldest.active.Load() {
			oldest = c
		}
	}
	s.counts.dropped[dropEvicted].Add(1)
	s.forget(oldest)
	oldest.abort()
}

// forget takes c off the books, once. The caller holds s.mu.
func (s *streams) forget(c *stream) {
	if _, ok := s.live[c]; !ok {
		return
	}
	delete(s.live, c)
	if s.sources[c.group]--; s.sources[c.group] == 0 {
		delete(s.sources, c.group)
	}
}

func (s *streams) leave(c *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(c)
}

// serve answers the queries of one connection until it ends, is idle too long, or sends what is no query.
func (s *streams) serve(c *stream) {
	w := s.take()
	defer s.giveBack(w)
	defer c.end()
	s.extend(c)
	for have := 0; ; {
		n, err := c.Read(w.in[have:])
		have += n
		used, ok := w.answerAll(c, w.in[:have])
		if !ok {
			return
		}
		if used > 0 {
			have = copy(w.in[:], w.in[used:have])
			s.extend(c)
		}
		if err != nil {
			if have > 0 && errors.Is(err, os.ErrDeadlineExceeded) {
				s.counts.dropped[dropUnfinished].Add(1)
			}
			return
		}
	}
}

// extend gives the connection time for the next query. Only a whole query earns more time, so that one that comes
// drop by drop doesn't last.
func (s *streams) extend(c *stream) {
	now := time.Now()
	c.active.Store(now.UnixNano())
	// Deadlines can't be set on closed connections only, and those tell at the next Read.
	_ = c.SetReadDeadline(now.Add(s.limits.Idle))
	if s.ending.Load() {
		_ = c.SetReadDeadline(now.Add(farewell))
	}
}

// answerAll answers the whole queries that in begins with and returns their length. It is false when the connection
// is to end: something was no query, or the client doesn't take its answers.
func (w *streamWorker) answerAll(c *stream, in []byte) (used int, ok bool) {
	w.out = w.out[:0]
	for ok = true; ok && len(in)-used >= 2; {
		n := int(binary.BigEndian.Uint16(in[used:]))
		if n > maxQuery {
			w.counts.dropped[dropTooLong].Add(1)
			ok = false
			break
		}
		if len(in)-used-2 < n {
			break
		}
		ok = w.answerOne(in[used+2:used+2+n], c.source)
		used += 2 + n
		if len(w.out) >= flushAt {
			ok = w.flush(c) && ok
		}
	}
	return used, w.flush(c) && ok
}

// answerOne appends one answer with its length. It is false for what is never answered.
func (w *streamWorker) answerOne(packet []byte, source netip.Addr) bool {
	begin := len(w.out)
	w.out = w.respond(append(w.out, 0, 0), packet, source)
	n := len(w.out) - begin - 2
	if n == 0 {
		w.out = w.out[:begin]
		return false
	}
	binary.BigEndian.PutUint16(w.out[begin:], uint16(n))
	return true
}

// flush sends the answers so far. It is false if the client doesn't take them.
func (w *streamWorker) flush(c *stream) bool {
	w.responder.flush()
	if len(w.out) == 0 {
		return true
	}
	err := c.SetWriteDeadline(time.Now().Add(defaultIdle))
	if err == nil {
		_, err = c.Write(w.out)
	}
	if err != nil {
		w.counts.dropped[dropSend].Add(1)
	}
	w.out = w.out[:0]
	return err == nil
}

// take returns a worker that no connection uses. Its counters are its own.
func (s *streams) take() *streamWorker {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.free); n > 0 {
		w := s.free[n-1]
		s.free = s.free[:n-1]
		return w
	}
	return &streamWorker{responder: s.make()}
}

func (s *streams) giveBack(w *streamWorker) {
	if cap(w.out) > keepBuffer {
		w.out = nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = append(s.free, w)
}

// end closes a connection so that answers under way arrive: closing with unread bytes would reset it.
func (c *stream) end() {
	// On a connection that the peer has ended all of this fails, and rightly has no effect.
	if c.CloseWrite() == nil && c.SetReadDeadline(time.Now().Add(farewell)) == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(c.TCPConn, maxTCP))
	}
	_ = c.Close()
}

// abort cuts a connection at once, without a wait for what is under way.
func (c *stream) abort() {
	// SO_LINGER 0 spares the descriptor and the memory of a connection that the peer may never end.
	_ = c.SetLinger(0)
	_ = c.Close()
}

// drain lets every connection finish what has arrived.
func (s *streams) drain() {
	s.ending.Store(true)
	s.each(func(c *stream) { _ = c.SetReadDeadline(time.Now().Add(farewell)) })
}

// cut ends all connections.
func (s *streams) cut() { s.each((*stream).abort) }

func (s *streams) each(f func(*stream)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.live {
		f(c)
	}
}

func (s *streams) wait() { s.conns.Wait() }

// open returns how many connections there are.
func (s *streams) open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.live)
}
