package checker

import (
	"context"
	"sync"
	"time"

	"meridian/status"
	"meridian/zones"
)

// desk is the checker at work: everything that the goroutine of Run owns. Nothing in it is locked.
type desk struct {
	*Checker
	ctx      context.Context
	duties   Duties
	entries  map[string]*entry
	combos   map[string]*combo
	schedule schedule
	lanes    [3]lane // quick, slow, programs
	sanity   sanity
	roster   roster
	probes   sync.WaitGroup
	results  chan result
	outbox   chan status.Ballot // room for one: the latest
	lastVote time.Time
	nextVote time.Time
}

// result is a probe that has ended.
type result struct {
	entry *entry
	lane  *lane
	seen  Observation
	took  time.Duration
}

func newDesk(ctx context.Context, c *Checker) *desk {
	d := &desk{
		Checker: c, ctx: ctx,
		entries: make(map[string]*entry), combos: make(map[string]*combo),
		lanes:   [...]lane{{room: laneRoom}, {room: laneRoom}, {room: programRoom}},
		results: make(chan result), outbox: make(chan status.Ballot, 1),
		nextVote: time.Now().Add(c.options.Heartbeat),
	}
	d.look()
	return d
}

// replace takes on new duties.
func (d *desk) replace(duties Duties) {
	d.duties = duties
	d.refer(duties.References)
	d.assign()
	d.voteSoon()
}

// look finds out which other checkers are alive, and reports whether that has changed.
func (d *desk) look() bool {
	return d.options.Live != nil && d.roster.look(d.vantage, d.options.Live())
}

// assign makes the entries those of the targets that are this checker's own. Those that others have taken over are probed
// a while longer.
func (d *desk) assign() {
	now := time.Now()
	among := d.duties.Vantages
	declared := make(map[string]bool, len(d.duties.Targets)) // still in the configuration
	for _, t := range d.duties.Targets {
		mine := among == 0 || t.Check.Type == zones.CheckPush || chosen(d.vantage, t.Addr, d.roster.vantages, among)
		if t.Check.Combined != nil {
			d.combine(t, mine, declared, now)
			continue
		}
		d.admit(t, mine, declared, now)
	}
	for key, e := range d.entries {
		if !e.reference && !declared[key] {
			d.drop(e)
		}
	}
	for key := range d.combos {
		if !declared[key] {
			delete(d.combos, key)
		}
	}
}

// admit gives a target an entry if it is this checker's own, and a date to leave if it isn't any more.
func (d *desk) admit(t Target, mine bool, declared map[string]bool, now time.Time) *entry {
	again := declared[t.Key]
	declared[t.Key] = true
	e := d.entries[t.Key]
	switch {
	case e == nil && mine:
		e = &entry{Target: t, index: -1}
		d.entries[t.Key] = e
		first := now
		if t.Check.Type != zones.CheckPush { // whose heartbeat may be here already
			first = now.Add(spread(d.vantage, t.Key, t.Check.Interval))
		}
		d.schedule.add(e, first)
	case e != nil && mine:
		e.leaves = time.Time{}
	case e != nil && e.leaves.IsZero() && !again:
		e.leaves = now.Add(handover(e))
	}
	return e
}

// release drops what others have had the time to take over.
func (d *desk) release(now time.Time) {
	for _, e := range d.entries {
		if !e.leaves.IsZero() && !now.Before(e.leaves) {
			d.drop(e)
		}
	}
}

func (d *desk) drop(e *entry) {
	e.removed = true
	delete(d.entries, e.Key)
	d.schedule.remove(e)
	if e.cancel != nil {
		e.cancel()
	}
	d.forget(e)
}

// begin starts the probes that are due, or finds them a new time if they are overdue.
func (d *desk) begin() {
	now := time.Now()
	for e := d.schedule.next(now); e != nil; e = d.schedule.next(now) {
		if e.Check.Type == zones.CheckPush {
			d.readMail(e, now)
			continue
		}
		if interval := e.Check.Interval; overdue(now.Sub(e.due), interval) {
			d.schedule.add(e, now.Add(time.Duration(d.random()*float64(interval))))
			continue
		}
		lane := &d.lanes[0]
		switch {
		case e.Check.Type == zones.CheckExec:
			lane = &d.lanes[2]
		case e.last.Latency > e.Check.Timeout/2:
			lane = &d.lanes[1]
		}
		if lane.enter(e) {
			d.start(e, lane)
		}
	}
}

// start probes e in a goroutine of its own.
func (d *desk) start(e *entry, l *lane) {
	ctx, cancel := context.WithCancel(d.ctx)
	e.cancel = cancel
	d.probes.Go(func() {
		defer cancel()
		begin := time.Now()
		seen := d.probe(ctx, e.Target)
		select {
		case d.results <- result{e, l, seen, time.Since(begin)}:
		case <-d.ctx.Done():
		}
	})
}

// record takes in what a probe saw, and schedules the next: sooner while observations speak against the verdict.
func (d *desk) record(r result) {
	e, now := r.entry, time.Now()
	e.cancel = nil
	if next := r.lane.leave(); next != nil {
		d.start(next, r.lane)
	}
	if e.removed {
		return
	}
	wait := jittered(e.Check.Interval, d.random())
	if again := d.observe(e, stalled(r), now); again && e.Check.Recheck > 0 {
		wait = min(wait, e.Check.Recheck)
	}
	next := e.due.Add(wait)
	if next.Before(now) {
		next = now
	}
	d.schedule.add(e, next)
}

// report brings the figures up to date.
func (d *desk) report() {
	s := &d.stats
	s.targets.Store(int64(len(d.entries) - len(d.sanity.references)))
	running, waiting := 0, 0
	for i := range d.lanes {
		running += d.lanes[i].running
		waiting += len(d.lanes[i].waiting)
	}
	s.running.Store(int64(running))
	s.waiting.Store(int64(waiting))
}
