package checker

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"meridian/status"
	"meridian/zones"
)

// beating is a push target whose heartbeats live for 30s.
func beating() Target {
	c := &zones.Check{Name: "beat", Type: zones.CheckPush, Interval: 30 * time.Second, ConsecutiveUp: 1, ConsecutiveDown: 1}
	addr := usual("", "198.18.1.1").Addr
	return Target{c.Target(addr), c, addr}
}

func (w *world) push(t *testing.T, key string, b Beat) {
	t.Helper()
	if err := w.Push(key, b); err != nil {
		t.Fatal(err)
	}
}

func TestPush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		target := beating()
		w := newWorld(t, target)
		expect := func(health status.Health, withheld float64, reason string) {
			t.Helper()
			time.Sleep(voteGap)
			w.expectVote(t, target.Key, health)
			if v := w.latest().Votes[target.Key]; v.Withheld != withheld || v.Evidence.Reason != reason {
				t.Errorf("the vote is %+v, want %v withheld and the reason %q", v, withheld, reason)
			}
		}
		time.Sleep(5 * time.Minute)
		expect(status.Unknown, 0, "no heartbeat yet") // it may be sent to another checker
		w.push(t, target.Key, Beat{})
		expect(status.Up, 0, "heartbeat")
		for range 10 { // more often than the lifetime
			time.Sleep(20 * time.Second)
			w.push(t, target.Key, Beat{Health: status.Up, Reason: "fine"})
			time.Sleep(DefaultHeartbeat) // which brings new evidence for the same verdict
			expect(status.Up, 0, "fine")
		}
		time.Sleep(24 * time.Second)
		expect(status.Up, 0, "fine")
		time.Sleep(time.Second)
		expect(status.Down, 0, "no heartbeat for 30s")
		time.Sleep(10*time.Minute + DefaultHeartbeat + time.Second)
		expect(status.Down, 0, "no heartbeat for 10m30s") // as it was last looked at
		w.push(t, target.Key, Beat{Health: status.Up, Withheld: 0.25, Reason: "warming up"})
		expect(status.Up, 0.25, "warming up")
		w.push(t, target.Key, Beat{Health: status.Down, Reason: "disk full\n\x1b[31m"})
		expect(status.Down, 0, "disk full??[31m")
		w.push(t, target.Key, Beat{Health: status.Up})
		expect(status.Up, 0, "heartbeat")
	})
}

func TestPushOfWhatIsNoTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		target, probed := beating(), usual("a", "198.18.1.1")
		w := newWorld(t, target, probed)
		for key, b := range map[string]Beat{
			probed.Key: {}, "nobody": {}, target.Key: {Health: 9}, target.Key + " ": {Withheld: 2}, target.Key + "  ": {Load: -1},
		} {
			if err := w.Push(key, b); err == nil || !strings.Contains(err.Error(), "heartbeat") && !strings.Contains(err.Error(), "no push target "+key) {
				t.Errorf("%s, %+v: %v", key, b, err)
			}
		}
		w.push(t, target.Key, Beat{})
		time.Sleep(time.Second)
		w.expectVote(t, target.Key, status.Up)
		w.SetTargets(nil)
		if err := w.Push(target.Key, Beat{}); err == nil {
			t.Error("a heartbeat for a target that is gone was taken")
		}
		synctest.Wait()
		w.SetTargets([]Target{target}) // and an old one doesn't count for its successor
		time.Sleep(31 * time.Second)
		w.expectVote(t, target.Key, status.Unknown)
	})
}

// TestPushAsPart: heartbeats combine with probes, and are this checker's own even where targets are shared.
func TestPushAsPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		web, beat := part("web"), beating().Check
		both := combinedTarget(&zones.Combination{All: []*zones.Check{web, beat}})
		w := newWorld(t, both)
		key := beat.Target(both.Addr)
		time.Sleep(15 * time.Second)
		w.expectVote(t, both.Key, status.Unknown)
		w.push(t, key, Beat{})
		time.Sleep(voteGap)
		w.expectVote(t, both.Key, status.Up)
		time.Sleep(31 * time.Second)
		w.expectVote(t, both.Key, status.Down)
		if v := w.latest().Votes[both.Key]; v.Evidence.Reason != "beat: no heartbeat for 30s" {
			t.Errorf("the vote is %+v", v)
		}
	})
}
