package status

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestShedSteps drives one pool through the loads that its endpoints say.
func TestShedSteps(t *testing.T) {
	rule := LoadRule{Service: "www.", Region: "eu", Target: .8, Step: .1, Least: .2, Every: time.Minute}
	var is State
	for i, step := range []struct {
		at     time.Duration
		load   float64 // 0: nothing is said
		frozen bool
		takes  float64
		next   time.Duration // 0: none
		reason string
	}{
		{at: 0, takes: 1},
		{at: 1 * time.Second, load: .5, takes: 1, reason: "load 50% of 80%"},
		{at: 2 * time.Second, load: .9, takes: 1, next: 61 * time.Second, reason: "load 50% of 80%"},
		{at: 61 * time.Second, load: .9, takes: .9, next: 121 * time.Second, reason: "over its target (load 90% of 80%): takes 90%"},
		{at: 100 * time.Second, load: .85, takes: .9, next: 121 * time.Second, reason: "over its target (load 90% of 80%): takes 90%"},
		{at: 121 * time.Second, load: .82, takes: .878, next: 181 * time.Second, reason: "over its target (load 82% of 80%): takes 87.8%"},
		{at: 181 * time.Second, load: .8, takes: .878, reason: "was over its target (load 80% of 80% now): takes 87.8%"},
		{at: 250 * time.Second, load: .73, takes: .878, reason: "was over its target (load 73% of 80% now): takes 87.8%"},
		{at: 300 * time.Second, takes: .878, reason: "the load isn't known any more: still takes 87.8%"},
		{at: 400 * time.Second, load: .4, frozen: true, takes: .878, reason: "automation is frozen: still takes 87.8%"},
		{at: 401 * time.Second, load: .7, takes: .946, next: 461 * time.Second, reason: "was over its target (load 70% of 80% now): takes 94.6%"},
		{at: 461 * time.Second, load: .3, takes: 1, reason: "load 30% of 80%"},
		{at: 521 * time.Second, load: 8, takes: .9, next: 581 * time.Second, reason: "over its target (load 800% of 80%): takes 90%"},
	} {
		now := t0.Add(step.at)
		var next time.Time
		is, next = rule.after(is, step.load, now, step.frozen)
		if math.Abs(1-is.Withheld-step.takes) > 1e-9 || is.Reason != step.reason {
			t.Errorf("step %d: takes %g: %q; want %g: %q", i, 1-is.Withheld, is.Reason, step.takes, step.reason)
		}
		want := time.Time{}
		if step.next > 0 {
			want = t0.Add(step.next)
		}
		if !next.Equal(want) {
			t.Errorf("step %d: look again at %v, want %v", i, next.Sub(t0), step.next)
		}
	}
	for range 20 {
		is, _ = rule.after(is, 8, is.Since.Add(time.Minute), false)
	}
	if want := "over its target (load 800% of 80%): takes 20%, the least"; math.Abs(is.Withheld-.8) > 1e-9 || is.Reason != want {
		t.Errorf("overloaded for long: withholds %g: %q", is.Withheld, is.Reason)
	}
	rule.Target = 0
	if is, _ = rule.after(is, 8, is.Since.Add(time.Second), false); is.Withheld != 0 {
		t.Errorf("without a target it still withholds %g: %q", is.Withheld, is.Reason)
	}
}

// naiveStep is what LoadRule says of one step, in thousandths and word by word: the largest share that a prediction by
// the rule of three brings to the target or below, found by trying all of them.
func naiveStep(r *LoadRule, withheld, load float64) float64 {
	takes := 1 - withheld
	fits := func(k int, load, goal float64) bool { return float64(k)/1000*load <= goal*takes+1e-9 }
	allowed := func(k int) bool { return math.Abs(float64(k)/1000-takes) <= r.Step+1e-9 }
	switch {
	case load > r.Target:
		for k := 1000; k >= 0; k-- {
			if v := float64(k) / 1000; v <= takes+1e-9 && (fits(k, load, r.Target) || !allowed(k-1) || v <= r.Least+1e-9) {
				return 1 - v
			}
		}
	case load < r.Target*.9-1e-9 && withheld > 0:
		for k := 1000; k >= 0; k-- {
			// The load as said is rounded to percents: it may be half of one higher.
			if fits(k, load+.005, r.Target*.95) && allowed(k) {
				return 1 - float64(k)/1000
			}
		}
	}
	return withheld
}

func drawLoadRule(t *rapid.T) LoadRule {
	return LoadRule{
		Service: "www.", Region: "eu", Every: time.Minute, Target: float64(rapid.IntRange(10, 100).Draw(t, "target")) / 100,
		Step: float64(rapid.IntRange(1, 100).Draw(t, "step")) / 100, Least: float64(rapid.IntRange(10, 100).Draw(t, "least")) / 100,
	}
}

// TestShedStepEqualsNaive compares single steps.
func TestShedStepEqualsNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawLoadRule(t)
		takes := rapid.IntRange(int(1000*r.Least+.5), 1000).Draw(t, "takes")
		withheld := math.Round(1000-float64(takes)) / 1000
		load := float64(rapid.IntRange(1, 300).Draw(t, "load")) / 100
		got, want := r.withheld(withheld, load), naiveStep(&r, withheld, load)
		if math.Abs(got-want) > 1e-6 {
			t.Fatalf("%+v withholding %g under load %g: %g, naively %g", r, withheld, load, got, want)
		}
	})
}

