//go:build linux && (amd64 || arm64)

package dnsserver

import (
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// eventBatch is how many connections one system call tells of.
	eventBatch = 64
	// readable and writable are what a loop waits for at a connection, told once when it comes to be so: to be told as
	// long as it is so would have the kernel look at each connection twice. What was told of must be used up.
	readable = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET
	writable = unix.EPOLLOUT | unix.EPOLLET
	// finished are the events after which there may be nothing to come: the end of the stream is to be read.
	finished = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
	// readBatch is how many times in a row one connection is read from.
	readBatch = 4
	// acceptBatch is how many connections are accepted before those that there are get their turn.
	acceptBatch = 16
)

// streamLoop serves connections from one thread: it waits for those that can be read, reads from each once, and
// answers all that came in one write. A connection owns no memory while nothing of it is under way.
type streamLoop struct {
	*responder
	streams *streams
	epoll   int
	signal  int // an eventfd: streams.ending has changed
	busy    bool

	conns   []*stream // by descriptor
	open    int
	free    []*stream
	idle    streamList    // those that are read from, by seat.active
	leaving streamList    // those that have been ended, by when they were
	now     time.Duration // since streams.begin; once for all that was told of together
	drained bool          // idle connections have been told to hurry

	events [eventBatch]unix.EpollEvent
	in     [maxQuery + 2]byte
	out    []byte
}

func newStreamLoop(s *streams, r *responder) (*streamLoop, error) {
	l := &streamLoop{responder: r, streams: s, epoll: -1, signal: -1, out: make([]byte, 0, flushAt+maxTCP+2)}
	var err error
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	if l.signal, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		l.close()
		return nil, err
	}
	if errno := l.watch(unix.EPOLL_CTL_ADD, l.signal, unix.EPOLLIN); errno != 0 {
		l.close()
		return nil, errno
	}
	return l, nil
}

func (l *streamLoop) close() {
	// Descriptors are gone whatever close says; -1 never was one.
	_ = unix.Close(l.epoll)
	_ = unix.Close(l.signal)
}

// wake makes the loop look at what has changed.
func (l *streamLoop) wake() {
	one := [8]byte{1} // in one byte order or the other not 0
	// Full is as good as written.
	_, _ = unix.Write(l.signal, one[:])
}

// watch changes what the loop is told of a descriptor.
func (l *streamLoop) watch(op uintptr, fd int, events uint32) syscall.Errno {
	e := unix.EpollEvent{Events: events, Fd: int32(fd)}
	_, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(l.epoll), op, uintptr(fd), uintptr(unsafe.Pointer(&e)), 0, 0)
	return errno
}

// run serves until streams.ending, and then until the last connection has ended.
func (l *streamLoop) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for !l.drained || l.open > 0 {
		n := l.wait()
		l.now = time.Since(l.streams.begin)
		if l.streams.ending.Load() && !l.drained {
			l.hurry()
		}
		for i := range n {
			l.turn(int(l.events[i].Fd), l.events[i].Events&finished != 0)
		}
		l.expire()
	}
}

// wait returns how many descriptors there is something to do at. Like a packet loop it naps without telling Go's
// scheduler while connections keep it busy, and sleeps when they don't.
func (l *streamLoop) wait() int {
	most := l.untilExpiry()
	if l.busy {
		limit := int(nap.Milliseconds())
		if most >= 0 {
			limit = min(limit, most)
		}
		n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(l.epoll), uintptr(unsafe.Pointer(&l.events[0])), eventBatch, uintptr(limit), 0, 0)
		if errno != 0 {
			return 0
		}
		l.busy = n > 0
		return int(n)
	}
	n, err := unix.EpollWait(l.epoll, l.events[:], most)
	if err != nil {
		return 0
	}
	l.busy = n > 0
	return n
}

// turn does what there is to do at one descriptor. What was told of may have been closed since, and its number may
// belong to another connection: that one has nothing to read then.
func (l *streamLoop) turn(fd int, finished bool) {
	var c *stream
	if fd < len(l.conns) {
		c = l.conns[fd]
	}
	switch {
	case c == nil && fd == l.signal:
		var drop [8]byte
		_, _ = unix.Read(fd, drop[:])
	case c == nil:
		l.accept(fd)
	case c.cut.Load():
		l.reset(c)
	case c.bye:
		l.discard(c)
	case len(c.out) > 0:
		l.resume(c)
	default:
		l.read(c, finished)
	}
}

