package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"meridian/admin"
	"meridian/cmd/config"
	"meridian/dnsserver"
	"meridian/zones"
)

// Options says what to run.
type Options struct {
	ConfigPath string
	Version    string
	Logger     *slog.Logger // nil: slog.Default()
	Demo       admin.Demo   // nil: not the demo
	// Started is called once, when the first answer can be given, with the addresses that were bound. nil: not called.
	Started func(Bound)
}

// Bound is where a server is reached.
type Bound struct {
	DNS   []netip.AddrPort // UDP and TCP on each
	Admin netip.AddrPort
}

// ConfigError is a configuration that doesn't load, with everything that is wrong with it.
type ConfigError struct{ Problems []zones.Problem }

func (e *ConfigError) Error() string {
	mistakes := 0
	for _, p := range e.Problems {
		if !p.Warning {
			mistakes++
		}
	}
	return admin.Count(mistakes, "problem") + ". Nothing was started."
}

// drainTime is how long TCP clients have to take their last answers when the server stops.
const drainTime = 5 * time.Second

// server is a Core with its sockets.
type server struct {
	*Core
	version  string
	emptying emptying
	demo     bool
	dns      *dnsserver.Server
	admin    netip.AddrPort
	token    string // of the admin listener; empty: none

	mu       sync.Mutex
	draining bool
}

// Run runs a server until ctx ends, then drains it: what has arrived is answered, states are written, and Run
// returns nil. A configuration that doesn't load is a *ConfigError, an address that isn't to be had a
// *dnsserver.BindError; nothing has run then. SIGHUP reloads.
func Run(ctx context.Context, o Options) error {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	s := &server{version: o.Version, demo: o.Demo != nil}
	core, problems := NewCore(o.ConfigPath, CoreOptions{Log: o.Logger, Bind: s.rebind})
	if core == nil {
		return &ConfigError{problems}
	}
	s.Core = core
	for _, p := range problems {
		o.Logger.Warn(p.String())
	}
	listener, err := s.bind(ctx)
	if err != nil {
		return err
	}
	web := admin.New(admin.Options{
		Backend: s, Explainer: s, Simulator: s, Cautious: s, Journal: journal{s.sharing.journal()}, Automation: s, Failback: s, Overrides: s, Mailbox: s, Demo: o.Demo,
		Token: s.token, Logger: o.Logger,
	})
	return s.run(ctx, o, web, listener)
}

// bind binds every socket and answers nobody yet.
func (s *server) bind(ctx context.Context) (net.Listener, error) {
	cfg := s.declared.Load().config
	options := dnsserver.Options{
		Listen: cfg.DNS.Listen, Workers: cfg.DNS.Workers, Snapshot: s.Current(), NodeName: cfg.Node, Log: s.log,
		Chaos: dnsserver.Chaos{Version: cfg.DNS.Chaos.Version},
	}
	if cfg.DNS.Chaos.ID {
		options.Chaos.ID = cfg.Node
	}
	var err error
	if s.dns, err = dnsserver.Listen(ctx, options); err != nil {
		return nil, fmt.Errorf("%w\nChoose another address with dns.listen in %s", err, s.path)
	}
	listener, err := s.bindAdmin(ctx)
	if err != nil {
		// It was never served: there is nothing to drain.
		_ = s.dns.Shutdown(ctx)
		return nil, err
	}
	return listener, nil
}

func (s *server) bindAdmin(ctx context.Context) (net.Listener, error) {
	l, token, err := listenAdmin(ctx, s.declared.Load().config.Admin)
	if err != nil {
		return nil, advise(err, "Choose another address with admin.listen in "+s.path)
	}
	s.token, s.admin = token, l.Addr().(*net.TCPAddr).AddrPort()
	return l, nil
}

// listenAdmin binds an admin listener, and reads the token that it asks for; empty: none.
func listenAdmin(ctx context.Context, cfg config.Admin) (l net.Listener, token string, err error) {
	if cfg.TokenFile != "" {
		text, err := os.ReadFile(cfg.TokenFile)
		if err != nil {
			return nil, "", fmt.Errorf("the admin token can't be read: %w", err)
		}
		token = strings.TrimSpace(string(text))
	}
	if err := admin.CheckListen(cfg.Listen.String(), token); err != nil {
		return nil, "", err
	}
	var lc net.ListenConfig
	if l, err = lc.Listen(ctx, "tcp", cfg.Listen.String()); err != nil {
		return nil, "", dnsserver.NewBindError("tcp", cfg.Listen, err)
	}
	return l, token, nil
}

// advise adds what to do to an address that isn't to be had.
func advise(err error, what string) error {
	if _, ok := errors.AsType[*dnsserver.BindError](err); ok {
		return fmt.Errorf("%w\n%s", err, what)
	}
	return err
}

// rebind gives the DNS server the addresses of a configuration to come, all or none.
func (s *server) rebind(ctx context.Context, next *declared) error {
	defer s.makeRoom()
	return s.dns.Rebind(ctx, next.config.DNS.Listen)
}

func (s *server) run(ctx context.Context, o Options, web *admin.Server, listener net.Listener) error {
	// The rooms outlive ctx for as long as draining takes.
	rooms, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var all sync.WaitGroup
	failed := make(chan error, 2)
	all.Go(func() { s.Core.Run(rooms) })
	all.Go(func() { s.watchGeo(rooms) })
	if err := s.awaitFirst(ctx); err != nil {
		stop()
		all.Wait()
		_ = listener.Close()
		return nil
	}
	s.makeRoom()
	all.Go(func() { s.keepLedger(rooms) })
	all.Go(func() { s.watchEmptying(rooms) })
	all.Go(func() {
		if err := s.dns.Serve(); err != nil {
			failed <- err
		}
	})
	all.Go(func() {
		if err := web.Serve(rooms, listener); err != nil {
			failed <- fmt.Errorf("the admin listener: %w", err)
		}
	})
	bound := Bound{DNS: s.dns.Addrs(), Admin: s.admin}
	cfg := s.declared.Load().config
	s.log.Info("ready", "demo", s.demo, "dns", bound.DNS, "admin", bound.Admin.String(), "zones", len(cfg.Zones),
		"services", len(cfg.Services), "config", cfg.Path, "version", s.version)
	if o.Started != nil {
		o.Started(bound)
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	var err error
wait:
	for {
		select {
		case <-hangup:
			// Reload logs what is wrong.
			_ = s.Reload(ctx)
		case err = <-failed:
			break wait
		case <-ctx.Done():
			break wait
		}
	}
	s.drain()
	stop()
	all.Wait()
	s.log.Info("stopped")
	return err
}

// awaitFirst returns when the first snapshot is in use, or ctx's error.
func (s *server) awaitFirst(ctx context.Context) error {
	select {
	case <-s.publisher.first:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// drain stops to take queries and lets those that have arrived be answered.
func (s *server) drain() {
	s.log.Info("draining: queries that have arrived are answered, new ones aren't taken")
	s.mu.Lock()
	s.draining = true
	s.mu.Unlock()
	limit, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	if err := s.dns.Shutdown(limit); err != nil {
		s.log.Warn("TCP clients that didn't take their answers were cut off", "after", drainTime.String())
	}
}

// revision returns the source revision that the binary was built from, empty when it isn't known.
func revision() string {
	info, _ := debug.ReadBuildInfo()
	if info == nil {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
}
