package board

import (
	"context"
	"log/slog"
	"maps"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"meridian/status"
)

const (
	// DefaultMaxAge is when a ballot is stale: three heartbeats of a checker.
	DefaultMaxAge = 15 * time.Second
	// DefaultLocalAfter is for how long the board may be away before this process's own ballot counts alone.
	DefaultLocalAfter = 30 * time.Second

	boardRetry = time.Second // after a read of the board that was of no use
)

// Options are what States goes by beside the board.
type Options struct {
	Rules   status.Rules // MaxAge 0: DefaultMaxAge
	DataDir string       // where states.json is kept; empty: nowhere
	// Local holds this process's own ballot (see Both). It counts alone after the board has been of no use for
	// LocalAfter, until it is of use again. nil: states hold for as long as that takes.
	Local      Board
	LocalAfter time.Duration        // 0: DefaultLocalAfter
	Log        *slog.Logger         // one line for each event; nil: slog.Default()
	Events     func([]status.Event) // called in order, by one goroutine, which it mustn't block; nil: not called
}

// States mirrors a board: it holds the table of states that the board's fresh ballots amount to, after the governor's
// brakes. Its methods may be called by any goroutine, before, during and after Run.
type States struct {
	board      Board
	local      Board
	localAfter time.Duration
	log        *slog.Logger
	notify     func([]status.Event)
	file       file // no path: nothing is kept
	restored   time.Time

	table atomic.Pointer[status.Table]
	view  atomic.Pointer[view]
	disk  diskState
	hints hints
	kick  chan struct{} // there is something to tell, or another moment to wake at

	mu       sync.Mutex // over the decision: everything below
	rules    status.Rules
	freeze   status.Freeze
	observed status.Table
	governor status.GovernorState
	next     time.Time // when the governor must run again; zero: only for news
	judge    bool      // it must run whatever is observed
	counted  ballots   // what the last tally counted
	untold   []status.Event
}

