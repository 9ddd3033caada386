package dnsserver

import (
	"errors"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestPipelining: queries that come together, torn anywhere, are answered in order.
func TestPipelining(t *testing.T) {
	s := serve(t, Options{}, "127.0.0.1:0")
	var all []byte
	const n = 100
	q := ask("static.glb.test.", dns.TypeA)
	for i := range n {
		q.Id = uint16(i)
		all = append(all, framed(pack(t, q))...)
	}
	for _, piece := range []int{len(all), 1000, 45, 7} {
		c := dial(t, s.Addrs()[0])
		for part := range slices.Chunk(all, piece) {
			if _, err := c.Write(part); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			if m, err := read(c); err != nil || m.Id != uint16(i) || len(m.Answer) != 2 {
				t.Fatalf("pieces of %d: answer %d: %v %v", piece, i, m, err)
			}
		}
		if _, err := read(c); !errors.Is(err, io.EOF) {
			t.Errorf("after the last answer: %v", err)
		}
	}
}

// TestUnfinishedQueriesEnd: a length prefix, or half a query, pins nothing for longer than the idle time, however
// slowly more of it comes.
func TestUnfinishedQueriesEnd(t *testing.T) {
	const idle = 200 * time.Millisecond
	s := serve(t, Options{TCP: TCPLimits{Idle: idle}}, "127.0.0.1:0")
	whole := framed(pack(t, ask("static.glb.test.", dns.TypeA)))
	for name, begin := range map[string][]byte{"nothing": nil, "half a prefix": whole[:1], "prefix": whole[:2], "half a query": whole[:20]} {
		c := dial(t, s.Addrs()[0])
		if _, err := c.Write(begin); err != nil {
			t.Fatal(err)
		}
		if _, err := read(c); !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := s.Stats().Dropped["unfinished"]; n != 3 {
		t.Errorf("%d unfinished queries counted, want 3", n)
	}

	drip := dial(t, s.Addrs()[0])
	ended := make(chan error, 1)
	begin := time.Now()
	go func() {
		_, err := read(drip)
		ended <- err
	}()
	every := time.NewTicker(idle / 10)
	defer every.Stop()
	for i := 0; ; i++ {
		select {
		case <-every.C:
			// A byte each time: fails once the server has had enough.
			_, _ = drip.Write(whole[i%len(whole) : i%len(whole)+1])
			continue
		case <-ended:
		}
		break
	}
	if took := time.Since(begin); took > 10*idle {
		t.Errorf("a drip held the connection for %v", took)
	}
}

// TestNoQueryEndsTheConnection: over TCP there is no reason to listen on to a peer that sends what is no query.
func TestNoQueryEndsTheConnection(t *testing.T) {
	s := serve(t, Options{}, "127.0.0.1:0")
	response := pack(t, ask("static.glb.test.", dns.TypeA))
	response[2] |= 0x80
	for name, c := range map[string]struct {
		bytes []byte
		drop  string
	}{
		"an empty message": {[]byte{0, 0}, "short"},
		"a response":       {framed(response), "response"},
		"64 KiB announced": {[]byte{0xff, 0xff}, "too_long"},
	} {
		conn := dial(t, s.Addrs()[0])
		before := s.Stats().Dropped[c.drop]
		good := framed(pack(t, ask("static.glb.test.", dns.TypeA)))
		if _, err := conn.Write(slices.Concat(good, c.bytes)); err != nil {
			t.Fatal(err)
		}
		if m, err := read(conn); err != nil || len(m.Answer) != 2 {
			t.Errorf("%s: the query before it: %v %v", name, m, err)
		}
		if _, err := read(conn); !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", name, err)
		}
		if n := s.Stats().Dropped[c.drop]; n != before+1 {
			t.Errorf("%s: %d dropped as %s, want %d", name, n, c.drop, before+1)
		}
	}
}

// TestFaultClassTCPExhaustion: with idle, half and unread connections up to the limits, UDP is served, a new TCP
// client gets in, and descriptors stay bounded.
func TestFaultClassTCPExhaustion(t *testing.T) {
	const most = 10
	s := serve(t, Options{TCP: TCPLimits{Connections: most, PerSource: 1000}}, "127.0.0.1:0")
	addr := s.Addrs()[0]
	good := framed(pack(t, ask("static.glb.test.", dns.TypeA)))
	for i := range 5 * most {
		c := dial(t, addr)
		switch i % 3 {
		case 0: // idle
		case 1: // half
			_, _ = c.Write(good[:9]) // may have been cut already
		case 2: // reads nothing
			_, _ = c.Write(slices.Repeat(good, 50))
		}
	}
	over(t, "udp", addr, ask("static.glb.test.", dns.TypeA))
	c := dial(t, addr)
	if _, err := c.Write(good); err != nil {
		t.Fatal(err)
	}
	if m, err := read(c); err != nil || len(m.Answer) != 2 {
		t.Errorf("a new client: %v %v", m, err)
	}
	if n := s.Stats().Open; n > most {
		t.Errorf("%d connections are open, at most %d may be", n, most)
	}
	if n := s.Stats().Dropped["evicted"]; n != 5*most+1-most {
		t.Errorf("%d evicted, want %d", n, 5*most+1-most)
	}
}

// TestSourceLimit: one client doesn't take all connections.
func TestSourceLimit(t *testing.T) {
	s := serve(t, Options{TCP: TCPLimits{PerSource: 2}}, "127.0.0.1:0")
	addr := s.Addrs()[0]
	good := framed(pack(t, ask("static.glb.test.", dns.TypeA)))
	use := func() error {
		c, err := net.Dial("tcp", addr.String())
		if err != nil {
			return err // the refusal can be faster than the handshake's last step
		}
		t.Cleanup(func() { c.Close() })
		if err := c.SetDeadline(time.Now().Add(patient)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(good); err != nil {
			return err
		}
		_, err = read(c)
		return err
	}
	for i := range 2 {
		if err := use(); err != nil {
			t.Fatalf("connection %d: %v", i+1, err)
		}
	}
	if err := use(); err == nil {
		t.Error("a third connection was served")
	}
	if st := s.Stats(); st.Open != 2 || st.Dropped["source_limit"] != 1 {
		t.Errorf("%d open, %v dropped", st.Open, st.Dropped)
	}
}

// TestLargeAnswersPipelined: more than the server keeps together.
func TestLargeAnswersPipelined(t *testing.T) {
	s := serve(t, Options{}, "127.0.0.1:0")
	c := dial(t, s.Addrs()[0])
	const n = 200 // 300 kB of answers
	go func() {
		for range n {
			if _, err := c.Write(framed(pack(t, ask("long.glb.test.", dns.TypeTXT)))); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for i := range n {
		if m, err := read(c); err != nil || len(m.Answer) != 1 || m.Truncated {
			t.Fatalf("answer %d: %v %v", i, m, err)
		}
	}
}
