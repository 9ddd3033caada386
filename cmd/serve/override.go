package serve

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"meridian/admin"
	"meridian/cmd/config/nearest"
	"meridian/simulate"
	"meridian/snapshot"
	"meridian/status"
	"meridian/status/board"
)

// Override implements admin.Overrides.
func (c *Core) Override(ctx context.Context, r admin.OverrideRequest, match int64) (admin.OverrideOutcome, error) {
	now := time.Now()
	o, err := r.Override(now)
	if err != nil {
		return admin.OverrideOutcome{}, err
	}
	if err := c.exists(&o); err != nil {
		return admin.OverrideOutcome{}, err
	}
	return c.say(ctx, said{override: &o, id: o.ID, author: o.Author, reason: o.Reason, match: match, dry: r.DryRun, force: r.Force}, now)
}

// EndOverride implements admin.Overrides.
func (c *Core) EndOverride(ctx context.Context, r admin.EndRequest) (admin.OverrideOutcome, error) {
	return c.say(ctx, said{id: r.ID, author: r.Author, reason: r.Reason, match: r.Match, dry: r.DryRun, force: r.Force}, time.Now())
}

// exists checks that what the override is about is there, as a hypothesis would be checked.
func (c *Core) exists(o *status.Override) error {
	snap := c.Current().Load()
	if snap == nil {
		return &admin.AwayError{Text: "nothing is answered yet", Hint: "ask again in a moment"}
	}
	var h simulate.Hypothesis
	if o.Kind == status.OverrideWeight {
		for _, region := range slices.Sorted(maps.Keys(o.Weights)) {
			w := o.Weights[region]
			h.Weights = append(h.Weights, simulate.Weight{Service: o.Service, Region: region, Value: w.Value, Relative: w.Relative})
		}
	} else {
		h.Dials = []simulate.Dial{{Service: o.Service, Region: o.Region, Share: o.Percent / 100}}
	}
	if err := h.Check(snap); err != nil {
		return mistaken(err)
	}
	return nil
}

// said is what an operator says: an override in its slot, or the end of one.
type said struct {
	override       *status.Override // nil: what is in the slot ends
	id             string
	author, reason string
	match          int64 // the revision that the operator knows; below 0: none
	dry, force     bool
}

// errDry ends a change that is only tried.
var errDry = errors.New("nothing was to be changed")

// say does what an operator says, or tries it, and writes down who it was.
func (c *Core) say(ctx context.Context, s said, now time.Time) (admin.OverrideOutcome, error) {
	out := admin.OverrideOutcome{DryRun: s.dry}
	var before *status.Override
	set, err := c.overrides.change(ctx, s.match, func(set board.OverrideSet) ([]status.Override, error) {
		var next []status.Override
		if s.override != nil {
			if _, same := status.Without(set.Overrides, s.id, now); same != nil && same.Kind == s.override.Kind && same.Active(now) {
				s.override.Start = same.Start // it goes on
			}
			next, before = status.With(set.Overrides, *s.override, now)
		} else if next, before = status.Without(set.Overrides, s.id, now); before == nil {
			return nil, noOverride(set.Overrides, s.id)
		}
		out.Before = nil
		if before != nil {
			report := admin.NewOverrideReport(before, now)
			out.Before = &report
		}
		if err := c.impact(ctx, &out, set.Overrides, next, s, before, now); err != nil {
			return nil, err
		}
		if s.dry {
			return nil, errDry
		}
		return next, nil
	})
	if s.override != nil {
		report := admin.NewOverrideReport(s.override, now)
		out.Override = &report
	}
	out.Revision = set.Revision
	switch {
	case errors.Is(err, errDry):
		return out, nil
	case errors.Is(err, board.ErrOverridesChanged):
		return out, &admin.StaleError{
			Text: "another operator changed the overrides at the same moment; nothing was changed by you",
			Hint: "look at `meridian overrides`, and say it again",
		}
	case err != nil:
		return out, overrideError(err)
	}
	c.publisher.await(ctx)
	c.audit(ctx, s, before)
	return out, nil
}

// overrideError passes on what a request is told, and calls everything else a store that is away.
func overrideError(err error) error {
	if _, ok := errors.AsType[*admin.RequestError](err); ok {
		return err
	}
	if _, ok := errors.AsType[*admin.SafetyError](err); ok {
		return err
	}
	if _, ok := errors.AsType[*admin.AwayError](err); ok {
		return err
	}
	return &admin.AwayError{Text: "the overrides can't be changed (" + err.Error() + "); nothing was changed", Hint: "those known before hold; try again when the board is back"}
}

func noOverride(all []status.Override, id string) error {
	var ids []string
	for _, o := range all {
		ids = append(ids, o.ID)
	}
	return &admin.RequestError{Text: fmt.Sprintf("there is no override %q", id) + nearest.Hint(id, ids), Hint: "`meridian overrides` lists them"}
}

