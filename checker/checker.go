package checker

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"meridian/status"
	"meridian/zones"
)

// DefaultHeartbeat is how often the whole ballot is published.
const DefaultHeartbeat = 5 * time.Second

// Board is where ballots go. Publish replaces the whole ballot of its vantage; it may block, and an error is retried with
// the next ballot.
type Board interface {
	Publish(ctx context.Context, b status.Ballot) error
}

// Target is one endpoint under one check.
type Target struct {
	Key   string // Check.Target(Addr): equal keys are one target, probed once
	Check *zones.Check
	Addr  netip.Addr
}

// Options are what a Checker may be told beside who it is. The zero value is fine.
type Options struct {
	Heartbeat time.Duration // 0: DefaultHeartbeat
	Log       *slog.Logger  // nil: slog.Default()
	// Probe stands in for the network, in tests and simulations; it is called by many goroutines, and returns when its
	// context ends. nil: real probes.
	Probe func(context.Context, Target) Observation
	// Live returns the vantages of the checkers that vote and trust themselves; this one may be missing. It mustn't block. nil
	// as a result: not known, and then the last known ones stay. It is needed for sharing targets (Duties.Vantages).
	Live func() []string
	// Observed is called after each probe, by one goroutine, which it mustn't block. nil: not called.
	Observed func(Target, Observation)
}

// Checker probes targets and publishes its verdicts on them. Its methods may be called by any goroutine.
type Checker struct {
	vantage string
	board   Board
	options Options
	log     *slog.Logger
	probe   func(context.Context, Target) Observation
	random  func() float64 // in [0,1)
	stats   stats

	changed chan struct{} // duties were set
	pushed  chan struct{} // heartbeats came

	metering chan struct{} // duties were set: there may be other loads to ask for
	meters   meters

	mu     sync.Mutex
	duties Duties
	mail   mailbox
}

// Duties are what a checker has to do.
type Duties struct {
	Targets    []Target
	References []Target // they judge the checker itself; see docs/reference.yaml, checker.references
	Vantages   int      // how many checkers probe each target; 0: all
}

// New returns a checker that votes on board under the name vantage. It has no targets yet.
func New(vantage string, board Board, o Options) *Checker {
	if o.Heartbeat <= 0 {
		o.Heartbeat = DefaultHeartbeat
	}
	c := &Checker{
		vantage: vantage, board: board, options: o, log: o.Log, probe: o.Probe,
		random: rand.Float64, changed: make(chan struct{}, 1), pushed: make(chan struct{}, 1), metering: make(chan struct{}, 1),
	}
	if c.log == nil {
		c.log = slog.Default()
	}
	if c.probe == nil {
		var p prober
		c.probe = func(ctx context.Context, t Target) Observation { return p.probe(ctx, t.Check, t.Addr, nil) }
	}
	return c
}

// SetTargets is SetDuties with nothing but targets.
func (c *Checker) SetTargets(targets []Target) { c.SetDuties(Duties{Targets: targets}) }

// SetDuties replaces what is to be done. Targets that stay keep their verdicts and their schedule; those that are dropped
// are no longer probed, and their votes vanish; new ones are first probed within their interval. It doesn't block.
func (c *Checker) SetDuties(duties Duties) {
	duties.Targets, duties.References = slices.Clone(duties.Targets), slices.Clone(duties.References)
	c.mu.Lock()
	c.duties = duties
	c.mail.address(duties.Targets)
	c.mu.Unlock()
	for _, told := range []chan struct{}{c.changed, c.metering} {
		select {
		case told <- struct{}{}:
		default:
		}
	}
}

// Stats are the checker's figures for metrics and pages.
type Stats struct {
	Targets                        int
	Running                        int    // probes under way
	Waiting                        int    // probes that are due and wait for a place
	Success, Failure, Inconclusive uint64 // probes, since the start
	// The checker's own network seems lost for this family: what it can't reach, or with references everything, gets no vote.
	DistrustV4, DistrustV6 bool
}

type stats struct {
	targets, running, waiting      atomic.Int64
	success, failure, inconclusive atomic.Uint64
	distrust                       [2]atomic.Bool
}

// Stats returns the figures of now.
func (c *Checker) Stats() Stats {
	s := &c.stats
	return Stats{
		Targets: int(s.targets.Load()), Running: int(s.running.Load()), Waiting: int(s.waiting.Load()),
		Success: s.success.Load(), Failure: s.failure.Load(), Inconclusive: s.inconclusive.Load(),
		DistrustV4: s.distrust[0].Load(), DistrustV6: s.distrust[1].Load(),
	}
}

// Run probes and votes until ctx ends, then waits for the probes under way to end and returns nil. It is called once.
func (c *Checker) Run(ctx context.Context) error {
	d := newDesk(ctx, c)
	var helpers sync.WaitGroup
	helpers.Go(func() { c.publish(ctx, d.outbox) })
	helpers.Go(func() { c.meter(ctx) })
	defer helpers.Wait()
	defer d.probes.Wait()

	due, beat := time.NewTimer(0), time.NewTimer(0)
	defer due.Stop()
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.changed:
			c.mu.Lock()
			duties := c.duties
			c.mu.Unlock()
			d.replace(duties)
		case <-c.pushed:
			d.collect()
		case <-due.C:
			d.begin()
		case r := <-d.results:
			d.record(r)
		case <-beat.C:
			d.vote()
		}
		d.report()
		beat.Reset(time.Until(d.nextVote))
		if len(d.schedule) > 0 {
			due.Reset(time.Until(d.schedule[0].due))
		} else {
			due.Stop()
		}
	}
}

// publish hands ballots to the board, one after the other, and logs when that begins or ceases to fail.
func (c *Checker) publish(ctx context.Context, outbox <-chan status.Ballot) {
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case b := <-outbox:
			limited, cancel := context.WithTimeout(ctx, c.options.Heartbeat)
			err := c.board.Publish(limited, b)
			cancel()
			switch {
			case ctx.Err() != nil:
				return
			case err != nil && !failing:
				c.log.Warn("votes can't be published; trying again with each heartbeat", "vantage", c.vantage, "error", err)
			case err == nil && failing:
				c.log.Info("votes are published again", "vantage", c.vantage)
			}
			failing = err != nil
		}
	}
}
