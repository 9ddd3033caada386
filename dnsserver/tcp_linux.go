//go:build linux && (amd64 || arm64)

package dnsserver

import (
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// streamListener is a bound TCP address, outside of Go's netpoller.
type streamListener struct{ fd int }

// newStreamListener takes l's socket over.
func newStreamListener(l *net.TCPListener) (streamListener, error) {
	defer l.Close()
	raw, err := l.SyscallConn()
	if err != nil {
		return streamListener{}, err
	}
	var fd int
	var dup error
	if err := raw.Control(func(of uintptr) { fd, dup = unix.FcntlInt(of, unix.F_DUPFD_CLOEXEC, 0) }); err != nil {
		return streamListener{}, err
	}
	// Answers fit in the first window (RFC 6928), so that it doesn't matter how congestion is controlled but for what
	// that costs: Reno, which every system has, is the cheapest. Connections inherit it.
	_ = unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, "reno")
	return streamListener{fd}, dup
}

func (l streamListener) close() {
	// The descriptor is gone whatever close says.
	_ = unix.Close(l.fd)
}

// streams serves the TCP connections (RFC 7766) of all addresses: pipelined, answered in order. Each of its loops has
// a thread, and the connections that it accepted; they share the listening sockets and the seats.
type streams struct {
	seats
	begin  time.Time
	loops  []*streamLoop
	ended  sync.WaitGroup
	ending atomic.Bool

	mu        sync.Mutex
	listeners map[int]bool // by descriptor; accepting and closing exclude each other
}

func newStreams(limits TCPLimits, loops int, make func() *responder) (*streams, error) {
	s := &streams{begin: time.Now(), listeners: map[int]bool{}}
	for range loops {
		l, err := newStreamLoop(s, make())
		if err != nil {
			s.closeLoops()
			return nil, err
		}
		s.loops = append(s.loops, l)
	}
	s.seats = newSeats(limits, s.loops[0].counts)
	return s, nil
}

func (s *streams) closeLoops() {
	for _, l := range s.loops {
		l.close()
	}
}

// threads returns how many threads TCP keeps to itself.
func (s *streams) threads() int { return len(s.loops) }

// start begins to serve.
func (s *streams) start() {
	for _, l := range s.loops {
		s.ended.Go(l.run)
	}
}

// listen serves what comes in at l until ignore.
func (s *streams) listen(l streamListener) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners[l.fd] = true
	for _, loop := range s.loops {
		// Of the loops that wait one is woken for a connection.
		if errno := loop.watch(unix.EPOLL_CTL_ADD, l.fd, unix.EPOLLIN|unix.EPOLLEXCLUSIVE); errno != 0 {
			return errno
		}
	}
	return nil
}

// ignore stops to listen.
func (s *streams) ignore(l streamListener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l.fd)
	for _, loop := range s.loops {
		// It wasn't watched if the server never served.
		_ = loop.watch(unix.EPOLL_CTL_DEL, l.fd, 0)
	}
	l.close()
}

// accept takes one connection from a listening socket.
func (s *streams) accept(fd int, from *unix.RawSockaddrInet6) (int, syscall.Errno) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.listeners[fd] {
		return 0, unix.EAGAIN
	}
	size := uint32(unix.SizeofSockaddrInet6)
	conn, _, errno := syscall.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(from)),
		uintptr(unsafe.Pointer(&size)), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	return int(conn), errno
}

// drain lets every connection finish what has arrived.
func (s *streams) drain() {
	s.ending.Store(true)
	for _, l := range s.loops {
		l.wake()
	}
}

// wait returns when all connections have ended.
func (s *streams) wait() {
	s.ended.Wait()
	s.closeLoops()
}

// stream is one connection. It belongs to a loop, but for its seat.
type stream struct {
	seat
	fd  int
	cut atomic.Bool // to be closed at once, whatever is under way

	in    []byte // what was read and isn't answered: a part of a query, or what waits for room in out
	out   []byte // answers that the client hasn't taken yet; while there are any nothing is read
	over  bool   // no further query is read: out is sent, then the connection ends
	bye   bool   // it has been ended, and what the client still sends is thrown away
	waste int    // how much was

	prev, next *stream // in one of the loop's lists
}

// abort cuts a connection at once. The loop that it belongs to closes it.
func (c *stream) abort() {
	c.cut.Store(true)
	// The one error is that the peer has gone already.
	_ = unix.Shutdown(c.fd, unix.SHUT_RDWR)
}

// streamList holds streams in the order in which they were pushed.
type streamList struct{ first, last *stream }

func (l *streamList) push(c *stream) {
	c.prev, c.next = l.last, nil
	if l.last == nil {
		l.first = c
	} else {
		l.last.next = c
	}
	l.last = c
}

func (l *streamList) remove(c *stream) {
	if c.prev == nil {
		l.first = c.next
	} else {
		c.prev.next = c.next
	}
	if c.next == nil {
		l.last = c.prev
	} else {
		c.next.prev = c.prev
	}
}

// Sockets of connections don't block, so that Go's scheduler needn't be told of these calls.

func readSocket(fd int, b []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

func writeSocket(fd int, b []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

func closeSocket(fd int) {
	// The descriptor is gone whatever close says.
	_, _, _ = syscall.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0)
}

// noLinger makes closing a reset: it spares the descriptor and the memory of a connection that the peer may never end.
func noLinger(fd int) {
	// It can't fail for a socket.
	_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
}

func resetSocket(fd int) {
	noLinger(fd)
	closeSocket(fd)
}
