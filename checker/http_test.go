package checker

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"meridian/zones"
)

func TestHTTPCheckTraced(t *testing.T) {
	addr := serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "all good") })
	o, steps := Probe(t.Context(), probeOf(zones.CheckHTTP, addr), addr.Addr())
	expectUp(t, o, "HTTP 200 OK")
	var names []string
	for _, s := range steps {
		names = append(names, s.Name)
		if s.Detail == "" || s.Took < 0 || s.Took > o.Latency+time.Second {
			t.Errorf("step %+v", s)
		}
	}
	if got := strings.Join(names, " "); got != "connect request status body verdict" {
		t.Errorf("the steps are %s", got)
	}
	if o.Status != 200 || o.Latency <= 0 {
		t.Errorf("%+v", o)
	}
}

func TestH06ResetInMidBody(t *testing.T) {
	addr := raw(t, func(c *net.TCPConn) {
		answer("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")(c)
		c.SetLinger(0)
	})
	for range 20 {
		o := see(t, probeOf(zones.CheckHTTP, addr), addr)
		if o.OK || !strings.Contains(o.Reason, "reset") && !strings.Contains(o.Reason, "ended after 4 bytes") {
			t.Fatalf("%+v", o)
		}
	}
}

func TestH07ServerClosesEachConnection(t *testing.T) {
	var conns atomic.Int32
	addr := raw(t, func(c *net.TCPConn) {
		conns.Add(1)
		answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")(c) // says nothing of closing, and closes
	})
	for range 10 {
		expectUp(t, see(t, probeOf(zones.CheckHTTP, addr), addr), "HTTP 200 OK")
	}
	if conns.Load() != 10 {
		t.Errorf("%d connections for 10 probes", conns.Load())
	}
}

func TestH18SlowHeaders(t *testing.T) {
	addr := raw(t, func(c *net.TCPConn) {
		readRequest(c)
		for _, b := range []byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") {
			if _, err := c.Write([]byte{b}); err != nil {
				return
			}
			time.Sleep(40 * time.Millisecond) // each byte well within the timeout, all of them not
		}
	})
	c := probeOf(zones.CheckHTTP, addr)
	c.Timeout = 300 * time.Millisecond
	o := see(t, c, addr)
	expectDown(t, o, "timeout after 300ms while waiting for headers")
	if o.Latency > 3*time.Second {
		t.Errorf("took %v", o.Latency)
	}
}

func TestH19HeadersWithoutEnd(t *testing.T) {
	for name, piece := range map[string]string{
		"many lines":        "X-Filler: " + strings.Repeat("x", 1000) + "\r\n",
		"one line":          strings.Repeat("x", 1000),
		"interim responses": "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
	} {
		start := "HTTP/1.1 200 OK\r\n"
		if name == "interim responses" {
			start = ""
		}
		addr := raw(t, func(c *net.TCPConn) {
			answer(start)(c)
			for {
				if _, err := c.Write([]byte(piece)); err != nil {
					return
				}
			}
		})
		var o Observation
		used := allocated(func() { o = see(t, probeOf(zones.CheckHTTP, addr), addr) })
		expectDown(t, o, "the headers exceed 65536 bytes")
		if used > 8<<20 {
			t.Errorf("%s: %d bytes allocated", name, used)
		}
	}
}

func TestH20BodyWithoutEnd(t *testing.T) {
	addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
		piece := []byte(strings.Repeat("x", 4096))
		for r.Context().Err() == nil {
			w.Write(piece)
		}
	})
	var o Observation
	used := allocated(func() { o = see(t, probeOf(zones.CheckHTTP, addr), addr) })
	expectUp(t, o, "HTTP 200 OK")
	if used > 4<<20 {
		t.Errorf("%d bytes allocated", used)
	}
}

