package checker

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	grpchealth "google.golang.org/grpc/health"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"

	"meridian/zones"
)

// serveGRPC runs a gRPC server with a health service in which the whole server serves and "down" doesn't. seen is told the
// authority of each call.
func serveGRPC(t *testing.T, seen func(authority string), options ...grpc.ServerOption) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.3:0")
	if err != nil {
		t.Fatal(err)
	}
	options = append(options, grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, h grpc.UnaryHandler) (any, error) {
		m, _ := metadata.FromIncomingContext(ctx)
		if seen != nil {
			seen(strings.Join(m.Get(":authority"), ","))
		}
		return h(ctx, req)
	}))
	s := grpc.NewServer(options...)
	h := grpchealth.NewServer()
	h.SetServingStatus("down", health.HealthCheckResponse_NOT_SERVING)
	health.RegisterHealthServer(s, h)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() { s.Stop(); <-done })
	return netip.MustParseAddrPort(l.Addr().String())
}

func TestGRPCHealth(t *testing.T) {
	var authority atomic.Value
	addr := serveGRPC(t, func(a string) { authority.Store(a) })
	c := probeOf(zones.CheckGRPC, addr)
	expectUp(t, see(t, c, addr), "gRPC SERVING")
	if want := fmt.Sprintf("www.glb.test:%d", addr.Port()); authority.Load() != want {
		t.Errorf("the authority was %v, want %s", authority.Load(), want)
	}
	c.GRPCService = "down"
	expectDown(t, see(t, c, addr), "gRPC NOT_SERVING")
	c.GRPCService = "other"
	expectDown(t, see(t, c, addr), `gRPC NotFound: the health service knows no service "other"`)
}

func TestGRPCOverTLS(t *testing.T) {
	ca := newAuthority(t)
	var names []string
	addr := serveGRPC(t, nil, grpc.Creds(credentials.NewTLS(&tls.Config{
		GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
			names = append(names, h.ServerName)
			cert := ca.sign(t, 100*24*time.Hour, "www.glb.test")
			return &cert, nil
		},
	})))
	c := probeOf(zones.CheckGRPC, addr)
	c.TLS = true
	expectDown(t, see(t, c, addr), "certificate signed by an unknown authority")
	c.CAFile = ca.file
	o := see(t, c, addr)
	expectUp(t, o, "gRPC SERVING")
	if o.CertExpires.IsZero() || names[0] != "www.glb.test" {
		t.Errorf("the certificate ends %v, asked for %v", o.CertExpires, names)
	}
	c.Host = "other.glb.test"
	expectDown(t, see(t, c, addr), "certificate is for www.glb.test, not for other.glb.test")
	c.TLS, c.Host, c.Timeout = false, "www.glb.test", time.Second
	if o := see(t, c, addr); o.OK || o.Inconclusive {
		t.Errorf("plain text to a TLS port: %+v", o)
	}
}

func TestGRPCWithoutHealthService(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.3:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() { s.Stop(); <-done })
	addr := netip.MustParseAddrPort(l.Addr().String())
	expectDown(t, see(t, probeOf(zones.CheckGRPC, addr), addr), "gRPC Unimplemented: there is no health service (grpc.health.v1)")
}

func TestGRPCThatDoesntAnswer(t *testing.T) {
	refused := netip.MustParseAddrPort("127.0.0.3:1")
	o := see(t, probeOf(zones.CheckGRPC, refused), refused)
	expectDown(t, o, "connection refused")
	if !o.Refused || o.Silent {
		t.Errorf("a refusal is %+v", o)
	}
	addr := raw(t, func(c *net.TCPConn) { hang(c) })
	c := probeOf(zones.CheckGRPC, addr)
	c.Timeout = 200 * time.Millisecond
	begin := time.Now()
	o = see(t, c, addr)
	if o.OK || o.Inconclusive || o.Silent || !strings.HasPrefix(o.Reason, "timeout after 200ms while ") {
		t.Errorf("an endpoint that hangs: %+v", o)
	}
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("took %v", took)
	}
	c.TLS = true
	expectDown(t, see(t, c, addr), "timeout after 200ms while in the TLS handshake")
}

// TestH27HostileHTTP2: GOAWAY, RST_STREAM, floods and garbage fail this one probe, in bounded memory.
func TestH27HostileHTTP2(t *testing.T) {
	script := func(f func(*http2.Framer, net.Conn)) func(*net.TCPConn) {
		return func(c *net.TCPConn) {
			io.ReadFull(c, make([]byte, len(http2.ClientPreface)))
			fr := http2.NewFramer(c, c)
			fr.WriteSettings()
			for {
				frame, err := fr.ReadFrame()
				if err != nil {
					return
				}
				if _, ok := frame.(*http2.HeadersFrame); ok {
					break
				}
			}
			f(fr, c)
		}
	}
	for name, handle := range map[string]func(*net.TCPConn){
		"goaway": script(func(f *http2.Framer, c net.Conn) {
			f.WriteGoAway(0, http2.ErrCodeEnhanceYourCalm, []byte("no"))
			hang(c)
		}),
		"reset": script(func(f *http2.Framer, c net.Conn) { f.WriteRSTStream(1, http2.ErrCodeInternal); hang(c) }),
		"settings": script(func(f *http2.Framer, c net.Conn) {
			for f.WriteSettings() == nil {
			}
		}),
		"continuation": script(func(f *http2.Framer, c net.Conn) {
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x88}})
			for f.WriteContinuation(1, false, make([]byte, 16<<10)) == nil {
			}
		}),
		"http1":   answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
		"garbage": answer("\x00\xff\x01garbage of no use to anybody, longer than a frame header"),
		"closed":  func(*net.TCPConn) {},
	} {
		addr := raw(t, handle)
		c := probeOf(zones.CheckGRPC, addr)
		c.Timeout = 300 * time.Millisecond
		var o Observation
		if bytes := allocated(func() { o = see(t, c, addr) }); bytes > 64<<20 {
			t.Errorf("%s: the probe allocates %d bytes", name, bytes)
		}
		if o.OK || o.Inconclusive {
			t.Errorf("%s: %+v", name, o)
		}
	}
}