// accept takes in new connections.
func (l *streamLoop) accept(listener int) {
	for range acceptBatch {
		var from unix.RawSockaddrInet6
		fd, errno := l.streams.accept(listener, &from)
		switch errno {
		case 0:
			l.admit(fd, &from)
		case unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM:
			// Not for ever; and with connections waiting the next call would come back here at once.
			time.Sleep(nap)
			return
		case unix.EINTR, unix.ECONNABORTED:
		default:
			return
		}
	}
}

// admit begins to serve a connection, or closes it if there is no seat for it.
func (l *streamLoop) admit(fd int, from *unix.RawSockaddrInet6) {
	c := l.newStream(fd)
	if !l.streams.take(&c.seat, address(from), int64(l.now)) {
		resetSocket(fd)
		l.free = append(l.free, c)
		return
	}
	if l.watch(unix.EPOLL_CTL_ADD, fd, readable) != 0 { // out of memory, or of fs.epoll.max_user_watches
		l.streams.leave(&c.seat)
		resetSocket(fd)
		return
	}
	for fd >= len(l.conns) {
		l.conns = append(l.conns, make([]*stream, max(64, len(l.conns)))...)
	}
	l.conns[fd] = c
	l.open++
	l.idle.push(c)
}

// newStream returns a stream without a seat.
func (l *streamLoop) newStream(fd int) *stream {
	n := len(l.free)
	if n == 0 {
		c := &stream{fd: fd}
		c.conn = c
		return c
	}
	c := l.free[n-1]
	l.free = l.free[:n-1]
	c.fd, c.over, c.bye, c.waste = fd, false, false, 0
	c.in, c.out = nil, nil
	c.cut.Store(false)
	return c
}

// read reads what is there, and answers it. A buffer that isn't filled has taken all there was (epoll(7)); only the end
// of the stream, which is no new event if it came with the last bytes, is to be read beyond that.
func (l *streamLoop) read(c *stream, finished bool) {
	for range readBatch {
		have := copy(l.in[:], c.in)
		n, errno := readSocket(c.fd, l.in[have:])
		switch {
		case errno == unix.EAGAIN:
			return
		case errno == unix.EINTR:
			continue
		case errno != 0 || n == 0:
			l.end(c)
			return
		}
		all := have+n < len(l.in) && !finished
		if !l.answer(c, l.in[:have+n]) || all {
			return
		}
	}
	// The others' turn. Watching again tells again of what is there.
	if l.watch(unix.EPOLL_CTL_MOD, c.fd, readable) != 0 {
		l.end(c)
	}
}

// answer answers the whole queries that in begins with, and keeps the rest. It is false if the connection is not to be
// read from now.
func (l *streamLoop) answer(c *stream, in []byte) bool {
	l.out = l.out[:0]
	used, errno := 0, syscall.Errno(0)
	for len(c.out) == 0 && errno == 0 && !c.over {
		var n int
		var ok bool
		l.out, n, ok = l.answerNext(l.out, in[used:], c.source)
		used += n
		c.over = !ok
		if len(l.out) >= flushAt || n == 0 || c.over {
			errno = l.send(c)
		}
		if n == 0 {
			break
		}
	}
	if errno != 0 {
		l.counts.dropped[dropSend].Add(1)
		l.reset(c)
		return false
	}
	c.in = append([]byte(nil), in[used:]...)
	if used > 0 {
		l.extend(c)
	}
	if c.over && len(c.out) == 0 {
		l.leave(c)
		return false
	}
	return len(c.out) == 0
}

// extend gives the connection time for the next query. Only a whole query earns more time, so that one that comes
// drop by drop doesn't last.
func (l *streamLoop) extend(c *stream) {
	c.active.Store(int64(l.now))
	l.idle.remove(c)
	l.idle.push(c)
}

