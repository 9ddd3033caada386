package harness

import (
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
)

// Backend is the HTTP server of one endpoint.
type Backend struct {
	t      testing.TB
	addr   string // host:port
	status atomic.Int32
	server *http.Server
	done   chan struct{}
}

// NewBackends starts one HTTP server on each host, all on one port, and returns them with the port.
func NewBackends(t testing.TB, hosts ...string) (map[string]*Backend, string) {
	t.Helper()
	for range 100 {
		port := FreePort(t, hosts...)
		backends, err := listenAll(t, port, hosts)
		if err == nil {
			return backends, port
		}
	}
	t.Fatalf("no port is free on all of %v", hosts)
	return nil, ""
}

// NewBackendsAt starts one HTTP server on each host, all on this port.
func NewBackendsAt(t testing.TB, port string, hosts ...string) map[string]*Backend {
	t.Helper()
	backends, err := listenAll(t, port, hosts)
	if err != nil {
		t.Fatal(err)
	}
	return backends
}

// listenAll starts all or none.
func listenAll(t testing.TB, port string, hosts []string) (map[string]*Backend, error) {
	backends := map[string]*Backend{}
	kill := func() {
		for _, b := range backends {
			b.Kill()
		}
	}
	for _, host := range hosts {
		b := &Backend{t: t, addr: net.JoinHostPort(host, port)}
		b.status.Store(http.StatusOK)
		if err := b.listen(); err != nil {
			kill()
			return nil, err // somebody has this port on this address
		}
		backends[host] = b
	}
	t.Cleanup(kill)
	return backends, nil
}

// listen binds the address and serves.
func (b *Backend) listen() error {
	listener, err := net.Listen("tcp", b.addr)
	if err != nil {
		return err
	}
	b.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := int(b.status.Load())
		if status == silence {
			<-r.Context().Done()
			return
		}
		w.WriteHeader(status)
		w.Write([]byte(strconv.Itoa(status)))
	})}
	b.done = make(chan struct{})
	go func(server *http.Server, done chan struct{}) {
		_ = server.Serve(listener) // ends with ErrServerClosed
		close(done)
	}(b.server, b.done)
	return nil
}

// Kill closes the listener and every connection: from now on the address refuses.
func (b *Backend) Kill() {
	if b.server != nil {
		b.server.Close()
		<-b.done
		b.server = nil
	}
}

// Revive listens again.
func (b *Backend) Revive() {
	b.t.Helper()
	if err := b.listen(); err != nil {
		b.t.Fatal(err)
	}
}

// Answer makes the backend answer with this HTTP status.
func (b *Backend) Answer(status int) { b.status.Store(int32(status)) }

// Hang makes the backend take connections and say nothing, until Answer.
func (b *Backend) Hang() { b.status.Store(silence) }

const silence = 0 // in place of a status
