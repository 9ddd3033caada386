package checker

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"meridian/status"
	"meridian/zones"
)

// combo is a target whose check is combined. It isn't probed: this checker's opinions of its parts, which are targets of
// their own, are folded into one. So a checker says of an endpoint as a whole how it looks from where it stands, and the
// quorum is over endpoints, not over their parts.
type combo struct {
	Target
	parts map[*zones.Check]*entry
	voted opinion
	since time.Time // when voted.health last changed
}

// combine keeps the entries of a combined target's parts, and the combo itself while somebody here probes them.
func (d *desk) combine(t Target, mine bool, declared map[string]bool, now time.Time) {
	parts := make(map[*zones.Check]*entry)
	for _, p := range t.Check.Parts() {
		if e := d.admit(Target{Key: p.Target(t.Addr), Check: p, Addr: t.Addr}, mine || p.Type == zones.CheckPush, declared, now); e != nil {
			parts[p] = e
		}
	}
	if len(parts) == 0 {
		return
	}
	declared[t.Key] = true
	c := d.combos[t.Key]
	if c == nil {
		c = new(combo)
		d.combos[t.Key] = c
	}
	c.Target, c.parts = t, parts
}

// combinedVote folds the opinions of c's parts, and remembers when the result changed.
func (d *desk) combinedVote(c *combo, now time.Time) status.Vote {
	opinions := make(map[*zones.Check]opinion, len(c.parts))
	for check, e := range c.parts {
		if !e.removed {
			opinions[check] = d.opinion(e, now)
		}
	}
	o := fold(c.Check.Combined, opinions)
	if o.health != c.voted.health {
		c.since = now
	}
	c.voted = o
	v := status.Vote{Health: o.health, Withheld: o.withheld, Since: c.since}
	if o.health == status.Up {
		v.Load = d.comboLoad(c, now)
	}
	v.Evidence = foldEvidence(c.Check, o, opinions, func(p *zones.Check) *Observation {
		if e := c.parts[p]; e != nil {
			return &e.last
		}
		return nil
	})
	return v
}

// comboLoad returns the highest load that a counted part says; 0: none says any.
func (d *desk) comboLoad(c *combo, now time.Time) float64 {
	load := 0.0
	for check, e := range c.parts {
		if !slices.Contains(c.Check.Combined.Observe, check) && !e.removed {
			load = max(load, d.load(e, now))
		}
	}
	return load
}

// fold makes one opinion of those on the parts of a combination; a part that is missing is unknown. What is unknown stays
// unknown unless it can't change the result.
func fold(c *zones.Combination, of map[*zones.Check]opinion) opinion {
	var rest opinion
	switch {
	case len(c.All) > 0:
		rest = foldAll(c.All, of)
	case len(c.Any) > 0:
		rest = foldAny(c.Any, of)
	}
	if c.Critical == nil {
		return rest
	}
	o := of[c.Critical]
	if o.health != status.Up {
		return opinion{health: o.health}
	}
	if rest.health == status.Down {
		rest.withheld = zones.Degraded
	}
	o.withheld = max(o.withheld, rest.withheld)
	return o
}

// foldAll: the worst part decides.
func foldAll(parts []*zones.Check, of map[*zones.Check]opinion) opinion {
	all := opinion{health: status.Up}
	for _, p := range parts {
		switch o := of[p]; o.health {
		case status.Down:
			return opinion{health: status.Down}
		case status.Unknown:
			all.health = status.Unknown
		default:
			all.withheld = max(all.withheld, o.withheld)
		}
	}
	if all.health == status.Unknown {
		all.withheld = 0
	}
	return all
}

// foldAny: the best part decides.
func foldAny(parts []*zones.Check, of map[*zones.Check]opinion) opinion {
	best := opinion{health: status.Down}
	for _, p := range parts {
		o := of[p]
		switch {
		case o.health == status.Up && best.health == status.Up:
			best.withheld = min(best.withheld, o.withheld)
		case o.health == status.Up:
			best = o
		case o.health == status.Unknown && best.health == status.Down:
			best.health = status.Unknown
		}
	}
	return best
}

// foldEvidence says what those parts saw that came to the result: "db: connection refused; cache: timeout …". Latency and
// certificate are the worst of all counted parts.
func foldEvidence(c *zones.Check, result opinion, of map[*zones.Check]opinion, last func(*zones.Check) *Observation) status.Evidence {
	var e status.Evidence
	var agree, others []string
	for _, p := range c.Parts() {
		o := last(p)
		if o == nil || slices.Contains(c.Combined.Observe, p) {
			continue
		}
		text := p.Name + ": " + o.Reason
		switch at := of[p]; {
		case at.health == result.health && at.withheld >= result.withheld, result.withheld > 0 && at.health == status.Down:
			agree = append(agree, text)
		default:
			others = append(others, text)
		}
		if e.Status == 0 {
			e.Status = o.Status
		}
		e.Latency = max(e.Latency, o.Latency)
		if e.CertExpires.IsZero() || !o.CertExpires.IsZero() && o.CertExpires.Before(e.CertExpires) {
			e.CertExpires = o.CertExpires
		}
	}
	if agree == nil {
		agree = others
	}
	e.Reason = clip(strings.Join(agree, "; "))
	return e
}

// probeParts probes the parts of a combined check one after the other, and folds what was seen of each.
func (p *prober) probeParts(ctx context.Context, c *zones.Check, addr netip.Addr, t *trace) Observation {
	opinions, seen := map[*zones.Check]opinion{}, map[*zones.Check]*Observation{}
	var all Observation
	for _, part := range c.Parts() {
		if slices.Contains(c.Combined.Observe, part) {
			t.step("part", part.Name+" (observed, doesn't count)")
		} else {
			t.step("part", part.Name)
		}
		o := p.probe(ctx, part, addr, t)
		seen[part] = &o
		all.Latency += o.Latency
		switch {
		case o.OK:
			opinions[part] = opinion{status.Up, o.Withheld}
		case !o.Inconclusive:
			opinions[part] = opinion{health: status.Down}
		}
	}
	folded := fold(c.Combined, opinions)
	e := foldEvidence(c, folded, opinions, func(part *zones.Check) *Observation { return seen[part] })
	all.OK, all.Inconclusive, all.Withheld = folded.health == status.Up, folded.health == status.Unknown, folded.withheld
	all.Reason, all.Status, all.CertExpires = e.Reason, e.Status, e.CertExpires
	t.step("verdict", "all together "+verdictText(&all))
	return all
}
