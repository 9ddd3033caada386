//go:build !linux || (!amd64 && !arm64)

package dnsserver

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"
)

// packetSize is the longest query over UDP that is read whole; a longer one is malformed.
const packetSize = 2048

// patience bounds how long a worker waits for packets before it looks whether it is to stop.
const patience = 100 * time.Millisecond

// socketsFor returns how many sockets serve one address: without the batches of Linux one has to do, because not
// every system shares out packets among several.
func socketsFor(int) int { return 1 }

// packetSocket is a UDP socket for systems where speed isn't the point. Bound to the unspecified address of a host
// with several it answers from the address that the routing table picks: listen on each address there.
type packetSocket struct{ conn *net.UDPConn }

func listenPackets(addr netip.AddrPort) (*packetSocket, error) {
	network := "udp4"
	if addr.Addr().Is6() {
		network = "udp6"
	}
	conn, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, err
	}
	return &packetSocket{conn}, nil
}

func (s *packetSocket) close() {
	// The descriptor is gone whatever close says.
	_ = s.conn.Close()
}

// serve answers packets until stop, and closes the socket.
func (s *packetSocket) serve(r *responder, stop *atomic.Bool) {
	defer s.close()
	var packet [packetSize]byte
	var answer [maxUDP]byte
	for !stop.Load() {
		if s.conn.SetReadDeadline(time.Now().Add(patience)) != nil {
			return
		}
		n, from, err := s.conn.ReadFromUDPAddrPort(packet[:])
		if err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				time.Sleep(patience)
			}
			continue
		}
		reply := r.respond(answer[:0], packet[:n], from.Addr().Unmap())
		r.flush()
		if len(reply) == 0 {
			continue
		}
		if _, err := s.conn.WriteToUDPAddrPort(reply, from); err != nil {
			r.counts.dropped[dropSend].Add(1)
		}
	}
}
