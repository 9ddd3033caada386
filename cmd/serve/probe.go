package serve

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"meridian/admin"
	"meridian/checker"
	"meridian/cmd/config"
	"meridian/status/board"
	"meridian/zones"
)

// ProbeOptions says what a checker alone is to do.
type ProbeOptions struct {
	ConfigPath string
	Vantage    string // under which name it votes; empty: as the configuration says
	Version    string
	Logger     *slog.Logger // nil: slog.Default()
	// Admin is where its admin listener is; nil: where the configuration says; the zero AddrPort: nowhere.
	Admin *netip.AddrPort
	// Probe stands in for the network where there is none. nil: real probes.
	Probe func(context.Context, checker.Target) checker.Observation
	// Started is called once, when it probes, with the address of the admin listener; the zero AddrPort: there is none.
	// nil: not called.
	Started func(admin netip.AddrPort)
}

// Probe is a checker without a server: it probes, votes on the shared board, and answers nobody.
//
//	config ──► declared ──► checker ──► sharing.Publish
type Probe struct {
	process
	version string
	vantage string // of the command line; empty: the configuration's
	token   string
	live    atomic.Pointer[[]string] // who votes, as last seen; nil: not known
}

// NewProbe loads the configuration at path. It binds and starts nothing. It returns nil when any of the problems is not a
// warning.
func NewProbe(o ProbeOptions) (*Probe, []zones.Problem) {
	p := &Probe{version: o.Version, vantage: o.Vantage}
	d, problems := p.declare(o.ConfigPath)
	if d == nil {
		return nil, problems
	}
	p.begin(o.ConfigPath, d, o.Logger)
	p.hire(o.Probe, p.voters)
	return p, problems
}

// declare loads a configuration for a checker: it probes whether checker is in it or not, and needs no map and no zones.
func (p *Probe) declare(path string) (*declared, []zones.Problem) {
	cfg, problems := config.LoadAs(path, p.vantage)
	if cfg == nil {
		return nil, problems
	}
	cfg.Checker.Enabled = true
	switch {
	case cfg.Board.Redis == nil:
		return nil, append(problems, zones.Problem{File: path, Text: "a checker alone needs a board on which servers read its votes: " +
			"add board.redis, or probe inside of a server (checker: {}, and meridian serve)"})
	case cfg.Checker.Vantage == config.DefaultVantage:
		return nil, append(problems, zones.Problem{File: path, Text: "a checker in a fleet needs a name of its own to vote under: " +
			"add --vantage NAME, or checker.vantage or node"})
	}
	// What it decided wouldn't count, and what it saw is on the board: nothing of it needs to survive a restart.
	cfg.DataDir = ""
	d := aim(cfg)
	d.warnings = problems
	return d, problems
}

// RunProbe runs a checker until ctx ends, and returns nil. A configuration that doesn't load is a *ConfigError. SIGHUP
// reloads.
func RunProbe(ctx context.Context, o ProbeOptions) error {
	p, problems := NewProbe(o)
	if p == nil {
		return &ConfigError{problems}
	}
	p.warn(p.declared.Load())
	var listener net.Listener
	where := p.declared.Load().config.Admin
	if o.Admin != nil {
		where.Listen = *o.Admin
	}
	var bound netip.AddrPort
	if where.Listen.IsValid() {
		var err error
		if listener, p.token, err = listenAdmin(ctx, where); err != nil {
			return advise(err, "Choose another address, or none, with --admin-listen")
		}
		bound = listener.Addr().(*net.TCPAddr).AddrPort()
	}
	rooms, stop := context.WithCancel(ctx)
	defer stop()
	var all sync.WaitGroup
	failed := make(chan error, 1)
	all.Go(func() { p.Run(rooms) })
	if listener != nil {
		web := admin.New(admin.Options{Backend: p, Mailbox: p, Token: p.token, Logger: p.log})
		all.Go(func() {
			if err := web.Serve(rooms, listener); err != nil {
				failed <- fmt.Errorf("the admin listener: %w", err)
			}
		})
	}
	d := p.declared.Load()
	p.log.Info("probing", "vantage", d.vantage(), "targets", len(d.targets), "admin", bound, "config", d.config.Path, "version", p.version)
	if o.Started != nil {
		o.Started(bound)
	}
	err := p.await(ctx, failed)
	stop()
	all.Wait()
	p.log.Info("stopped", "vantage", d.vantage())
	return err
}

// await reloads at each SIGHUP until ctx ends or something fails.
func (p *Probe) await(ctx context.Context, failed <-chan error) error {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	for {
		select {
		case <-hangup:
			_ = p.Reload(ctx) // it logs what is wrong
		case err := <-failed:
			return err
		case <-ctx.Done():
			return nil
		}
	}
}

// Run probes and votes until ctx ends, and returns when everything has come to rest.
func (p *Probe) Run(ctx context.Context) {
	var all sync.WaitGroup
	// Both return only when ctx has ended, and never an error then.
	all.Go(func() { _ = p.sharing.redis.Run(ctx) })
	all.Go(func() { _ = p.checker.Run(ctx) })
	all.Go(func() { p.watchVoters(ctx) })
	all.Wait()
	p.sharing.close()
}

// watchVoters keeps up with who else votes, where targets are spread over the checkers.
func (p *Probe) watchVoters(ctx context.Context) {
	again := time.NewTicker(checker.DefaultHeartbeat)
	defer again.Stop()
	for {
		if p.declared.Load().config.Checker.Vantages > 0 {
			p.readVoters(ctx)
		}
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
	}
}

func (p *Probe) readVoters(ctx context.Context) {
	arrivals, err := p.sharing.votes().Ballots(ctx)
	if err != nil {
		p.live.Store(nil)
		return
	}
	live := []string{}
	for _, a := range arrivals {
		if a.Age <= board.DefaultMaxAge && a.Ballot.Doubt == "" {
			live = append(live, a.Ballot.Vantage)
		}
	}
	p.live.Store(&live)
}

// voters returns the vantages that vote and trust themselves; nil: it isn't known.
func (p *Probe) voters() []string {
	if live := p.live.Load(); live != nil {
		return *live
	}
	return nil
}

// Reload loads the configuration again, all or nothing. The error is an *admin.ReloadError, and then nothing was changed.
func (p *Probe) Reload(context.Context) error {
	p.changing.Lock()
	defer p.changing.Unlock()
	old := p.declared.Load()
	next, problems := p.declare(p.path)
	if next == nil {
		return p.refuse(problems, old, 0)
	}
	next.warnings = append(next.warnings, p.restartWarnings(old, next)...)
	p.declared.Store(next)
	p.checker.SetDuties(next.duties())
	p.reloaded(nil)
	p.log.Info("configuration reloaded", "targets", len(next.targets), "hash", next.config.Hash)
	p.warn(next)
	return nil
}
