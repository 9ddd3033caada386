package status

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// GovernorInput is what the governor goes by at one moment.
type GovernorInput struct {
	Observed    Table        // what the quorum says, as of Tally
	Transitions []Transition // of Observed since the run before
	Rules       Rules
	Freeze      Freeze
	Failback    map[string]bool // state keys that an operator lets come back now
}

// GovernorState is what the governor must remember from one run to the next, over restarts too. It is never written
// once Govern has returned it. The zero value remembers nothing.
type GovernorState struct {
	Table Table             // what Govern returned
	Keys  map[string]Memory // by state key; a key of which nothing is to be remembered is missing
	Outs  map[string][]Out  // by group of a limit: the pools that were taken out within its window
}

// Memory is what the governor remembers of one state key.
type Memory struct {
	Changed    time.Time `json:"changed,omitzero"`  // when the health last changed from up or down; zero: not, or a dwell time ago
	Penalty    float64   `json:"penalty,omitempty"` // for flapping, at the moment Charged
	Charged    time.Time `json:"charged,omitzero"`
	Flaps      int       `json:"flaps,omitempty"` // changes since Flapping
	Flapping   time.Time `json:"flapping,omitzero"`
	Suppressed bool      `json:"suppressed,omitempty"` // Penalty has reached the rule's Suppress, and not yet decayed
	Step       int       `json:"step,omitempty"`       // of the ramp under way, 1 to rampSteps-1; 0: none is
	Stepped    time.Time `json:"stepped,omitzero"`     // when Step was taken
	Degraded   float64   `json:"degraded,omitempty"`   // what votes withhold, as last taken over
	DegradedAt time.Time `json:"degraded_at,omitzero"`
}

// EventKind is what happened, in one word.
type EventKind string

const (
	EventHealth   EventKind = "health"   // a state changed its health
	EventHeld     EventKind = "held"     // automation begins not to follow what is observed
	EventReleased EventKind = "released" // and follows it again, without a change of health
	EventLimited  EventKind = "limited"  // a service reached its limit: its other pools are held up
	EventResumed  EventKind = "resumed"  // and nothing of it is held up any more
	EventShed     EventKind = "shed"     // a pool takes another share, because of its load
)

// Event is one thing that the governor did.
type Event struct {
	Kind     EventKind
	Key      string // the state key; EventLimited, EventResumed: the service; EventShed: the pool, as "www.example.com.@eu-west"
	From, To Health // EventHealth
	Hold     Hold   // EventHeld, EventReleased
	At       time.Time
	Reason   string
}

// rampSteps is in how many equal steps a ramp brings an endpoint back: the first at once, the last at its end.
const rampSteps = 10

// forgetPenalty is the penalty below which flapping is forgotten.
const forgetPenalty = 0.5

// Govern turns what is observed into what traffic goes by. It is pure: the same input, memory and moment give the same
// result. next is when it must be run again although nothing was observed; zero: never. The rules, in order, are in
// docs/architecture.md, "When is an endpoint up".
func Govern(in GovernorInput, prev GovernorState, now time.Time) (table Table, state GovernorState, next time.Time, events []Event) {
	g := &governing{
		in: &in, prev: &prev, now: now, frozen: in.Rules.Frozen || in.Freeze.Active(now), table: make(Table, len(in.Observed)),
		next: GovernorState{Keys: map[string]Memory{}, Outs: map[string][]Out{}},
	}
	if in.Freeze.Active(now) {
		g.wake(in.Freeze.Until)
	}
	flapped := make(map[string]bool, len(in.Transitions))
	for _, t := range in.Transitions {
		flapped[t.Target] = t.From != Unknown && t.To != Unknown
	}
	var changed []string
	for key, seen := range in.Observed {
		was := prev.Table[key]
		s := g.govern(key, was, seen, flapped[key])
		g.table[key] = s
		if s.Health != was.Health {
			changed = append(changed, key)
		}
		g.tell(key, was, s)
	}
	g.limit(changed)
	g.shed()
	g.tellLimits()
	slices.SortFunc(g.events, func(a, b Event) int { return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Kind, b.Kind)) })
	if maps.Equal(prev.Table, g.table) {
		g.table = prev.Table
	}
	g.next.Table = g.table
	return g.table, g.next, g.until, g.events
}

// governing is one run of Govern.
type governing struct {
	in     *GovernorInput
	prev   *GovernorState
	now    time.Time
	frozen bool

	table  Table
	next   GovernorState
	until  time.Time // the result's next
	events []Event
}

