package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"meridian/status"
	"meridian/zones"
)

// Defaults and bounds of what brakes automation.
const (
	defaultDwell    = 10 * time.Second
	defaultHalfLife = 2 * time.Minute
	defaultSuppress = 4 // two outages within a few half-lives
	defaultMaxHold  = 10 * time.Minute
	defaultWindow   = 5 * time.Minute

	defaultReloadThreshold = .3
	defaultMinRegions      = 1

	defaultLocalAfter = 30 * time.Second

	minSuppress = 2 // one outage is two changes, and no flapping
	maxDwell    = time.Hour
	minTime     = time.Second
	maxTime     = 24 * time.Hour
)

// States says how votes become states, and how fast.
type States struct {
	Rules  map[string]status.Rule     // by zones.Service.StateRules; "": of services without rules of their own
	Loads  map[string]status.LoadRule // by canonical service name, without pools; a service that is missing sheds nothing
	Limits map[string]status.Limit    // by canonical service name; a service that is missing has none
	Frozen bool                       // automation changes nothing
}

// safety builds the rules that hold for every service.
func (b *builder) safety() {
	raw := b.raw
	rule := status.Rule{
		Quorum: b.needs(&raw.Quorum), MinVoters: int(raw.MinVoters.or(1)),
		Flap:     status.Flap{Dwell: defaultDwell, HalfLife: defaultHalfLife, Suppress: defaultSuppress, MaxHold: defaultMaxHold},
		Failback: b.failback(&raw.Failback, "failback"),
	}
	b.flap(&raw.Flap, &rule.Flap, "flap")
	b.cfg.States = States{Rules: map[string]status.Rule{"": rule}, Limits: map[string]status.Limit{}, Loads: map[string]status.LoadRule{}, Frozen: raw.Freeze.v}
	b.limit = b.limitOf(raw.Safety.limit(), "safety")
	b.cfg.ReloadThreshold = defaultReloadThreshold
	b.cfg.Reserve = Reserve{Regions: defaultMinRegions}
	if s := raw.Safety; s != nil {
		b.cfg.Reserve.Regions = int(s.MinRegions.or(defaultMinRegions))
		if s.MinCapacity.set {
			percent, _ := strconv.Atoi(strings.TrimSuffix(s.MinCapacity.v, "%")) // the schema has complained
			b.cfg.Reserve.Capacity = float64(percent) / 100
		}
		if s.Window.set && s.MaxUnavailable.at.line == 0 {
			b.errorf(s.Window.at, "safety.window means nothing without safety.max_unavailable")
		}
		if s.ReloadThreshold.set {
			percent, _ := strconv.Atoi(strings.TrimSuffix(s.ReloadThreshold.v, "%")) // the schema has complained
			b.cfg.ReloadThreshold = float64(percent) / 100
		}
	}
	b.within(raw.Board.LocalAfter, "board.local_after")
	b.cfg.Board.LocalAfter = raw.Board.LocalAfter.or(defaultLocalAfter)
	if raw.Freeze.v {
		b.warnf(raw.Freeze.at, "freeze: automation is off: endpoints that fail stay in the answers, and those that recover stay out")
	}
}

// safetyOf builds what a service says for itself.
func (b *builder) safetyOf(e *entry[rawService], s *zones.Service) {
	raw, path := &e.v, "services."+e.name+"."
	own := []struct {
		key string
		at  pos
	}{{"quorum", raw.Quorum.at}, {"min_voters", raw.MinVoters.at}, {"flap", raw.Flap.at}, {"failback", raw.Failback.at}}
	if raw.Safety != nil {
		own = append(own, struct {
			key string
			at  pos
		}{"safety", raw.Safety.MaxUnavailable.at})
	}
	for _, o := range own {
		if o.at.line > 0 && !raw.Check.set {
			b.errorf(o.at, "%s%s means nothing without a check", path, o.key)
		}
	}
	rule := b.cfg.States.Rules[""]
	if raw.Quorum.at.line > 0 {
		rule.Quorum = b.needs(&raw.Quorum)
	}
	rule.MinVoters = int(raw.MinVoters.or(int64(rule.MinVoters)))
	b.flap(&raw.Flap, &rule.Flap, path+"flap")
	if raw.Failback.at.line > 0 {
		rule.Failback = b.failback(&raw.Failback, path+"failback")
	}
	if rule != b.cfg.States.Rules[""] {
		s.StateRules = fmt.Sprintf("quorum %v, min_voters %d, flap %+v, failback %v", rule.Quorum, rule.MinVoters, rule.Flap, rule.Failback)
		b.cfg.States.Rules[s.StateRules] = rule
	}
	limit := b.limit
	if raw.Safety != nil {
		limit = b.limitOf(raw.Safety, path+"safety")
	}
	if limit.Share > 0 && s.Check != nil {
		b.cfg.States.Limits[s.Name] = limit
	}
	if raw.Load != nil {
		b.loadOf(e, s)
	}
}

