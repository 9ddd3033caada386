package checker

import (
	"container/heap"
	"context"
	"time"
)

// entry is a target that is probed, with all that the checker remembers of it. The goroutine of Run owns it.
type entry struct {
	Target
	reference bool      // it judges this checker, and gets no vote
	due       time.Time // when its next probe begins, or its latest began
	index     int       // in the schedule; -1: not in it, because its probe runs or waits
	removed   bool      // the configuration dropped it
	leaves    time.Time // when it is handed over to other checkers; zero: it stays

	cancel    context.CancelFunc // ends the probe under way; nil: none is
	last      Observation        // the latest; the zero value: none yet
	sighted   *Observation       // the latest conclusive one, as the uplink counts it; nil: none yet
	verdict   verdict
	runBegan  time.Time // when the verdict's run began
	waits     int       // how often its end was put off
	easing    easing
	since     time.Time // when verdict.health last changed
	confirmed time.Time // when an observation last counted towards the verdict
	voted     opinion   // as in the latest ballot
	warned    time.Time // end of the certificate that was warned of
}

func (e *entry) threshold() threshold {
	return threshold{e.Check.ConsecutiveUp, e.Check.ConsecutiveDown}
}

// unreached reports whether nothing is known to have reached the endpoint of late.
func (e *entry) unreached() bool { return e.sighted != nil && e.sighted.unreached() }

// schedule orders the targets that wait for their next probe by when they are due.
type schedule []*entry

func (s schedule) Len() int           { return len(s) }
func (s schedule) Less(i, j int) bool { return s[i].due.Before(s[j].due) }
func (s schedule) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].index, s[j].index = i, j
}

// Push and Pop are container/heap's; use add and next.
func (s *schedule) Push(x any) {
	e := x.(*entry)
	e.index = len(*s)
	*s = append(*s, e)
}

func (s *schedule) Pop() any {
	old := *s
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*s = old[:len(old)-1]
	e.index = -1
	return e
}

func (s *schedule) add(e *entry, due time.Time) {
	e.due = due
	heap.Push(s, e)
}

// bring makes e, if it is in the schedule, due at the latest at a time.
func (s *schedule) bring(e *entry, latest time.Time) {
	if e.index >= 0 && e.due.After(latest) {
		e.due = latest
		heap.Fix(s, e.index)
	}
}

func (s *schedule) remove(e *entry) {
	if e.index >= 0 {
		heap.Remove(s, e.index)
	}
}

// next takes out the first target that is due; nil: none is.
func (s *schedule) next(now time.Time) *entry {
	if len(*s) == 0 || (*s)[0].due.After(now) {
		return nil
	}
	return heap.Pop(s).(*entry)
}

// spread returns where in the interval a target's first probe is: by hash, so that targets that start together don't
// probe together, and by vantage, so that checkers don't either.
func spread(vantage, key string, interval time.Duration) time.Duration {
	return time.Duration(float64(hashed(vantage, key)>>11) / (1 << 53) * float64(interval))
}

// jitter is how far from the interval the time between two probes of a target strays, to either side.
const jitter = 0.1

// jittered returns the interval, give or take; random is in [0,1).
func jittered(interval time.Duration, random float64) time.Duration {
	return time.Duration(float64(interval) * (1 + jitter*(2*random-1)))
}

// overdue reports whether a probe is so late that the process must have stood still, or can't keep up. Such probes are
// spread over an interval again rather than made up for in a burst.
func overdue(late, interval time.Duration) bool { return late > interval/4 }

// freshFor is how long a verdict stands without a probe that confirms it: two may be late or inconclusive, not three.
func freshFor(e *entry) time.Duration { return 3 * e.Check.Interval }