func TestH21ContentLengthLies(t *testing.T) {
	long := raw(t, answer("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"))
	expectDown(t, see(t, probeOf(zones.CheckHTTP, long), long), "HTTP 200 OK, but the body ended after 5 bytes of 10 bytes")

	waits := raw(t, func(c *net.TCPConn) { answer("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort")(c); hang(c) })
	c := probeOf(zones.CheckHTTP, waits)
	c.Timeout = 300 * time.Millisecond
	expectDown(t, see(t, c, waits), "timeout after 300ms while reading the body")

	short := raw(t, answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nlonger than it says"))
	expectUp(t, see(t, probeOf(zones.CheckHTTP, short), short), "HTTP 200 OK")

	chunks := raw(t, answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"))
	expectDown(t, see(t, probeOf(zones.CheckHTTP, chunks), chunks), "HTTP 200 OK, but the body ended after 5 bytes of unknown length")
}

// H22 (garbage), H23 (HTTP/0.9, nothing) and H27 (HTTP/2 frames): each is a failure of that probe, and of nothing else.
func TestH22H23H27AnswersThatAreNone(t *testing.T) {
	for sent, want := range map[string]string{
		"HTP/1.1 200 OK\r\n\r\n":     `malformed HTTP version "HTP/1.1"`,
		"HTTP/1.1 2OO\r\n\r\n":       `malformed HTTP status code "2OO"`,
		"HTTP/1.1 abc OK\r\n\r\n":    `malformed HTTP status code "abc"`,
		"HTTP/1.1 -200 OK\r\n\r\n":   `malformed HTTP status code "-200"`,
		"\r\n\r\n":                   `malformed HTTP response ""`,
		"":                           "connection closed while waiting for headers",
		"HTTP/1.1 200 OK\r\nServer:": "connection closed while waiting for headers",
		"<html>it works</html>":      `malformed HTTP status code "works</html>"`,
		"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\n": `malformed HTTP response "\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03"`,
		"HTTP/2.0 200 OK\r\n\r\n":                        "HTTP/2.0 in answer to HTTP/1.1",
	} {
		addr := raw(t, answer(sent))
		o := see(t, probeOf(zones.CheckHTTP, addr), addr)
		expectDown(t, o, want)
	}
	noise := raw(t, answer(strings.Repeat("\x1b[31mé", 1000)+"\n"))
	o := see(t, probeOf(zones.CheckHTTP, noise), noise)
	if o.OK || strings.ContainsRune(o.Reason, 0x1b) || !strings.HasSuffix(o.Reason, "…") {
		t.Errorf("a server's noise reaches the log: %q", o.Reason)
	}
}

func TestH24InterimResponses(t *testing.T) {
	addr := raw(t, answer("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
	expectUp(t, see(t, probeOf(zones.CheckHTTP, addr), addr), "HTTP 200 OK")
	bad := raw(t, answer("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"))
	expectDown(t, see(t, probeOf(zones.CheckHTTP, bad), bad), "HTTP 503 Service Unavailable")
}

func TestH25StatusSet(t *testing.T) {
	for code, reason := range map[int]string{
		200: "HTTP 200 OK", 201: "HTTP 201 Created", 204: "HTTP 204 No Content", 301: "HTTP 301 Moved Permanently",
		304: "HTTP 304 Not Modified", 401: "HTTP 401 Unauthorized", 404: "HTTP 404 Not Found", 418: "HTTP 418 I'm a teapot",
		429: "HTTP 429 Too Many Requests", 500: "HTTP 500 Internal Server Error", 503: "HTTP 503 Service Unavailable", 599: "HTTP 599",
	} {
		addr := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
		c := probeOf(zones.CheckHTTP, addr)
		c.Status = []int{code}
		o := see(t, c, addr)
		expectUp(t, o, reason)
		if o.Status != code {
			t.Errorf("status %d, want %d", o.Status, code)
		}
		c.Status = []int{222}
		expectDown(t, see(t, c, addr), reason)
	}
}

func TestH26RedirectsAreNotFollowed(t *testing.T) {
	var visits atomic.Int32
	elsewhere := serve(t, func(http.ResponseWriter, *http.Request) { visits.Add(1) })
	for _, location := range []string{"/healthz", "http://" + elsewhere.String() + "/", "file:///etc/passwd", "http://169.254.169.254/"} {
		addr := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusFound)
		})
		c := probeOf(zones.CheckHTTP, addr)
		expectDown(t, see(t, c, addr), "HTTP 302 Found (redirects are not followed)")
		c.Status = []int{302}
		expectUp(t, see(t, c, addr), "HTTP 302 Found")
	}
	if visits.Load() != 0 {
		t.Errorf("the redirect's target had %d visits", visits.Load())
	}
}

func TestH28GzipIsNotInflated(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	z.Write([]byte(strings.Repeat("ready", 200_000)))
	z.Close()
	accepted := make(chan string, 1)
	addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
		accepted <- r.Header.Get("Accept-Encoding")
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(bomb.Bytes())
	})
	c := probeOf(zones.CheckHTTP, addr)
	c.Body = "readyreadyready"
	o := see(t, c, addr)
	if o.OK || !strings.Contains(o.Reason, "don't contain") {
		t.Errorf("the body was inflated: %+v", o)
	}
	if got := <-accepted; got != "" {
		t.Errorf("the probe accepts %q", got)
	}
}