// needs takes over what the schema has let through.
func (b *builder) needs(raw *rawQuorum) status.Quorum {
	if raw.Both.Word.set || raw.Both.Number.set {
		return status.Quorum{Down: b.need(raw.Both)}
	}
	return status.Quorum{Down: b.need(raw.Down), Up: b.need(raw.Up)}
}

// need reads one of status's own words, or a number; nothing is the default.
func (b *builder) need(raw rawNeed) status.Need {
	word := raw.Word.v
	if raw.Number.set {
		word = strconv.FormatInt(raw.Number.v, 10)
	}
	if word == "" {
		return status.Need{}
	}
	n, err := status.ParseNeed(word)
	if err != nil {
		b.errorf(raw.Number.at, "%v", err)
	}
	return n
}

// flap lays what is written over f.
func (b *builder) flap(raw *rawFlap, f *status.Flap, path string) {
	f.Dwell, f.HalfLife = raw.Dwell.or(f.Dwell), raw.HalfLife.or(f.HalfLife)
	f.Suppress, f.MaxHold = raw.Suppress.or(f.Suppress), raw.MaxHold.or(f.MaxHold)
	if f.Dwell < 0 || f.Dwell > maxDwell {
		b.errorf(raw.Dwell.at, "%s.dwell must be from 0s to %v, not %v", path, maxDwell, f.Dwell)
	}
	b.within(raw.HalfLife, path+".half_life")
	b.within(raw.MaxHold, path+".max_hold")
	switch {
	case f.Suppress > 0 && f.Suppress < minSuppress:
		b.errorf(raw.Suppress.at, "%s.suppress must be 0 (never) or at least %d: a single outage is two changes, not %v", path, minSuppress, f.Suppress)
	case f.MaxHold < f.HalfLife:
		at := raw.MaxHold.at
		if at.line == 0 {
			at = raw.HalfLife.at
		}
		b.errorf(at, "%s: max_hold (%v) must not be below half_life (%v): a penalty takes a half-life to decay", path, f.MaxHold, f.HalfLife)
	}
}

func (b *builder) failback(raw *rawFailback, path string) status.Failback {
	switch {
	case raw.Delayed.at.line > 0:
		b.within(raw.Delayed, path+".delayed")
		return status.Failback{Mode: status.FailbackDelayed, Over: raw.Delayed.d}
	case raw.Ramp.at.line > 0:
		b.within(raw.Ramp, path+".ramp")
		return status.Failback{Mode: status.FailbackRamp, Over: raw.Ramp.d}
	case raw.Word.v == "manual":
		return status.Failback{Mode: status.FailbackManual}
	}
	return status.Failback{}
}

func (b *builder) limitOf(raw *rawSafety, path string) status.Limit {
	if raw == nil {
		return status.Limit{}
	}
	percent, _ := strconv.Atoi(strings.TrimSuffix(raw.MaxUnavailable.v, "%")) // the schema has complained
	b.within(raw.Window, path+".window")
	return status.Limit{Share: float64(percent) / 100, Window: raw.Window.or(defaultWindow)}
}

// within reports a duration that is too short or too long to mean anything.
func (b *builder) within(d duration, path string) {
	if d.set && (d.d < minTime || d.d > maxTime) {
		b.errorf(d.at, "%s must be from %v to %v, not %v", path, minTime, maxTime, d.d)
	}
}
