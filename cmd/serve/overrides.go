package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"meridian/cmd/config"
	"meridian/snapshot"
	"meridian/status"
	"meridian/status/board"
)

// overrides are the operators' words as this server follows them. What is stored for the fleet is read at each hint and
// periodically; what holds at a moment is computed here, so that an end needs neither the board nor anybody's clock but
// this machine's. While the board is away, and after a restart, the copy in data_dir holds.
type overrides struct {
	log     *slog.Logger
	store   board.Overrides
	copy    *board.OverrideFile // nil: the store is this machine's own
	told    func()              // called after the terms changed
	ended   func([]status.Override)
	terms   atomic.Pointer[snapshot.Terms] // replaced when they change; never nil
	changed chan struct{}

	mu      sync.Mutex
	set     board.OverrideSet // as last read or set
	known   *vocabulary       // of the configuration in use
	reading error             // why they can't be read; nil: they can
	effect  status.Effect
	active  map[string]status.Override // at the last look
}

func newOverrides(s *sharing, cfg *config.Config, log *slog.Logger) *overrides {
	o := &overrides{log: log, known: newVocabulary(cfg), changed: make(chan struct{}, 1), active: map[string]status.Override{}}
	o.terms.Store(&snapshot.Terms{})
	file := board.NewOverrideFile(cfg.DataDir)
	if o.store = file; s.redis != nil {
		o.store, o.copy = s.redis, file
	}
	set, err := file.Overrides(context.Background())
	if err != nil {
		log.Error("the overrides of before the restart can't be read; starting without them", "error", err)
	}
	o.set, o.reading = set, err
	o.look(time.Now())
	return o
}

// run follows the store until ctx ends: at each hint of the board, and periodically, for hints may get lost.
func (o *overrides) run(ctx context.Context, s *sharing) {
	var hints <-chan struct{}
	var again <-chan time.Time
	if s.redis != nil {
		news, cancel := s.redis.Journal().Subscribe()
		defer cancel()
		tick := time.NewTicker(s.redis.Interval())
		defer tick.Stop()
		hints, again = news, tick.C
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if o.copy != nil {
			o.read(ctx)
		}
		if next := o.look(time.Now()); next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(max(0, time.Until(next)))
		}
		select {
		case <-ctx.Done():
			return
		case <-hints:
		case <-again:
		case <-timer.C:
		case <-o.changed:
		}
	}
}

// read reads the fleet's overrides. A board that has lost them, or has older ones than this server knows, gets back those
// that hold still: nobody has ended them. What it has for the same places goes before.
func (o *overrides) read(ctx context.Context) {
	set, err := o.store.Overrides(ctx)
	if ctx.Err() != nil {
		return
	}
	o.mu.Lock()
	known := o.set
	o.reading = err
	o.mu.Unlock()
	if err == nil && set.Revision < known.Revision {
		both, now := known.Overrides, time.Now()
		for _, v := range set.Overrides {
			both, _ = status.With(both, v, now)
		}
		set, err = o.store.SetOverrides(ctx, set.Revision, board.OverrideSet{Overrides: both, Revision: known.Revision})
		o.log.Warn("the board has lost what operators said; it holds, and is written again", "overrides", len(known.Overrides), "error", err)
	}
	if err == nil {
		o.adopt(set)
	}
}

// adopt puts overrides in use that were read or set; older ones than those in use are not.
func (o *overrides) adopt(set board.OverrideSet) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.reading = nil
	if set.Revision <= o.set.Revision {
		return
	}
	o.set = set
	if o.copy != nil {
		if err := o.copy.Keep(set); err != nil {
			o.log.Error("the overrides can't be kept for the next start", "error", err)
		}
	}
	select {
	case o.changed <- struct{}{}:
	default:
	}
}

// use has the overrides judged by another configuration.
func (o *overrides) use(cfg *config.Config) {
	o.mu.Lock()
	o.known = newVocabulary(cfg)
	o.mu.Unlock()
	o.look(time.Now())
}

