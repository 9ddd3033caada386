package status

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// fleet drives the governor as the mirror does: it runs when something is observed, and when the governor asked for it.
type fleet struct {
	rules    Rules
	freeze   Freeze
	observed Table
	state    GovernorState
	now      time.Time
	next     time.Time
	events   []Event
	each     func() // called after each run
}

func newFleet(rules Rules) *fleet {
	return &fleet{rules: rules, observed: Table{}, now: t0, each: func() {}}
}

// run runs the governor once.
func (f *fleet) run(transitions []Transition, failback ...string) {
	back := map[string]bool{}
	for _, key := range failback {
		back[key] = true
	}
	var events []Event
	_, f.state, f.next, events = Govern(GovernorInput{
		Observed: f.observed, Transitions: transitions, Rules: f.rules, Freeze: f.freeze, Failback: back,
	}, f.state, f.now)
	f.events = append(f.events, events...)
	f.each()
}

// see has the quorum say so of key.
func (f *fleet) see(key string, h Health) {
	before := f.observed[key]
	if before.Health == h {
		return
	}
	f.observed = maps.Clone(f.observed)
	f.observed[key] = State{Health: h, Since: f.now, Reason: "seen " + h.String()}
	f.run([]Transition{{key, before.Health, h, f.now, ""}})
}

// ask has the votes ask for a share to be withheld.
func (f *fleet) ask(key string, withheld float64) {
	f.observed = maps.Clone(f.observed)
	s := f.observed[key]
	s.Withheld = withheld
	f.observed[key] = s
	f.run(nil)
}