// wake has Govern run again at t at the latest.
func (g *governing) wake(t time.Time) {
	if !t.IsZero() && (g.until.IsZero() || t.Before(g.until)) {
		g.until = t
	}
}

// govern returns the state of one key: was is its state so far, seen what is observed.
func (g *governing) govern(key string, was, seen State, flapped bool) State {
	rule := g.in.Rules.rule(key)
	m := g.prev.Keys[key]
	m.damp(rule.Flap, flapped, g.now)
	m.dwell(rule.Flap, g.now)
	s := g.health(key, &rule, was, seen, &m)
	s.Load = seen.Load
	switch {
	case s.Health != Up:
		s.Withheld, m.Step, m.Stepped, m.Degraded, m.DegradedAt = 0, 0, time.Time{}, 0, time.Time{}
	case !g.frozen:
		g.withhold(&rule, &s, seen.Withheld, &m)
	case s.Withheld > 0:
		s.Reason = fmt.Sprintf("takes %.3g%%, for automation is frozen; %s", 100*(1-s.Withheld), s.Reason)
	}
	if m != (Memory{}) {
		g.next.Keys[key] = m
	}
	return s
}

// health decides up or down. The result withholds what was withheld so far.
func (g *governing) health(key string, rule *Rule, was, seen State, m *Memory) State {
	follow := State{Health: seen.Health, Withheld: was.Withheld, Since: was.Since, Reason: seen.Reason}
	if seen.Health == was.Health {
		return follow
	}
	follow.Since = g.now
	hold := func(h Hold, until time.Time, why string) State {
		g.wake(until)
		return State{Health: was.Health, Held: h, Withheld: was.Withheld, Since: was.Since, Reason: fmt.Sprintf("held %v%s: %s; observed %v: %s", was.Health, untilClock(until), why, seen.Health, seen.Reason)}
	}
	switch {
	case g.frozen:
		return hold(HoldFreeze, time.Time{}, g.whyFrozen())
	case was.Health == Unknown:
		return follow
	case g.in.Failback[key] && seen.Health == Up:
	case !m.Changed.IsZero():
		return hold(HoldDwell, m.Changed.Add(rule.Flap.Dwell), fmt.Sprintf("it changed less than %v before", rule.Flap.Dwell))
	case seen.Health == Down:
		m.change(rule.Flap, g.now)
		return follow
	case m.Suppressed:
		return hold(HoldFlap, m.reuse(rule.Flap), fmt.Sprintf("it flapped %d times in %v", m.Flaps, m.Charged.Sub(m.Flapping).Round(time.Second)))
	case rule.Failback.Mode == FailbackManual:
		return hold(HoldManual, time.Time{}, "failback is manual")
	case rule.Failback.Mode == FailbackDelayed && elapsed(seen.Since, g.now) < rule.Failback.Over:
		return hold(HoldDelayed, seen.Since.Add(rule.Failback.Over), fmt.Sprintf("failback is delayed by %v", rule.Failback.Over))
	}
	if rule.Failback.Mode == FailbackRamp {
		m.Step, m.Stepped = 1, g.now
	}
	m.change(rule.Flap, g.now)
	return follow
}

// change begins a dwell. The first verdict on a key begins none: what is known for the first time hasn't changed.
func (m *Memory) change(f Flap, now time.Time) {
	if f.Dwell > 0 {
		m.Changed = now
	}
}

// dwell ends what change began, once it has lasted. A clock that was set back ends it too.
func (m *Memory) dwell(f Flap, now time.Time) {
	if elapsed(m.Changed, now) >= f.Dwell {
		m.Changed = time.Time{}
	}
}

func (g *governing) whyFrozen() string {
	f := g.in.Freeze
	if !f.Active(g.now) {
		return "automation is frozen by the configuration"
	}
	why := "automation is frozen"
	if f.Author != "" {
		why += " by " + f.Author
	}
	if f.Reason != "" {
		why += " (" + f.Reason + ")"
	}
	return why
}

