package checker

import (
	"fmt"
	"time"

	"meridian/status"
)

const certWarning = 14 * 24 * time.Hour // before a certificate ends

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

// observe lets one observation count, and reports whether the next should come soon: it speaks against the verdict, and
// together with those to come it may change it. Each such observation lengthens the run, or is one of maxWaits, so the work
// stays bounded: at most max(consecutive_up, consecutive_down)-1 extra probes, and maxWaits more, come before a verdict
// or the regular interval.
func (d *desk) observe(e *entry, o Observation, now time.Time) (again bool) {
	if e.reference && !o.Inconclusive {
		o.OK = !o.unreached() // whatever it says: the network carried it
	}
	e.last = o
	d.countResult(o)
	if d.options.Observed != nil {
		d.options.Observed(e.Target, o)
	}
	d.warnOfCertificate(e, now)
	if o.Inconclusive {
		return false
	}
	d.sight(e, &o, now)
	if d.believes(e, &o) {
		again = d.judge(e, &o, now)
	}
	if e.reference {
		d.doubt()
	} else if d.opinion(e, now) != e.voted {
		d.voteSoon()
	}
	return again
}

// judge lets an observation count towards the verdict.
func (d *desk) judge(e *entry, o *Observation, now time.Time) (again bool) {
	if now.Sub(e.confirmed) > freshFor(e) {
		e.verdict.run, e.easing.run = 0, 0 // a row has no gaps
	}
	before, next := e.verdict, e.verdict.after(o.OK, e.threshold())
	if next.health == status.Down && before.health != status.Down && o.unreached() && d.mustWait(e, now) {
		e.confirmed = now
		e.waits++
		return e.waits <= maxWaits
	}
	e.verdict, e.confirmed = next, now
	if next.run == 1 {
		e.runBegan, e.waits = now, 0
	}
	if o.OK {
		if next.health == status.Up && before.health != status.Up {
			e.easing = easing{withheld: o.Withheld}
		} else {
			e.easing = e.easing.after(o.Withheld, o.Asked, e.threshold())
		}
	}
	if next.health != before.health {
		e.since = now
		d.log.Debug("verdict", "vantage", d.vantage, "target", e.Key, "health", next.health.String(), "reason", o.Reason)
	}
	return next.run > before.run
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