// until lets time pass.
func (f *fleet) until(t time.Time) {
	for !f.next.IsZero() && !f.next.After(t) {
		if f.now = later(f.now, f.next); f.now.Before(f.next) {
			panic("time went backwards")
		}
		f.run(nil)
	}
	f.now = t
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// shown is a state in short: "up", "down flap", "up 40%".
func shown(s State) string {
	text := s.Health.String()
	if s.Held != "" {
		text += " " + string(s.Held)
	}
	if s.Withheld > 0 {
		text += fmt.Sprintf(" %.3g%%", 100*(1-s.Withheld))
	}
	return text
}

// TestGovernSteps tells stories of one endpoint: at a time something is seen (or said), and the state is what it is then.
func TestGovernSteps(t *testing.T) {
	flap := Flap{HalfLife: 2 * time.Minute, Suppress: 4, MaxHold: 10 * time.Minute}
	for _, tt := range []struct {
		name  string
		rule  Rule
		steps string
	}{
		{"without brakes", Rule{}, "0s up: up; 1s down: down; 2s up: up; 3s down: down"},
		{"the first verdict needs no dwell", Rule{Flap: Flap{Dwell: 10 * time.Second}}, "0s down: down; 1s up: up; 2s down: up dwell; 11s: down"},
		{"dwell", Rule{Flap: Flap{Dwell: 10 * time.Second}},
			"0s up: up; 9s down: down; 10s up: down dwell; 19s: up; 20s down: up dwell; 21s up: up; 28s down: up dwell; 29s: down; 50s up: up"},
		{"one outage is no flapping", Rule{Flap: flap}, "0s up: up; 60s down: down; 90s up: up; 1h down: down; 1h30s up: up"},
		{"flapping is kept down until the penalty is half of suppress", Rule{Flap: flap},
			// 1, 1.89, 2.68, 3.39, 4.02, 4.58: held for log2(4.58/2) half-lives from then
			"0s up: up; 10s down: down; 30s up: up; 50s down: down; 70s up: up; 90s down: down; 110s up: down flap; 4m13s: down flap; 4m14s: up"},
		{"and for longer while it goes on", Rule{Flap: flap},
			"0s up: up; 10s down: down; 20s up: up; 30s down: down; 40s up: up; 50s down: down; 60s up: down flap; 70s down: down; 80s up: down flap; 4m: down flap; 5m40s: up"},
		{"but never for longer than max_hold", Rule{Flap: Flap{HalfLife: time.Minute, Suppress: 2, MaxHold: 2 * time.Minute}},
			"0s up: up; 1s down: down; 2s up: up; 3s down: down; 4s up: down flap; 5s down: down; 6s up: down flap; 7s down: down; 8s up: down flap; 2m7s: down flap; 2m8s: up"},
		{"manual", Rule{Failback: Failback{Mode: FailbackManual}},
			"0s up: up; 1s down: down; 2s up: down manual; 1h: down manual; 1h1s back: up; 1h2s down: down; 1h3s back: down; 1h4s up: down manual"},
		{"delayed", Rule{Failback: Failback{FailbackDelayed, 5 * time.Minute}},
			"0s up: up; 10s down: down; 20s up: down delayed; 4m down: down; 5m up: down delayed; 9m59s: down delayed; 10m: up; 11m down: down; 12m up: down delayed; 13m back: up"},
		{"ramp", Rule{Failback: Failback{FailbackRamp, 9 * time.Minute}},
			"0s up: up; 10s down: down; 1m up: up 10%; 1m59s: up 10%; 2m: up 20%; 9m: up 90%; 9m59s: up 90%; 10m: up"},
		{"a ramp begins anew", Rule{Failback: Failback{FailbackRamp, 9 * time.Minute}},
			"0s down: down; 1m up: up 10%; 4m: up 40%; 5m down: down; 6m up: up 10%; 7m: up 20%"},
		{"votes withhold", Rule{Flap: Flap{Dwell: 10 * time.Second}},
			"0s up: up; 20s 50%: up 50%; 21s 100%: up 50%; 29s: up 50%; 30s: up; 60s 0%: up 0%; 70s down: down; 90s up: up"},
		{"votes withhold on a ramp", Rule{Failback: Failback{FailbackRamp, 9 * time.Minute}},
			"0s down: down; 1m up: up 10%; 2m: up 20%; 2m10s 50%: up 10%; 3m: up 15%; 10m: up 50%; 12m 100%: up"},
		{"freeze", Rule{}, "0s up: up; 1s freeze: up; 2s down: up freeze; 1h: up freeze; 1h1s thaw: down; 1h2s freeze: down; 1h3s up: down freeze; 1h4s down: down"},
		{"a ramp stands still in the frost", Rule{Failback: Failback{FailbackRamp, 9 * time.Minute}},
			"0s down: down; 1m up: up 10%; 2m: up 20%; 2m30s freeze: up 20%; 1h: up 20%; 1h1s thaw: up 30%; 1h1m1s: up 40%"},
		{"new keys are unknown in the frost", Rule{}, "0s freeze: unknown; 1s down: unknown freeze; 2s thaw: down"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFleet(Rules{Default: tt.rule})
			for step := range strings.SplitSeq(tt.steps, "; ") {
				do, want, _ := strings.Cut(step, ": ")
				words := strings.Fields(do)
				at, err := time.ParseDuration(words[0])
				if err != nil {
					t.Fatal(err)
				}
				f.until(t0.Add(at))
				if len(words) > 1 {
					f.act(t, words[1])
				}
				if got := shown(f.state.Table["a"]); got != want {
					t.Fatalf("%s: %s, want %s (%s)", do, got, want, f.state.Table["a"].Reason)
				}
			}
		})
	}
}

// act does what a word of a story says.
func (f *fleet) act(t *testing.T, word string) {
	t.Helper()
	switch word {
	case "up":
		f.see("a", Up)
	case "down":
		f.see("a", Down)
	case "back":
		f.run(nil, "a")
	case "freeze":
		f.freeze = Freeze{On: true}
		f.run(nil)
	case "thaw":
		f.freeze = Freeze{}
		f.run(nil)
	default:
		var takes float64
		if _, err := fmt.Sscanf(word, "%f%%", &takes); err != nil {
			t.Fatalf("%q: %v", word, err)
		}
		f.ask("a", 1-takes/100)
	}
}

