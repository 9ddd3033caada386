package serve

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"meridian/admin"
	"meridian/checker"
	"meridian/snapshot"
	"meridian/status"
	"meridian/status/board"
	"meridian/zones"
)

// CoreOptions are what a Core may be told. The zero value is fine.
type CoreOptions struct {
	Log *slog.Logger // nil: slog.Default()
	// Probe stands in for the network where there is none (stories in which time is a step). nil: real probes.
	Probe func(context.Context, checker.Target) checker.Observation
	// Bind is asked before a reload changes anything, with the configuration to come; an error refuses the reload.
	// nil: nothing is bound.
	Bind func(context.Context, *declared) error
}

// Core is a running server without its sockets: declarations, checker, board, states and the snapshot that they
// amount to. Its life is NewCore, Run; Reload and the reading methods may be called by any goroutine.
type Core struct {
	path      string
	options   CoreOptions
	log       *slog.Logger
	counters  *snapshot.Counters
	sharing   *sharing
	chronicle *chronicle
	states    *board.States
	checker   *checker.Checker
	publisher *publisher
	checks    *histogram
	started   time.Time

	declared atomic.Pointer[declared]
	changing sync.Mutex // held while declared is replaced

	mu          sync.Mutex
	lastReload  *admin.ReloadReport
	geoError    string // why the last change of the geographic files was refused; empty: it wasn't
	transitions map[transitionKey]uint64
	withheld    map[status.Hold]uint64 // changes that something held back
}

type transitionKey struct {
	region string
	to     status.Health
}

// NewCore loads and compiles the configuration at path. It binds and starts nothing. It returns nil when any of the
// problems is not a warning.
func NewCore(path string, o CoreOptions) (*Core, []zones.Problem) {
	c := &Core{path: path, options: o, log: o.Log, counters: new(snapshot.Counters),
		checks: newHistogram(checkBounds), transitions: map[transitionKey]uint64{}, withheld: map[status.Hold]uint64{}, started: time.Now()}
	if c.log == nil {
		c.log = slog.Default()
	}
	d, problems := declare(path, c.counters)
	if d == nil {
		return nil, problems
	}
	c.declared.Store(d)
	c.sharing = newSharing(d.config, c.log)
	c.chronicle = newChronicle(c.sharing, c.pages)
	c.states = board.NewStates(c.sharing.votes(), board.Options{
		Rules: d.rules(), DataDir: d.config.DataDir, Local: c.sharing.local(), LocalAfter: d.config.Board.LocalAfter,
		Log: c.log, Events: c.note,
	})
	c.checker = checker.New(d.config.Checker.Vantage, c.sharing, checker.Options{
		Log: c.log, Probe: o.Probe, Observed: c.observe, Live: c.live,
	})
	c.checker.SetDuties(d.duties())
	c.publisher = newPublisher(c.states.Table)
	c.publisher.told = c.chronicle.look
	return c, problems
}

// Run runs until ctx ends, and returns when everything has come to rest and the states are on disk.
func (c *Core) Run(ctx context.Context) {
	changes, cancel := c.states.Subscribe()
	defer cancel()
	var all sync.WaitGroup
	all.Go(func() { c.publisher.run(ctx, changes) })
	c.publisher.use(ctx, c.declared.Load().layout)
	// Both return only when ctx has ended, and never an error then.
	all.Go(func() { _ = c.states.Run(ctx) })
	all.Go(func() { _ = c.checker.Run(ctx) })
	all.Go(func() { c.sharing.run(ctx, c.states.SetFreeze) })
	all.Go(func() { c.chronicle.run(ctx) })
	all.Wait()
}

// Current returns the snapshot in use. It holds none before Run has published the first.
func (c *Core) Current() *snapshot.Current { return &c.publisher.current }

// Services returns the services of the configuration in use. Read only.
func (c *Core) Services() []*zones.Service { return c.declared.Load().config.Services }

// States returns the states in use. Read only.
func (c *Core) States() status.Table { return c.states.Table() }

// Reload loads the configuration again, all or nothing, and returns when answers come from the new one. The error is
// an *admin.ReloadError, and then nothing was changed.
func (c *Core) Reload(ctx context.Context) error {
	c.changing.Lock()
	defer c.changing.Unlock()
	old := c.declared.Load()
	next, problems := declare(c.path, c.counters)
	if next != nil && c.options.Bind != nil {
		if err := c.options.Bind(ctx, next); err != nil {
			problems = append(problems, zones.Problem{File: c.path, Text: err.Error()})
			next = nil
		}
	}
	if next == nil {
		err := &admin.ReloadError{Problems: problems, Kept: c.kept(old)}
		c.reloaded(err)
		return err
	}
	for _, key := range needsRestart(old.config, next.config) {
		next.warnings = append(next.warnings, zones.Problem{File: c.path, Warning: true,
			Text: "the change of " + key + " takes effect at the next start"})
	}
	c.adopt(ctx, next)
	c.reloaded(nil)
	c.log.Info("configuration reloaded", "generation", c.Current().Load().Generation,
		"zones", len(next.config.Zones), "services", len(next.config.Services), "hash", next.config.Hash)
	for _, w := range next.warnings {
		c.log.Warn(w.String())
	}
	return nil
}

// adopt puts a declared value in use. It can't fail.
func (c *Core) adopt(ctx context.Context, next *declared) {
	c.declared.Store(next)
	c.states.SetRules(next.rules())
	c.checker.SetDuties(next.duties())
	c.publisher.use(ctx, next.layout)
}

// kept says what stays in use, for the error of a refused reload.
func (c *Core) kept(d *declared) string {
	text := "the running configuration ("
	if s := c.Current().Load(); s != nil {
		text += "generation " + itoa(s.Generation) + ", "
	}
	return text + "loaded " + d.loadedAt.Format(time.TimeOnly) + ") stays in use"
}

// reloaded keeps how the last reload went.
func (c *Core) reloaded(err *admin.ReloadError) {
	r := &admin.ReloadReport{Time: time.Now(), OK: err == nil}
	if err != nil {
		for _, p := range err.Problems {
			r.Error += p.String() + "\n"
		}
		r.Error += err.Error()
		c.log.Error("reload refused", "error", err.Error(), "problems", len(err.Problems))
		for _, p := range err.Problems {
			c.log.Error(p.String())
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastReload = r
}

// note counts changes of health, and those held back, and has them written down; the mirror has logged them.
func (c *Core) note(events []status.Event) {
	states := c.declared.Load().states
	c.chronicle.note(events, states)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range events {
		switch e.Kind {
		case status.EventHeld:
			c.withheld[e.Hold]++
		case status.EventLimited:
			c.withheld[status.HoldVelocity]++
		}
		if e.Kind != status.EventHealth {
			continue
		}
		for _, region := range states[e.Key].regions {
			c.transitions[transitionKey{region, e.To}]++
		}
	}
}

// checkBounds are the bounds of health_check_duration_seconds.
var checkBounds = []float64{.001, .005, .01, .05, .1, .25, .5, 1, 2.5, 5, 10}

func (c *Core) observe(_ checker.Target, o checker.Observation) { c.checks.observe(o.Latency) }