// NewStates returns the mirror of b, which begins with the states that its file holds: they stand until fresh votes come.
// A file that can't be used is logged, shows in Report, and is otherwise ignored.
func NewStates(b Board, o Options) *States {
	s := &States{
		board: b, local: o.Local, localAfter: o.LocalAfter, log: o.Log, notify: o.Events,
		kick: make(chan struct{}, 1), disk: newDiskState(), observed: status.Table{},
	}
	if s.localAfter <= 0 {
		s.localAfter = DefaultLocalAfter
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	if o.DataDir != "" {
		s.file = file{filepath.Join(o.DataDir, "states.json")}
		s.restore()
	}
	if s.governor.Table == nil {
		s.governor.Table = status.Table{}
	}
	s.table.Store(&s.governor.Table)
	s.view.Store(&view{confirmed: s.restored, useful: time.Now()})
	s.SetRules(o.Rules)
	return s
}

// Table returns the current states, as traffic goes by them. Nobody writes to it.
func (s *States) Table() status.Table { return *s.table.Load() }

// Subscribe returns a channel that receives after a state changed so that answers may; several changes may give one
// hint, and hints never hold up the mirror. cancel ends it. Subscribe first, then read Table, and no change is missed.
func (s *States) Subscribe() (changes <-chan struct{}, cancel func()) { return s.hints.subscribe() }

// SetRules replaces the rules, and forgets the states that they leave out. When it returns, the table is what the
// ballots that were counted last amount to under them: a state key that is new begins with the state of its target.
func (s *States) SetRules(r status.Rules) {
	if r.MaxAge == 0 {
		r.MaxAge = DefaultMaxAge
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = r
	s.observed, s.governor.Table = s.observed.Carry(r), s.governor.Table.Carry(r)
	s.judge = true
	s.decide(time.Now(), nil)
	s.wake()
}

// SetFreeze sets the operator's switch: while it is on, what is observed goes on to be shown, and the states hold. It is
// kept over restarts.
func (s *States) SetFreeze(f status.Freeze) {
	f.Until = f.Until.UTC().Round(0) // as a file would give it back
	s.mu.Lock()
	defer s.mu.Unlock()
	if f == s.freeze {
		return
	}
	s.freeze = f
	if f.On {
		s.log.Warn("automation is frozen: states hold, whatever is observed", "author", f.Author, "reason", f.Reason, "until", f.Until)
	} else {
		s.log.Warn("automation is no longer frozen", "author", f.Author, "reason", f.Reason)
	}
	s.disk.request()
	s.judge = true
	s.decide(time.Now(), nil)
	s.wake()
}

// Failback lets those of the state keys come back that are seen up and kept down: by failback: manual, a delay, or for
// flapping. It is an operator's word, once; what is not seen up it doesn't touch.
func (s *States) Failback(keys []string) {
	back := make(map[string]bool, len(keys))
	for _, key := range keys {
		back[key] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.decide(time.Now(), back)
	s.wake()
}

// Run mirrors the board until ctx ends, then writes the states file a last time and returns nil. It is called once.
func (s *States) Run(ctx context.Context) error {
	news, cancel := s.board.Subscribe()
	defer cancel()
	var own <-chan struct{}
	if s.local != nil {
		hints, cancel := s.local.Subscribe()
		defer cancel()
		own = hints
	}
	var keeper sync.WaitGroup
	if s.file.path != "" {
		keeper.Go(func() { s.keep(ctx) })
	}
	defer keeper.Wait()

	again := time.NewTimer(0)
	defer again.Stop()
	for read := true; ; {
		begin := time.Now()
		if read {
			begin = s.look(ctx) // waiting for the board is no work
		}
		s.tell()
		if wait := s.wait(time.Now()); wait > 0 {
			again.Reset(wait)
		} else {
			again.Stop()
		}
		// However fast the board hints, the mirror works a twentieth of the time at most.
		if !sleep(ctx, min(20*time.Since(begin), time.Second)) {
			return nil
		}
		read = true
		select {
		case <-ctx.Done():
			return nil
		case <-news:
		case <-own:
			read = s.view.Load().source == Local
		case <-s.kick:
			read = false
		case <-again.C:
		}
	}
}

// wake has Run tell what happened and reckon anew when it must look again.
func (s *States) wake() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// decide tallies what was counted last, has the governor judge it, and publishes the result. It is called with mu held.
func (s *States) decide(now time.Time, failback map[string]bool) {
	rules := s.rules
	rules.Alone = s.counted.alone
	observed, transitions := status.Tally(s.counted.at(now), rules, s.observed, now)
	due := !s.next.IsZero() && !now.Before(s.next)
	if observed.Same(s.observed) && !due && !s.judge && failback == nil {
		return
	}
	s.judge = false
	before := s.governor.Table
	table, governor, next, events := status.Govern(status.GovernorInput{
		Observed: observed, Transitions: transitions, Rules: rules, Freeze: s.freeze, Failback: failback,
	}, s.governor, now)
	remembered := maps.Equal(governor.Keys, s.governor.Keys)
	s.observed, s.governor, s.next = observed, governor, next
	s.untold = append(s.untold, events...)
	s.table.Store(&table)
	changed := !table.Same(before) && len(status.Changed(before, table)) > 0
	if changed {
		s.hints.send()
	}
	if changed || len(events) > 0 || !remembered {
		s.disk.request()
	}
}

// tell logs and hands on what happened, after it has been published.
func (s *States) tell() {
	s.mu.Lock()
	events := s.untold
	s.untold = nil
	s.mu.Unlock()
	if len(events) == 0 {
		return
	}
	for _, e := range events {
		s.logEvent(e)
	}
	if s.notify != nil {
		s.notify(events)
	}
}

func (s *States) logEvent(e status.Event) {
	switch e.Kind {
	case status.EventHealth:
		level := slog.LevelInfo
		if e.To == status.Down {
			level = slog.LevelWarn
		}
		s.log.Log(context.Background(), level, "health changed",
			"target", e.Key, "from", e.From.String(), "to", e.To.String(), "reason", e.Reason)
	case status.EventHeld:
		s.log.Warn("what is observed is not followed", "target", e.Key, "hold", string(e.Hold), "reason", e.Reason)
	case status.EventReleased:
		s.log.Info("what is observed is followed again", "target", e.Key, "hold", string(e.Hold), "reason", e.Reason)
	case status.EventLimited:
		s.log.Error("AUTOMATION HAS REACHED ITS LIMIT: what goes down now is held up", "service", e.Key, "reason", e.Reason)
	case status.EventShed:
		s.log.Warn("a pool takes another share, because of its load", "pool", e.Key, "reason", e.Reason)
	case status.EventResumed:
		s.log.Warn("automation is below its limit again", "service", e.Key, "reason", e.Reason)
	}
}
