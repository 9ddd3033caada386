//go:build linux && (amd64 || arm64)

package dnsserver

import (
	"encoding/binary"
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"meridian/snapshot"
)

const (
	// batchSize is how many packets one system call moves. Above 32 nothing is gained.
	batchSize = 32
	// packetSize is the longest query over UDP that is read whole; a longer one is malformed.
	packetSize = 2048
	// answerSize is the room for one answer: maxUDP, in whole cache lines.
	answerSize = 1280
	// controlSize is the room for one IP_PKTINFO or IPV6_PKTINFO.
	controlSize = 40
	// nap is how long a worker waits for packets behind the back of Go's scheduler. While packets keep coming, telling
	// it of each wait would cost more than answering. A signal ends a nap, so that neither the garbage collector nor
	// sysmon, which wants its share of the processor for others, ever waits for the whole of it.
	nap = 2 * time.Millisecond
	// patience bounds how long a worker sleeps after a nap without packets, before it looks whether it is to stop.
	patience = 100 * time.Millisecond
	// drainBatches bounds how many batches a worker that is to stop still answers: what had arrived by then, and not
	// what keeps coming.
	drainBatches = 64
)

// socketsFor returns how many sockets serve one address.
func socketsFor(workers int) int { return workers }

// packetSocket is a UDP socket outside of Go's netpoller, read and written in batches by one worker. The kernel shares
// out the packets among the sockets of one address by a hash of source and destination (SO_REUSEPORT).
type packetSocket struct {
	fd       int
	wildcard bool // bound to the unspecified address: answers must leave from the address that was asked
	batch    *batch
}

// batch is the memory of one worker. The kernel writes in, sources and controls; slot i of each belongs to packet i.
// Its pointers point into itself, so it stays where it is.
type batch struct {
	in, out         [batchSize]message
	inVec, outVec   [batchSize]unix.Iovec
	sources         [batchSize]unix.RawSockaddrInet6 // room for the IPv4 form too
	controls        [batchSize][controlSize]byte
	packets         [batchSize][packetSize]byte
	answers         [batchSize][answerSize]byte
	asked           [batchSize]asked
	filled, replies int
}

// message is struct mmsghdr of recvmmsg(2).
type message struct {
	header unix.Msghdr
	length uint32
	_      [4]byte
}

// listenPackets binds a UDP socket that others of this process may share the address with.
func listenPackets(addr netip.AddrPort) (*packetSocket, error) {
	family := unix.AF_INET
	if addr.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	s := &packetSocket{fd: fd, wildcard: addr.Addr().IsUnspecified()}
	if err := s.setUp(addr); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *packetSocket) setUp(addr netip.AddrPort) error {
	v6 := addr.Addr().Is6()
	type option struct{ level, name int }
	options := []option{{unix.SOL_SOCKET, unix.SO_REUSEPORT}}
	if v6 {
		options = append(options, option{unix.IPPROTO_IPV6, unix.IPV6_V6ONLY})
	}
	switch {
	case s.wildcard && v6:
		options = append(options, option{unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO})
	case s.wildcard:
		options = append(options, option{unix.IPPROTO_IP, unix.IP_PKTINFO})
	}
	for _, o := range options {
		if err := unix.SetsockoptInt(s.fd, o.level, o.name, 1); err != nil {
			return err
		}
	}
	for name, limit := range map[int]time.Duration{unix.SO_RCVTIMEO: nap, unix.SO_SNDTIMEO: patience} {
		t := unix.NsecToTimeval(limit.Nanoseconds())
		if err := unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, name, &t); err != nil {
			return err
		}
	}
	s.prefer(v6)
	return unix.Bind(s.fd, sockaddr(addr))
}

// prefer sets what is good to have: room for a burst of packets, and no fragments (RFC 9715, section 3.1). Answers are
// short enough for every path; ICMP messages that claim a narrower one, which anybody can forge, are not listened to.
// With DF set IPv4 also needs no identification for the packet, and no line of memory that all cores count those on. A
// system without these options serves all the same.
func (s *packetSocket) prefer(v6 bool) {
	_ = unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1<<20)
	if v6 {
		_ = unix.SetsockoptInt(s.fd, unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_OMIT)
	} else {
		_ = unix.SetsockoptInt(s.fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE)
	}
}

func sockaddr(addr netip.AddrPort) unix.Sockaddr {
	if addr.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}
	}
	sa := &unix.SockaddrInet6{Port: int(addr.Port()), Addr: addr.Addr().As16()}
	if zone := addr.Addr().Zone(); zone != "" {
		if i, err := net.InterfaceByName(zone); err == nil {
			sa.ZoneId = uint32(i.Index)
		}
	}
	return sa
}

func (s *packetSocket) close() {
	// The descriptor is gone whatever close says.
	_ = unix.Close(s.fd)
}

// serve answers packets until stop, on a thread of its own, and closes the socket.
func (s *packetSocket) serve(r *responder, stop *atomic.Bool) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer s.close()
	s.batch = newBatch(s.wildcard)
	for !stop.Load() {
		switch s.receive(unix.MSG_WAITFORONE) {
		case 0:
			s.batch.answer(r)
			s.send(r.counts)
		case unix.EAGAIN:
			s.sleep(stop)
		case unix.EINTR:
		default: // out of memory, or the interface is gone: not for ever, and not to be tried in a circle
			time.Sleep(patience)
		}
	}
	for rest := drainBatches; rest > 0 && s.receive(unix.MSG_DONTWAIT) == 0; rest-- {
		s.batch.answer(r)
		s.send(r.counts)
	}
}

