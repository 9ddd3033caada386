package checker

import (
	"context"
	"fmt"
	"sync"
	"time"

	"meridian/status"
)

const (
	voteGap = 50 * time.Millisecond // least time between two ballots: a first change goes out at once, a wave of them together

	certWarning = 14 * 24 * time.Hour // before a certificate ends
)

// desk is the checker at work: everything that the goroutine of Run owns. Nothing in it is locked.
type desk struct {
	*Checker
	ctx      context.Context
	entries  map[string]*entry
	schedule schedule
	lanes    [2]lane   // quick, slow
	uplinks  [2]uplink // IPv4, IPv6
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
	now := time.Now()
	return &desk{
		Checker: c, ctx: ctx,
		entries: make(map[string]*entry),
		results: make(chan result), outbox: make(chan status.Ballot, 1),
		nextVote: now.Add(c.options.Heartbeat),
	}
}

// replace makes the entries those of targets.
func (d *desk) replace(targets []Target) {
	now := time.Now()
	wanted := make(map[string]bool, len(targets))
	for _, t := range targets {
		wanted[t.Key] = true
		if d.entries[t.Key] == nil {
			e := &entry{Target: t, index: -1}
			d.entries[t.Key] = e
			d.schedule.add(e, now.Add(spread(d.vantage, t.Key, t.Check.Interval)))
		}
	}
	for key, e := range d.entries {
		if !wanted[key] {
			d.drop(e)
		}
	}
	d.voteSoon()
}

func (d *desk) drop(e *entry) {
	e.removed = true
	delete(d.entries, e.Key)
	d.schedule.remove(e)
	if e.cancel != nil {
		e.cancel()
	}
	if e.sighted {
		d.uplink(e).remove(e.Addr, e.silent)
		d.judgeUplink(e)
	}
}

