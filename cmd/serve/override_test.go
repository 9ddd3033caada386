package serve

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"meridian/admin"
	"meridian/test/redistest"
)

// drainOf asks to drain a region.
func drainOf(region string) admin.OverrideRequest {
	return admin.OverrideRequest{Kind: "drain", Region: region, Author: "ann", Reason: "rack move", For: "2h"}
}

// TestDrainMovesTrafficUntilItEnds: it is reported and written down, survives a restart, and ends by itself.
func TestDrainMovesTrafficUntilItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeNet{}
		c, path := core(t, world, n)
		stop := run(t, c)
		time.Sleep(15 * time.Second)
		out, err := c.Override(t.Context(), drainOf("eu-west"), -1)
		if err != nil || out.Moved <= 0 || len(out.Impact) == 0 || out.Before != nil || out.Override == nil || out.Revision != 1 {
			t.Fatalf("%+v, %v", out, err)
		}
		if got := region(t, c, fromFrankfurt); got != "us-east" {
			t.Fatalf("drained, and the answer is %s", got)
		}
		stop()
		c, problems := NewCore(path, CoreOptions{Log: slog.New(slog.DiscardHandler), Probe: n.probe})
		if c == nil {
			t.Fatal(problems)
		}
		defer run(t, c)()
		time.Sleep(15 * time.Second)
		if got := region(t, c, fromFrankfurt); got != "us-east" {
			t.Fatalf("after a restart the answer is %s", got)
		}
		time.Sleep(2 * time.Hour)
		if got := region(t, c, fromFrankfurt); got != "eu-west" {
			t.Fatalf("the drain is over, and the answer is %s", got)
		}
		time.Sleep(5 * time.Second)
		var told []string
		events, err := journal{c.sharing.journal()}.Events(t.Context(), "", 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if e.Kind == "override" {
				told = append(told, e.Subject+": "+e.From+" > "+e.To+" by "+e.Author)
			}
		}
		if got, want := strings.Join(told, "; "), "eu-west: none > drain by ann; eu-west: drain > none by "; got != want {
			t.Errorf("the diary says %q, want %q", got, want)
		}
	})
}

// TestOverridesAreRefusedBeforeAnythingChanges: safety rules, words that aren't there, numbers out of range, dry runs.
func TestOverridesAreRefusedBeforeAnythingChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeNet{}
		c, _ := core(t, world, n)
		defer run(t, c)()
		time.Sleep(15 * time.Second)
		var mistake *admin.RequestError
		var safety *admin.SafetyError
		for name, tc := range map[string]struct {
			alter func(*admin.OverrideRequest)
			says  string
		}{
			"region":    {func(r *admin.OverrideRequest) { r.Region = "eu-wets" }, `did you mean "eu-west"?`},
			"service":   {func(r *admin.OverrideRequest) { r.Service = "wwww.glb.test" }, `did you mean "www.glb.test."?`},
			"kind":      {func(r *admin.OverrideRequest) { r.Kind = "drian" }, `none of drain`},
			"author":    {func(r *admin.OverrideRequest) { r.Author = " " }, "no author"},
			"reason":    {func(r *admin.OverrideRequest) { r.Reason = "" }, "no reason"},
			"past":      {func(r *admin.OverrideRequest) { r.For = "-1h" }, "in the past"},
			"long":      {func(r *admin.OverrideRequest) { r.For = "73h" }, "more than 72h"},
			"percent":   {func(r *admin.OverrideRequest) { r.Kind, r.Percent = "dial", "101%" }, "not between 0% and 100%"},
			"no share":  {func(r *admin.OverrideRequest) { r.Kind = "dial" }, "says no share"},
			"weight":    {func(r *admin.OverrideRequest) { *r = weightTo("-1") }, "not between 0 and"},
			"no weight": {func(r *admin.OverrideRequest) { *r = weightTo("5") }, "no weighted node names it"},
		} {
			r := drainOf("eu-west")
			tc.alter(&r)
			if _, err := c.Override(t.Context(), r, -1); !errors.As(err, &mistake) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%s: %v", name, err)
			}
		}
		dry := drainOf("eu-west")
		dry.DryRun = true
		if out, err := c.Override(t.Context(), dry, -1); err != nil || !out.DryRun || out.Moved <= 0 || out.Revision != 0 {
			t.Errorf("dry run: %+v, %v", out, err)
		}
		if _, err := c.EndOverride(t.Context(), admin.EndRequest{ID: "admin:eu-west", Author: "ann", Match: -1}); !errors.As(err, &mistake) {
			t.Errorf("nothing to end: %v", err)
		}
		if got := region(t, c, fromFrankfurt); got != "eu-west" || len(c.Overrides(t.Context()).Overrides) != 0 {
			t.Fatalf("something was changed: %s", got)
		}

		n.kill("198.18.1.1")
		time.Sleep(15 * time.Second)
		r := drainOf("eu-west")
		if _, err := c.Override(t.Context(), r, -1); !errors.As(err, &safety) || !strings.Contains(err.Error(), "www.glb.test. would have no region left that takes traffic: eu-west is the last") {
			t.Errorf("the last one: %v", err)
		}
		r.Force = true
		if out, err := c.Override(t.Context(), r, -1); err != nil || len(out.Risks) != 1 {
			t.Errorf("forced: %+v, %v", out, err)
		}
	})
}

