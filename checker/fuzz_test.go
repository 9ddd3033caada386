package checker

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"

	"meridian/zones"
)

// FuzzResponse: whatever a server answers, a probe ends, with a reason that is short and printable.
func FuzzResponse(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nready",
		"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.0 204 No Content\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nrea\r\n2\r\ndy\r\n0\r\nTrailer: x\r\n\r\n",
		"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\nContent-Length: 7\r\n\r\n",
		"\x16\x03\x01\x00\x01\x02",
	} {
		f.Add([]byte(seed))
	}
	c := &zones.Check{Type: zones.CheckHTTP, Port: 80, Path: "/", Status: []int{200}, Body: "ready", Timeout: time.Minute}
	f.Fuzz(func(t *testing.T, response []byte) {
		client, server := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer server.Close()
			server.Read(make([]byte, 4096))
			server.Write(response)
		}()
		a := attempt{check: c, addr: netip.MustParseAddr("198.18.1.1")}
		err := a.request(client)
		client.Close()
		<-done
		a.conclude(t.Context(), t.Context(), err)
		o := a.seen
		if o.Reason == "" || len(o.Reason) > maxReason || o.Reason != clip(o.Reason) {
			t.Fatalf("the reason is %q", o.Reason)
		}
		if o.Inconclusive || o.Silent || o.OK != (err == nil) || o.OK && o.Status != 200 {
			t.Fatalf("%v: %+v", err, o)
		}
	})
}

// FuzzDNSAnswer: whatever a packet holds, judging it doesn't panic, and only one that answers the question makes an endpoint
// healthy.
func FuzzDNSAnswer(f *testing.F) {
	c := dnsProbe(netip.MustParseAddrPort("127.0.0.4:53"))
	q := new(dns.Msg)
	q.SetQuestion(c.Query.Name, c.Query.Type)
	q.Id = 7
	f.Add(pack(reply(q, "www.example. 60 IN A 192.0.2.1")))
	f.Add(pack(reply(q, "www.example. 60 IN CNAME web.example.", "web.example. 60 IN A 192.0.2.1")))
	f.Add(pack(reply(q)))
	f.Add(pack(q))
	f.Fuzz(func(t *testing.T, packet []byte) {
		m := new(dns.Msg)
		if m.Unpack(packet) != nil || !whole(m, packet) || !answers(m, q) {
			return
		}
		a := attempt{check: c, trace: newTrace()}
		healthy := a.judgeAnswer(m) == nil
		if healthy && (m.Id != 7 || !m.Response || m.Rcode != 0 || len(m.Answer) == 0) {
			t.Errorf("healthy because of %v", m)
		}
	})
}