// begin starts the probes that are due, or finds them a new time if they are overdue.
func (d *desk) begin() {
	now := time.Now()
	for e := d.schedule.next(now); e != nil; e = d.schedule.next(now) {
		if interval := e.Check.Interval; overdue(now.Sub(e.due), interval) {
			d.schedule.add(e, now.Add(time.Duration(d.random()*float64(interval))))
			continue
		}
		lane := &d.lanes[0]
		if e.last.Latency > e.Check.Timeout/2 {
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

// record takes in what a probe saw, and schedules the next.
func (d *desk) record(r result) {
	e, now := r.entry, time.Now()
	e.cancel = nil
	if next := r.lane.leave(); next != nil {
		d.start(next, r.lane)
	}
	if e.removed {
		return
	}
	d.observe(e, stalled(r), now)
	next := e.due.Add(jittered(e.Check.Interval, d.random()))
	if next.Before(now) {
		next = now
	}
	d.schedule.add(e, next)
}

// stalled returns what the probe saw, unless it took far longer than its timeout lets it: then the process stood still
// (a stopped virtual machine, a starved processor), and whatever was seen is about that.
func stalled(r result) Observation {
	timeout := r.entry.Check.Timeout
	if r.took <= 2*timeout+time.Second {
		return r.seen
	}
	return Observation{
		Inconclusive: true,
		Reason:       fmt.Sprintf("the probe took %v with a timeout of %v: this machine stood still", r.took.Round(time.Second), timeout),
		Latency:      r.took,
	}
}

// observe lets one observation count.
func (d *desk) observe(e *entry, o Observation, now time.Time) {
	e.last = o
	d.countResult(o)
	if d.options.Observed != nil {
		d.options.Observed(e.Target, o)
	}
	d.warnOfCertificate(e, now)
	if o.Inconclusive {
		return
	}
	if e.sighted {
		d.uplink(e).remove(e.Addr, e.silent)
	}
	e.sighted, e.silent = true, o.Silent
	d.uplink(e).add(e.Addr, e.silent)
	d.judgeUplink(e)

	if !(o.Silent && d.uplink(e).lost()) {
		if now.Sub(e.confirmed) > freshFor(e) {
			e.verdict.run = 0 // a row has no gaps
		}
		e.confirmed = now
		before := e.verdict.health
		e.verdict = e.verdict.after(o.OK, threshold{e.Check.ConsecutiveUp, e.Check.ConsecutiveDown})
		if e.verdict.health != before {
			e.since = now
			d.log.Debug("verdict", "vantage", d.vantage, "target", e.Key, "health", e.verdict.health.String(), "reason", o.Reason)
		}
	}
	if d.health(e, now) != e.voted {
		d.voteSoon()
	}
}

func (d *desk) countResult(o Observation) {
	switch {
	case o.OK:
		d.stats.success.Add(1)
	case o.Inconclusive:
		d.stats.inconclusive.Add(1)
	default:
		d.stats.failure.Add(1)
	}
}

// warnOfCertificate logs once for each certificate that ends soon.
func (d *desk) warnOfCertificate(e *entry, now time.Time) {
	ends := e.last.CertExpires
	if ends.IsZero() || ends.Sub(now) > certWarning || ends.Equal(e.warned) {
		return
	}
	e.warned = ends
	days, _ := status.Evidence{CertExpires: ends}.CertDaysLeft(now)
	d.log.Warn("certificate ends soon", "target", e.Key, "ends", ends.UTC().Format(time.RFC3339), "days_left", days)
}

// family is an index into what is kept for each address family.
func family(e *entry) int {
	if e.Addr.Unmap().Is4() {
		return 0
	}
	return 1
}

func (d *desk) uplink(e *entry) *uplink { return &d.uplinks[family(e)] }

// judgeUplink notices when this checker's own network is lost or back, for e's address family.
func (d *desk) judgeUplink(e *entry) {
	f := family(e)
	lost := d.uplinks[f].lost()
	if d.stats.distrust[f].Swap(lost) == lost {
		return
	}
	name := [...]string{"IPv4", "IPv6"}[f]
	if lost {
		d.log.Warn("nothing answers any more: this checker's own network is the likely reason; it withholds its votes",
			"vantage", d.vantage, "family", name, "networks", len(d.uplinks[f].networks))
	} else {
		d.log.Info("endpoints answer again; votes count", "vantage", d.vantage, "family", name)
	}
	d.voteSoon()
}

// health returns what to vote on e now: the verdict, if it is fresh and not the uplink's fault.
func (d *desk) health(e *entry, now time.Time) status.Health {
	if now.Sub(e.confirmed) > freshFor(e) || e.silent && d.uplink(e).lost() {
		return status.Unknown
	}
	return e.verdict.health
}

// voteSoon has a ballot sent as soon as voteGap allows.
func (d *desk) voteSoon() {
	if soon := d.lastVote.Add(voteGap); soon.Before(d.nextVote) {
		d.nextVote = soon
	}
}

// vote sends the whole ballot. One that is still unsent is replaced.
func (d *desk) vote() {
	now := time.Now()
	if now.Before(d.nextVote) {
		return // the timer's first tick
	}
	d.lastVote, d.nextVote = now, now.Add(d.options.Heartbeat)
	b := status.Ballot{Vantage: d.vantage, Votes: make(map[string]status.Vote, len(d.entries))}
	for key, e := range d.entries {
		e.voted = d.health(e, now)
		b.Votes[key] = status.Vote{Health: e.voted, Since: e.since, Evidence: status.Evidence{
			Reason: e.last.Reason, Status: e.last.Status, Latency: e.last.Latency, CertExpires: e.last.CertExpires,
		}}
	}
	select {
	case <-d.outbox:
	default:
	}
	d.outbox <- b // has room: nobody else sends
}

// report brings the figures up to date.
func (d *desk) report() {
	d.stats.targets.Store(int64(len(d.entries)))
	d.stats.running.Store(int64(d.lanes[0].running + d.lanes[1].running))
	d.stats.waiting.Store(int64(len(d.lanes[0].waiting) + len(d.lanes[1].waiting)))
}
