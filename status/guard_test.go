package status

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// five is a service with five pools of one endpoint each.
func five(share float64, window time.Duration) *Guard {
	g := Group{Service: "www.glb.test.", Family: "IPv4", Limit: Limit{share, window}}
	for _, key := range []string{"a", "b", "c", "d", "e"} {
		g.Pools = append(g.Pools, Pool{Region: "in-" + key, Keys: []string{key}, Need: 1})
	}
	return NewGuard([]Group{g})
}

// viewed says which endpoints the service sees down: "bd".
func (f *fleet) viewed(service string) string {
	down := ""
	for _, key := range slices.Sorted(maps.Keys(f.observed)) {
		if f.state.Table.View(service, key).Health == Down {
			down += key
		}
	}
	return down
}

func TestLimitHoldsUpWhatGoesTooFar(t *testing.T) {
	f := newFleet(Rules{Guard: five(0.5, 5*time.Minute)})
	for _, key := range []string{"a", "b", "c", "d", "e"} {
		f.see(key, Up)
	}
	f.events = nil
	at := func(d time.Duration) { f.until(t0.Add(d)) }
	expect := func(www, others string) {
		t.Helper()
		if got := f.viewed("www.glb.test."); got != www {
			t.Errorf("at %v www sees %q down, want %q", f.now.Sub(t0), got, www)
		}
		if got := f.viewed("other.glb.test."); got != others {
			t.Errorf("at %v others see %q down, want %q", f.now.Sub(t0), got, others)
		}
	}
	at(time.Minute)
	f.see("b", Down)
	at(2 * time.Minute)
	f.see("a", Down)
	expect("ab", "ab")
	at(3 * time.Minute)
	f.see("d", Down) // 50% of five are two
	expect("ab", "abd")
	want := "www.glb.test over IPv4: in-d held up though down: in-b, in-a of 5 regions went down already (max_unavailable 50% in 5m0s)"
	if got := f.state.Table["www.glb.test."]; got.Held != HoldVelocity || got.Reason != want {
		t.Errorf("got  %+v\nwant %s", got, want)
	}
	want = "held up until 12:06:00 UTC: in-b, in-a of 5 regions went down already (max_unavailable 50% in 5m0s); observed down: seen down"
	if got := f.state.Table.View("www.glb.test.", "d"); got.Health != Up || got.Reason != want {
		t.Errorf("got  %+v\nwant %s", got, want)
	}
	f.see("c", Down)
	f.see("c", Up)
	expect("ab", "abd")
	f.see("a", Up)
	f.see("a", Down) // it was counted already
	expect("ab", "abd")
	at(6*time.Minute - 1)
	expect("ab", "abd")
	at(6 * time.Minute) // b went down five minutes ago
	expect("abd", "abd")
	if f.state.Table["www.glb.test."].Held != "" {
		t.Error("nothing is held up any more, and it isn't said")
	}
	var told []string
	for _, e := range f.events {
		if e.Kind != EventHealth {
			told = append(told, fmt.Sprintf("%v %s %s", e.At.Sub(t0), e.Kind, e.Key))
		}
	}
	if got, want := strings.Join(told, ", "), "3m0s limited www.glb.test., 3m0s limited www.glb.test., 3m0s limited www.glb.test., 6m0s resumed www.glb.test."; got != want {
		t.Errorf("told  %s\nwant %s", got, want)
	}
}

func TestOneRegionMayAlwaysGo(t *testing.T) {
	f := newFleet(Rules{Guard: five(0.1, time.Minute)})
	f.see("a", Down) // the first verdict is a change, too: a broken check makes all of them at once
	f.see("b", Down)
	if got := f.viewed("www.glb.test."); got != "a" {
		t.Errorf("%q is down", got)
	}
}

func TestNothingIsTakenOutInTheFrost(t *testing.T) {
	f := newFleet(Rules{Guard: five(0.2, time.Minute)})
	for _, key := range []string{"a", "b"} {
		f.see(key, Up)
		f.see(key, Down)
	}
	f.freeze.On = true
	f.run(nil)
	f.until(t0.Add(time.Hour))
	f.run(nil)
	if got := f.viewed("www.glb.test."); got != "a" {
		t.Errorf("%q is down", got)
	}
	f.freeze.On = false
	f.run(nil)
	if got := f.viewed("www.glb.test."); got != "ab" {
		t.Errorf("%q is down", got)
	}
}

