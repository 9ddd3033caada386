package checker

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"meridian/zones"
)

func TestTCPCheck(t *testing.T) {
	addr := raw(t, func(c *net.TCPConn) { hang(c) })
	expectUp(t, see(t, probeOf(zones.CheckTCP, addr), addr), "connected")
}

func TestH01PortClosed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.MustParseAddrPort(l.Addr().String())
	l.Close()
	for _, typ := range []zones.CheckType{zones.CheckTCP, zones.CheckTLS, zones.CheckHTTP, zones.CheckHTTPS} {
		o := see(t, probeOf(typ, addr), addr)
		expectDown(t, o, "connection refused")
		if o.Silent || o.Latency > 3*time.Second {
			t.Errorf("%s: a refusal is an answer, and comes at once: %+v", typ, o)
		}
	}
}

// fullQueue returns an address whose SYNs are dropped: its accept queue is full and nobody accepts.
func fullQueue(t *testing.T) netip.AddrPort {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(name.(*syscall.SockaddrInet4).Port))
	for { // fill the queue
		c, err := net.DialTimeout("tcp", addr.String(), 100*time.Millisecond)
		if err != nil {
			return addr
		}
		t.Cleanup(func() { c.Close() })
	}
}

func TestH02SYNDropped(t *testing.T) {
	addr := fullQueue(t)
	c := probeOf(zones.CheckHTTP, addr)
	c.Timeout = 300 * time.Millisecond
	o := see(t, c, addr)
	expectDown(t, o, "timeout after 300ms while connecting")
	if !o.Silent || o.Latency < c.Timeout || o.Latency > 3*time.Second {
		t.Errorf("silent %v, after %v", o.Silent, o.Latency)
	}
}

func TestH03ConnectedButNeverAccepted(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	addr := netip.MustParseAddrPort(l.Addr().String())
	c := probeOf(zones.CheckHTTP, addr)
	c.Timeout = 300 * time.Millisecond
	o := see(t, c, addr)
	expectDown(t, o, "timeout after 300ms while waiting for headers")
	if o.Silent {
		t.Error("something came back: the connection")
	}
}

func TestH04AcceptsAndNeverAnswers(t *testing.T) {
	closed := make(chan struct{}, 20)
	addr := raw(t, func(c *net.TCPConn) { hang(c); closed <- struct{}{} })
	c := probeOf(zones.CheckHTTP, addr)
	c.Timeout = 300 * time.Millisecond
	before := openFiles(t)
	for range 5 {
		expectDown(t, see(t, c, addr), "timeout after 300ms while waiting for headers")
		<-closed // the server has seen the probe's socket close
	}
	if after := openFiles(t); after > before+2 { // the server's side closes a moment later
		t.Errorf("%d files open before 5 probes, %d after", before, after)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

func TestH05ResetAfterAccept(t *testing.T) {
	addr := raw(t, func(c *net.TCPConn) { c.SetLinger(0) })
	for _, typ := range []zones.CheckType{zones.CheckHTTP, zones.CheckHTTPS, zones.CheckTLS} {
		for range 20 { // the reset meets the probe at any point
			o := see(t, probeOf(typ, addr), addr)
			if o.OK || o.Inconclusive || !strings.HasPrefix(o.Reason, "connection reset") {
				t.Fatalf("%s: %+v", typ, o)
			}
		}
	}
}

func TestH08SlowAnswerIsNoted(t *testing.T) {
	addr := raw(t, func(c *net.TCPConn) {
		readRequest(c)
		time.Sleep(600 * time.Millisecond) // the slowness that is tested
		c.Write([]byte("HTTP/1.1 204 No Content\r\n\r\n"))
	})
	c := probeOf(zones.CheckHTTP, addr)
	o := see(t, c, addr)
	expectUp(t, o, "HTTP 204 No Content")
	if o.Latency < 600*time.Millisecond {
		t.Errorf("latency %v", o.Latency)
	}
	c.Timeout = 300 * time.Millisecond
	expectDown(t, see(t, c, addr), "timeout after 300ms while waiting for headers")
}

func TestOwnFaultsAreInconclusive(t *testing.T) {
	addr := raw(t, func(c *net.TCPConn) { hang(c) })
	c := probeOf(zones.CheckHTTPS, addr)
	c.CAFile = "/nowhere/ca.pem"
	if o := see(t, c, addr); !o.Inconclusive || !strings.Contains(o.Reason, "/nowhere/ca.pem") {
		t.Errorf("without its CA file: %+v", o)
	}
	c.CAFile = os.Args[0] // a file without a certificate
	if o := see(t, c, addr); !o.Inconclusive || !strings.Contains(o.Reason, "no certificate") {
		t.Errorf("with a CA file of nothing: %+v", o)
	}
	if o := see(t, probeOf("gopher", addr), addr); !o.Inconclusive {
		t.Errorf("with an unknown type: %+v", o)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if o, _ := Probe(stopped, probeOf(zones.CheckHTTP, addr), addr.Addr()); !o.Inconclusive || o.Result() != "inconclusive" {
		t.Errorf("when stopped: %+v", o)
	}
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL} {
		a := attempt{check: c, phase: "connecting"}
		a.conclude(t.Context(), t.Context(), &net.OpError{Op: "dial", Err: os.NewSyscallError("socket", errno)})
		if !a.seen.Inconclusive || a.seen.Reason != fmt.Sprint("this machine can't probe: ", errno) {
			t.Errorf("%v: %+v", errno, a.seen)
		}
	}
}

func TestUnreachableIsSilent(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ETIMEDOUT} {
		a := attempt{phase: "connecting"}
		a.conclude(t.Context(), t.Context(), &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", errno)})
		if !a.seen.Silent || a.seen.OK || a.seen.Inconclusive || a.seen.Reason != errno.Error() {
			t.Errorf("%v: %+v", errno, a.seen)
		}
	}
}

func TestIPv6Endpoint(t *testing.T) {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Logf("no IPv6 loopback here (%v); the reason for an unreachable address is looked at instead", err)
		c := probeOf(zones.CheckTCP, netip.MustParseAddrPort("[::1]:9"))
		if o := see(t, c, netip.MustParseAddrPort("[::1]:9")); o.OK {
			t.Errorf("%+v", o)
		}
		return
	}
	defer l.Close()
	addr := netip.MustParseAddrPort(l.Addr().String())
	expectUp(t, see(t, probeOf(zones.CheckTCP, addr), addr), "connected")
}
