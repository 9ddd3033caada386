package checker

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"meridian/status"
	"meridian/zones"
)

func combinedTarget(m *zones.Combination) Target {
	c := &zones.Check{Name: "all", Type: zones.CheckCombined, Combined: m}
	addr := usual("", "198.18.1.1").Addr
	return Target{c.Target(addr), c, addr}
}

// part returns a check of the default settings under a name.
func part(name string) *zones.Check {
	c := *usual("", "198.18.1.1").Check
	c.Name, c.Type = name, zones.CheckTCP
	return &c
}

// TestFold compares fold with what must hold for each completion of the unknown: a result is known exactly if it is the same
// whatever the unknown parts turn out to be.
func TestFold(t *testing.T) {
	a, b, c := part("a"), part("b"), part("c")
	healths := []status.Health{status.Unknown, status.Up, status.Down}
	for name, tt := range map[string]struct {
		m  zones.Combination
		up func(a, b, c bool) bool
	}{
		"all":          {zones.Combination{All: []*zones.Check{a, b, c}}, func(a, b, c bool) bool { return a && b && c }},
		"any":          {zones.Combination{Any: []*zones.Check{a, b, c}}, func(a, b, c bool) bool { return a || b || c }},
		"critical":     {zones.Combination{Critical: a, Observe: []*zones.Check{b, c}}, func(a, _, _ bool) bool { return a }},
		"critical all": {zones.Combination{Critical: a, All: []*zones.Check{b, c}}, func(a, _, _ bool) bool { return a }},
		"critical any": {zones.Combination{Critical: a, Any: []*zones.Check{a, b, c}}, func(a, _, _ bool) bool { return a }},
	} {
		for _, ha := range healths {
			for _, hb := range healths {
				for _, hc := range healths {
					possible := map[bool]bool{}
					for _, x := range completions(ha) {
						for _, y := range completions(hb) {
							for _, z := range completions(hc) {
								possible[tt.up(x, y, z)] = true
							}
						}
					}
					want := status.Unknown
					switch {
					case len(possible) > 1:
					case possible[true]:
						want = status.Up
					default:
						want = status.Down
					}
					got := fold(&tt.m, map[*zones.Check]opinion{a: {health: ha}, b: {health: hb}, c: {health: hc}})
					if got.health != want {
						t.Errorf("%s of %v, %v, %v is %v, want %v", name, ha, hb, hc, got.health, want)
					}
				}
			}
		}
	}
}

func completions(h status.Health) []bool {
	switch h {
	case status.Up:
		return []bool{true}
	case status.Down:
		return []bool{false}
	}
	return []bool{true, false}
}

func TestFoldWithholds(t *testing.T) {
	a, b, c := part("a"), part("b"), part("c")
	up := func(w float64) opinion { return opinion{status.Up, w} }
	down := opinion{health: status.Down}
	for _, tt := range []struct {
		name string
		m    zones.Combination
		of   map[*zones.Check]opinion
		want opinion
	}{
		{"all: the worst", zones.Combination{All: []*zones.Check{a, b}}, map[*zones.Check]opinion{a: up(0.5), b: up(0)}, up(0.5)},
		{"all: unknown withholds nothing", zones.Combination{All: []*zones.Check{a, b}}, map[*zones.Check]opinion{a: up(0.5)}, opinion{}},
		{"any: the best", zones.Combination{Any: []*zones.Check{a, b, c}}, map[*zones.Check]opinion{a: up(1), b: up(0.5), c: down}, up(0.5)},
		{"critical: others degrade", zones.Combination{Critical: a, All: []*zones.Check{b, c}}, map[*zones.Check]opinion{a: up(0), b: up(0), c: down}, up(0.5)},
		{"critical: the worse of both", zones.Combination{Critical: a, Any: []*zones.Check{b, c}}, map[*zones.Check]opinion{a: up(1), b: down, c: down}, up(1)},
		{"critical: one of any is enough", zones.Combination{Critical: a, Any: []*zones.Check{b, c}}, map[*zones.Check]opinion{a: up(0), b: down, c: up(0)}, up(0)},
		{"critical: down is down", zones.Combination{Critical: a, All: []*zones.Check{b}}, map[*zones.Check]opinion{a: down, b: up(0.5)}, down},
	} {
		if got := fold(&tt.m, tt.of); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// TestFoldIgnoresTheObserved: whatever an observed check says, the result is the same.
func TestFoldIgnoresTheObserved(t *testing.T) {
	a, b, c := part("a"), part("b"), part("c")
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) opinion {
			return opinion{rapid.SampledFrom([]status.Health{status.Unknown, status.Up, status.Down}).Draw(t, name), rapid.SampledFrom([]float64{0, 0.5, 1}).Draw(t, name+" withheld")}
		}
		m := zones.Combination{All: []*zones.Check{a, b}, Observe: []*zones.Check{c}}
		of := map[*zones.Check]opinion{a: draw("a"), b: draw("b"), c: draw("c")}
		before := fold(&m, of)
		of[c] = draw("c again")
		if after := fold(&m, of); after != before {
			t.Fatalf("%+v, then %+v", before, after)
		}
	})
}