// TestNeverMoreThanTheShare: whatever is observed, a service never loses more of its pools within any window than its
// limit says; what is held up is held up for need; and when all is quiet, what is observed is what is served.
func TestNeverMoreThanTheShare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		groups, keys := drawGroups(t)
		rules := Rules{Guard: NewGuard(groups), Default: Rule{Flap: Flap{Dwell: time.Duration(rapid.IntRange(0, 1).Draw(t, "dwell")) * 7 * time.Second}}}
		f := newFleet(rules)
		outs := make([][]Out, len(groups)) // all that ever went down, in order
		before := make([]map[string]bool, len(groups))
		f.each = func() {
			for i := range groups {
				now := alivePools(&groups[i], f.state.Table)
				for region, alive := range before[i] {
					if alive && !now[region] {
						outs[i] = append(outs[i], Out{region, f.now})
					}
				}
				before[i] = now
				checkWindow(t, &groups[i], outs[i], f.now)
				checkNeed(t, &groups[i], outs[i], f, now)
			}
		}
		for i := range groups {
			before[i] = alivePools(&groups[i], nil)
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			f.until(f.now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "pass")) * time.Second))
			f.see(rapid.SampledFrom(keys).Draw(t, "key"), rapid.SampledFrom([]Health{Up, Down, Down}).Draw(t, "health"))
			if rapid.IntRange(0, 9).Draw(t, "restart") == 0 {
				f.state.Table = maps.Clone(f.state.Table) // as read from a file: equal, and another one
			}
		}
		f.until(f.now.Add(24 * time.Hour))
		for key, s := range f.state.Table {
			if s.Held != "" || s.Health != f.observed[key].Health {
				t.Fatalf("a day later %s is %+v, observed %v", key, s, f.observed[key].Health)
			}
		}
	})
}

// drawGroups draws two services over some shared endpoints.
func drawGroups(t *rapid.T) ([]Group, []string) {
	var groups []Group
	seen := map[string]bool{}
	for i := range 2 {
		g := Group{
			Service: fmt.Sprintf("s%d.", i), Family: "IPv4",
			Limit: Limit{Share: float64(rapid.IntRange(1, 100).Draw(t, "percent")) / 100, Window: time.Duration(rapid.IntRange(5, 300).Draw(t, "window")) * time.Second},
		}
		for p := range rapid.IntRange(1, 6).Draw(t, "pools") {
			pool := Pool{Region: fmt.Sprintf("r%d", p)}
			for e := range rapid.IntRange(1, 3).Draw(t, "endpoints") {
				key := fmt.Sprintf("%d.%d", p, e)
				pool.Keys, seen[key] = append(pool.Keys, key), true
			}
			pool.Need = rapid.IntRange(1, len(pool.Keys)).Draw(t, "need")
			g.Pools = append(g.Pools, pool)
		}
		groups = append(groups, g)
	}
	return groups, slices.Sorted(maps.Keys(seen))
}

func alivePools(g *Group, table Table) map[string]bool {
	alive := map[string]bool{}
	for _, p := range g.Pools {
		up := 0
		for _, key := range p.Keys {
			if table.View(g.Service, key).Health != Down {
				up++
			}
		}
		alive[p.Region] = up >= p.Need
	}
	return alive
}

// checkWindow counts the distinct pools that went down within the window that ends now.
func checkWindow(t *rapid.T, g *Group, outs []Out, now time.Time) {
	lost := map[string]bool{}
	for _, o := range outs {
		if now.Sub(o.At) < g.Limit.Window {
			lost[o.Region] = true
		}
	}
	if n := len(lost); n > 1 && float64(n) > g.Limit.Share*float64(len(g.Pools))+1e-9 {
		t.Fatalf("%s lost %d of %d pools within %v, allowed are %v: %v", g.Service, n, len(g.Pools), g.Limit.Window, g.Limit, outs)
	}
}

// checkNeed demands that a pool is held up only where one more down would be one too many.
func checkNeed(t *rapid.T, g *Group, outs []Out, f *fleet, alive map[string]bool) {
	shared := Table{}
	for key, s := range f.state.Table {
		if _, alone := ServiceOf(key); !alone && s.Held != HoldVelocity {
			shared[key] = s
		}
	}
	for region, up := range alivePools(g, shared) {
		if up == alive[region] {
			continue
		}
		lost := map[string]bool{region: true}
		for _, o := range outs {
			if f.now.Sub(o.At) < g.Limit.Window {
				lost[o.Region] = true
			}
		}
		if float64(len(lost)) <= g.Limit.Share*float64(len(g.Pools))+1e-9 {
			t.Fatalf("%s of %s is held up, though it might go: %v of %d pools, %v", region, g.Service, slices.Sorted(maps.Keys(lost)), len(g.Pools), g.Limit)
		}
	}
}

func TestGuardOfNothing(t *testing.T) {
	if NewGuard([]Group{{Service: "a.", Family: "IPv4"}}) != nil {
		t.Error("a group without a limit is guarded")
	}
}