func weightTo(text string) admin.OverrideRequest {
	return admin.OverrideRequest{Kind: "weight", Service: "www.glb.test", Weights: map[string]string{"eu-west": text}, Author: "ann", Reason: "canary"}
}

// TestOverrideOfWhatLeavesTheConfiguration is reported, and ends.
func TestOverrideOfWhatLeavesTheConfiguration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, path := core(t, world, &fakeNet{})
		defer run(t, c)()
		time.Sleep(15 * time.Second)
		if _, err := c.Override(t.Context(), drainOf("eu-west"), -1); err != nil {
			t.Fatal(err)
		}
		write(t, path, strings.Replace(world, "us-east: [198.18.1.1], eu-west: [198.18.3.1]", "us-east: [198.18.1.1]", 1))
		if err := c.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if list := c.Overrides(t.Context()); len(list.Overrides) != 0 || list.Revision != 2 {
			t.Errorf("%+v", list)
		}
		events, err := c.sharing.journal().Events(t.Context(), "", 1)
		if err != nil || len(events) != 1 || events[0].Reason != "ended by the reload: no service has a pool in region eu-west" {
			t.Errorf("%+v, %v", events, err)
		}
	})
}

// TestForcedUp: an operator knows better than the checkers, and the states underneath stay visible.
func TestForcedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeNet{}
		c, _ := core(t, world, n)
		defer run(t, c)()
		time.Sleep(15 * time.Second)
		n.kill("198.18.3.1")
		time.Sleep(15 * time.Second)
		if got := region(t, c, fromFrankfurt); got != "us-east" {
			t.Fatalf("down, and the answer is %s", got)
		}
		r := drainOf("eu-west")
		r.Kind = "up"
		if _, err := c.Override(t.Context(), r, -1); err != nil {
			t.Fatal(err)
		}
		if got := region(t, c, fromFrankfurt); got != "eu-west" {
			t.Errorf("forced up, and the answer is %s", got)
		}
	})
}

// TestOverridesOfAFleet: what is said to one server holds on the other within a second; of two operators who know the same
// revision one wins, and the other is told; a board that forgets doesn't end anything.
func TestOverridesOfAFleet(t *testing.T) {
	r := redistest.Start(t)
	one := joinFleet(t, r, "ns1", prober, &fakeNet{})
	other := joinFleet(t, r, "ns2", reader, &fakeNet{})
	for _, m := range []*member{one, other} {
		m.await("the votes arrive", func() bool { return len(m.States()) == 2 })
	}
	if _, err := one.Override(t.Context(), drainOf("eu-west"), -1); err != nil {
		t.Fatal(err)
	}
	said := time.Now()
	other.await("the answer moves", func() bool { return region(t, other.Core, fromFrankfurt) == "us-east" })
	if took := time.Since(said); took > time.Second {
		t.Errorf("it took %v", took)
	}
	revision := other.Overrides(t.Context()).Revision
	end := admin.EndRequest{ID: "admin:eu-west", Author: "ben", Reason: "done", Match: revision}
	if _, err := other.EndOverride(t.Context(), admin.EndRequest{ID: end.ID, Author: "ben", Match: revision - 1}); err == nil {
		t.Error("an old revision was good enough")
	}
	r.Do("FLUSHALL")
	r.Await("it is written again", func(out string) bool { return strings.Contains(out, "rack move") }, "GET", "{meridian}:v1:overrides")
	for _, m := range []*member{one, other} {
		if got := region(t, m.Core, fromFrankfurt); got != "us-east" {
			t.Fatalf("the board forgot, and the answer is %s", got)
		}
	}
	end.Match = -1
	if _, err := other.EndOverride(t.Context(), end); err != nil {
		t.Fatal(err)
	}
	one.await("the answer is back", func() bool { return region(t, one.Core, fromFrankfurt) == "eu-west" })
	var stale *admin.StaleError
	if _, err := one.EndOverride(t.Context(), admin.EndRequest{ID: "admin:eu-west", Author: "ann", Match: revision}); !errors.As(err, &stale) {
		t.Errorf("the slower one is told %v", err)
	}
}