// send sends the answers so far. What the client doesn't take now becomes c.out.
func (l *streamLoop) send(c *stream) syscall.Errno {
	l.flush()
	if len(l.out) == 0 {
		return 0
	}
	n, errno := writeSocket(c.fd, l.out)
	if errno == unix.EAGAIN || errno == unix.EINTR {
		n, errno = 0, 0
	}
	if errno == 0 && n < len(l.out) {
		c.out = append(c.out, l.out[n:]...)
		errno = l.watch(unix.EPOLL_CTL_MOD, c.fd, writable)
	}
	l.out = l.out[:0]
	return errno
}

// resume sends what the client didn't take before, and goes on with what it asked meanwhile.
func (l *streamLoop) resume(c *stream) {
	n, errno := writeSocket(c.fd, c.out)
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return
	case errno == 0 && n < len(c.out):
		c.out = append(c.out[:0], c.out[n:]...)
		return
	case errno == 0:
		c.out = nil
		errno = l.watch(unix.EPOLL_CTL_MOD, c.fd, readable) // tells of what came meanwhile
	}
	if errno != 0 {
		l.counts.dropped[dropSend].Add(1)
		l.reset(c)
		return
	}
	if c.over {
		l.leave(c)
		return
	}
	l.answer(c, l.in[:copy(l.in[:], c.in)])
}

// expire ends the connections whose time is over.
func (l *streamLoop) expire() {
	for c := l.idle.first; c != nil && l.idleSince(c) <= l.now; c = l.idle.first {
		switch {
		case len(c.out) > 0:
			l.counts.dropped[dropSend].Add(1)
			l.reset(c)
			continue
		case len(c.in) > 0:
			l.counts.dropped[dropUnfinished].Add(1)
		}
		l.leave(c)
	}
	for c := l.leaving.first; c != nil && l.leftSince(c) <= l.now; c = l.leaving.first {
		l.end(c)
	}
}

// idleSince returns when a connection that is read from has idled enough.
func (l *streamLoop) idleSince(c *stream) time.Duration {
	limit := l.streams.limits.Idle
	if l.drained {
		limit = farewell
	}
	return time.Duration(c.active.Load()) + limit
}

// leftSince returns when a connection that was ended has had its time to read the last answers.
func (l *streamLoop) leftSince(c *stream) time.Duration {
	return time.Duration(c.active.Load()) + farewell
}

// untilExpiry returns in how many milliseconds expire has something to do; -1: there are no connections.
func (l *streamLoop) untilExpiry() int {
	next := time.Duration(-1)
	if c := l.idle.first; c != nil {
		next = l.idleSince(c)
	}
	if c := l.leaving.first; c != nil && (next < 0 || l.leftSince(c) < next) {
		next = l.leftSince(c)
	}
	if next < 0 {
		return -1
	}
	return int((max(next-l.now, 0) + time.Millisecond - 1) / time.Millisecond)
}

// hurry gives all connections the time of a farewell.
func (l *streamLoop) hurry() {
	l.drained = true
	for c := l.idle.first; c != nil; c = c.next {
		c.active.Store(int64(l.now))
	}
}

// leave ends a connection so that answers under way arrive: closing with unread bytes would reset it.
func (l *streamLoop) leave(c *stream) {
	if unix.Shutdown(c.fd, unix.SHUT_WR) != nil {
		l.end(c)
		return
	}
	l.idle.remove(c)
	c.bye = true
	c.active.Store(int64(l.now))
	l.leaving.push(c)
	l.discard(c)
}

// discard throws away what a client still sends.
func (l *streamLoop) discard(c *stream) {
	for {
		n, errno := readSocket(c.fd, l.in[:])
		switch errno {
		case unix.EAGAIN:
			return
		case unix.EINTR:
			continue
		}
		if c.waste += n; errno != 0 || n == 0 || c.waste > maxTCP {
			l.end(c)
			return
		}
	}
}

// reset closes a connection without a wait for what is under way.
func (l *streamLoop) reset(c *stream) {
	noLinger(c.fd)
	l.end(c)
}

// end closes a connection.
func (l *streamLoop) end(c *stream) {
	if c.bye {
		l.leaving.remove(c)
	} else {
		l.idle.remove(c)
	}
	l.streams.leave(&c.seat) // before its number can be another's
	l.conns[c.fd] = nil
	closeSocket(c.fd)
	l.open--
	l.free = append(l.free, c)
}