// look computes what holds at the moment now, tells of what has changed, and returns when to look again; zero: never.
func (o *overrides) look(now time.Time) time.Time {
	o.mu.Lock()
	effect := status.Effective(o.known.valid(o.set.Overrides), now)
	changed := !effect.Equal(o.effect)
	o.effect = effect
	if changed {
		terms := termsOf(effect)
		o.terms.Store(&terms)
	}
	active := map[string]status.Override{}
	var over []status.Override
	for _, v := range o.set.Overrides {
		if v.Active(now) {
			active[v.ID] = v
		}
	}
	for id, v := range o.active {
		if _, still := active[id]; !still && !now.Before(v.End) {
			over = append(over, v)
		}
	}
	o.active = active
	o.mu.Unlock()
	if changed && o.told != nil {
		o.told()
	}
	if len(over) > 0 && o.ended != nil {
		o.ended(over)
	}
	return effect.Next
}

// now returns the overrides that haven't ended, and why they can't be read.
func (o *overrides) now() (board.OverrideSet, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	set, now := o.set, time.Now()
	set.Overrides = slices.DeleteFunc(slices.Clone(set.Overrides), func(v status.Override) bool { return !now.Before(v.End) })
	return set, o.reading
}

// unknown says what of an override isn't in the configuration in use; empty: it is all there.
func (o *overrides) unknown(v *status.Override) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.known.lacks(v)
}

// termsOf writes an effect as the terms of a snapshot.
func termsOf(e status.Effect) snapshot.Terms {
	t := snapshot.Terms{Pools: map[snapshot.PoolKey]snapshot.Term{}, Weights: map[snapshot.PoolKey]snapshot.Weight{}}
	for at, s := range e.Shares {
		t.Pools[snapshot.PoolKey(at)] = snapshot.Term{Take: s.Take, Off: s.Take == 0, Up: s.Up}
	}
	for at, w := range e.Weights {
		t.Weights[snapshot.PoolKey(at)] = snapshot.Weight{Value: w.Value, Relative: w.Relative}
	}
	return t
}

// vocabulary is what overrides can be about under one configuration.
type vocabulary struct {
	regions map[string]bool
	pools   map[status.Place]bool
	names   map[string]bool
}

func newVocabulary(cfg *config.Config) *vocabulary {
	v := &vocabulary{map[string]bool{}, map[status.Place]bool{}, map[string]bool{}}
	for _, s := range cfg.Services {
		if s.Of != nil {
			continue
		}
		v.names[s.Name] = true
		for _, p := range s.Pools {
			v.regions[p.Region.Name] = true
			v.pools[status.Place{Service: s.Name, Region: p.Region.Name}] = true
		}
	}
	return v
}

// lacks says what of an override isn't there; empty: it is all there.
func (v *vocabulary) lacks(o *status.Override) string {
	switch {
	case o.Service != "" && !v.names[o.Service]:
		return "there is no service " + o.Service
	case o.Region != "" && !v.regions[o.Region]:
		return "no service has a pool in region " + o.Region
	case o.Region != "" && o.Service != "" && !v.pools[status.Place{Service: o.Service, Region: o.Region}]:
		return fmt.Sprintf("service %s has no pool in region %s", o.Service, o.Region)
	}
	for region := range o.Weights {
		if !v.pools[status.Place{Service: o.Service, Region: region}] {
			return fmt.Sprintf("service %s has no pool in region %s", o.Service, region)
		}
	}
	return ""
}

func (v *vocabulary) valid(all []status.Override) []status.Override {
	var valid []status.Override
	for i := range all {
		if v.lacks(&all[i]) == "" {
			valid = append(valid, all[i])
		}
	}
	return valid
}

// change replaces the overrides by what alter makes of them as they are stored now. When others were faster it does so
// again, with theirs, but for a caller who knows a revision. alter's error is returned as it is.
func (o *overrides) change(ctx context.Context, match int64, alter func(board.OverrideSet) ([]status.Override, error)) (board.OverrideSet, error) {
	for try := 0; ; try++ {
		set, err := o.store.Overrides(ctx)
		expected := set.Revision
		switch {
		case errors.Is(err, board.ErrOverridesUnreadable): // those known before hold, and replace it
			set, _ = o.now()
		case err != nil:
			return set, err
		default:
			o.adopt(set)
		}
		if match >= 0 && match != set.Revision {
			return set, board.ErrOverridesChanged
		}
		next, err := alter(set)
		if err != nil {
			return set, err
		}
		done, err := o.store.SetOverrides(ctx, expected, board.OverrideSet{Overrides: next, Revision: set.Revision})
		switch {
		case errors.Is(err, board.ErrOverridesChanged) && match < 0 && try < 3:
			continue
		case err != nil:
			return set, err
		}
		o.adopt(done)
		o.look(time.Now())
		return done, nil
	}
}
