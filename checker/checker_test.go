package checker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"meridian/status"
	"meridian/zones"
)

// world is a checker whose probes and board are the test's. Run its tests in a synctest bubble.
type world struct {
	*Checker
	mu      sync.Mutex
	see     func(Target) Observation // what a probe sees, at once
	hang    map[string]bool          // targets whose probes run into their timeout
	began   map[string][]time.Time   // when probes began
	running map[string]int
	most    int // probes of one target at a time
	ballots []status.Ballot
	when    []time.Time // of the ballots
	refuse  error       // what Publish says
	log     bytes.Buffer
}

func (w *world) Write(p []byte) (int, error) { w.mu.Lock(); defer w.mu.Unlock(); return w.log.Write(p) }

func (w *world) Publish(_ context.Context, b status.Ballot) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ballots, w.when = append(w.ballots, b), append(w.when, time.Now())
	return w.refuse
}

func (w *world) fakeProbe(ctx context.Context, t Target) Observation {
	w.mu.Lock()
	w.began[t.Key] = append(w.began[t.Key], time.Now())
	w.running[t.Key]++
	w.most = max(w.most, w.running[t.Key])
	see, hang := w.see, w.hang[t.Key]
	w.mu.Unlock()
	defer func() { w.mu.Lock(); w.running[t.Key]--; w.mu.Unlock() }()
	if !hang {
		return see(t)
	}
	select {
	case <-ctx.Done():
		return Observation{Inconclusive: true, Reason: "the probe was stopped"}
	case <-time.After(t.Check.Timeout):
		return Observation{Silent: true, Reason: "timeout", Latency: t.Check.Timeout}
	}
}

var (
	good    = Observation{OK: true, Reason: "HTTP 200 OK", Status: 200, Latency: time.Millisecond}
	bad     = Observation{Reason: "HTTP 503 Service Unavailable", Status: 503, Latency: time.Millisecond}
	silence = Observation{Silent: true, Reason: "no route to host", Latency: time.Millisecond}
)

func always(o Observation) func(Target) Observation { return func(Target) Observation { return o } }

func newWorld(t *testing.T, targets ...Target) *world {
	w := &world{see: always(good), hang: map[string]bool{}, began: map[string][]time.Time{}, running: map[string]int{}}
	w.Checker = New("fra", w, Options{Log: slog.New(slog.NewTextHandler(w, nil)), Probe: w.fakeProbe})
	w.SetTargets(targets)
	w.run(t)
	return w
}

// run runs the checker until the test ends.
func (w *world) run(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// target is one that the default settings of the documentation probe: every 5s, with 2s to answer, 2 up, 3 down.
func target(key, addr string) Target {
	return Target{key, &zones.Check{Interval: 5 * time.Second, Timeout: 2 * time.Second, ConsecutiveUp: 2, ConsecutiveDown: 3}, netip.MustParseAddr(addr)}
}

func (w *world) set(f func()) { w.mu.Lock(); defer w.mu.Unlock(); f() }

func (w *world) latest() status.Ballot {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ballots[len(w.ballots)-1]
}

// history returns when the probes of a target began, and how many of them run.
func (w *world) history(key string) (began []time.Time, running int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.began[key]), w.running[key]
}

// published returns when ballots were published.
func (w *world) published() []time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.when)
}

func (w *world) expectVote(t *testing.T, key string, want status.Health) {
	t.Helper()
	synctest.Wait()
	if got := w.latest().Votes[key].Health; got != want {
		t.Errorf("the vote on %s is %v, want %v", key, got, want)
	}
}

func (w *world) logged(text string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Count(w.log.String(), text)
}

func TestVerdictsBecomeVotesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, target("a", "198.18.1.1"))
		time.Sleep(12 * time.Second)
		w.expectVote(t, "a", status.Up)
		w.set(func() { w.see = always(bad) })
		for w.latest().Votes["a"].Health == status.Up {
			time.Sleep(time.Millisecond)
			synctest.Wait()
		}
		v := w.latest().Votes["a"]
		began, _ := w.history("a")
		third, when := began[len(began)-1], w.published()
		if v.Health != status.Down || v.Evidence.Reason != bad.Reason || v.Evidence.Status != 503 {
			t.Errorf("the vote is %+v", v)
		}
		if late := when[len(when)-1].Sub(third); late > voteGap {
			t.Errorf("the vote came %v after the third failure", late)
		}
		if w.latest().Vantage != "fra" {
			t.Errorf("%q votes", w.latest().Vantage)
		}
		if s := w.Stats(); s.Targets != 1 || s.Success < 2 || s.Failure != 3 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestHeartbeatIsConstantWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, target("a", "198.18.1.1"), target("b", "198.18.2.1"))
		time.Sleep(20 * time.Second)
		synctest.Wait()
		before := len(w.published())
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := len(w.published()) - before; n != 12 {
			t.Errorf("%d ballots in a quiet minute, want one every 5s", n)
		}
		if len(w.latest().Votes) != 2 {
			t.Errorf("a heartbeat with %d of 2 votes", len(w.latest().Votes))
		}
	})
}

func TestWaveOfChangesGoesOutTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all []Target
		for i := range 1000 {
			all = append(all, target(fmt.Sprint(i), "198.18.1.1"))
		}
		w := newWorld(t, all...)
		time.Sleep(15 * time.Second)
		w.set(func() { w.see = always(bad) })
		before := len(w.published())
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if n := len(w.published()) - before; n > int(20*time.Second/voteGap) {
			t.Errorf("%d ballots in 20s", n)
		}
		for key, v := range w.latest().Votes {
			if v.Health != status.Down {
				t.Fatalf("%s is %v", key, v.Health)
			}
		}
	})
}

func TestPublishFailuresAreSaidOnceAndRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, target("a", "198.18.1.1"))
		w.set(func() { w.refuse = errors.New("read-only replica") })
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := w.logged("read-only replica"); n != 1 {
			t.Errorf("said %d times", n)
		}
		w.set(func() { w.refuse = nil })
		time.Sleep(DefaultHeartbeat)
		synctest.Wait()
		if w.logged("published again") != 1 {
			t.Error("the recovery went unsaid")
		}
	})
}

func TestDroppedTargetsLoseTheirVotes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := target("a", "198.18.1.1"), target("b", "198.18.2.1")
		w := newWorld(t, a, b, a) // two services share a
		w.set(func() { w.hang["b"] = true })
		time.Sleep(30 * time.Second)
		w.expectVote(t, "b", status.Down)

		w.SetTargets([]Target{a})
		synctest.Wait()
		if _, ok := w.latest().Votes["b"]; ok || len(w.latest().Votes) != 1 {
			t.Errorf("the votes are %v", w.latest().Votes)
		}
		w.expectVote(t, "a", status.Up) // untouched
		before, _ := w.history("b")
		time.Sleep(time.Minute)
		synctest.Wait()
		if after, running := w.history("b"); len(after) != len(before) || running != 0 {
			t.Error("b is still probed")
		}
		if began, _ := w.history("a"); len(began) < 16 || len(began) > 20 {
			t.Errorf("a was probed %d times in 90s, once every 5s is 18", len(began))
		}

		w.SetTargets([]Target{a, b}) // back again: a new target
		synctest.Wait()
		w.expectVote(t, "b", status.Unknown)
		w.SetTargets(nil)
		time.Sleep(voteGap) // the last ballot went out at this moment
		synctest.Wait()
		if len(w.latest().Votes) != 0 || w.Stats().Targets != 0 {
			t.Error("votes without targets")
		}
	})
}

func TestH39StoppedProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all []Target
		for i := range 500 {
			all = append(all, target(fmt.Sprint(i), "198.18.1.1"))
		}
		w := &world{see: always(good), began: map[string][]time.Time{}, running: map[string]int{}}
		w.Checker = New("fra", w, Options{Probe: w.fakeProbe})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		d := newDesk(ctx, w.Checker)
		d.replace(Duties{Targets: all})
		for d.schedule[0].due.Before(time.Now().Add(5 * time.Second)) {
			e := d.schedule.next(d.schedule[0].due)
			d.observe(e, good, e.due)
			d.observe(e, good, e.due)
			d.schedule.add(e, e.due.Add(5*time.Second))
		}
		time.Sleep(5 * time.Second)
		d.vote()
		if v := (<-d.outbox).Votes["7"]; v.Health != status.Up {
			t.Fatalf("before the pause: %v", v.Health)
		}

		time.Sleep(time.Minute) // the process stands still: nobody turns the loop
		d.begin()
		synctest.Wait()
		if n := d.lanes[0].running; n > 0 {
			t.Errorf("%d overdue probes began in a burst", n)
		}
		d.vote()
		if v := (<-d.outbox).Votes["7"]; v.Health != status.Unknown {
			t.Errorf("a verdict from before the pause was published as fresh: %v", v.Health)
		}
		soonest, latest := 5*time.Second, time.Duration(0)
		for _, e := range d.schedule {
			in := time.Until(e.due)
			soonest, latest = min(soonest, in), max(latest, in)
		}
		if soonest < 0 || soonest > time.Second || latest > 5*time.Second || latest < 4*time.Second {
			t.Errorf("after the pause probes are due in %v to %v", soonest, latest)
		}

		e := all[0]
		late := stalled(result{&entry{Target: e}, nil, bad, time.Minute})
		if !late.Inconclusive || !strings.Contains(late.Reason, "stood still") {
			t.Errorf("a probe that the pause interrupted counts as %+v", late)
		}
		if seen := stalled(result{&entry{Target: e}, nil, bad, 2 * time.Second}); seen != bad {
			t.Errorf("an ordinary timeout counts as %+v", seen)
		}
	})
}

