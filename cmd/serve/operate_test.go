package serve

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"meridian/admin"
)

func freezeRequest() admin.FreezeRequest {
	return admin.FreezeRequest{Author: "ana", Reason: "maintenance", Until: time.Now().Add(time.Hour)}
}

// TestFreezeHoldsTrafficUntilItEnds: verdicts go on and are shown, the answer stays, and an end is an end.
func TestFreezeHoldsTrafficUntilItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeNet{}
		c, _ := core(t, world, n)
		defer run(t, c)()
		time.Sleep(15 * time.Second)
		report, err := c.Freeze(t.Context(), freezeRequest())
		if err != nil || !report.Frozen || report.By != "operator" || report.Author != "ana" || report.Until == nil || report.Since == nil {
			t.Fatalf("%+v, %v", report, err)
		}
		n.kill("198.18.3.1")
		time.Sleep(30 * time.Second)
		if got := region(t, c, fromFrankfurt); got != "eu-west" {
			t.Fatalf("frozen, the answer moved to %s", got)
		}
		names, texts := bad(c.facts().conditions())
		if names != "automation" || !strings.Contains(texts, "frozen by ana (maintenance)") {
			t.Errorf("conditions %q: %s", names, texts)
		}
		f := c.facts()
		e := serviceStates(c.Current().Load(), nil, f.fleet)[0].Pools[1].Endpoints[0]
		if e.State != admin.StateUp || e.Observed != admin.StateDown || e.Held != "freeze" || len(e.Votes) != 1 || e.Votes[0].State != admin.StateDown || e.Votes[0].Reason != "connection refused" || !e.Votes[0].Fresh {
			t.Errorf("the endpoint is reported as %+v", e)
		}
		if a := automationReport(f.mirror, time.Time{}); a.Withheld != 1 {
			t.Errorf("%+v", a)
		}
		time.Sleep(time.Hour)
		if got := region(t, c, fromFrankfurt); got != "us-east" {
			t.Fatalf("the freeze is over, and the answer is still %s", got)
		}
		if names, texts := bad(c.facts().conditions()); names != "" {
			t.Errorf("conditions %q: %s", names, texts)
		}
	})
}

func TestUnfreeze(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, path := core(t, world, &fakeNet{})
		defer run(t, c)()
		var mistake *admin.RequestError
		if _, err := c.Unfreeze(t.Context(), admin.FreezeRequest{Author: "ben"}); !errors.As(err, &mistake) || mistake.Text != "automation isn't frozen" {
			t.Errorf("nothing to unfreeze: %v", err)
		}
		if _, err := c.Freeze(t.Context(), freezeRequest()); err != nil {
			t.Fatal(err)
		}
		again := freezeRequest()
		again.Reason = "it takes longer"
		if report, err := c.Freeze(t.Context(), again); err != nil || report.Reason != again.Reason {
			t.Errorf("frozen twice: %+v, %v", report, err)
		}
		if report, err := c.Unfreeze(t.Context(), admin.FreezeRequest{Author: "ben", Reason: "done"}); err != nil || report.Frozen {
			t.Errorf("%+v, %v", report, err)
		}
		var said []string
		events, err := journal{c.sharing.journal()}.Events(t.Context(), "", 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if e.Author != "" {
				said = append(said, e.Kind+" by "+e.Author+": "+e.Reason)
			}
		}
		if got, want := strings.Join(said, "; "), "freeze by ana: maintenance; freeze by ana: it takes longer; unfreeze by ben: done"; got != want {
			t.Errorf("the diary says %q, want %q", got, want)
		}

		write(t, path, "freeze: true\n"+world)
		if err := c.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Unfreeze(t.Context(), admin.FreezeRequest{Author: "ben"}); !errors.As(err, &mistake) || !strings.Contains(mistake.Text, "configuration") {
			t.Errorf("what the configuration says: %v", err)
		}
	})
}

// TestFreezeOutlivesARestart: nobody finds traffic moving because a server was restarted.
func TestFreezeOutlivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeNet{}
		c, path := core(t, world, n)
		stop := run(t, c)
		time.Sleep(15 * time.Second)
		if _, err := c.Freeze(t.Context(), freezeRequest()); err != nil {
			t.Fatal(err)
		}
		stop()
		n.kill("198.18.3.1")
		c, problems := NewCore(path, CoreOptions{Log: slog.New(slog.DiscardHandler), Probe: n.probe})
		if c == nil {
			t.Fatal(problems)
		}
		defer run(t, c)()
		time.Sleep(time.Minute)
		if got := region(t, c, fromFrankfurt); got != "eu-west" {
			t.Errorf("the answer moved to %s", got)
		}
		if a := automationReport(c.facts().mirror, time.Time{}); !a.Frozen || a.Author != "ana" {
			t.Errorf("%+v", a)
		}
	})
}

// TestFallbackIsACondition, and a pool below its least is one too.
func TestFallbackIsACondition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeNet{}
		text := strings.Replace(world, "pools: {us-east: [198.18.1.1], eu-west: [198.18.3.1]}", "min_healthy: 2\n    pools: {eu-west: [198.18.3.1, 198.18.3.2]}", 1)
		c, _ := core(t, text, n)
		defer run(t, c)()
		time.Sleep(15 * time.Second)
		n.kill("198.18.3.1")
		time.Sleep(15 * time.Second)
		names, texts := bad(c.facts().conditions())
		if names != "fallback min_healthy" || !strings.Contains(texts, "www.glb.test. in eu-west (1 of 2)") {
			t.Errorf("conditions %q: %s", names, texts)
		}
	})
}
