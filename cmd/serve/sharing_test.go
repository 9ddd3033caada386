package serve

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meridian/admin"
	"meridian/status"
	"meridian/status/board"
	"meridian/test/redistest"
)

// member is a server of a fleet that shares a real Redis. What it probes is faked.
type member struct {
	*Core
	t    *testing.T
	stop func()
}

// joinFleet starts a server. checker is its checker: line.
func joinFleet(t *testing.T, r *redistest.Server, name, checker string, n *fakeNet) *member {
	t.Helper()
	return joinIn(t, t.TempDir(), r, name, checker, n)
}

// joinIn starts a server in a folder, which may be that of one that has stopped.
func joinIn(t *testing.T, dir string, r *redistest.Server, name, checker string, n *fakeNet) *member {
	t.Helper()
	text := strings.NewReplacer("checker: {vantage: here}", checker, "interval: 5s, timeout: 1s", "interval: 500ms, timeout: 200ms").Replace(world)
	path := filepath.Join(dir, "meridian.yaml")
	write(t, path, fmt.Sprintf("node: %s\nboard: {redis: {addresses: [%q]}}\n%s", name, r.Addr, text))
	c, problems := NewCore(path, CoreOptions{Log: slog.New(slog.DiscardHandler), Probe: n.probe})
	if c == nil {
		t.Fatal(problems)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		c.Run(ctx)
		close(ended)
	}()
	m := &member{c, t, func() { cancel(); <-ended }}
	t.Cleanup(m.stop)
	<-c.publisher.first
	return m
}

// await returns when ok does, and fails the test when that takes too long.
func (m *member) await(what string, ok func() bool) {
	m.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(30 * time.Second); !ok(); {
		select {
		case <-tick.C:
		case <-limit:
			m.t.Fatalf("%s: %+v", what, m.facts().mirror)
		}
	}
}

const reader, prober = "checker: {enabled: false}", "checker: {vantage: fra}"

// TestOneProbesAllAnswer: a server without a checker answers by the votes of another, and the board has it in words.
func TestOneProbesAllAnswer(t *testing.T) {
	r := redistest.Start(t)
	n := &fakeNet{}
	joinFleet(t, r, "ns1", prober, n)
	other := joinFleet(t, r, "ns2", reader, &fakeNet{})
	other.await("the votes arrive", func() bool { return len(other.States()) == 2 })
	n.kill("198.18.3.1")
	other.await("the answer moves", func() bool { return region(t, other.Core, fromFrankfurt) == "us-east" })
	r.Await("the page says so", func(out string) bool { return out == "down" }, "HGET", "{meridian}:v1:region:eu-west", "state")
	if why := r.Do("HGET", "{meridian}:v1:region:eu-west", "why"); !strings.Contains(why, "connection refused") {
		t.Errorf("why: %q", why)
	}
	var events []board.Event
	other.await("the diary has it once", func() bool {
		events, _ = other.sharing.journal().Events(t.Context(), "", 0)
		return len(events) > 0 && events[len(events)-1].Kind == board.KindService && events[len(events)-1].To == admin.StatePartial
	})
	downs := 0
	for _, e := range events {
		if e.Kind == "health" && e.To == "down" {
			downs++
			if len(e.Places) != 1 || e.Places[0] != "www.glb.test.@eu-west" {
				t.Errorf("places: %q", e.Places)
			}
		}
	}
	if downs != 1 {
		t.Errorf("two servers saw one endpoint go down, and the diary has it %d times: %v", downs, events)
	}
	if got := other.sharing.kind(); got != "redis" || len(other.sharing.operations()) == 0 {
		t.Errorf("board %q, operations %v", got, other.sharing.operations())
	}
}

// TestFreezeIsFleetWide: who freezes one server freezes all, for as long as the operator said: a flushed Redis doesn't
// end it, and neither does a restart meanwhile.
func TestFreezeIsFleetWide(t *testing.T) {
	r := redistest.Start(t)
	n := &fakeNet{}
	one := joinFleet(t, r, "ns1", prober, n)
	dir := t.TempDir()
	other := joinIn(t, dir, r, "ns2", reader, n)
	frozen := func(m *member) func() bool { return func() bool { return m.states.Report().Frozen } }
	if _, err := one.Freeze(t.Context(), freezeRequest()); err != nil {
		t.Fatal(err)
	}
	other.await("the other one freezes", frozen(other))
	other.stop()
	r.Flush()
	one.await("the freeze is written again", func() bool { return r.Do("HGET", "{meridian}:v1:control", "frozen") == "yes" })
	if !frozen(one)() {
		t.Error("FLUSHALL ended a freeze")
	}
	again := joinIn(t, dir, r, "ns2", reader, n)
	again.await("it is frozen after the restart", frozen(again))
	if _, err := again.Unfreeze(t.Context(), admin.FreezeRequest{Author: "bob"}); err != nil {
		t.Fatal(err)
	}
	one.await("the first one thaws", func() bool { return !frozen(one)() })
	events, err := one.sharing.journal().Events(t.Context(), "", 0)
	if err != nil || len(events) == 0 || events[len(events)-1].Kind != board.KindUnfreeze || events[len(events)-1].Author != "bob" {
		t.Errorf("the diary says %v, %v", events, err)
	}
}

// TestDiaryIsOwnWhileRedisIsAway: events are still seen, and the operator is told that the switch can't be set.
func TestDiaryIsOwnWhileRedisIsAway(t *testing.T) {
	r := redistest.Start(t)
	n := &fakeNet{}
	m := joinFleet(t, r, "ns1", prober, n)
	m.await("the first votes count", func() bool { return len(m.States()) == 2 })
	r.Kill()
	m.await("it notices", func() bool { return m.states.Report().Board != nil && m.sharing.publishing() != nil })
	events, err := m.sharing.journal().Events(t.Context(), "", 0)
	if err != nil || len(events) == 0 {
		t.Errorf("%v, %v", events, err)
	}
	if _, err := m.Freeze(t.Context(), freezeRequest()); err == nil || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("the fleet's switch was set without the fleet: %v", err)
	}
	if region(t, m.Core, fromFrankfurt) != "eu-west" {
		t.Error("the answer moved because Redis is away")
	}
	r.Restart()
	m.await("it goes on", func() bool { return m.states.Report().Board == nil && m.sharing.publishing() == nil })
}

// TestPublishTriesUntilItsTimeIsOver: votes are there as soon as the board is, not a heartbeat later.
func TestPublishTriesUntilItsTimeIsOver(t *testing.T) {
	r := redistest.Start(t)
	m := joinFleet(t, r, "ns1", reader, &fakeNet{})
	r.Stop()
	published := make(chan error)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		published <- m.sharing.Publish(ctx, status.Ballot{Vantage: "fra", Votes: map[string]status.Vote{
			m.Services()[0].Check.Target(netip.MustParseAddr("198.18.3.1")): {Health: status.Down},
		}})
	}()
	m.await("it fails", func() bool { return m.sharing.publishing() != nil })
	r.Restart()
	if err := <-published; err != nil {
		t.Errorf("it gave up: %v", err)
	}
}
