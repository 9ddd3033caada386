package checker

import (
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"meridian/zones"
)

// serveDNS answers over UDP and TCP on one port of 127.0.0.4.
func serveDNS(t *testing.T, h dns.HandlerFunc) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.4:0")
	if err != nil {
		t.Fatal(err)
	}
	p, err := net.ListenPacket("udp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*dns.Server{{Listener: l, Handler: h}, {PacketConn: p, Handler: h}} {
		started, done := make(chan struct{}), make(chan error, 1)
		s.NotifyStartedFunc = func() { close(started) }
		go func() { done <- s.ActivateAndServe() }()
		<-started
		t.Cleanup(func() { s.Shutdown(); <-done })
	}
	return netip.MustParseAddrPort(l.Addr().String())
}

func dnsProbe(addr netip.AddrPort) *zones.Check {
	c := probeOf(zones.CheckDNS, addr)
	c.Query = zones.Query{Name: "www.example.", Type: dns.TypeA, Answer: "192.0.2.1"}
	return c
}

// reply returns an answer to q with these records.
func reply(q *dns.Msg, records ...string) *dns.Msg {
	m := new(dns.Msg)
	m.SetReply(q)
	for _, r := range records {
		rr, err := dns.NewRR(r)
		if err != nil {
			panic(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	return m
}

func TestDNSCheck(t *testing.T) {
	var overTCP atomic.Bool
	addr := serveDNS(t, func(w dns.ResponseWriter, q *dns.Msg) {
		_, tcp := w.RemoteAddr().(*net.TCPAddr)
		overTCP.Store(tcp)
		m := reply(q, "WWW.example. 60 IN CNAME web.example.", "web.example. 60 IN A 192.0.2.7", "web.example. 60 IN A 192.0.2.1")
		if q.Question[0].Name != "www.example." {
			m = reply(q)
			m.Rcode = dns.RcodeNameError
		}
		w.WriteMsg(m)
	})
	c := dnsProbe(addr)
	expectUp(t, see(t, c, addr), "DNS NOERROR with 192.0.2.1")
	if overTCP.Load() {
		t.Error("asked over TCP")
	}
	c.Query.TCP = true
	expectUp(t, see(t, c, addr), "DNS NOERROR with 192.0.2.1")
	if !overTCP.Load() {
		t.Error("not asked over TCP")
	}
	c.Query.Answer = "192.0.2.99"
	expectDown(t, see(t, c, addr), "DNS NOERROR, but A 192.0.2.99 is not among the answers: 192.0.2.7, 192.0.2.1")
	c.Query.Type = dns.TypeTXT
	expectDown(t, see(t, c, addr), "DNS NOERROR without a TXT record")
	c.Query.Name, c.Query.Answer = "nope.example.", ""
	expectDown(t, see(t, c, addr), "DNS NXDOMAIN, not NOERROR")
	c.Query.RCode = dns.RcodeNameError
	expectUp(t, see(t, c, addr), "DNS NXDOMAIN")
}

// TestDNSTruncated: records that matter are asked for over TCP.
func TestDNSTruncated(t *testing.T) {
	addr := serveDNS(t, func(w dns.ResponseWriter, q *dns.Msg) {
		m := reply(q)
		if _, udp := w.RemoteAddr().(*net.UDPAddr); udp {
			m.Truncated = true
		} else {
			m = reply(q, `www.example. 60 IN TXT "a" "b c"`)
		}
		w.WriteMsg(m)
	})
	c := dnsProbe(addr)
	c.Query.Type, c.Query.Answer = dns.TypeTXT, "a b c"
	expectUp(t, see(t, c, addr), "DNS NOERROR with a b c")
	c.Query.Answer = ""
	expectUp(t, see(t, c, addr), "DNS NOERROR")
}

// TestTuDoorIsNotTheFirstAnswerThatCounts: what answers something else, or nothing, neither fails the probe nor passes it.
func TestTuDoorIsNotTheFirstAnswerThatCounts(t *testing.T) {
	chaff := map[string]func(q *dns.Msg) []byte{
		"another id": func(q *dns.Msg) []byte { m := reply(q, "www.example. 60 IN A 192.0.2.66"); m.Id++; return pack(m) },
		"another question": func(q *dns.Msg) []byte {
			m := reply(q, "www.example. 60 IN A 192.0.2.66")
			m.Question[0].Name = "other.example."
			return pack(m)
		},
		"another type":     func(q *dns.Msg) []byte { m := reply(q); m.Question[0].Qtype = dns.TypeMX; return pack(m) },
		"a query":          func(q *dns.Msg) []byte { m := reply(q); m.Response = false; return pack(m) },
		"two questions":    func(q *dns.Msg) []byte { m := reply(q); m.Question = append(m.Question, m.Question[0]); return pack(m) },
		"no question":      func(q *dns.Msg) []byte { m := reply(q); m.Question = nil; return pack(m) },
		"another opcode":   func(q *dns.Msg) []byte { m := reply(q); m.Opcode = dns.OpcodeNotify; return pack(m) },
		"broken records":   func(q *dns.Msg) []byte { p := pack(reply(q, "www.example. 60 IN A 192.0.2.66")); return p[:len(p)-2] },
		"a count too high": func(q *dns.Msg) []byte { p := pack(reply(q)); p[7] = 9; return p },
		"one byte":         func(*dns.Msg) []byte { return []byte{0} },
		"nothing":          func(*dns.Msg) []byte { return nil },
		"rubbish":          func(*dns.Msg) []byte { return []byte(strings.Repeat("rubbish ", 100)) },
		"a pointer loop":   func(q *dns.Msg) []byte { return append(pack(reply(q))[:12], 0xc0, 12, 0, 1, 0, 1) },
	}
	for name, make := range chaff {
		var honest atomic.Bool
		honest.Store(true)
		addr := serveDNS(t, func(w dns.ResponseWriter, q *dns.Msg) {
			for range 5 {
				w.Write(make(q.Copy()))
			}
			if honest.Load() {
				w.WriteMsg(reply(q, "www.example. 60 IN A 192.0.2.1"))
			}
		})
		c := dnsProbe(addr)
		expectUp(t, see(t, c, addr), "DNS NOERROR with 192.0.2.1")
		honest.Store(false)
		c.Timeout = 100 * time.Millisecond
		if o := see(t, c, addr); o.OK || o.Inconclusive || o.Silent || o.Reason != "timeout after 100ms while waiting for the answer (passed over: 5 other packets)" {
			t.Errorf("%s alone: %+v", name, o)
		}
	}
}

func pack(m *dns.Msg) []byte {
	p, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return p
}

func TestDNSSilentAndRefused(t *testing.T) {
	p, err := net.ListenPacket("udp", "127.0.0.4:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.MustParseAddrPort(p.LocalAddr().String())
	c := dnsProbe(addr)
	c.Timeout = 100 * time.Millisecond
	if o := see(t, c, addr); !o.Silent || o.Reason != "timeout after 100ms while waiting for the answer" {
		t.Errorf("a server that says nothing: %+v", o)
	}
	p.Close()
	c.Timeout = 5 * time.Second
	o := see(t, c, addr)
	expectDown(t, o, "connection refused")
	if !o.Refused || o.Latency > time.Second {
		t.Errorf("a closed port: %+v", o)
	}
}
