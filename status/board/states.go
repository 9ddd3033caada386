package board

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"meridian/status"
)

const (
	// DefaultMaxAge is when a ballot is stale: three heartbeats of a checker.
	DefaultMaxAge = 15 * time.Second

	boardRetry = time.Second // after a failed read of the board
)

// Options are what States goes by beside the board.
type Options struct {
	Rules       status.Rules              // MaxAge 0: DefaultMaxAge
	DataDir     string                    // where states.json is kept; empty: nowhere
	Log         *slog.Logger              // one line for each transition; nil: slog.Default()
	Transitions func([]status.Transition) // called in order, by one goroutine, which it mustn't block; nil: not called
}

// States mirrors a board: it holds the table of states that the board's fresh ballots amount to. Its methods may be
// called by any goroutine, before, during and after Run.
type States struct {
	board    Board
	log      *slog.Logger
	notify   func([]status.Transition)
	file     file // no path: nothing is kept
	restored time.Time

	table atomic.Pointer[status.Table]
	view  atomic.Pointer[view]
	disk  diskState
	hints hints

	mu    sync.Mutex
	rules status.Rules
	kick  chan struct{} // the rules changed
}

// view is what the last round saw of the board.
type view struct {
	arrivals  []status.Arrival
	at        time.Time // of the last read that went well; zero: none yet
	confirmed time.Time // when fresh votes last upheld the table, perhaps before a restart; zero: never
	err       error     // of the last read
}

// NewStates returns the mirror of b, which begins with the states that its file holds: they stand until fresh votes come.
// A file that can't be used is logged, shows in Report, and is otherwise ignored.
func NewStates(b Board, o Options) *States {
	s := &States{board: b, log: o.Log, notify: o.Transitions, kick: make(chan struct{}, 1), disk: newDiskState()}
	if s.log == nil {
		s.log = slog.Default()
	}
	table := status.Table{}
	if o.DataDir != "" {
		s.file = file{filepath.Join(o.DataDir, "states.json")}
		table = s.restore()
	}
	s.table.Store(&table)
	s.view.Store(&view{confirmed: s.restored})
	s.SetRules(o.Rules)
	return s
}

// Table returns the current states. Nobody writes to it.
func (s *States) Table() status.Table { return *s.table.Load() }

// Subscribe returns a channel that receives after a target's health changed; several changes may give one hint, and
// hints never hold up the mirror. cancel ends it. Subscribe first, then read Table, and no change is missed.
func (s *States) Subscribe() (changes <-chan struct{}, cancel func()) { return s.hints.subscribe() }

// SetRules replaces the rules. A running mirror tallies again at once, and forgets the targets that they leave out.
func (s *States) SetRules(r status.Rules) {
	if r.MaxAge == 0 {
		r.MaxAge = DefaultMaxAge
	}
	s.mu.Lock()
	s.rules = r
	s.mu.Unlock()
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// Report is how the mirror is doing.
type Report struct {
	Ballots   []status.Arrival // as last read from the board, with their ages now
	Confirmed time.Time        // when fresh votes last upheld the states, perhaps before a restart; zero: never
	Restored  time.Time        // what Confirmed was in the file that this process began with; zero: it began with nothing
	Board     error            // why the board can't be read now; nil: it can
	Disk      error            // why the states file can't be read or written now; nil: all is well, or none is wanted
}

// Report returns how the mirror is doing now.
func (s *States) Report() Report {
	v := s.view.Load()
	r := Report{Confirmed: v.confirmed, Restored: s.restored, Board: v.err, Disk: s.disk.problem()}
	for _, a := range v.arrivals {
		a.Age += time.Since(v.at)
		r.Ballots = append(r.Ballots, a)
	}
	return r
}

// Run mirrors the board until ctx ends, then writes the states file a last time and returns nil. It is called once.
func (s *States) Run(ctx context.Context) error {
	news, cancel := s.board.Subscribe()
	defer cancel()
	var keeper sync.WaitGroup
	if s.file.path != "" {
		keeper.Go(func() { s.keep(ctx) })
	}
	defer keeper.Wait()

	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-news:
		case <-s.kick:
		case <-again.C:
		}
		begin := time.Now()
		wait := s.round(ctx)
		if wait > 0 {
			again.Reset(wait)
		} else {
			again.Stop()
		}
		// However fast the board hints, the mirror works a tenth of the time at most.
		if !sleep(ctx, min(10*time.Since(begin), time.Second)) {
			return nil
		}
	}
}

// round reads the board once and publishes what follows from it. It returns after how long the same ballots may amount
// to something else, because one of them gets stale; 0: never.
func (s *States) round(ctx context.Context) time.Duration {
	s.mu.Lock()
	rules := s.rules
	s.mu.Unlock()

	last := s.view.Load()
	arrivals, err := s.board.Ballots(ctx)
	if err != nil {
		if last.err == nil && ctx.Err() == nil {
			s.log.Warn("the board can't be read; states hold", "error", err)
		}
		held := *last
		held.err = err
		s.view.Store(&held)
		return boardRetry
	}
	if last.err != nil {
		s.log.Info("the board can be read again")
	}

	now := time.Now()
	seen := &view{arrivals: arrivals, at: now, confirmed: last.confirmed}
	var wait time.Duration
	for _, a := range arrivals {
		if left := rules.MaxAge - a.Age; left >= 0 {
			seen.confirmed = now
			if wait == 0 || left < wait {
				wait = left + 1 // a ballot of exactly MaxAge still counts
			}
		}
	}
	s.view.Store(seen)
	if b, ok := s.board.(interval); ok && (wait == 0 || b.Interval() < wait) {
		wait = b.Interval()
	}

	table, transitions := status.Tally(arrivals, rules, s.Table(), now)
	s.table.Store(&table)
	if len(transitions) > 0 {
		s.hints.send()
		s.tell(transitions)
	}
	if len(transitions) > 0 || s.disk.due(seen.confirmed) {
		s.disk.request()
	}
	return wait
}

// tell logs and hands on what changed, after it has been published.
func (s *States) tell(transitions []status.Transition) {
	for _, t := range transitions {
		level := slog.LevelInfo
		if t.To == status.Down {
			level = slog.LevelWarn
		}
		s.log.Log(context.Background(), level, "health changed",
			"target", t.Target, "from", t.From.String(), "to", t.To.String(), "reason", t.Reason)
	}
	if s.notify != nil {
		s.notify(transitions)
	}
}
