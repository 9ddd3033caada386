package checker

import (
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"meridian/status"
)

func TestEasing(t *testing.T) {
	type step struct {
		withheld float64
		asked    bool
		want     float64
	}
	for name, steps := range map[string][]step{
		"slow three times":       {{0.5, false, 0}, {0.5, false, 0}, {0.5, false, 0.5}, {0, false, 0.5}, {0, false, 0}},
		"slow now and then":      {{0.5, false, 0}, {0.5, false, 0}, {0, false, 0}, {0.5, false, 0}, {0.5, false, 0}, {0, false, 0}},
		"asks, and asks no more": {{1, true, 1}, {0, false, 1}, {1, true, 1}, {0, false, 1}, {0, false, 0}},
		"asks for less":          {{1, true, 1}, {0.25, true, 0.25}, {0.5, true, 0.5}},
		"slow while it drains":   {{1, true, 1}, {0.5, false, 1}, {0.5, false, 0.5}},
	} {
		var e easing
		for i, s := range steps {
			if e = e.after(s.withheld, s.asked, threshold{2, 3}); e.withheld != s.want {
				t.Errorf("%s: %v after step %d, want %v", name, e.withheld, i, s.want)
				break
			}
		}
	}
}

// TestEasingFollowsRuns: what is withheld changes only to what the latest observations, as many as needed, all said.
func TestEasingFollowsRuns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var e easing
		var seen []float64
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			w := rapid.SampledFrom([]float64{0, 0.5, 1}).Draw(t, "withheld")
			seen = append(seen, w)
			before := e.withheld
			e = e.after(w, false, threshold{2, 3})
			need := 3
			if w < before {
				need = 2
			}
			run := 0
			for i := len(seen) - 1; i >= 0 && seen[i] == w; i-- {
				run++
			}
			if want := run >= need; (e.withheld == w) != (want || before == w) {
				t.Fatalf("after %v: %v, before it was %v", seen, e.withheld, before)
			}
		}
	})
}

// TestSlowEndpointsAreSpared follows degraded and drained endpoints to their votes.
func TestSlowEndpointsAreSpared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, usual("a", "198.18.1.1"))
		time.Sleep(15 * time.Second)
		expect := func(health status.Health, withheld float64) {
			t.Helper()
			w.expectVote(t, "a", health)
			if got := w.latest().Votes["a"].Withheld; got != withheld {
				t.Errorf("%v is withheld, want %v", got, withheld)
			}
		}
		slow, drain := good, good
		slow.Withheld = 0.5
		drain.Withheld, drain.Asked, drain.Reason = 1, true, "asks to be drained"
		w.set(func() { w.see = always(slow) })
		time.Sleep(5 * time.Second)
		expect(status.Up, 0)
		time.Sleep(10 * time.Second)
		expect(status.Up, 0.5)
		w.set(func() { w.see = always(drain) })
		time.Sleep(4500 * time.Millisecond)
		expect(status.Up, 1)
		if v := w.latest().Votes["a"]; v.Evidence.Reason != drain.Reason {
			t.Errorf("the vote is %+v", v)
		}
		w.set(func() { w.see = always(bad) })
		time.Sleep(12 * time.Second)
		expect(status.Down, 0)
		w.set(func() { w.see = always(slow) })
		time.Sleep(10 * time.Second)
		expect(status.Up, 0.5) // it comes back as it is
		w.set(func() { w.see = always(good) })
		time.Sleep(10 * time.Second)
		expect(status.Up, 0)
	})
}