// sleep waits for a packet, or for stop, at next to no cost.
func (s *packetSocket) sleep(stop *atomic.Bool) {
	fds := []unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}}
	for n := 0; n == 0 && !stop.Load(); {
		// Whatever is wrong with the socket, receive finds out.
		n, _ = unix.Poll(fds, int(patience.Milliseconds()))
	}
}

func newBatch(wildcard bool) *batch {
	b := &batch{}
	for i := range batchSize {
		b.inVec[i] = unix.Iovec{Base: &b.packets[i][0], Len: packetSize}
		b.in[i].header = unix.Msghdr{
			Name:   (*byte)(unsafe.Pointer(&b.sources[i])),
			Iov:    &b.inVec[i],
			Iovlen: 1,
		}
		if wildcard {
			b.in[i].header.Control = &b.controls[i][0]
		}
		b.out[i].header.Iov, b.out[i].header.Iovlen = &b.outVec[i], 1
	}
	b.filled = batchSize // all must be made ready for the first call
	return b
}

// receive fills the batch with packets: those that are there, or with unix.MSG_WAITFORONE the first that come within
// a nap. It returns 0 if there are any.
func (s *packetSocket) receive(flags uintptr) syscall.Errno {
	b := s.batch
	for i := range b.filled {
		h := &b.in[i].header
		h.Namelen = unix.SizeofSockaddrInet6
		if s.wildcard {
			h.SetControllen(controlSize)
		}
	}
	n, _, errno := syscall.RawSyscall6(unix.SYS_RECVMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&b.in[0])), batchSize, flags, 0, 0)
	b.filled = int(n)
	if errno != 0 {
		b.filled = 0
	}
	return errno
}

// answer turns the packets of the batch into replies, all from one snapshot.
func (b *batch) answer(r *responder) {
	snap := r.current.Load()
	b.find(snap)
	b.replies = 0
	for i := range b.filled {
		m := &b.in[i]
		reply := r.respondTo(b.answers[i][:0], &b.asked[i], snap)
		if len(reply) == 0 {
			continue
		}
		o := &b.out[b.replies]
		b.outVec[b.replies].Base = &reply[0]
		b.outVec[b.replies].SetLen(len(reply))
		o.header.Name, o.header.Namelen = m.header.Name, m.header.Namelen
		o.header.Control, o.header.Controllen = nil, 0
		if m.header.Control != nil && m.header.Controllen > 0 {
			from(b.controls[i][:m.header.Controllen])
			o.header.Control, o.header.Controllen = m.header.Control, m.header.Controllen
		}
		b.replies++
	}
	r.flush()
}

// find parses all packets, and finds what they ask for, before the first is answered.
func (b *batch) find(snap *snapshot.Snapshot) {
	all := b.asked[:b.filled]
	for i := range all {
		all[i].take(b.packets[i][:b.in[i].length], address(&b.sources[i]))
	}
	// A mistake of ours is met again, and reported, when the packet is answered.
	defer func() { _ = recover() }()
	for i := range all {
		all[i].parse()
	}
	for i := range all {
		all[i].find(snap)
	}
	for i := range all {
		all[i].fetch(snap)
	}
}

// address returns the address in a socket address that the kernel wrote.
func address(sa *unix.RawSockaddrInet6) netip.Addr {
	if sa.Family == unix.AF_INET {
		return netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(sa)).Addr)
	}
	return netip.AddrFrom16(sa.Addr)
}

// from turns the control message that says where a packet went to into one that says where the answer comes from. The
// address stays as it is; the interface is the routing table's matter, except for link-local addresses, which mean
// nothing without one.
func from(control []byte) {
	if len(control) < unix.SizeofCmsghdr {
		return
	}
	data := control[unix.CmsgLen(0):]
	switch level := binary.NativeEndian.Uint32(control[8:]); {
	case level == unix.IPPROTO_IP && len(data) >= unix.SizeofInet4Pktinfo:
		clear(data[:4]) // struct in_pktinfo: interface, address to answer from, destination
	case level == unix.IPPROTO_IPV6 && len(data) >= unix.SizeofInet6Pktinfo:
		if data[0] != 0xfe || data[1]&0xc0 != 0x80 {
			clear(data[16:20]) // struct in6_pktinfo: destination, interface
		}
	}
}

// send sends the replies. What the system refuses (a source that can't be answered) is left out.
func (s *packetSocket) send(c *counters) {
	b := s.batch
	for at := 0; at < b.replies; {
		left := uintptr(b.replies - at)
		n, _, errno := syscall.RawSyscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&b.out[at])), left, unix.MSG_DONTWAIT, 0, 0)
		if errno == unix.EAGAIN { // the interface is slower than we are: wait, at most for patience
			n, _, errno = syscall.Syscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&b.out[at])), left, 0, 0, 0)
		}
		switch errno {
		case 0:
			at += int(n)
		case unix.EINTR:
		default:
			c.dropped[dropSend].Add(1)
			at++
		}
	}
}
