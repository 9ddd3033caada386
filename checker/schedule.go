package checker

import (
	"container/heap"
	"context"
	"hash/fnv"
	"io"
	"time"

	"meridian/status"
)

// entry is a target with all that the checker remembers of it. The goroutine of Run owns it.
type entry struct {
	Target
	due     time.Time // when its next probe begins, or its latest began
	index   int       // in the schedule; -1: not in it, because its probe runs or waits
	removed bool      // the configuration dropped it

	cancel    context.CancelFunc // ends the probe under way; nil: none is
	last      Observation        // the latest; the zero value: none yet
	verdict   verdict
	since     time.Time     // when verdict.health last changed
	confirmed time.Time     // when an observation last counted towards the verdict
	sighted   bool          // it is counted in the uplink's view, as silent or not
	silent    bool          // its latest conclusive observation was silent
	voted     status.Health // as in the latest ballot
	warned    time.Time     // end of the certificate that was warned of
}

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
	h := fnv.New64a()
	io.WriteString(h, vantage+"\x00"+key)
	// FNV leaves the upper bits of similar strings similar; mix them (the finalizer of MurmurHash3).
	x := h.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return time.Duration(float64(x>>11) / (1 << 53) * float64(interval))
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