// TestH40ThousandTargetsStart: first probes are spread over the interval, and jitter keeps later ones apart.
func TestH40ThousandTargetsStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all []Target
		for i := range 1000 {
			all = append(all, target(fmt.Sprint(i), "198.18.1.1"))
		}
		w := newWorld(t, all...)
		begin := time.Now()
		time.Sleep(time.Minute)
		synctest.Wait()
		perSlot := map[time.Duration]int{} // of 100 ms
		for _, target := range all {
			times, _ := w.history(target.Key)
			if first := times[0].Sub(begin); first > 5*time.Second {
				t.Fatalf("a first probe after %v", first)
			}
			for i, at := range times {
				perSlot[at.Sub(begin)/(100*time.Millisecond)]++
				if i > 0 {
					if gap := at.Sub(times[i-1]); gap < 4500*time.Millisecond || gap > 5500*time.Millisecond {
						t.Fatalf("%v between two probes of one target", gap)
					}
				}
			}
		}
		for slot, n := range perSlot {
			if n > 60 { // the mean is 20
				t.Errorf("%d probes in the 100ms from %v on", n, slot*100*time.Millisecond)
			}
		}
		w.set(func() {
			if w.most != 1 {
				t.Errorf("%d probes of one target at a time", w.most)
			}
		})
	})
}

// TestH41AllTargetsTimeOutTogether: five thousand hanging targets don't delay a hundred good ones, and are all found down.
func TestH41AllTargetsTimeOutTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all []Target
		for i := range 5_000 {
			all = append(all, target(fmt.Sprint("hang", i), "198.18.1.1"))
		}
		for i := range 100 {
			all = append(all, target(fmt.Sprint("good", i), "198.18.2.1"))
		}
		w := newWorld(t, all...)
		time.Sleep(11 * time.Second)
		w.set(func() {
			for i := range 5_000 {
				w.hang[fmt.Sprint("hang", i)] = true
			}
		})
		time.Sleep(19 * time.Second) // 3 x 5.5s and 2s to time out
		synctest.Wait()
		b := w.latest()
		for i := range 5_000 {
			if v := b.Votes[fmt.Sprint("hang", i)]; v.Health != status.Down {
				t.Fatalf("target %d is %v after 19s", i, v.Health)
			}
		}
		for i := range 100 {
			times, _ := w.history(fmt.Sprint("good", i))
			for j := 1; j < len(times); j++ {
				if gap := times[j].Sub(times[j-1]); gap > 5500*time.Millisecond {
					t.Fatalf("a good target waited %v for its probe", gap)
				}
			}
		}
	})
}

