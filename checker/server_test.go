package checker

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"meridian/zones"
)

// probeOf returns a check of the server at addr, with the settings most tests want.
func probeOf(typ zones.CheckType, addr netip.AddrPort) *zones.Check {
	return &zones.Check{
		Name: "web", Type: typ, Port: addr.Port(), Path: "/healthz", Host: "www.glb.test", Status: []int{200, 204},
		Interval: 5 * time.Second, Timeout: 5 * time.Second, ConsecutiveUp: 2, ConsecutiveDown: 3,
	}
}

// see probes the server at addr.
func see(t *testing.T, c *zones.Check, addr netip.AddrPort) Observation {
	t.Helper()
	o, steps := Probe(t.Context(), c, addr.Addr())
	if o.Reason == "" || len(o.Reason) > maxReason {
		t.Errorf("the reason %q is empty or too long", o.Reason)
	}
	if len(steps) == 0 || steps[len(steps)-1].Name != "verdict" {
		t.Errorf("the trace doesn't end with a verdict: %v", steps)
	}
	if o.OK && (o.Silent || o.Inconclusive) {
		t.Errorf("a success that is silent or inconclusive: %+v", o)
	}
	return o
}

// expectDown fails unless the endpoint was found unhealthy for exactly this reason.
func expectDown(t *testing.T, o Observation, reason string) {
	t.Helper()
	if o.OK || o.Inconclusive || o.Reason != reason {
		t.Errorf("got %s, %q; want a failure, %q", o.Result(), o.Reason, reason)
	}
}

// expectUp fails unless the endpoint was found healthy for exactly this reason.
func expectUp(t *testing.T, o Observation, reason string) {
	t.Helper()
	if !o.OK || o.Reason != reason {
		t.Errorf("got %s, %q; want a success, %q", o.Result(), o.Reason, reason)
	}
}

// raw serves each connection with handle and closes it after that. It ends with the test.
func raw(t *testing.T, handle func(*net.TCPConn)) netip.AddrPort {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			c, err := l.AcceptTCP()
			if err != nil {
				return
			}
			stop := make(chan struct{})
			go func() { // ends handlers that hang when the test is over
				select {
				case <-t.Context().Done():
					c.Close()
				case <-stop:
				}
			}()
			conns.Go(func() {
				defer close(stop)
				defer c.Close()
				handle(c)
			})
		}
	})
	t.Cleanup(func() { l.Close(); conns.Wait() })
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// answer returns a handler that reads the request and writes text.
func answer(text string) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		readRequest(c)
		c.Write([]byte(text))
	}
}

// readRequest reads what has come of a request; probes send theirs in one piece.
func readRequest(c net.Conn) { c.Read(make([]byte, 4096)) }

// hang reads until the other side goes away.
func hang(c net.Conn) {
	buf := make([]byte, 4096)
	for {
		if _, err := c.Read(buf); err != nil {
			return
		}
	}
}

// serve runs an HTTP server with h.
func serve(t *testing.T, h http.HandlerFunc) netip.AddrPort {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return netip.MustParseAddrPort(s.Listener.Addr().String())
}

// serveTLS runs an HTTPS server with the given certificates.
func serveTLS(t *testing.T, config *tls.Config) netip.AddrPort {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	s.TLS = config
	s.Config.ErrorLog = quiet()
	s.StartTLS()
	t.Cleanup(s.Close)
	return netip.MustParseAddrPort(s.Listener.Addr().String())
}

// authority signs certificates, and is known by a PEM file.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{key: newKey(t), file: filepath.Join(t.TempDir(), "ca.pem")}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(a.file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644); err != nil {
		t.Fatal(err)
	}
	return a
}

// sign returns a certificate for names that ends after valid, which may be negative.
func (a *authority) sign(t *testing.T, valid time.Duration, names ...string) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: names,
		NotBefore: time.Now().Add(min(valid, 0) - 30*24*time.Hour), NotAfter: time.Now().Add(valid),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	key := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// allocated returns the bytes that f allocates, in all goroutines.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, append(data, '\n'), 0o644); err != nil { // one byte more: the clock may not have moved
		t.Fatal(err)
	}
}
