package dnsserver

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

const patient = 10 * time.Second // for what should take milliseconds

// serve starts a server over the fixture and shuts it down with the test.
func serve(t *testing.T, o Options, listen ...string) *Server {
	t.Helper()
	for _, l := range listen {
		o.Listen = append(o.Listen, netip.MustParseAddrPort(l))
	}
	if o.Workers == 0 {
		o.Workers = 1
	}
	o.Snapshot, o.NodeName, o.Log = published(t), "ns1.fra", slog.New(slog.DiscardHandler)
	s, err := Listen(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patient)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return s
}

// over asks a server through miekg/dns.
func over(t *testing.T, network string, addr netip.AddrPort, q *dns.Msg) *dns.Msg {
	t.Helper()
	c := &dns.Client{Net: network, Timeout: patient, UDPSize: 4096}
	m, _, err := c.Exchange(q, addr.String())
	if err != nil {
		t.Fatalf("%s %s: %v", network, addr, err)
	}
	return m
}

// dial opens a TCP connection that ends with the test.
func dial(t *testing.T, addr netip.AddrPort) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patient)); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

// framed puts the length in front of a message (RFC 1035, section 4.2.2).
func framed(packet []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(packet))), packet...)
}

// read reads one message from a TCP connection.
func read(c net.Conn) (*dns.Msg, error) { return (&dns.Conn{Conn: c}).ReadMsg() }

func TestServesUDPAndTCPOverBothFamilies(t *testing.T) {
	s := serve(t, Options{Workers: 2}, "127.0.0.1:0", "[::1]:0")
	for _, addr := range s.Addrs() {
		for _, network := range []string{"udp", "tcp"} {
			m := over(t, network, addr, ask("www.glb.test.", dns.TypeA, clientSubnet("192.0.2.0/28"), &dns.EDNS0_NSID{Code: dns.EDNS0NSID}))
			if got := describe(m); !strings.Contains(got, "198.18.3.1") || !strings.HasSuffix(got, " | scope 28 | nsid 6e73312e667261") {
				t.Errorf("%s %s: %s", network, addr, got)
			}
			m = over(t, network, addr, ask("long.glb.test.", dns.TypeTXT))
			if m.Truncated != (network == "udp") {
				t.Errorf("%s %s: TC %v", network, addr, m.Truncated)
			}
		}
	}
	st := s.Stats()
	var kinds []string
	for _, tr := range st.Traffic {
		kinds = append(kinds, fmt.Sprintf("%s %s %s %s %d", tr.Proto, tr.Family, tr.Type, tr.RCode, tr.Count))
	}
	want := []string{"udp ipv4 A NOERROR 1", "udp ipv4 TXT NOERROR 1", "udp ipv6 A NOERROR 1", "udp ipv6 TXT NOERROR 1",
		"tcp ipv4 A NOERROR 1", "tcp ipv4 TXT NOERROR 1", "tcp ipv6 A NOERROR 1", "tcp ipv6 TXT NOERROR 1"}
	if !slices.Equal(kinds, want) || st.Truncated["udp"] != 2 || st.Truncated["tcp"] != 0 || st.Located != 4 || st.Ranks[1] != 4 || total(st.Slow) != 0 || st.Panics != 0 {
		t.Errorf("%+v", st)
	}
	if n := st.Answers[s.options.Snapshot.Load().Service(0).Draw(dns.TypeA, s.options.Snapshot.Load().Service(0).Locate(tokyoClient), 0).Counter]; n != 4 {
		t.Errorf("%d answers counted with Tokyo's region, want 4", n)
	}
}