func TestReasonsSayWhyAndUntilWhen(t *testing.T) {
	f := newFleet(Rules{Default: Rule{Flap: Flap{HalfLife: 2 * time.Minute, Suppress: 4}}})
	for i := range 7 {
		f.until(t0.Add(time.Duration(i) * 20 * time.Second))
		f.see("a", []Health{Up, Down}[i%2])
	}
	want := "held down until 12:04:23 UTC: it flapped 6 times in 1m40s; observed up: seen up"
	if got := f.state.Table["a"].Reason; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	f.freeze = Freeze{On: true, Author: "anna", Reason: "network work", Until: t0.Add(time.Hour)}
	f.run(nil)
	want = "held down: automation is frozen by anna (network work); observed up: seen up"
	if got := f.state.Table["a"].Reason; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	f.until(t0.Add(time.Hour)) // it ends by itself
	if got := f.state.Table["a"]; got.Health != Up || got.Reason != "seen up" {
		t.Errorf("after the frost: %+v", got)
	}
	var kinds []string
	for _, e := range f.events {
		kinds = append(kinds, strings.TrimSpace(string(e.Kind)+" "+string(e.Hold)))
	}
	if got, want := strings.Join(kinds, ", "), "health, health, health, health, health, health, held flap, held freeze, health"; got != want {
		t.Errorf("events: %s, want %s", got, want)
	}
}

// TestGovernEqualsItsTwin compares dwell and penalty with a twin that counts seconds one by one.
func TestGovernEqualsItsTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		flap := Flap{
			Dwell:    time.Duration(rapid.IntRange(0, 20).Draw(t, "dwell")) * time.Second,
			HalfLife: time.Duration(rapid.IntRange(5, 120).Draw(t, "half life")) * time.Second,
			Suppress: float64(rapid.IntRange(2, 6).Draw(t, "suppress")),
		}
		flap.MaxHold = flap.HalfLife * time.Duration(rapid.IntRange(1, 6).Draw(t, "halves"))
		f := newFleet(Rules{Default: Rule{Flap: flap}})
		twin := flapTwin{flap: flap}
		second := 0
		for range rapid.IntRange(1, 40).Draw(t, "changes") {
			for range rapid.IntRange(1, 30).Draw(t, "seconds") {
				second++
				f.until(t0.Add(time.Duration(second) * time.Second))
				twin.tick()
				if twin.close {
					return // rounding decides, and what follows may differ
				}
				if got := f.state.Table["a"]; got.Health != twin.state {
					t.Fatalf("second %d: %v (%s), the twin says %v", second, got.Health, got.Reason, twin.state)
				}
			}
			seen := rapid.SampledFrom([]Health{Up, Down}).Draw(t, "seen")
			f.see("a", seen)
			twin.see(seen)
		}
	})
}

// flapTwin knows nothing but what a second does.
type flapTwin struct {
	flap       Flap
	seen       Health
	state      Health
	dwelt      int // seconds
	penalty    float64
	suppressed bool
	close      bool // the penalty was a hair's breadth from where it matters
}

func (w *flapTwin) tick() {
	w.dwelt++
	w.penalty *= math.Pow(0.5, 1/w.flap.HalfLife.Seconds())
	w.settle()
}

func (w *flapTwin) see(h Health) {
	if h == w.seen {
		return
	}
	if w.seen != Unknown {
		if w.penalty < forgetPenalty {
			w.penalty = 0
		}
		most := w.flap.Suppress / 2 * math.Pow(2, w.flap.MaxHold.Seconds()/w.flap.HalfLife.Seconds())
		w.penalty = min(w.penalty+1, max(most, w.flap.Suppress))
		if w.penalty >= w.flap.Suppress {
			w.suppressed = true
		}
	}
	w.seen = h
	w.settle()
}