// TestShedSettles closes the loop: the load is a demand times what the pool takes, with a part that stays wherever
// clients are sent. Whatever the rule, shares stay within bounds and steps; under a constant demand they go one way only
// and come to rest, and at rest the load is at the target, unless the bounds forbid it, or within the band below.
func TestShedSettles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawLoadRule(t)
		now := t0
		is := State{}
		fixed := rapid.SampledFrom([]float64{0, 0, .05, .2}).Draw(t, "fixed")
		for range rapid.IntRange(1, 4).Draw(t, "demands") {
			demand := float64(rapid.IntRange(1, 300).Draw(t, "demand")) / 100
			carried := func() float64 {
				load, _ := NewLoad(fixed*r.Target + demand*(1-is.Withheld))
				return load
			}
			way, moved, rested := 0.0, 0, false
			for range 400 {
				was := is
				var next time.Time
				is, next = r.after(is, carried(), now, false)
				diff := was.Withheld - is.Withheld // above 0: takes more
				switch {
				case is.Withheld < 0 || is.Withheld > 1-r.Least+1e-9:
					t.Fatalf("withholds %g", is.Withheld)
				case math.Abs(diff) > r.Step+1e-9:
					t.Fatalf("moves %g in one step", diff)
				case diff*way < 0:
					t.Fatalf("turns round under a constant demand of %g: withheld %g, then %g", demand, was.Withheld, is.Withheld)
				}
				if diff != 0 {
					way, moved = diff, moved+1
				}
				now = now.Add(r.Every)
				if rested = diff == 0 && is == was && next.IsZero(); rested {
					break
				}
			}
			if !rested {
				t.Fatalf("moved %d times and doesn't rest: demand %g, load %g, withholds %g", moved, demand, carried(), is.Withheld)
			}
			load := carried()
			if load > r.Target && is.Withheld < 1-r.Least-1e-9 {
				t.Fatalf("rests at load %g above %g while it takes %g", load, r.Target, 1-is.Withheld)
			}
			if load < r.Target*(1-loadBand)-1e-9 && is.Withheld > 0 {
				t.Fatalf("rests at load %g below the band of %g while it withholds %g", load, r.Target, is.Withheld)
			}
		}
	})
}

// TestShedThroughGovern follows loads from votes to the table: the median of the checkers, the mean of the endpoints, a
// step at its time, and what holds when nobody says anything.
func TestShedThroughGovern(t *testing.T) {
	key := LoadKey("www.", "eu")
	rules := Rules{MaxAge: 15 * time.Second, Default: Rule{Load: true}, Loads: []LoadRule{{
		Service: "www.", Region: "eu", Keys: []string{"a", "b", "c"}, Target: .8, Step: .5, Least: .2, Every: time.Minute,
	}}}
	votes := func(vantage string, a, b float64) Arrival {
		return Arrival{Ballot: Ballot{Vantage: vantage, Votes: map[string]Vote{
			"a": {Health: Up, Load: a}, "b": {Health: Up, Load: b}, "c": {Health: Up},
		}}}
	}
	var observed Table
	var state GovernorState
	run := func(now time.Time, arrivals ...Arrival) (Table, time.Time, []Event) {
		var transitions []Transition
		observed, transitions = Tally(arrivals, rules, observed, now)
		table, next, wake, events := Govern(GovernorInput{Observed: observed, Transitions: transitions, Rules: rules}, state, now)
		state = next
		return table, wake, events
	}
	table, wake, _ := run(t0, votes("x", .9, 1.1), votes("y", .9, 1.1), votes("z", .1, 0))
	if s := table[key]; s.Load != 1 || math.Abs(s.Withheld-.2) > 1e-9 || !wake.Equal(t0.Add(time.Minute)) {
		t.Errorf("the pool: %+v, next at %v", s, wake)
	}
	if got := table["a"].Load; got != .9 {
		t.Errorf("an endpoint's load: %g", got)
	}
	if got := Changed(Table{}, table); len(got) != 4 {
		t.Errorf("changed: %v", got)
	}
	before := table
	table, _, events := run(t0.Add(2 * time.Minute))
	if s := table[key]; math.Abs(s.Withheld-.2) > 1e-9 || s.Load != 1 || len(events) != 0 || table["a"].Load != 0 || table["a"].Health != Up {
		t.Errorf("nobody votes: %+v, endpoint %+v, %v", s, table["a"], events)
	}
	if got := Changed(before, table); len(got) != 0 {
		t.Errorf("a load that isn't known any more changed %v", got)
	}
	table, _, events = run(t0.Add(3*time.Minute), votes("x", .3, .3))
	if s := table[key]; s.Withheld != 0 || s.Load != .3 || len(events) != 1 || events[0].Kind != EventShed || events[0].Key != "www.@eu" {
		t.Errorf("given back: %+v, %v", s, events)
	}
}

func TestNewLoad(t *testing.T) {
	for v, want := range map[float64]float64{0: IdleLoad, .004: IdleLoad, .733: .73, 1.5: 1.5, 1e9: MaxLoad, math.Inf(1): MaxLoad} {
		if got, ok := NewLoad(v); !ok || got != want {
			t.Errorf("%g: %g %v, want %g", v, got, ok, want)
		}
	}
	for _, v := range []float64{-.1, math.NaN(), math.Inf(-1)} {
		if got, ok := NewLoad(v); ok {
			t.Errorf("%g: %g", v, got)
		}
	}
}