// TestWildcardAnswersFromTheAddressAsked: a client takes no answer from another address than it asked.
func TestWildcardAnswersFromTheAddressAsked(t *testing.T) {
	s := serve(t, Options{}, "0.0.0.0:0", "[::]:0")
	addrs := s.Addrs()
	for _, target := range []netip.AddrPort{
		netip.MustParseAddrPort(fmt.Sprintf("127.0.0.1:%d", addrs[0].Port())),
		netip.MustParseAddrPort(fmt.Sprintf("127.0.0.53:%d", addrs[0].Port())),
		netip.MustParseAddrPort(fmt.Sprintf("[::1]:%d", addrs[1].Port())),
	} {
		// Not connected, so that an answer from anywhere would be read.
		network, local := "udp4", net.IPv4(127, 0, 0, 1)
		if target.Addr().Is6() {
			network, local = "udp6", net.IPv6loopback
		}
		c, err := net.ListenUDP(network, &net.UDPAddr{IP: local})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(patient)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.WriteToUDPAddrPort(pack(t, ask("mail.glb.test.", dns.TypeA)), target); err != nil {
			t.Fatal(err)
		}
		_, from, err := c.ReadFromUDPAddrPort(make([]byte, 512))
		if err != nil {
			t.Fatal(err)
		}
		if got := netip.AddrPortFrom(from.Addr().Unmap(), from.Port()); got != target {
			t.Errorf("asked %s, answered by %s", target, got)
		}
	}
}

// TestBatches sends more packets at once than a batch holds, and some that get no answer between them.
func TestBatches(t *testing.T) {
	s := serve(t, Options{}, "127.0.0.1:0")
	c, err := net.Dial("udp", s.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patient)); err != nil {
		t.Fatal(err)
	}
	const n = 150
	q := ask("mail.glb.test.", dns.TypeA)
	for i := range n {
		if i%3 == 0 {
			if _, err := c.Write([]byte("noise")); err != nil {
				t.Fatal(err)
			}
		}
		q.Id = uint16(i)
		if _, err := c.Write(pack(t, q)); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[uint16]bool{}
	buf := make([]byte, 512)
	for len(seen) < n {
		k, err := c.Read(buf)
		if err != nil {
			t.Fatalf("%d of %d answers, then %v", len(seen), n, err)
		}
		m := new(dns.Msg)
		if err := m.Unpack(buf[:k]); err != nil || len(m.Answer) != 1 || seen[m.Id] {
			t.Fatalf("%v %v", err, m)
		}
		seen[m.Id] = true
	}
	if got := s.Stats().Dropped["short"]; got != n/3 {
		t.Errorf("%d short packets counted, want %d", got, n/3)
	}
}

// TestPanicCostsOneAnswerOfABatch: also where what the packets of a batch ask for is found together.
func TestPanicCostsOneAnswerOfABatch(t *testing.T) {
	s := serve(t, Options{}, "127.0.0.1:0")
	broken := *s.options.Snapshot.Load()
	broken.Index = nil
	s.options.Snapshot.Publish(&broken)
	for _, network := range []string{"udp", "tcp"} {
		if got := describe(over(t, network, s.Addrs()[0], ask("mail.glb.test.", dns.TypeA))); got != "SERVFAIL" {
			t.Errorf("%s: got %s", network, got)
		}
	}
	if n := s.Stats().Panics; n != 2 {
		t.Errorf("%d panics counted, want 2", n)
	}
}

// TestLongQuery: more than a buffer takes is malformed, whatever it was.
func TestLongQuery(t *testing.T) {
	s := serve(t, Options{}, "127.0.0.1:0")
	q := ask("mail.glb.test.", dns.TypeA, &dns.EDNS0_PADDING{Padding: make([]byte, 3000)})
	if got := describe(over(t, "udp", s.Addrs()[0], q)); got != "FORMERR" {
		t.Errorf("got %s", got)
	}
	if got := describe(over(t, "tcp", s.Addrs()[0], q)); !strings.HasPrefix(got, "NOERROR") {
		t.Errorf("got %s", got)
	}
}