func (w *flapTwin) settle() {
	for _, x := range []float64{w.flap.Suppress, w.flap.Suppress / 2, forgetPenalty} {
		w.close = w.close || math.Abs(w.penalty-x) < 1e-6
	}
	if w.penalty <= w.flap.Suppress/2+1e-9 {
		w.suppressed = false
	}
	switch {
	case w.seen == w.state:
	case w.state != Unknown && w.dwelt < int(w.flap.Dwell.Seconds()):
	case w.seen == Up && w.state == Down && w.suppressed:
	default:
		w.dwelt = 0
		if w.state == Unknown {
			w.dwelt = math.MaxInt32 // the first verdict may change at once
		}
		w.state = w.seen
	}
}

// TestRampsOnlyGrow: while an endpoint is up, what a ramp lets it take never shrinks, and in the end it is everything.
func TestRampsOnlyGrow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		over := time.Duration(rapid.IntRange(1, 3600).Draw(t, "over")) * time.Second
		f := newFleet(Rules{Default: Rule{Failback: Failback{FailbackRamp, over}}})
		last := 1.0
		f.each = func() {
			s := f.state.Table["a"]
			if s.Health == Up && s.Withheld > last {
				t.Fatalf("withholds %g after %g", s.Withheld, last)
			}
			if last = s.Withheld; s.Health != Up {
				last = 1
			}
		}
		f.see("a", Down)
		f.see("a", Up)
		for range rapid.IntRange(0, 20).Draw(t, "passes") {
			f.until(f.now.Add(time.Duration(rapid.Int64Range(0, int64(over)).Draw(t, "pass"))))
			f.run(nil) // for another reason
		}
		f.until(f.now.Add(2 * over))
		if s := f.state.Table["a"]; s.Withheld != 0 || len(f.state.Keys) != 0 {
			t.Fatalf("after twice the time: %+v, remembers %+v", s, f.state.Keys)
		}
	})
}

// TestGovernIsPure: the same input gives the same result, and neither input nor memory is written to.
func TestGovernIsPure(t *testing.T) {
	f := newFleet(Rules{Default: Rule{Flap: Flap{Dwell: time.Second, HalfLife: time.Minute, Suppress: 2}}})
	f.see("a", Up)
	f.until(t0.Add(2 * time.Second))
	f.see("a", Down)
	before, keys := maps.Clone(f.state.Table), maps.Clone(f.state.Keys)
	in := GovernorInput{Observed: Table{"a": {Health: Up, Since: f.now}}, Transitions: []Transition{{"a", Down, Up, f.now, ""}}, Rules: f.rules}
	first, state, next, events := Govern(in, f.state, f.now.Add(time.Second))
	again, stateAgain, nextAgain, eventsAgain := Govern(in, f.state, f.now.Add(time.Second))
	if !maps.Equal(first, again) || !maps.Equal(state.Keys, stateAgain.Keys) || next != nextAgain || !slices.Equal(events, eventsAgain) {
		t.Error("the same input gave two results")
	}
	if !maps.Equal(before, f.state.Table) || !maps.Equal(keys, f.state.Keys) {
		t.Error("the memory was written to")
	}
	settled, _, _, none := Govern(GovernorInput{Observed: in.Observed, Rules: f.rules}, state, f.now.Add(time.Second))
	if !settled.Same(first) || len(none) != 0 {
		t.Error("a run without news made a new table, or events")
	}
}

func BenchmarkGovern(b *testing.B) {
	observed := make(Table)
	for i := range 10_000 {
		observed[fmt.Sprintf("web:1f2e3d4c@198.18.%d.%d", i/250, i%250)] = State{Health: Up, Since: t0, Reason: "3 of 3 checkers: HTTP 200 OK"}
	}
	in := GovernorInput{Observed: observed, Rules: Rules{Default: Rule{Flap: Flap{Dwell: time.Second, HalfLife: time.Minute, Suppress: 2}}}}
	_, state, _, _ := Govern(in, GovernorState{}, t0)
	b.ReportAllocs()
	for b.Loop() {
		Govern(in, state, t1)
	}
}