// TestH42CheckerWithoutNetwork: when nothing answers anywhere, this checker votes unknown and says so, for each family alone.
func TestH42CheckerWithoutNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all []Target
		for i := range 4 {
			all = append(all, target(fmt.Sprint("v4-", i), fmt.Sprintf("198.18.%d.1", i)), target(fmt.Sprint("v6-", i), fmt.Sprintf("2001:db8:%d::1", i)))
		}
		w := newWorld(t, all...)
		time.Sleep(15 * time.Second)
		w.expectVote(t, "v4-0", status.Up)

		w.set(func() {
			w.see = func(t Target) Observation {
				if t.Addr.Is4() {
					return silence
				}
				return good
			}
		})
		for range 120 {
			time.Sleep(time.Second)
			synctest.Wait()
			for key, v := range w.latest().Votes {
				if v.Health == status.Down {
					t.Fatalf("%s was voted down: %+v", key, v)
				}
			}
		}
		w.expectVote(t, "v4-0", status.Unknown)
		w.expectVote(t, "v6-0", status.Up)
		if !w.Stats().DistrustV4 || w.Stats().DistrustV6 || w.logged("withholds its votes") != 1 {
			t.Errorf("stats %+v, said %d times", w.Stats(), w.logged("withholds its votes"))
		}

		w.set(func() { w.see = always(good) })
		time.Sleep(6 * time.Second)
		w.expectVote(t, "v4-0", status.Up)
		if w.Stats().DistrustV4 || w.logged("answer again") != 1 {
			t.Error("the return of the network went unnoticed")
		}
	})
}

// TestAllRefusingIsNoLostUplink: an answer, even a refusal, proves the network; then all down is all down.
func TestAllRefusingIsNoLostUplink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, target("a", "198.18.1.1"), target("b", "198.18.2.1"), target("c", "198.18.3.1"), target("d", "198.18.4.1"))
		w.set(func() { w.see = always(Observation{Reason: "connection refused"}) })
		time.Sleep(20 * time.Second)
		for _, key := range []string{"a", "b", "c", "d"} {
			w.expectVote(t, key, status.Down)
		}
	})
}

// TestH43Flapping: an endpoint that changes with every probe changes no vote.
func TestH43Flapping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, target("a", "198.18.1.1"))
		time.Sleep(15 * time.Second)
		w.expectVote(t, "a", status.Up)
		turn := 0
		w.set(func() {
			w.see = func(Target) Observation {
				if turn++; turn%2 == 0 {
					return good
				}
				return bad
			}
		})
		for range 60 {
			time.Sleep(5 * time.Second)
			w.expectVote(t, "a", status.Up)
		}
	})
}

// TestH35FamiliesHaveTheirOwnStates: a dead AAAA takes no A out, and the reverse.
func TestH35FamiliesHaveTheirOwnStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := target("", "::1").Check
		c.Name = "web"
		v4, v6 := netip.MustParseAddr("198.18.1.1"), netip.MustParseAddr("2001:db8:1::1")
		a, aaaa := Target{c.Target(v4), c, v4}, Target{c.Target(v6), c, v6}
		w := newWorld(t, a, aaaa)
		w.set(func() { w.hang[aaaa.Key] = true })
		time.Sleep(30 * time.Second)
		w.expectVote(t, a.Key, status.Up)
		w.expectVote(t, aaaa.Key, status.Down)
		w.set(func() { w.hang = map[string]bool{a.Key: true} })
		time.Sleep(30 * time.Second)
		w.expectVote(t, a.Key, status.Down)
		w.expectVote(t, aaaa.Key, status.Up)
	})
}

func TestInconclusiveProbesSayNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, target("a", "198.18.1.1"))
		time.Sleep(14 * time.Second)
		w.expectVote(t, "a", status.Up)
		w.set(func() { w.see = always(Observation{Inconclusive: true, Reason: "too many open files"}) })
		time.Sleep(10 * time.Second)
		w.expectVote(t, "a", status.Up) // confirmed not long ago
		time.Sleep(time.Minute)
		w.expectVote(t, "a", status.Unknown)
		if v := w.latest().Votes["a"]; v.Evidence.Reason != "too many open files" {
			t.Errorf("the evidence is %q", v.Evidence.Reason)
		}
		w.set(func() { w.see = always(bad) })
		time.Sleep(6 * time.Second)
		w.expectVote(t, "a", status.Up) // what it was, now that probes work: one failure doesn't kill
		time.Sleep(12 * time.Second)
		w.expectVote(t, "a", status.Down)
	})
}

func TestH10CertificateWarningSomeDaysBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, target("a", "198.18.1.1"))
		ends := time.Now().Add(15 * 24 * time.Hour)
		w.set(func() { w.see = always(Observation{OK: true, Reason: "ok", CertExpires: ends}) })
		time.Sleep(time.Hour)
		synctest.Wait()
		if w.logged("certificate ends soon") != 0 {
			t.Error("warned 15 days before")
		}
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if w.logged("days_left=13") != 1 || w.logged("certificate ends soon") != 1 {
			t.Errorf("13 days before, said %d times", w.logged("certificate ends soon"))
		}
	})
}
