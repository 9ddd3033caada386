package dnsserver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
)

// anyPortTries is how many ports are tried until one is free for both TCP and UDP.
const anyPortTries = 16

// bindAll binds all addresses or none.
func (s *Server) bindAll(ctx context.Context, addrs []netip.AddrPort) (bound []*listener, err error) {
	for _, a := range addrs {
		l, err := bind(ctx, a, s.options.Workers)
		if err != nil {
			for _, l := range bound {
				l.close()
			}
			return nil, err
		}
		bound = append(bound, l)
	}
	return bound, nil
}

// bind binds one address: TCP first, because that is exclusive. UDP sockets share their port (SO_REUSEPORT), also with
// another process of the same user, which would then get a part of the queries.
func bind(ctx context.Context, asked netip.AddrPort, workers int) (*listener, error) {
	for try := 1; ; try++ {
		l, err := bindOnce(ctx, asked, workers)
		if err == nil || asked.Port() != 0 || try == anyPortTries || !errors.Is(err, syscall.EADDRINUSE) {
			return l, err
		}
	}
}

func bindOnce(ctx context.Context, asked netip.AddrPort, workers int) (*listener, error) {
	addr := netip.AddrPortFrom(asked.Addr().Unmap(), asked.Port())
	network := "tcp4"
	if addr.Addr().Is6() {
		network = "tcp6" // and IPv6 alone, so that 0.0.0.0 and [::] can be listened on side by side
	}
	var lc net.ListenConfig
	lc.SetMultipathTCP(false) // it costs, and resolvers don't use it
	bound, err := lc.Listen(ctx, network, addr.String())
	if err != nil {
		return nil, NewBindError("tcp", addr, err)
	}
	l := &listener{asked: asked, addr: netip.AddrPortFrom(addr.Addr(), bound.Addr().(*net.TCPAddr).AddrPort().Port())}
	if l.stream, err = newStreamListener(bound.(*net.TCPListener)); err != nil {
		return nil, NewBindError("tcp", l.addr, err)
	}
	for range socketsFor(workers) {
		socket, err := listenPackets(l.addr)
		if err != nil {
			l.close()
			return nil, NewBindError("udp", l.addr, err)
		}
		l.udp = append(l.udp, socket)
	}
	return l, nil
}

// NewBindError makes a BindError of what a listen call said, and finds out who holds the address if somebody does.
func NewBindError(network string, addr netip.AddrPort, err error) *BindError {
	// The system's word, without the operation and the address that BindError names itself.
	var errno syscall.Errno
	e := &BindError{Network: network, Addr: addr, Err: err}
	if errors.As(err, &errno) {
		e.Err = errno
	}
	if errno == syscall.EADDRINUSE {
		e.Holder = holder(network, addr)
	}
	return e
}

// close closes what no worker serves.
func (l *listener) close() {
	l.stream.close()
	l.closePackets()
}

func (l *listener) closePackets() {
	for _, socket := range l.udp {
		socket.close()
	}
}
