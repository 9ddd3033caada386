package checker

import (
	"cmp"
	"fmt"
	"time"

	"meridian/status"
	"meridian/zones"
)

// Beat is a heartbeat: what an endpoint, or somebody who knows, says of it. It counts until the check's Interval has
// passed.
type Beat struct {
	Health   status.Health // Up or Down; Unknown counts as Up: to send a heartbeat is to be alive
	Withheld float64       // 0..1, with Up: the share of its traffic that the endpoint should be spared
	Load     float64       // with Up: as status.Vote has it; 0: not said
	Reason   string        // in the sender's words; empty: none
}

// delivered is a heartbeat with the time at which it came.
type delivered struct {
	Beat
	at time.Time
}

// mailbox holds the latest heartbeat of each push target. Checker.mu guards it.
type mailbox struct {
	targets map[string]bool // the keys to which heartbeats may be sent
	latest  map[string]delivered
	unread  []string // keys whose latest one wasn't looked at
}

// address makes the mailbox that of the push targets among targets and their parts.
func (m *mailbox) address(targets []Target) {
	m.targets = make(map[string]bool)
	for _, t := range targets {
		for _, p := range t.Check.Parts() {
			if p.Type == zones.CheckPush {
				m.targets[p.Target(t.Addr)] = true
			}
		}
	}
	latest := make(map[string]delivered)
	for key, d := range m.latest {
		if m.targets[key] {
			latest[key] = d
		}
	}
	m.latest = latest
}

// Push takes in a heartbeat for a push target; key is Target of the push check with the endpoint's address. It replaces
// the one before, counts at once, and must be followed by another within the check's Interval: a missing heartbeat is a
// failure. Before the first the checker abstains, so an endpoint need not send to every checker. Push doesn't block.
//
// The error says that key is no push target of this checker, or that the heartbeat is out of range.
func (c *Checker) Push(key string, b Beat) error {
	if b.Health > status.Down || !(b.Withheld >= 0 && b.Withheld <= 1) {
		return fmt.Errorf("a heartbeat says up or down and withholds 0 to 1, not %v and %v", b.Health, b.Withheld)
	}
	if !(b.Load >= 0 && b.Load <= status.MaxLoad) {
		return fmt.Errorf("a heartbeat says a load of 0 to %d, not %v", status.MaxLoad, b.Load)
	}
	c.mu.Lock()
	known := c.mail.targets[key]
	if known {
		c.mail.latest[key] = delivered{b, time.Now()}
		c.mail.unread = append(c.mail.unread, key)
	}
	c.mu.Unlock()
	if !known {
		return fmt.Errorf("checker %s has no push target %s", c.vantage, key)
	}
	select {
	case c.pushed <- struct{}{}:
	default:
	}
	return nil
}

// collect has the targets looked at that got a heartbeat.
func (d *desk) collect() {
	d.mu.Lock()
	unread := d.mail.unread
	d.mail.unread = nil
	d.mu.Unlock()
	now := time.Now()
	for _, key := range unread {
		if e := d.entries[key]; e != nil {
			d.schedule.bring(e, now)
		}
	}
}

// readMail observes a push target: what its latest heartbeat says, or that there is none. It is looked at again when that
// heartbeat's lifetime ends.
func (d *desk) readMail(e *entry, now time.Time) {
	d.mu.Lock()
	m, any := d.mail.latest[e.Key]
	d.mu.Unlock()
	lifetime := e.Check.Interval
	next, o := now.Add(lifetime), Observation{Inconclusive: true, Reason: "no heartbeat yet"}
	if any {
		age := now.Sub(m.at)
		if o = m.observation(age, lifetime); age < lifetime {
			next = m.at.Add(lifetime)
		}
	}
	d.observe(e, o, now)
	d.schedule.add(e, next)
}

// observation returns what a heartbeat of this age amounts to.
func (b *Beat) observation(age, lifetime time.Duration) Observation {
	reason := clip(cmp.Or(b.Reason, "heartbeat"))
	switch {
	case age >= lifetime:
		return Observation{Reason: fmt.Sprintf("no heartbeat for %v", age.Round(time.Second))}
	case b.Health == status.Down:
		return Observation{Reason: reason}
	}
	return Observation{OK: true, Withheld: b.Withheld, Asked: true, Load: b.Load, Reason: reason}
}
