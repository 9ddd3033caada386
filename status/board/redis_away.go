package board

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	firstWait = 250 * time.Millisecond // after a first failure
	maxWait   = 2 * time.Second
)

// breaker spares a Redis that fails: after a failure nothing is tried for a while, longer each time, and callers get the
// last error at once. The zero value lets everything pass.
type breaker struct {
	mu    sync.Mutex
	err   error
	delay time.Duration
	until time.Time
}

// closed returns nil if an attempt may be made now, or else the error of the last one.
func (b *breaker) closed() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil && time.Now().Before(b.until) {
		return b.err
	}
	return nil
}

// record takes in how an attempt went.
func (b *breaker) record(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
	if err == nil {
		b.delay = 0
		return
	}
	b.delay = min(max(2*b.delay, firstWait), maxWait)
	b.until = time.Now().Add(jitter(b.delay))
}

// wait returns how long to wait before the next attempt; after a success it is pause.
func (b *breaker) wait(pause time.Duration) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		return jitter(pause)
	}
	return time.Until(b.until)
}

func (b *breaker) problem() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// interruption is a time in which the board couldn't be read, or was empty all at once. The vantages whose votes counted
// when it began are awaited: those of them whose ballots run out meanwhile didn't fall silent, they weren't heard.
type interruption struct {
	awaited map[string]struct{} // nil: there is none
	back    time.Time           // when the board was first read again; zero: not yet
}

// begin notes who voted, unless an interruption is on already. It reports whether this one is new.
func (i *interruption) begin(known map[string]*knownBallot) bool {
	i.back = time.Time{}
	if i.awaited != nil {
		return false
	}
	i.awaited = map[string]struct{}{}
	for vantage, k := range known {
		if k.fresh() {
			i.awaited[vantage] = struct{}{}
		}
	}
	return len(i.awaited) > 0
}

// voted notes a ballot that came after the interruption began.
func (i *interruption) voted(vantage string) { delete(i.awaited, vantage) }

// over returns why the board, although it can be read, doesn't tell yet who votes; nil: it does.
func (i *interruption) over(known map[string]*knownBallot, empty bool, grace time.Duration) error {
	if i.awaited == nil {
		return nil
	}
	var missing []string
	for vantage := range i.awaited {
		switch k := known[vantage]; {
		case k == nil:
			delete(i.awaited, vantage)
		case !k.fresh():
			missing = append(missing, vantage)
		}
	}
	if !empty && i.back.IsZero() {
		i.back = time.Now()
	}
	switch {
	case len(i.awaited) == 0, !empty && time.Since(i.back) >= grace:
		i.awaited, i.back = nil, time.Time{}
		return nil
	case len(missing) == 0:
		return nil // what was read before still counts
	case empty:
		return fmt.Errorf("the board is empty, where %s voted: it was flushed, or is another Redis; waiting for votes", list(missing))
	}
	return fmt.Errorf("the board is back; waiting for the votes of %s, at most %v", list(missing), grace)
}

// list names a few of many.
func list(names []string) string {
	slices.Sort(names)
	if len(names) > 5 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:5], ", "), len(names)-5)
	}
	return strings.Join(names, ", ")
}

// figures counts what was asked of Redis, by operation and by how it went.
type figures struct {
	corrupt atomic.Uint64 // ballots, index entries and events that were ignored

	mu         sync.Mutex
	operations map[Operation]uint64
}

// Operation is something that was asked of the board, and how it went: "ok", or a word for what went wrong.
type Operation struct{ Name, Result string }

func (f *figures) count(name string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.operations == nil {
		f.operations = map[Operation]uint64{}
	}
	f.operations[Operation{name, kindOf(err)}]++
}

// RedisStats are the board's figures for metrics and pages.
type RedisStats struct {
	Operations map[Operation]uint64 // publish, read, subscribe, events, control, scribe
	Corrupt    uint64               // ballots, index entries and events that were ignored
	Write      error                // why nothing can be written now; nil: it can, as far as was tried
}

// Stats returns the figures of now.
func (r *Redis) Stats() RedisStats {
	s := RedisStats{Operations: map[Operation]uint64{}, Corrupt: r.figures.corrupt.Load(), Write: r.writes.problem()}
	r.figures.mu.Lock()
	defer r.figures.mu.Unlock()
	for o, n := range r.figures.operations {
		s.Operations[o] = n
	}
	return s
}
