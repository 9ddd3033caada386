// Package demo is the first minute: a whole Meridian that needs nothing, to look at and to break.
//
// What it shows is real. The regions are HTTP backends in this process, each on a loopback address of its own, that the
// checker really probes; killing a region really closes its listeners. The configuration is an ordinary file, written
// to a folder of its own and loaded by the loader of every other configuration; the folder is gone when the demo ends.
// Only the clients are made up: the built-in GeoIP data says that documentation networks are cities.
package demo

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"text/template"

	"meridian/admin"
	"meridian/cmd/config"
	"meridian/cmd/serve"
)

// Where the demo listens; when a port is taken, it takes the next one that is free.
var (
	DefaultDNS   = netip.MustParseAddrPort("127.0.0.1:1053")
	DefaultAdmin = netip.MustParseAddrPort("127.0.0.1:8053")
)

// firstBackend is the port of the backends, or else the next one that is free on all their addresses.
const firstBackend = 18080

// Options says where the demo listens and to whom it talks.
type Options struct {
	DNS, Admin netip.AddrPort // usually DefaultDNS and DefaultAdmin
	Version    string
	Log        *slog.Logger
	Out        io.Writer // for what it says to the person who started it
	HasDig     bool      // dig is on the PATH
	Command    string    // how this program is called: "meridian"
}

// Run runs the demo until ctx ends.
func Run(ctx context.Context, o Options) error {
	dir, err := os.MkdirTemp("", "meridian-demo-")
	if err != nil {
		return fmt.Errorf("the demo needs a folder for its configuration: %w", err)
	}
	defer os.RemoveAll(dir)
	p := places{DNS: o.DNS, Admin: o.Admin, Backends: firstBackend}
	regions, err := p.regions(dir)
	if err != nil {
		return err
	}
	if p.DNS, err = free(ctx, o.Out, o.DNS, "udp", "tcp"); err != nil {
		return err
	}
	if p.Admin, err = free(ctx, o.Out, o.Admin, "tcp"); err != nil {
		return err
	}
	backends, err := startBackends(ctx, regions, firstBackend)
	if err != nil {
		return err
	}
	defer backends.Close()
	p.Backends = backends.Port()
	path, err := p.write(dir)
	if err != nil {
		return err
	}
	return serve.Run(ctx, serve.Options{
		ConfigPath: path, Version: o.Version, Logger: o.Log.With("mode", "DEMO"), Demo: backends,
		Started: func(bound serve.Bound) { fmt.Fprint(o.Out, banner(o, bound)) },
	})
}

// places is where the demo's sockets are.
type places struct {
	DNS, Admin netip.AddrPort
	Backends   uint16 // the port of all backends
}

//go:embed demo.yaml
var source string

var configuration = template.Must(template.New("demo.yaml").Parse(source))

// write writes the configuration into dir and returns its path.
func (p places) write(dir string) (string, error) {
	var text bytes.Buffer
	if err := configuration.Execute(&text, p); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "demo.yaml")
	return path, os.WriteFile(path, text.Bytes(), 0o600)
}

// region is one region and the addresses of its backends.
type region struct {
	name      string
	addresses []netip.Addr
}

// regions reads in the configuration which backends there are to be, in its order.
func (p places) regions(dir string) ([]region, error) {
	path, err := p.write(dir)
	if err != nil {
		return nil, err
	}
	cfg, problems := config.Load(path)
	if cfg == nil {
		return nil, fmt.Errorf("the demo's configuration: %s, the first is %v", admin.Count(len(problems), "problem"), problems[0])
	}
	regions := make([]region, len(cfg.Regions))
	for i, r := range cfg.Regions {
		regions[i].name = r.Name
		seen := make(map[netip.Addr]bool)
		for _, s := range cfg.Services {
			for _, pool := range s.Pools {
				for _, addr := range pool.Endpoints {
					if pool.Region.Name == r.Name && !seen[addr] {
						seen[addr] = true
						regions[i].addresses = append(regions[i].addresses, addr)
					}
				}
			}
		}
	}
	return regions, nil
}