// TestCombinedChecks follows a combined check of two, and an observed one, from probes to votes.
func TestCombinedChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		web, db, deep := part("web"), part("db"), part("deep")
		both := combinedTarget(&zones.Combination{All: []*zones.Check{web, db}, Observe: []*zones.Check{deep}})
		alone := Target{web.Target(both.Addr), web, both.Addr} // another service uses web alone
		w := newWorld(t, both, alone)
		time.Sleep(15 * time.Second)
		w.expectVote(t, both.Key, status.Up)
		if n := len(w.latest().Votes); n != 4 {
			t.Errorf("%d votes, want one for each of three parts and one for all", n)
		}
		if began, _ := w.history(alone.Key); len(began) > 6 {
			t.Errorf("a shared part was probed %d times in 15s", len(began))
		}
		dbKey, deepKey := db.Target(both.Addr), deep.Target(both.Addr)

		w.set(func() { w.see = among(deepKey, bad) })
		time.Sleep(10 * time.Second)
		w.expectVote(t, deepKey, status.Down)
		w.expectVote(t, both.Key, status.Up)

		w.set(func() { w.see = among(deepKey+" "+dbKey, bad) })
		time.Sleep(10 * time.Second)
		w.expectVote(t, both.Key, status.Down)
		w.expectVote(t, alone.Key, status.Up)
		v := w.latest().Votes[both.Key]
		if v.Evidence.Reason != "db: HTTP 503 Service Unavailable" || v.Since.IsZero() {
			t.Errorf("the vote is %+v", v)
		}

		w.SetTargets([]Target{both}) // the same after a reload, of equal but new checks
		again := combinedTarget(&zones.Combination{All: []*zones.Check{part("web"), part("db")}, Observe: []*zones.Check{part("deep")}})
		w.SetTargets([]Target{again})
		time.Sleep(voteGap)
		w.expectVote(t, again.Key, status.Down)
		w.SetTargets([]Target{alone})
		time.Sleep(voteGap)
		w.expectVote(t, alone.Key, status.Up)
		if votes := w.latest().Votes; len(votes) != 1 {
			t.Errorf("votes on what is no target any more: %v", votes)
		}
	})
}

// TestProbeOfACombinedCheck traces its parts and folds what they saw.
func TestProbeOfACombinedCheck(t *testing.T) {
	addr := serve(t, func(http.ResponseWriter, *http.Request) {})
	web, closed := probeOf(zones.CheckHTTP, addr), probeOf(zones.CheckTCP, addr)
	web.Name, closed.Name, closed.Port = "web", "db", 1
	m := &zones.Combination{All: []*zones.Check{web, closed}}
	c := &zones.Check{Name: "web+db", Type: zones.CheckCombined, Combined: m}
	o, steps := Probe(t.Context(), c, addr.Addr())
	expectDown(t, o, "db: connection refused")
	var names []string
	for _, s := range steps {
		names = append(names, s.Name)
	}
	if got := strings.Join(names, " "); got != "part connect request status body verdict part connect verdict verdict" {
		t.Errorf("the steps are %s", got)
	}
	m.All, m.Observe = m.All[:1], []*zones.Check{closed}
	o, _ = Probe(t.Context(), c, addr.Addr())
	expectUp(t, o, "web: HTTP 200 OK")
}