// withhold takes the next step of a ramp, takes over what the votes ask for, at most once in a dwell time, and says so.
func (g *governing) withhold(rule *Rule, s *State, asked float64, m *Memory) {
	if rule.Failback.Mode != FailbackRamp {
		m.Step, m.Stepped = 0, time.Time{}
	}
	if m.Step > 0 {
		pace := rule.Failback.Over / (rampSteps - 1)
		if elapsed(m.Stepped, g.now) >= pace {
			m.Step, m.Stepped = m.Step+1, g.now
		}
		if m.Step >= rampSteps {
			m.Step, m.Stepped = 0, time.Time{}
		} else {
			g.wake(m.Stepped.Add(pace))
		}
	}
	switch settled := elapsed(m.DegradedAt, g.now) >= rule.Flap.Dwell; {
	case asked == m.Degraded && m.Degraded == 0 && settled:
		m.DegradedAt = time.Time{}
	case asked == m.Degraded:
	case settled:
		m.Degraded, m.DegradedAt = asked, g.now
	default:
		g.wake(m.DegradedAt.Add(rule.Flap.Dwell))
	}
	takes := 1 - m.Degraded
	if m.Step > 0 {
		takes *= float64(m.Step) / rampSteps
	}
	s.Withheld = 1 - takes
	switch {
	case m.Step > 0:
		s.Reason = fmt.Sprintf("ramping: takes %.3g%%; %s", 100*takes, s.Reason)
	case s.Withheld > 0:
		s.Reason = fmt.Sprintf("takes %.3g%%; %s", 100*takes, s.Reason)
	}
}

// tell notes what became of one key.
func (g *governing) tell(key string, was, is State) {
	e := Event{Key: key, At: g.now, Reason: is.Reason}
	switch {
	case is.Health != was.Health:
		e.Kind, e.From, e.To = EventHealth, was.Health, is.Health
	case is.Held != was.Held && is.Held != "" && is.Held != HoldDwell:
		e.Kind, e.Hold = EventHeld, is.Held
	case is.Held == "" && was.Held != "" && was.Held != HoldDwell:
		e.Kind, e.Hold = EventReleased, was.Held
	default:
		return
	}
	g.events = append(g.events, e)
}

// tellLimits notes which services begin or cease to be held together.
func (g *governing) tellLimits() {
	for key, s := range g.table {
		if s.Held != HoldVelocity {
			continue
		}
		if _, alone := ServiceOf(key); alone {
			continue
		}
		if before, held := g.prev.Table[key]; !held || before.Reason != s.Reason {
			g.events = append(g.events, Event{Kind: EventLimited, Key: key, At: g.now, Reason: s.Reason})
		}
	}
	for key, s := range g.prev.Table {
		if _, alone := ServiceOf(key); alone || s.Held != HoldVelocity {
			continue
		}
		if _, held := g.table[key]; !held {
			g.events = append(g.events, Event{Kind: EventResumed, Key: key, At: g.now, Reason: "nothing of it is held up any more"})
		}
	}
}

// damp brings the penalty up to date, and adds to it when a change was observed now.
func (m *Memory) damp(f Flap, changed bool, now time.Time) {
	if f.HalfLife <= 0 || f.Suppress <= 0 {
		m.Penalty, m.Charged, m.Flaps, m.Flapping, m.Suppressed = 0, time.Time{}, 0, time.Time{}, false
		return
	}
	if m.Suppressed && !now.Before(m.reuse(f)) {
		m.Suppressed = false
	}
	left := m.Penalty * math.Exp2(-float64(max(0, now.Sub(m.Charged)))/float64(f.HalfLife))
	if left < forgetPenalty && !m.Suppressed {
		left, m.Penalty, m.Charged, m.Flaps, m.Flapping = 0, 0, time.Time{}, 0, time.Time{}
	}
	if !changed {
		return
	}
	if m.Flaps == 0 {
		m.Flapping = now
	}
	m.Flaps++
	m.Penalty, m.Charged = min(left+1, f.ceiling()), now
	m.Suppressed = m.Suppressed || m.Penalty >= f.Suppress
}

// ceiling is the greatest penalty: it decays to half of Suppress within MaxHold.
func (f Flap) ceiling() float64 {
	most := f.MaxHold
	if most <= 0 {
		most = MaxHoldHalves * f.HalfLife
	}
	return max(f.Suppress, f.Suppress/2*math.Exp2(float64(most)/float64(f.HalfLife)))
}

// reuse returns when the penalty has decayed to half of Suppress.
func (m *Memory) reuse(f Flap) time.Time {
	halves := math.Log2(m.Penalty / (f.Suppress / 2))
	return m.Charged.Add(time.Duration(math.Ceil(max(0, halves) * float64(f.HalfLife))))
}

// elapsed returns how long t was before now. A moment in the future, after the wall clock was set back, is taken for one
// long ago: what waits for time to pass then doesn't wait for hours.
func elapsed(t, now time.Time) time.Duration {
	if t.After(now) {
		return math.MaxInt64
	}
	return now.Sub(t)
}

func untilClock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " until " + clock(t)
}

// clock returns the time of day for a sentence.
func clock(t time.Time) string { return t.UTC().Format(time.TimeOnly) + " UTC" }
