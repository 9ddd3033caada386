package checker

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// pingFamily is what differs between ICMP for IPv4 and for IPv6.
type pingFamily struct {
	unprivileged, raw, any string
	protocol               int // number, for parsing
	request, reply         icmp.Type
}

var pingFamilies = [families]pingFamily{
	{"udp4", "ip4:icmp", "0.0.0.0", 1, ipv4.ICMPTypeEcho, ipv4.ICMPTypeEchoReply},
	{"udp6", "ip6:ipv6-icmp", "::", 58, ipv6.ICMPTypeEchoRequest, ipv6.ICMPTypeEchoReply},
}

// icmp sends one echo request and waits for its reply. The request carries random bytes, which tell its reply from others': the
// kernel gives ping sockets an id of its own, and raw sockets see everybody's replies.
func (a *attempt) icmp(ctx context.Context) error {
	f := &pingFamilies[0]
	if a.addr.Is6() {
		f = &pingFamilies[1]
	}
	conn, kind, err := f.open()
	if err != nil {
		return err
	}
	defer conn.Close()
	defer interrupt(ctx, conn)()
	payload := make([]byte, 32)
	rand.Read(payload) // never fails
	packet, err := (&icmp.Message{Type: f.request, Body: &icmp.Echo{ID: os.Getpid() & 0xffff, Seq: 1, Data: payload}}).Marshal(nil)
	if err != nil {
		return localFault{err}
	}
	var to net.Addr = &net.IPAddr{IP: a.addr.AsSlice(), Zone: a.addr.Zone()}
	if kind == f.unprivileged {
		to = &net.UDPAddr{IP: a.addr.AsSlice(), Zone: a.addr.Zone()}
	}
	a.phase = "sending the echo request"
	if _, err := conn.WriteTo(packet, to); err != nil {
		return err
	}
	a.trace.step("icmp", fmt.Sprintf("echo request to %s through a socket of %s", a.addr, kind))
	a.phase = "waiting for the echo reply"
	buffer := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(buffer)
		if err != nil {
			return err
		}
		if f.isReply(buffer[:n], payload) {
			a.heard = true
			a.seen.Reason = "echo reply"
			a.trace.step("icmp", "echo reply from "+hostOf(from))
			return nil
		}
	}
}

// isReply reports whether the packet is the reply to the echo request that carried payload.
func (f *pingFamily) isReply(packet, payload []byte) bool {
	m, err := icmp.ParseMessage(f.protocol, packet)
	if err != nil || m.Type != f.reply {
		return false
	}
	echo, ok := m.Body.(*icmp.Echo)
	return ok && bytes.Equal(echo.Data, payload)
}

// open returns a socket for echo requests, and of which kind: a ping socket, or else a raw one.
func (f *pingFamily) open() (*icmp.PacketConn, string, error) {
	conn, err := icmp.ListenPacket(f.unprivileged, f.any)
	if err == nil {
		return conn, f.unprivileged, nil
	}
	conn, rawErr := icmp.ListenPacket(f.raw, f.any)
	if rawErr == nil {
		return conn, f.raw, nil
	}
	if !errors.Is(rawErr, os.ErrPermission) {
		return nil, "", localFault{fmt.Errorf("no socket for ICMP: %s", errnoText(rawErr))}
	}
	return nil, "", localFault{fmt.Errorf("no socket for ICMP: the sysctl net.ipv4.ping_group_range must include group %d, or the process have CAP_NET_RAW", os.Getegid())}
}

func hostOf(a net.Addr) string {
	switch a := a.(type) {
	case *net.UDPAddr:
		return a.IP.String()
	case *net.IPAddr:
		return a.IP.String()
	}
	return a.String()
}
