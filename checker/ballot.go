package checker

import (
	"time"

	"meridian/status"
)

// voteGap is the least time between two ballots: a first change goes out at once, a wave of them together.
const voteGap = 50 * time.Millisecond

// opinion is what a vote says. It goes out at once when it changes.
type opinion struct {
	health   status.Health
	withheld float64
}

// opinion returns what to vote on e now: the verdict, if it is fresh and not this checker's own fault.
func (d *desk) opinion(e *entry, now time.Time) opinion {
	if now.Sub(e.confirmed) > freshFor(e) || d.distrusts(e) {
		return opinion{}
	}
	o := opinion{health: e.verdict.health}
	if o.health == status.Up {
		o.withheld = e.easing.withheld
	}
	return o
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
	if d.look() {
		d.assign()
	}
	d.release(now)
	d.lastVote, d.nextVote = now, now.Add(d.options.Heartbeat)
	b := status.Ballot{Vantage: d.vantage, Doubt: d.sanity.doubt, Votes: make(map[string]status.Vote, len(d.entries)+len(d.combos))}
	for key, e := range d.entries {
		if e.reference {
			continue
		}
		e.voted = d.opinion(e, now)
		b.Votes[key] = status.Vote{Health: e.voted.health, Withheld: e.voted.withheld, Load: d.load(e, now), Since: e.since, Evidence: evidence(&e.last)}
	}
	for key, c := range d.combos {
		b.Votes[key] = d.combinedVote(c, now)
	}
	select {
	case <-d.outbox:
	default:
	}
	d.outbox <- b // has room: nobody else sends
}

// load returns the endpoint's load, which goes out with the next ballot: nothing depends on it within seconds.
// Where Prometheus is asked for it, nobody else is listened to.
func (d *desk) load(e *entry, now time.Time) float64 {
	switch q := &e.Check.LoadQuery; {
	case e.voted.health != status.Up:
		return 0
	case q.URL != "":
		return d.meters.load(q, e.Addr, now)
	case !e.last.OK:
		return 0
	}
	return e.last.Load
}

func evidence(o *Observation) status.Evidence {
	return status.Evidence{Reason: o.Reason, Status: o.Status, Latency: o.Latency, CertExpires: o.CertExpires}
}
