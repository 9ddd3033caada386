package serve

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"meridian/checker"
	"meridian/simulate"
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
	process
	options   CoreOptions
	counters  *snapshot.Counters
	chronicle *chronicle
	states    *board.States
	publisher *publisher
	overrides *overrides
	bare      atomic.Pointer[bare]
	book      *book
	offline   bool // it is no running server, and may read what its user may

	simulating chan struct{} // holds a token while a simulation runs

	// Guarded by process.mu:
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
	c := &Core{options: o, counters: new(snapshot.Counters), transitions: map[transitionKey]uint64{}, withheld: map[status.Hold]uint64{},
		simulating: make(chan struct{}, 1)}
	d, problems := declare(path, c.counters)
	if d == nil {
		return nil, problems
	}
	c.begin(path, d, o.Log)
	c.book = newBook(d.config, c.log)
	c.chronicle = newChronicle(c.sharing, c.pages)
	c.states = board.NewStates(c.sharing.votes(), board.Options{
		Rules: d.rules(), DataDir: d.config.DataDir, Local: c.sharing.local(), LocalAfter: d.config.Board.LocalAfter,
		Log: c.log, Events: c.note,
	})
	c.hire(o.Probe, c.live)
	c.overrides = newOverrides(c.sharing, d.config, c.log)
	c.publisher = newPublisher(c.states.Table, c.overrides.terms.Load)
	c.publisher.told = c.chronicle.look
	c.overrides.told, c.overrides.ended = c.publisher.poke, c.overridesEnded
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
	all.Go(func() { c.sharing.run(ctx, c.states.Report().Freeze, c.states.SetFreeze) })
	all.Go(func() { c.overrides.run(ctx, c.sharing) })
	all.Go(func() { c.chronicle.run(ctx) })
	all.Go(func() { c.followFailbacks(ctx) })
	all.Wait()
	c.sharing.close()
}

// Current returns the snapshot in use. It holds none before Run has published the first.
func (c *Core) Current() *snapshot.Current { return &c.publisher.current }

// Services returns the services of the configuration in use. Read only.
func (c *Core) Services() []*zones.Service { return c.declared.Load().config.Services }

// States returns the states in use. Read only.
func (c *Core) States() status.Table { return c.states.Table() }

// Reload loads the configuration again, all or nothing, and returns when answers come from the new one. The error is
// an *admin.ReloadError, and then nothing was changed.
func (c *Core) Reload(ctx context.Context) error { return c.reload(ctx, c.warnOfMove) }

// reload is Reload; excess is asked when much of the traffic would move, and an error of its refuses the reload.
func (c *Core) reload(ctx context.Context, excess func(*simulate.Report, float64) error) error {
	c.changing.Lock()
	defer c.changing.Unlock()
	old := c.declared.Load()
	next, problems := declare(c.path, c.counters)
	if next != nil {
		if err := c.weigh(old, next, excess); err != nil {
			return err
		}
	}
	if next != nil && c.options.Bind != nil {
		if err := c.options.Bind(ctx, next); err != nil {
			problems = append(problems, zones.Problem{File: c.path, Text: err.Error()})
			next = nil
		}
	}
	if next == nil {
		return c.refuse(problems, old, c.generation())
	}
	next.warnings = append(next.warnings, c.restartWarnings(old, next)...)
	c.adopt(ctx, next)
	c.dropOverrides(ctx, newVocabulary(old.config), newVocabulary(next.config))
	c.reloaded(nil)
	c.log.Info("configuration reloaded", "generation", c.generation(), "zones", len(next.config.Zones), "services", len(next.config.Services), "hash", next.config.Hash)
	c.warn(next)
	return nil
}

// generation is that of the snapshot in use; 0: there is none yet.
func (c *Core) generation() uint64 {
	if s := c.Current().Load(); s != nil {
		return s.Generation
	}
	return 0
}

// adopt puts a declared value in use. It can't fail.
func (c *Core) adopt(ctx context.Context, next *declared) {
	c.declared.Store(next)
	c.book.set(next.config.DNS.Ledger)
	c.states.SetRules(next.rules())
	c.checker.SetDuties(next.duties())
	c.overrides.use(next.config)
	c.publisher.use(ctx, next.layout)
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
