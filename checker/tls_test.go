package checker

import (
	"crypto/tls"
	"io"
	"log"
	"math"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"meridian/zones"
)

const year = 365 * 24 * time.Hour

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

func TestHTTPSAndTLSChecks(t *testing.T) {
	ca := newAuthority(t)
	addr := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{ca.sign(t, 10*24*time.Hour+time.Hour, "www.glb.test")}})
	for typ, want := range map[zones.CheckType]string{zones.CheckHTTPS: "HTTP 204 No Content", zones.CheckTLS: "TLS 1.3 handshake completed"} {
		c := probeOf(typ, addr)
		c.CAFile = ca.file
		o := see(t, c, addr)
		expectUp(t, o, want)
		if days := math.Floor(time.Until(o.CertExpires).Hours() / 24); days != 10 {
			t.Errorf("%s: the certificate has %v days left, want 10", typ, days)
		}
	}
}

func TestH10ExpiredCertificate(t *testing.T) {
	ca := newAuthority(t)
	addr := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{ca.sign(t, -3*24*time.Hour-time.Hour, "www.glb.test")}})
	c := probeOf(zones.CheckHTTPS, addr)
	c.CAFile = ca.file
	o := see(t, c, addr)
	expectDown(t, o, "certificate expired 3 days ago")
	if o.CertExpires.IsZero() {
		t.Error("its end isn't noted")
	}
	c.SkipVerify = true
	expectUp(t, see(t, c, addr), "HTTP 204 No Content")
}

func TestH11WrongHostName(t *testing.T) {
	ca := newAuthority(t)
	addr := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{ca.sign(t, year, "other.glb.test", "more.glb.test")}})
	c := probeOf(zones.CheckTLS, addr)
	c.CAFile = ca.file
	expectDown(t, see(t, c, addr), "certificate is for other.glb.test, more.glb.test, not for www.glb.test")
	c.Host = "" // the address, which isn't in the certificate either
	expectDown(t, see(t, c, addr), "certificate is for other.glb.test, more.glb.test, not for 127.0.0.1")
}

func TestH12UnknownAuthority(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	addr := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{ca.sign(t, year, "www.glb.test")}})
	c := probeOf(zones.CheckHTTPS, addr)
	expectDown(t, see(t, c, addr), "certificate signed by an unknown authority")
	c.CAFile = other.file
	expectDown(t, see(t, c, addr), "certificate signed by an unknown authority")
	c.CAFile = ca.file
	expectUp(t, see(t, c, addr), "HTTP 204 No Content")
}

func TestRenewedAuthorityCountsAtOnce(t *testing.T) {
	old, renewed := newAuthority(t), newAuthority(t)
	var roots rootsCache
	before, err := roots.pool(old.file)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := roots.pool(old.file); again != before {
		t.Error("an unchanged file was read twice")
	}
	copyFile(t, renewed.file, old.file)
	after, err := roots.pool(old.file)
	if err != nil || after.Equal(before) {
		t.Errorf("the renewed file wasn't read: %v", err)
	}
}

func TestH13SNI(t *testing.T) {
	ca := newAuthority(t)
	seen := make(chan string, 1)
	right, wrong := ca.sign(t, year, "www.glb.test"), ca.sign(t, year, "default.test")
	addr := serveTLS(t, &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		seen <- hello.ServerName
		if hello.ServerName == "www.glb.test" {
			return &right, nil
		}
		return &wrong, nil
	}})
	c := probeOf(zones.CheckHTTPS, addr)
	c.CAFile = ca.file
	expectUp(t, see(t, c, addr), "HTTP 204 No Content")
	if got := <-seen; got != "www.glb.test" {
		t.Errorf("SNI %q", got)
	}
}

func TestH14HandshakeNeverEnds(t *testing.T) {
	addr := raw(t, func(c *net.TCPConn) { hang(c) })
	c := probeOf(zones.CheckTLS, addr)
	c.Timeout = 300 * time.Millisecond
	expectDown(t, see(t, c, addr), "timeout after 300ms while in the TLS handshake")
}

func TestH15PlainOnTLSPortAndTheReverse(t *testing.T) {
	plain := serve(t, func(http.ResponseWriter, *http.Request) {})
	expectDown(t, see(t, probeOf(zones.CheckHTTPS, plain), plain), "the port speaks plain HTTP, not TLS")
	other := raw(t, func(c *net.TCPConn) { c.Write([]byte("SSH-2.0-OpenSSH_9.2\r\n")); hang(c) })
	expectDown(t, see(t, probeOf(zones.CheckTLS, other), other), "the port doesn't speak TLS")

	ca := newAuthority(t)
	secure := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{ca.sign(t, year, "www.glb.test")}})
	expectDown(t, see(t, probeOf(zones.CheckHTTP, secure), secure), "HTTP 400 Bad Request")
}

func TestH16OldTLS(t *testing.T) {
	ca := newAuthority(t)
	addr := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{ca.sign(t, year, "www.glb.test")}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10})
	c := probeOf(zones.CheckHTTPS, addr)
	c.CAFile = ca.file
	o := see(t, c, addr)
	if o.OK || o.Inconclusive || !strings.HasPrefix(o.Reason, "TLS: ") || !strings.Contains(o.Reason, "protocol version") {
		t.Errorf("%+v", o)
	}
}

func TestH17SwappedCertificateIsSeen(t *testing.T) {
	ca := newAuthority(t)
	var current atomic.Pointer[tls.Certificate]
	addr := serveTLS(t, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return current.Load(), nil }})
	c := probeOf(zones.CheckHTTPS, addr)
	c.CAFile = ca.file
	var p prober // as the checker uses it: one for all probes
	for _, valid := range []time.Duration{20 * 24 * time.Hour, year, -25 * time.Hour} {
		cert := ca.sign(t, valid, "www.glb.test")
		current.Store(&cert)
		o := p.probe(t.Context(), c, addr.Addr(), nil)
		if off := time.Until(o.CertExpires) - valid; off.Abs() > time.Minute || o.OK != (valid > 0) {
			t.Errorf("valid for %v: %+v", valid, o)
		}
	}
}

func TestServerOfAnotherProtocolIsDown(t *testing.T) {
	ca := newAuthority(t)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{ca.sign(t, year, "www.glb.test")}, NextProtos: []string{"other/1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() { // until l is closed
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { hang(c); c.Close() }()
		}
	}()
	addr := l.Addr().(*net.TCPAddr).AddrPort()
	c := probeOf(zones.CheckHTTPS, addr)
	c.CAFile = ca.file
	expectDown(t, see(t, c, addr), "TLS: remote error: no application protocol")
	c.Type = zones.CheckTLS // which asks for no protocol
	expectUp(t, see(t, c, addr), "TLS 1.3 handshake completed")
}
