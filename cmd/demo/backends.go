package demo

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"time"

	"meridian/admin"
	"meridian/cmd/config/nearest"
)

// portTries is how many ports are tried until one is free.
const portTries = 100

// backends are the HTTP servers of all regions. They implement admin.Demo.
type backends struct {
	regions []region
	port    uint16

	mu      sync.Mutex
	running map[string][]*http.Server // by region; none: killed
}

// startBackends starts every region on the first port from first on that is free on all addresses.
func startBackends(ctx context.Context, regions []region, first uint16) (*backends, error) {
	var err error
	for port := first; port < first+portTries; port++ {
		b := &backends{regions: regions, port: port, running: make(map[string][]*http.Server)}
		if err = b.startAll(ctx); err == nil {
			return b, nil
		}
		b.Close()
		if !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	return nil, fmt.Errorf("the demo's backends can't listen: %w (each needs an address of its own in 127.0.0.0/8; where the system has "+
		"only 127.0.0.1, add them: ifconfig lo0 alias 127.0.0.11)", err)
}

func (b *backends) startAll(ctx context.Context) error {
	for _, r := range b.regions {
		if err := b.start(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// start makes one region listen. It does nothing for a region that listens already.
func (b *backends) start(ctx context.Context, r region) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.running[r.name]) > 0 {
		return nil
	}
	var servers []*http.Server
	for _, addr := range r.addresses {
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", netip.AddrPortFrom(addr, b.port).String())
		if err != nil {
			stop(servers)
			return err
		}
		server := &http.Server{Handler: page(r.name, addr), ReadHeaderTimeout: 5 * time.Second}
		servers = append(servers, server)
		go func() { _ = server.Serve(l) }() // ends with stop
	}
	b.running[r.name] = servers
	return nil
}

// stop closes listeners and connections: a probe is refused from then on.
func stop(servers []*http.Server) {
	for _, s := range servers {
		_ = s.Close() // an error is one of closing, and closed it is
	}
}

// Port returns the port of every backend.
func (b *backends) Port() uint16 { return b.port }

// Kill closes every listener and connection of a region's backends. A region that is dead stays so.
func (b *backends) Kill(name string) error {
	r, err := b.find(name)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	stop(b.running[r.name])
	delete(b.running, r.name)
	return nil
}

// Revive makes a region's backends listen again. A region that is alive stays so.
func (b *backends) Revive(name string) error {
	r, err := b.find(name)
	if err != nil {
		return err
	}
	return b.start(context.Background(), r)
}

// Close ends all backends.
func (b *backends) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name, servers := range b.running {
		stop(servers)
		delete(b.running, name)
	}
}

func (b *backends) find(name string) (region, error) {
	names := make([]string, len(b.regions))
	for i, r := range b.regions {
		if r.name == name {
			return r, nil
		}
		names[i] = r.name
	}
	return region{}, &admin.RequestError{
		Text: fmt.Sprintf("the demo has no region %q%s", name, nearest.Hint(name, names)),
		Hint: "its regions are " + strings.Join(names, ", "),
	}
}

var pageTemplate = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><title>DEMO · {{.Region}}</title>
<h1>{{.Region}}</h1><p>DEMO: this is the backend {{.Address}} of the region {{.Region}}.</p></html>
`))

// page is what one backend serves: its health, and a page that names its region.
func page(region string, addr netip.Addr) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = pageTemplate.Execute(w, struct{ Region, Address string }{region, addr.String()}) // the client has gone
	})
	return mux
}
