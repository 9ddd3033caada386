package board

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"meridian/status"
)

// mirror is a running States with what it told.
type mirror struct {
	*States
	mu   sync.Mutex
	told []status.Event
	log  bytes.Buffer
	stop func()
}

// startMirror runs the mirror of b until the test ends, or stop is called.
func startMirror(t *testing.T, b Board, o Options) *mirror {
	t.Helper()
	m := &mirror{}
	o.Log = slog.New(slog.NewTextHandler(lockedWriter{m}, nil))
	o.Events = func(all []status.Event) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.told = append(m.told, all...)
	}
	m.States = NewStates(b, o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := m.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	m.stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(m.stop)
	return m
}

type lockedWriter struct{ m *mirror }

func (w lockedWriter) Write(p []byte) (int, error) {
	w.m.mu.Lock()
	defer w.m.mu.Unlock()
	return w.m.log.Write(p)
}

func (m *mirror) logged(text string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Count(m.log.String(), text)
}

// takeTold returns the events since the last call, changes of health as "a: up -> down (reason)".
func (m *mirror) takeTold() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []string
	for _, c := range m.told {
		if c.Kind != status.EventHealth {
			all = append(all, fmt.Sprintf("%s: %s %s (%s)", c.Key, c.Kind, c.Hold, c.Reason))
			continue
		}
		all = append(all, fmt.Sprintf("%s: %v -> %v (%s)", c.Key, c.From, c.To, c.Reason))
	}
	m.told = nil
	return all
}

func (m *mirror) expectTold(t *testing.T, want ...string) {
	t.Helper()
	if got := m.takeTold(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("told %q, want %q", got, want)
	}
}

func (m *mirror) expectHealth(t *testing.T, target string, want status.Health) {
	t.Helper()
	if got := m.Table()[target].Health; got != want {
		t.Errorf("%s is %v, want %v", target, got, want)
	}
}

func TestStatesFollowTheBoardAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Memory
		m := startMirror(t, &b, Options{})
		changes, cancel := m.Subscribe()
		defer cancel()
		synctest.Wait()

		begin := time.Now()
		publish(t, &b, "fra", map[string]status.Vote{"a": vote(status.Up, "HTTP 200 OK")})
		<-changes
		m.expectHealth(t, "a", status.Up)
		publish(t, &b, "fra", map[string]status.Vote{"a": vote(status.Down, "HTTP 503 Service Unavailable")})
		<-changes
		m.expectHealth(t, "a", status.Down)
		if took := time.Since(begin); took != 0 {
			t.Errorf("two changes took %v of the bubble's time; nothing should wait", took)
		}
		synctest.Wait()
		m.expectTold(t, "a: unknown -> up (checker fra: HTTP 200 OK)",
			"a: up -> down (checker fra: HTTP 503 Service Unavailable)")
		if n := m.logged("health changed"); n != 2 {
			t.Errorf("%d log lines for 2 changes", n)
		}
		before := m.Table()
		publish(t, &b, "fra", map[string]status.Vote{"a": vote(status.Down, "HTTP 503 Service Unavailable")})
		synctest.Wait()
		if len(changes) != 0 || len(before) != 1 {
			t.Error("a heartbeat that changes nothing was announced as a change")
		}
	})
}

// TestH44FirstResultPendingAtStart: a target without a state is unknown, which is neither up nor down.
func TestH44FirstResultPendingAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Memory
		m := startMirror(t, &b, Options{})
		publish(t, &b, "fra", map[string]status.Vote{"a": vote(status.Unknown, "connection refused")})
		synctest.Wait()
		m.expectHealth(t, "a", status.Unknown)
		m.expectTold(t)
	})
}

// TestStaleCheckerLosesItsVote: the vote of a checker that went away ends when its ballot gets stale, without any event on
// the board. Where most go away at once, the rest decides only when that has lasted: a board that lost its data looks alike.
func TestStaleCheckerLosesItsVote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Memory
		m := startMirror(t, &b, Options{})
		for _, vantage := range []string{"fra", "nyc"} {
			publish(t, &b, vantage, map[string]status.Vote{"a": vote(status.Up, "")})
		}
		time.Sleep(10 * time.Second)
		publish(t, &b, "nyc", map[string]status.Vote{"a": vote(status.Down, "timeout")})
		time.Sleep(5 * time.Second)
		synctest.Wait()
		m.expectHealth(t, "a", status.Up) // a tie
		m.takeTold()

		time.Sleep(time.Nanosecond) // now nyc is the only one that is fresh: one of two
		synctest.Wait()
		m.expectTold(t, "a: up -> down (checker nyc: timeout)")

		time.Sleep(time.Hour) // and now nobody is
		synctest.Wait()
		m.expectHealth(t, "a", status.Down)
		m.expectTold(t)
	})
}

func TestFewOfManyDoNotDecideAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Memory
		m := startMirror(t, &b, Options{})
		for _, vantage := range []string{"fra", "nyc", "sin"} {
			publish(t, &b, vantage, map[string]status.Vote{"a": vote(status.Up, "")})
		}
		synctest.Wait()
		m.takeTold()
		for range 11 { // fra and nyc are gone, or the board lost them
			time.Sleep(5 * time.Second)
			publish(t, &b, "sin", map[string]status.Vote{"a": vote(status.Down, "timeout")})
		}
		synctest.Wait()
		m.expectHealth(t, "a", status.Up)
		if r := m.Report(); r.Source != Held || r.Why != "only 1 of 3 checkers that voted lately are on the board" {
			t.Errorf("%s: %s", r.Source, r.Why)
		}
		for range 5 {
			time.Sleep(5 * time.Second)
			publish(t, &b, "sin", map[string]status.Vote{"a": vote(status.Down, "timeout")})
		}
		synctest.Wait()
		m.expectTold(t, "a: up -> down (checker sin: timeout)")
	})
}

// TestH38ClocksOfCheckersDiffer: what a checker's own clock says is shown and never compared.
func TestH38ClocksOfCheckersDiffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Memory
		m := startMirror(t, &b, Options{})
		for i, skew := range []time.Duration{-time.Hour, 0, time.Hour} {
			publish(t, &b, fmt.Sprint(i), map[string]status.Vote{"a": {Health: status.Up, Since: time.Now().Add(skew)}})
		}
		begin := time.Now()
		synctest.Wait()
		m.expectTold(t, "a: unknown -> up (3 of 3 checkers)")
		if since := m.Table()["a"].Since; !since.Equal(begin) {
			t.Errorf("Since is %v, want this server's own %v", since, begin)
		}
	})
}

func TestStatesHoldWhileTheBoardIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b brokenBoard
		m := startMirror(t, &b, Options{})
		publish(t, &b, "fra", map[string]status.Vote{"a": vote(status.Down, "timeout")})
		synctest.Wait()
		m.takeTold()

		b.fail(errors.New("board on fire"))
		publish(t, &b, "fra", map[string]status.Vote{"a": vote(status.Up, "")})
		time.Sleep(time.Minute + time.Millisecond)
		synctest.Wait()
		m.expectHealth(t, "a", status.Down)
		r := m.Report()
		if r.Board == nil || r.Board.Error() != "board on fire" || m.logged("board on fire") != 1 {
			t.Errorf("report says %v, log says it %d times", r.Board, m.logged("board on fire"))
		}
		if len(r.Ballots) != 1 || r.Ballots[0].Age < time.Minute {
			t.Errorf("the ballot that was read last has the age %v", r.Ballots)
		}

		b.fail(nil)
		publish(t, &b, "fra", map[string]status.Vote{"a": vote(status.Up, "")})
		time.Sleep(boardRetry)
		synctest.Wait()
		m.expectHealth(t, "a", status.Up)
		if m.Report().Board != nil || m.logged("can be read again") != 1 {
			t.Error("the board's return went unnoticed")
		}
	})
}

func TestSetRulesCountsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Memory
		m := startMirror(t, &b, Options{})
		publish(t, &b, "fra", map[string]status.Vote{"a": vote(status.Up, ""), "b": vote(status.Up, "")})
		publish(t, &b, "nyc", map[string]status.Vote{"a": vote(status.Down, ""), "b": vote(status.Up, "")})
		publish(t, &b, "sin", map[string]status.Vote{"a": vote(status.Up, "")})
		synctest.Wait()
		m.expectHealth(t, "a", status.Up)
		m.SetRules(status.Rules{Targets: map[string]status.Rule{"a": {Quorum: status.Quorum{Down: status.Need{Kind: status.NeedAny}}}}})
		synctest.Wait()
		m.expectHealth(t, "a", status.Down)
		if _, ok := m.Table()["b"]; ok {
			t.Error("a target that the rules leave out is still in the table")
		}
	})
}

// TestH45EveryRegionDown: the table says so; what is answered then is the service's fallback.
func TestH45EveryRegionDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Memory
		m := startMirror(t, &b, Options{})
		down := vote(status.Down, "connection refused")
		publish(t, &b, "fra", map[string]status.Vote{"a": down, "b": down, "c": down})
		synctest.Wait()
		m.expectTold(t, "a: unknown -> down (checker fra: connection refused)",
			"b: unknown -> down (checker fra: connection refused)", "c: unknown -> down (checker fra: connection refused)")
	})
}

// TestH39BallotOfAStoppedProcessIsStale: after a pause longer than its age allows, the own ballot counts no more.
func TestH39BallotOfAStoppedProcessIsStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Memory
		publish(t, &b, "fra", map[string]status.Vote{"a": vote(status.Down, "timeout")})
		time.Sleep(time.Minute) // the process stands still: nobody reads
		m := startMirror(t, &b, Options{})
		synctest.Wait()
		m.expectHealth(t, "a", status.Unknown)
	})
}
