package checker

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestSpreadIsEven: keys that differ in one digit only still spread over the whole interval.
func TestSpreadIsEven(t *testing.T) {
	const targets, buckets = 10_000, 20
	var counts [buckets]int
	for i := range targets {
		at := spread("fra", fmt.Sprintf("web:1f2e3d4c@198.18.%d.%d", i/256, i%256), 5*time.Second)
		if at < 0 || at >= 5*time.Second {
			t.Fatalf("target %d begins after %v", i, at)
		}
		counts[at*buckets/(5*time.Second)]++
	}
	chi2, expected := 0.0, float64(targets)/buckets
	for _, n := range counts {
		chi2 += (float64(n) - expected) * (float64(n) - expected) / expected
	}
	if chi2 > 43.8 { // 19 degrees of freedom, p = 0.001; the input is fixed, so this can't flake
		t.Errorf("chi-square %.1f for %v", chi2, counts)
	}
	if spread("fra", "a", time.Second) == spread("nyc", "a", time.Second) {
		t.Error("two vantages begin at the same moment")
	}
}

func TestJitteredStaysWithinATenth(t *testing.T) {
	for random, want := range map[float64]time.Duration{0: 900 * time.Millisecond, 0.5: time.Second, 0.999999: 1100 * time.Millisecond} {
		if got := jittered(time.Second, random); (got - want).Abs() > time.Millisecond {
			t.Errorf("jittered(1s, %v) = %v, want %v", random, got, want)
		}
	}
}

// TestScheduleEqualsItsTwin compares the heap with a twin that searches a map.
func TestScheduleEqualsItsTwin(t *testing.T) {
	epoch := time.Unix(1e9, 0)
	rapid.Check(t, func(t *rapid.T) {
		var s schedule
		twin := map[*entry]time.Time{}
		at := rapid.Custom(func(t *rapid.T) time.Time {
			return epoch.Add(time.Duration(rapid.IntRange(0, 50).Draw(t, "second")) * time.Second)
		})
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				e := &entry{index: -1}
				twin[e] = at.Draw(t, "due")
				s.add(e, twin[e])
			},
			"remove": func(t *rapid.T) {
				for e := range twin {
					s.remove(e)
					s.remove(e) // a second time is harmless
					delete(twin, e)
					break
				}
			},
			"next": func(t *rapid.T) {
				now := at.Draw(t, "now")
				first := time.Time{}
				for _, due := range twin {
					if !due.After(now) && (first.IsZero() || due.Before(first)) {
						first = due
					}
				}
				e := s.next(now)
				if (e == nil) != first.IsZero() || e != nil && !twin[e].Equal(first) {
					t.Fatalf("next is %v, the twin's is due %v", e, first)
				}
				delete(twin, e)
			},
			"": func(t *rapid.T) {
				if len(s) != len(twin) {
					t.Fatalf("%d scheduled, the twin has %d", len(s), len(twin))
				}
			},
		})
	})
}

func TestLaneIsFairAndSkipsTheRemoved(t *testing.T) {
	l := lane{room: laneRoom}
	for range laneRoom {
		if !l.enter(&entry{}) {
			t.Fatal("a lane with room kept somebody waiting")
		}
	}
	first, gone, third := &entry{}, &entry{removed: true}, &entry{}
	for _, e := range []*entry{first, gone, third} {
		if l.enter(e) {
			t.Fatal("a full lane let somebody in")
		}
	}
	if l.leave() != first || l.leave() != third || l.leave() != nil || l.running != laneRoom-1 {
		t.Errorf("the order is wrong, or %d run", l.running)
	}
}