func TestListenSaysWhoHasThePort(t *testing.T) {
	for _, network := range []string{"tcp", "udp"} {
		var addr netip.AddrPort
		switch network {
		case "tcp":
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			addr = l.Addr().(*net.TCPAddr).AddrPort()
		case "udp":
			c, err := net.ListenPacket("udp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			addr = c.LocalAddr().(*net.UDPAddr).AddrPort()
		}
		free := netip.MustParseAddrPort("127.0.0.1:0")
		_, err := Listen(t.Context(), Options{Listen: []netip.AddrPort{free, addr}, Workers: 1, Snapshot: published(t)})
		var bind *BindError
		if !errors.As(err, &bind) || !errors.Is(err, syscall.EADDRINUSE) {
			t.Fatalf("%s: %v", network, err)
		}
		if bind.Network != network || bind.Addr != addr || !strings.HasPrefix(bind.Holder, "dnsserver.test (pid ") {
			t.Errorf("%s: %v", network, err)
		}
		if want := fmt.Sprintf("can't listen on %s %s: address already in use; it is held by %s", network, addr, bind.Holder); err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

// TestTwoServersDoNotShareAPort: SO_REUSEPORT is for the workers of one server.
func TestTwoServersDoNotShareAPort(t *testing.T) {
	s := serve(t, Options{Workers: 2}, "127.0.0.1:0")
	var bind *BindError
	_, err := Listen(t.Context(), Options{Listen: s.Addrs(), Workers: 2, Snapshot: published(t)})
	if !errors.As(err, &bind) || bind.Holder == "" {
		t.Errorf("got %v", err)
	}
}

func TestRebind(t *testing.T) {
	s := serve(t, Options{}, "127.0.0.1:0", "127.0.0.2:0")
	before := s.Addrs()
	kept := dial(t, before[0])
	stays, goes, comes := netip.MustParseAddrPort("127.0.0.1:0"), before[1], netip.MustParseAddrPort("127.0.0.3:0")

	// A port that is taken changes nothing.
	taken := netip.AddrPortFrom(goes.Addr(), goes.Port())
	var bind *BindError
	if err := s.Rebind(t.Context(), []netip.AddrPort{comes, taken}); !errors.As(err, &bind) {
		t.Fatalf("got %v", err)
	}
	if !slices.Equal(s.Addrs(), before) {
		t.Fatalf("%v became %v", before, s.Addrs())
	}
	over(t, "udp", goes, ask("mail.glb.test.", dns.TypeA))

	if err := s.Rebind(t.Context(), []netip.AddrPort{stays, comes}); err != nil {
		t.Fatal(err)
	}
	after := s.Addrs()
	if len(after) != 2 || after[0] != before[0] || after[1].Addr() != comes.Addr() {
		t.Fatalf("%v became %v", before, after)
	}
	for _, a := range after {
		over(t, "udp", a, ask("mail.glb.test.", dns.TypeA))
		over(t, "tcp", a, ask("mail.glb.test.", dns.TypeA))
	}
	if err := s.Rebind(t.Context(), []netip.AddrPort{stays}); err != nil {
		t.Fatal(err)
	}
	if _, err := kept.Write(framed(pack(t, ask("mail.glb.test.", dns.TypeA)))); err != nil {
		t.Fatal(err)
	}
	if m, err := read(kept); err != nil || len(m.Answer) != 1 {
		t.Errorf("a connection to the address that stayed: %v %v", m, err)
	}
	if c, err := net.Dial("tcp", goes.String()); err == nil {
		c.Close()
		t.Errorf("%s is still listened on", goes)
	}
	// What was counted at addresses that are gone stays counted.
	if n := answered(s); n != 6 {
		t.Errorf("%d answers counted, want 6", n)
	}
}

func answered(s *Server) (n uint64) {
	for _, tr := range s.Stats().Traffic {
		n += tr.Count
	}
	return n
}

// TestShutdownLosesNoAnswer: whoever got a query through before gets the answer, however many ask.
func TestShutdownLosesNoAnswer(t *testing.T) {
	s, err := Listen(t.Context(), Options{Listen: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}, Workers: 2, Snapshot: published(t)})
	if err != nil {
		t.Fatal(err)
	}
	addr := s.Addrs()[0]
	// The queries wait in the sockets when the server begins, and it is told to stop at once.
	const clients = 20
	var streams, datagrams []net.Conn
	for range clients {
		for _, network := range []string{"tcp", "udp"} {
			c, err := net.Dial(network, addr.String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if err := c.SetDeadline(time.Now().Add(patient)); err != nil {
				t.Fatal(err)
			}
			q := pack(t, ask("www.glb.test.", dns.TypeA))
			if network == "tcp" {
				streams = append(streams, c)
				q = slices.Concat(framed(q), framed(q))
			} else {
				datagrams = append(datagrams, c)
			}
			if _, err := c.Write(q); err != nil {
				t.Fatal(err)
			}
		}
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	over(t, "tcp", addr, ask("mail.glb.test.", dns.TypeA)) // accepted in order: the others are, too
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	for i := range clients {
		for range 2 {
			if m, err := read(streams[i]); err != nil || len(m.Answer) != 2 {
				t.Errorf("tcp %d: %v %v", i, m, err)
			}
		}
		if m, err := (&dns.Conn{Conn: datagrams[i]}).ReadMsg(); err != nil || len(m.Answer) != 2 {
			t.Errorf("udp %d: %v %v", i, m, err)
		}
	}
	if err := s.Serve(); !errors.Is(err, ErrClosed) {
		t.Errorf("serving again: %v", err)
	}
	if err := s.Rebind(t.Context(), nil); !errors.Is(err, ErrClosed) {
		t.Errorf("rebinding: %v", err)
	}
	if c, err := net.Dial("tcp", addr.String()); err == nil {
		c.Close()
		t.Error("still listening")
	}
}

// TestShutdownWithoutServe: what was bound is given back.
func TestShutdownWithoutServe(t *testing.T) {
	s, err := Listen(t.Context(), Options{Listen: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}, Snapshot: published(t)})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	again, err := Listen(t.Context(), Options{Listen: s.Addrs(), Snapshot: published(t)})
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestShutdownDoesNotWaitForEver: a client that holds its connection is cut when the context ends.
func TestShutdownDoesNotWaitForEver(t *testing.T) {
	s := serve(t, Options{}, "127.0.0.1:0")
	c := dial(t, s.Addrs()[0])
	if _, err := c.Write([]byte{0}); err != nil {
		t.Fatal(err)
	}
	over(t, "tcp", s.Addrs()[0], ask("mail.glb.test.", dns.TypeA))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := read(c); err == nil {
		t.Error("the connection is still there")
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for name, o := range map[string]Options{
		"node name": {NodeName: strings.Repeat("n", MaxNodeName+1)},
		"id.server": {Chaos: Chaos{ID: strings.Repeat("n", 256)}},
	} {
		if _, err := Listen(t.Context(), o); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "bytes long; at most ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestManyClientsWhileSnapshotsChange runs everything at once, for the race detector.
func TestManyClientsWhileSnapshotsChange(t *testing.T) {
	s := serve(t, Options{Workers: 2}, "127.0.0.1:0")
	stop := make(chan struct{})
	var publisher, clients sync.WaitGroup
	publisher.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				old := s.options.Snapshot.Load()
				s.options.Snapshot.Publish(old.Layout().Snapshot(old.States(), old, nil))
				s.Stats()
			}
		}
	})
	for i := range 4 {
		network := []string{"udp", "tcp"}[i%2]
		clients.Go(func() {
			c, err := dns.DialTimeout(network, s.Addrs()[0].String(), patient)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			for range 50 {
				if err := c.WriteMsg(ask("twice.glb.test.", dns.TypeA, clientSubnet("192.0.2.0/28"))); err != nil {
					t.Error(err)
					return
				}
				if m, err := c.ReadMsg(); err != nil || len(m.Answer) != 4 {
					t.Error(m, err)
					return
				}
			}
		})
	}
	clients.Wait()
	close(stop)
	publisher.Wait()
	if n := answered(s); n != 200 {
		t.Errorf("%d answers counted, want 200", n)
	}
}
