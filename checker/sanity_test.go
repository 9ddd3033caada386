package checker

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"meridian/status"
)

// newJudgedWorld is a world with references.
func newJudgedWorld(t *testing.T, targets, references []Target) *world {
	w := newWorld(t)
	w.SetDuties(Duties{Targets: targets, References: references})
	return w
}

// among returns a view of the world in which what is in the list (keys, separated by blanks) is seen as o, all else as good.
func among(list string, o Observation) func(Target) Observation {
	return func(t Target) Observation {
		for _, key := range strings.Fields(list) {
			if strings.HasSuffix(t.Key, key) {
				return o
			}
		}
		return good
	}
}

// TestReferencesJudge: while no reference answers, the checker votes on nothing, whatever else it sees, and says so; one that
// answers is enough.
func TestReferencesJudge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newJudgedWorld(t,
			[]Target{usual("a", "198.18.1.1"), usual("b", "198.18.2.1"), usual("v6", "2001:db8::1")},
			[]Target{usual("r1", "192.0.2.1"), usual("r2", "192.0.2.2")})
		time.Sleep(15 * time.Second)
		w.expectVote(t, "a", status.Up)
		if len(w.latest().Votes) != 3 || w.Stats().Targets != 3 {
			t.Errorf("votes %v, stats %+v", w.latest().Votes, w.Stats())
		}

		w.set(func() { w.see = among("r1 a", silence) })
		time.Sleep(15 * time.Second)
		w.expectVote(t, "a", status.Down) // the other reference is its witness
		w.expectVote(t, "b", status.Up)

		w.set(func() { w.see = among("r1 r2", refusal) })
		time.Sleep(15 * time.Second)
		for _, key := range []string{"a", "b", "v6"} { // they answer, but the judges have spoken; IPv6 has none of its own
			w.expectVote(t, key, status.Unknown)
		}
		if s := w.Stats(); !s.DistrustV4 || !s.DistrustV6 || w.latest().Doubt != "none of its references answers" || w.logged("no reference answers") != 2 {
			t.Errorf("stats %+v, doubt %q, said %d times", s, w.latest().Doubt, w.logged("no reference answers"))
		}
		w.set(func() { w.see = among("r1", silence) })
		time.Sleep(8 * time.Second)
		for _, key := range []string{"a", "b", "v6"} {
			w.expectVote(t, key, status.Up)
		}
		if w.latest().Doubt != "" || w.logged("answer again") != 2 {
			t.Errorf("doubt %q, said %d times", w.latest().Doubt, w.logged("answer again"))
		}
	})
}

// TestReferencesProveTheUplink: with references that answer, everything down is everything down.
func TestReferencesProveTheUplink(t *testing.T) {
	for _, how := range []Observation{silence, refusal} {
		synctest.Test(t, func(t *testing.T) {
			var all []Target
			for i := range 5 {
				all = append(all, usual(fmt.Sprint("t", i), fmt.Sprintf("198.18.%d.1", i)))
			}
			w := newJudgedWorld(t, all, []Target{usual("r1", "192.0.2.1")})
			time.Sleep(15 * time.Second)
			w.set(func() { w.see = among("t0 t1 t2 t3 t4", how) })
			time.Sleep(12 * time.Second)
			for _, target := range all {
				w.expectVote(t, target.Key, status.Down)
			}
		})
	}
}

// TestReferencesComeAndGo: without references the targets themselves judge again.
func TestReferencesComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := []Target{usual("a", "198.18.1.1"), usual("b", "198.18.2.1")}
		w := newJudgedWorld(t, all, []Target{usual("r1", "192.0.2.1"), usual("r1", "192.0.2.1")})
		w.set(func() { w.see = among("r1", silence) })
		time.Sleep(20 * time.Second)
		w.expectVote(t, "a", status.Unknown)
		w.SetDuties(Duties{Targets: all})
		time.Sleep(10 * time.Second)
		w.expectVote(t, "a", status.Up)
		before, _ := w.history(referencePrefix + "r1")
		time.Sleep(time.Minute)
		synctest.Wait()
		if after, running := w.history(referencePrefix + "r1"); len(after) != len(before) || running != 0 || len(before) == 0 {
			t.Errorf("the reference that is gone was probed %d times, and then %d", len(before), len(after)-len(before))
		}
	})
}

// TestSuddenRefusalFromEverywhere: one network that answers, or failures one after the other, are no reason for doubt.
func TestSuddenRefusalFromEverywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all []Target
		for i := range 4 {
			all = append(all, usual(fmt.Sprint("t", i), fmt.Sprintf("198.18.%d.1", i)))
		}
		w := newWorld(t, all...)
		time.Sleep(15 * time.Second)
		down := ""
		for i := range 4 { // a rollout that breaks one region a minute
			down += fmt.Sprint(" t", i)
			w.set(func() { w.see = among(down, refusal) })
			time.Sleep(time.Minute)
			w.expectVote(t, fmt.Sprint("t", i), status.Down)
		}
		if w.logged("withholds its votes") != 0 {
			t.Error("it doubted itself")
		}
	})
}
