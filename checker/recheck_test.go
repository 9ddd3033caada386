package checker

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"meridian/status"
	"meridian/zones"
)

// usual is a target under the default settings of the configuration.
func usual(key, addr string) Target {
	return Target{key, &zones.Check{
		Interval: 4 * time.Second, Timeout: 2 * time.Second, Recheck: time.Second, ConsecutiveUp: 2, ConsecutiveDown: 3,
	}, netip.MustParseAddr(addr)}
}

// brisk is a target under an interval of 1s, with the defaults that follow from it.
func brisk(key, addr string) Target {
	return Target{key, &zones.Check{
		Interval: time.Second, Timeout: 500 * time.Millisecond, Recheck: 250 * time.Millisecond, ConsecutiveUp: 2, ConsecutiveDown: 3,
	}, netip.MustParseAddr(addr)}
}

// TestDetectionTime proves the worst case: an endpoint that dies at any moment is voted down within 15s under the default
// settings, and within 3s with an interval of 1s, whether it hangs, refuses or answers badly.
func TestDetectionTime(t *testing.T) {
	for _, tt := range []struct {
		name   string
		target func(key, addr string) Target
		how    Observation
		within time.Duration
	}{
		{"default, hangs", usual, Observation{}, 10500 * time.Millisecond},
		{"default, refuses", usual, refusal, 10500 * time.Millisecond},
		{"default, 503", usual, bad, 6500 * time.Millisecond},
		{"1s, hangs", brisk, Observation{}, 2700 * time.Millisecond},
		{"1s, refuses", brisk, refusal, 2700 * time.Millisecond},
		{"1s, 503", brisk, bad, 1700 * time.Millisecond},
	} {
		worst := time.Duration(0)
		for moment := range 40 { // of dying
			synctest.Test(t, func(t *testing.T) {
				// Four regions, one of which dies: few enough for witnesses to be rare.
				var all []Target
				for i := range 4 {
					all = append(all, tt.target(fmt.Sprint(i), fmt.Sprintf("198.18.%d.1", i)))
				}
				w := newWorld(t, all...)
				time.Sleep(20*time.Second + time.Duration(moment)*103*time.Millisecond)
				w.expectVote(t, "0", status.Up)
				died := time.Now()
				w.set(func() {
					w.hang["0"] = tt.how.Reason == ""
					w.see = func(t Target) Observation {
						if t.Key == "0" {
							return tt.how
						}
						return good
					}
				})
				for w.latest().Votes["0"].Health != status.Down && time.Since(died) < time.Minute {
					time.Sleep(10 * time.Millisecond)
					synctest.Wait()
				}
				worst = max(worst, time.Since(died))
				for i := 1; i < 4; i++ {
					w.expectVote(t, fmt.Sprint(i), status.Up)
				}
			})
		}
		t.Logf("%s: at most %v", tt.name, worst)
		if worst > tt.within {
			t.Errorf("%s: found after %v, want %v", tt.name, worst, tt.within)
		}
	}
}

// TestRecheckIsBoundedWork: however an endpoint behaves, it is probed at most twice more in each interval than without
// re-checks, and no more than otherwise as long as it stays what it is.
func TestRecheckIsBoundedWork(t *testing.T) {
	for _, tt := range []struct {
		name string
		see  func(n int) Observation
		most int // probes in 100 intervals
	}{
		{"up", func(int) Observation { return good }, 112},
		{"down", func(int) Observation { return bad }, 114},
		{"down, out of reach", func(int) Observation { return silence }, 114},
		{"inconclusive", func(int) Observation { return Observation{Inconclusive: true, Reason: "no"} }, 112},
		{"every second fails", func(n int) Observation { return []Observation{good, bad}[n%2] }, 230},
		{"two of three fail", func(n int) Observation { return []Observation{good, bad, bad}[n%3] }, 330},
		{"two of three inconclusive", func(n int) Observation {
			return []Observation{bad, {Inconclusive: true, Reason: "no"}, {Inconclusive: true, Reason: "no"}}[n%3]
		}, 160},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, usual("a", "198.18.1.1"), usual("b", "198.18.2.1"), usual("c", "198.18.3.1"))
			n := 0
			w.set(func() {
				w.see = func(target Target) Observation {
					if target.Key != "a" {
						return good
					}
					n++
					return tt.see(n)
				}
			})
			time.Sleep(400 * time.Second)
			synctest.Wait()
			began, _ := w.history("a")
			if len(began) > tt.most || len(began) < 88 {
				t.Errorf("%s: %d probes in 100 intervals, at most %d are wanted", tt.name, len(began), tt.most)
			}
			if others, _ := w.history("b"); len(others) > 250 {
				t.Errorf("%s: another target was probed %d times", tt.name, len(others))
			}
		})
	}
}

// TestH42RecheckDoesntOutrunSanity: when this machine loses its network and everything fails within milliseconds, the
// re-checks of the first target don't vote it down before the others are found to fail.
func TestH42RecheckDoesntOutrunSanity(t *testing.T) {
	for name, how := range map[string]Observation{
		"unreachable": silence, "refused by a firewall": refusal,
	} {
		for regions := minNetworks; regions <= 12; regions += 3 {
			synctest.Test(t, func(t *testing.T) {
				var all []Target
				for i := range regions {
					all = append(all, usual(fmt.Sprint(i), fmt.Sprintf("198.18.%d.1", i)))
				}
				w := newWorld(t, all...)
				time.Sleep(31 * time.Second)
				w.set(func() { w.see = always(how) })
				for range 600 {
					time.Sleep(100 * time.Millisecond)
					synctest.Wait()
					for key, v := range w.latest().Votes {
						if v.Health == status.Down {
							t.Fatalf("%s, %d regions: %s was voted down", name, regions, key)
						}
					}
				}
				if !w.Stats().DistrustV4 || w.latest().Doubt != "nothing answers it any more" {
					t.Errorf("%s: stats %+v, doubt %q", name, w.Stats(), w.latest().Doubt)
				}
				w.set(func() { w.see = always(good) })
				time.Sleep(10 * time.Second)
				synctest.Wait()
				if w.latest().Doubt != "" || w.latest().Votes["0"].Health != status.Up {
					t.Errorf("%s: after the return: %+v", name, w.latest())
				}
			})
		}
	}
}
