//go:build !linux || (!amd64 && !arm64)

package dnsserver

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// keepBuffer is the largest answer buffer that is kept for the next connection.
const keepBuffer = 2 * flushAt

// streamListener is a bound TCP address.
type streamListener struct{ *net.TCPListener }

func newStreamListener(l *net.TCPListener) (streamListener, error) { return streamListener{l}, nil }

func (l streamListener) close() {
	// Nothing is lost when a listening socket can't be closed twice.
	_ = l.Close()
}

// streams serves the TCP connections (RFC 7766) of all addresses: pipelined, answered in order; a goroutine for each.
type streams struct {
	seats
	make      func() *responder
	acceptors sync.WaitGroup
	conns     sync.WaitGroup
	ending    atomic.Bool

	freeMu sync.Mutex
	free   []*streamWorker
}

// stream is one connection.
type stream struct {
	*net.TCPConn
	seat
}

// streamWorker is the memory that one connection works in.
type streamWorker struct {
	*responder
	in  [maxQuery + 2]byte
	out []byte
}

func newStreams(limits TCPLimits, _ int, make func() *responder) (*streams, error) {
	return &streams{seats: newSeats(limits, make().counts), make: make}, nil
}

// threads returns how many threads TCP keeps to itself.
func (s *streams) threads() int { return 0 }

// start begins to serve.
func (s *streams) start() {}

// listen serves what comes in at l until ignore.
func (s *streams) listen(l streamListener) error {
	s.acceptors.Go(func() { s.accept(l) })
	return nil
}

// ignore stops to listen.
func (s *streams) ignore(l streamListener) {
	l.close()
}

func (s *streams) accept(l streamListener) {
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

// admit begins to serve a connection, or closes it if there is no seat for it.
func (s *streams) admit(conn *net.TCPConn) {
	from := conn.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap().WithZone("")
	c := &stream{TCPConn: conn}
	c.conn = c
	if !s.take(&c.seat, from, time.Now().UnixNano()) {
		c.abort()
		return
	}
	s.conns.Go(func() {
		s.serve(c)
		s.leave(&c.seat)
	})
}

// serve answers the queries of one connection until it ends, is idle too long, or sends what is no query.
func (s *streams) serve(c *stream) {
	w := s.takeWorker()
	defer s.giveWorker(w)
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
	for ok = true; ok; {
		var n int
		if w.out, n, ok = w.answerNext(w.out, in[used:], c.source); n == 0 {
			break
		}
		used += n
		if len(w.out) >= flushAt {
			ok = w.send(c) && ok
		}
	}
	return used, w.send(c) && ok
}

// send sends the answers so far. It is false if the client doesn't take them.
func (w *streamWorker) send(c *stream) bool {
	w.flush()
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

// takeWorker returns a worker that no connection uses. Its counters are its own.
func (s *streams) takeWorker() *streamWorker {
	s.freeMu.Lock()
	defer s.freeMu.Unlock()
	if n := len(s.free); n > 0 {
		w := s.free[n-1]
		s.free = s.free[:n-1]
		return w
	}
	return &streamWorker{responder: s.make()}
}

func (s *streams) giveWorker(w *streamWorker) {
	if cap(w.out) > keepBuffer {
		w.out = nil
	}
	s.freeMu.Lock()
	defer s.freeMu.Unlock()
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
	s.each(func(t *seat) { _ = t.conn.(*stream).SetReadDeadline(time.Now().Add(farewell)) })
}

// wait returns when all connections have ended.
func (s *streams) wait() {
	s.acceptors.Wait()
	s.conns.Wait()
}