func TestH29BodyMatch(t *testing.T) {
	pieces := func(all ...string) netip.AddrPort {
		return serve(t, func(w http.ResponseWriter, _ *http.Request) {
			for _, p := range all {
				fmt.Fprint(w, p)
				w.(http.Flusher).Flush()
			}
		})
	}
	filler := strings.Repeat("x", zones.MaxBody-4)
	for _, tt := range []struct {
		addr   netip.AddrPort
		reason string
	}{
		{pieces("status: ready"), ""},
		{pieces("status: re", "ady", "\n"), ""},
		{pieces("status: not yet"), `HTTP 200 OK, but the body's first 15 bytes don't contain "ready"`},
		{pieces(), `HTTP 200 OK, but the body's first 0 bytes don't contain "ready"`},
		{pieces(filler[1:], "ready"), ""}, // ends with the last byte that is looked at
		{pieces(filler, "ready"), `HTTP 200 OK, but the body's first 65536 bytes don't contain "ready"`},
	} {
		c := probeOf(zones.CheckHTTP, tt.addr)
		c.Body = "ready"
		if tt.reason == "" {
			expectUp(t, see(t, c, tt.addr), "HTTP 200 OK")
		} else {
			expectDown(t, see(t, c, tt.addr), tt.reason)
		}
	}
}

func TestH31HostHeader(t *testing.T) {
	for _, tt := range []struct {
		typ    zones.CheckType
		host   string
		addr   string
		port   uint16
		header string
		server string
	}{
		{zones.CheckHTTP, "www.glb.test", "198.18.1.1", 80, "www.glb.test", "www.glb.test"},
		{zones.CheckHTTP, "www.glb.test", "198.18.1.1", 8080, "www.glb.test:8080", "www.glb.test"},
		{zones.CheckHTTPS, "www.glb.test", "198.18.1.1", 443, "www.glb.test", "www.glb.test"},
		{zones.CheckHTTPS, "www.glb.test", "198.18.1.1", 80, "www.glb.test:80", "www.glb.test"},
		{zones.CheckHTTPS, "www.glb.test:444", "198.18.1.1", 443, "www.glb.test:444", "www.glb.test"},
		{zones.CheckHTTP, "", "198.18.1.1", 80, "198.18.1.1", "198.18.1.1"},
		{zones.CheckHTTP, "", "2001:db8::1", 80, "[2001:db8::1]", "2001:db8::1"},
		{zones.CheckHTTP, "", "2001:db8::1", 8080, "[2001:db8::1]:8080", "2001:db8::1"},
		{zones.CheckHTTP, "", "fe80::1%eth0", 8080, "[fe80::1]:8080", "fe80::1%eth0"},
		{zones.CheckHTTP, "[2001:db8::2]", "2001:db8::1", 80, "[2001:db8::2]", "2001:db8::2"},
		{zones.CheckHTTPS, "2001:db8::2", "2001:db8::1", 8443, "[2001:db8::2]:8443", "2001:db8::2"},
	} {
		c, addr := &zones.Check{Type: tt.typ, Host: tt.host, Port: tt.port}, netip.MustParseAddr(tt.addr)
		if got := hostHeader(c, addr); got != tt.header {
			t.Errorf("%+v: Host is %q, want %q", tt, got, tt.header)
		}
		if got := serverName(c, addr); got != tt.server {
			t.Errorf("%+v: the certificate must be for %q, want %q", tt, got, tt.server)
		}
	}

	got := make(chan *http.Request, 1)
	addr := serve(t, func(_ http.ResponseWriter, r *http.Request) { got <- r })
	c := probeOf(zones.CheckHTTP, addr)
	c.Path = "/health?deep=1"
	expectUp(t, see(t, c, addr), "HTTP 200 OK")
	r := <-got
	if r.Host != fmt.Sprintf("www.glb.test:%d", addr.Port()) || r.RequestURI != "/health?deep=1" || r.Method != "GET" || !r.Close || r.UserAgent() != userAgent {
		t.Errorf("%s %s, Host %s, close %v, %s", r.Method, r.RequestURI, r.Host, r.Close, r.UserAgent())
	}
}

func TestH32ProxyEnvironmentIsIgnored(t *testing.T) {
	var visits atomic.Int32
	proxy := serve(t, func(http.ResponseWriter, *http.Request) { visits.Add(1) })
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"} {
		t.Setenv(name, "http://"+proxy.String())
	}
	addr := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	expectUp(t, see(t, probeOf(zones.CheckHTTP, addr), addr), "HTTP 204 No Content")
	if visits.Load() != 0 {
		t.Error("the proxy was asked")
	}
}

func BenchmarkProbeHTTP(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })}
	go s.Serve(l)
	defer s.Close()
	addr := netip.MustParseAddrPort(l.Addr().String())
	c := probeOf(zones.CheckHTTP, addr)
	var p prober
	b.ReportAllocs()
	for b.Loop() {
		if o := p.probe(b.Context(), c, addr.Addr(), nil); !o.OK {
			b.Fatal(o.Reason)
		}
	}
}
