package e2e

import (
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
)

// backend is the HTTP server of one endpoint.
type backend struct {
	t      *testing.T
	addr   string // host:port
	status atomic.Int32
	server *http.Server
	done   chan struct{}
}

// newBackends starts one HTTP server on each host, all on one port, and returns them with the port.
func newBackends(t *testing.T, hosts ...string) (map[string]*backend, string) {
	t.Helper()
	for range 100 {
		port := freePort(t)
		backends := map[string]*backend{}
		for _, host := range hosts {
			b := &backend{t: t, addr: net.JoinHostPort(host, port)}
			b.status.Store(http.StatusOK)
			if err := b.listen(); err != nil {
				break // somebody has this port on this address: try another for all
			}
			backends[host] = b
		}
		if len(backends) == len(hosts) {
			t.Cleanup(func() {
				for _, b := range backends {
					b.kill()
				}
			})
			return backends, port
		}
		for _, b := range backends {
			b.kill()
		}
	}
	t.Fatalf("no port is free on all of %v", hosts)
	return nil, ""
}

// listen binds the address and serves.
func (b *backend) listen() error {
	listener, err := net.Listen("tcp", b.addr)
	if err != nil {
		return err
	}
	b.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(int(b.status.Load()))
		w.Write([]byte(strconv.Itoa(int(b.status.Load()))))
	})}
	b.done = make(chan struct{})
	go func(server *http.Server, done chan struct{}) {
		server.Serve(listener) // ends with ErrServerClosed
		close(done)
	}(b.server, b.done)
	return nil
}

// kill closes the listener and every connection: from now on the address refuses.
func (b *backend) kill() {
	if b.server != nil {
		b.server.Close()
		<-b.done
		b.server = nil
	}
}

// revive listens again.
func (b *backend) revive() {
	b.t.Helper()
	if err := b.listen(); err != nil {
		b.t.Fatal(err)
	}
}

// answer makes the backend answer with this HTTP status.
func (b *backend) answer(status int) { b.status.Store(int32(status)) }