// impact says what the change from one list of overrides to another would move, and refuses what safety rules forbid.
func (c *Core) impact(ctx context.Context, out *admin.OverrideOutcome, have, next []status.Override, s said, before *status.Override, now time.Time) error {
	snap := c.Current().Load()
	if snap == nil {
		return &admin.AwayError{Text: "nothing is answered yet", Hint: "ask again in a moment"}
	}
	then, after := c.under(snap, have, now), c.under(snap, next, now)
	out.Risks = risks(then, after, c.declared.Load().config.Reserve)
	if len(out.Risks) > 0 && !s.force && !s.dry {
		return &admin.SafetyError{
			Text: strings.Join(out.Risks, "; ") + ". Nothing was changed",
			Hint: "--dry-run shows what would move; --force does it nevertheless",
		}
	}
	var services []string
	for _, svc := range snap.Services() {
		spec := svc.Spec()
		if spec.Of != nil {
			continue
		}
		for _, p := range spec.Pools {
			if s.override != nil && s.override.Touches(spec.Name, p.Region.Name) || before != nil && before.Touches(spec.Name, p.Region.Name) {
				services = append(services, spec.Name)
				break
			}
		}
	}
	if len(services) == 0 {
		return nil // of a region that has left the configuration
	}
	q, err := c.question(admin.SimulateRequest{Services: services})
	if err != nil {
		return err
	}
	select {
	case c.simulating <- struct{}{}:
		defer func() { <-c.simulating }()
	case <-ctx.Done():
		return &admin.AwayError{Text: "a simulation took too long; nothing was changed", Hint: "say it again"}
	}
	q.Before, q.After = then, after
	report, err := simulate.Run(*q)
	if err != nil {
		return mistaken(err)
	}
	out.Moved, out.Impact = report.Total.Moved, report.Sentences()
	for i, f := range report.Flows {
		if i == 3 {
			break
		}
		out.Impact = append(out.Impact, fmt.Sprintf("%s from %s to %s.", simulate.Percent(f.Share), f.From, f.To))
	}
	return nil
}

// under returns the snapshot as it is under these overrides in place of those in use.
func (c *Core) under(snap *snapshot.Snapshot, all []status.Override, now time.Time) *snapshot.Snapshot {
	c.overrides.mu.Lock()
	valid := c.overrides.known.valid(all)
	c.overrides.mu.Unlock()
	return snap.Layout().Compile(snapshot.Observed{States: snap.States(), Loads: snap.Loads(), Terms: termsOf(status.Effective(valid, now))}, snap, nil)
}

// audit writes down who changed what, why, and until when.
func (c *Core) audit(ctx context.Context, s said, before *status.Override) {
	e := board.Event{At: time.Now(), Kind: board.KindOverride, Author: s.author, Reason: s.reason, Node: c.sharing.node, From: "none", To: "none"}
	about := before
	if before != nil {
		e.From = before.Setting()
	}
	if s.override != nil {
		about, e.To, e.Until = s.override, s.override.Setting(), s.override.End
	}
	e.Subject = about.Subject()
	c.log.Warn("override", "subject", e.Subject, "before", e.From, "after", e.To, "author", e.Author, "reason", e.Reason, "until", e.Until, "forced", s.force)
	if err := c.sharing.journal().Append(ctx, e); err != nil {
		c.log.Warn("the diary doesn't have the operator's action", "error", err)
	}
}

// overridesEnded writes down overrides whose time is over.
func (c *Core) overridesEnded(all []status.Override) {
	var events []board.Event
	for _, o := range all {
		subject := o.Subject()
		c.log.Info("override ended", "subject", subject, "was", o.Setting(), "author", o.Author, "reason", o.Reason)
		events = append(events, board.Event{
			At: time.Now(), Kind: board.KindOverride, Subject: subject, From: o.Setting(), To: "none",
			Reason: "its time is over (" + o.Author + ": " + o.Reason + ")", Node: c.sharing.node,
		})
	}
	c.chronicle.tell(events)
}

// dropOverrides ends the overrides of what has left the configuration with a reload.
func (c *Core) dropOverrides(ctx context.Context, was, is *vocabulary) {
	set, _ := c.overrides.now()
	for _, o := range set.Overrides {
		why := is.lacks(&o)
		if why == "" || was.lacks(&o) != "" {
			continue
		}
		_, err := c.overrides.change(ctx, -1, func(set board.OverrideSet) ([]status.Override, error) {
			next, _ := status.Without(set.Overrides, o.ID, time.Now())
			return next, nil
		})
		if err != nil {
			c.log.Warn("an override of what has left the configuration can't be ended; it does nothing", "override", o.ID, "error", err)
			continue
		}
		c.audit(ctx, said{reason: "ended by the reload: " + why}, &o)
	}
}

// Overrides implements admin.Overrides.
func (c *Core) Overrides(context.Context) admin.OverrideList {
	set, err := c.overrides.now()
	list := admin.OverrideList{Revision: set.Revision, Overrides: []admin.OverrideReport{}}
	if err != nil {
		list.Error = err.Error()
	}
	now := time.Now()
	for i := range set.Overrides {
		r := admin.NewOverrideReport(&set.Overrides[i], now)
		r.Unknown = c.overrides.unknown(&set.Overrides[i])
		list.Overrides = append(list.Overrides, r)
	}
	return list
}
