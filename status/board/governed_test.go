package board

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"meridian/status"
)

// rules are the rules of one target without a name of its own.
func rules(r status.Rule) status.Rules { return status.Rules{Default: r} }

// heartbeat publishes the vote each five seconds for the time.
func heartbeat(t *testing.T, b Board, vantage string, h status.Health, d time.Duration) {
	t.Helper()
	for end := time.Now().Add(d); ; time.Sleep(min(5*time.Second, time.Until(end))) {
		publish(t, b, vantage, map[string]status.Vote{"a": vote(h, "")})
		if !time.Now().Before(end) {
			break
		}
	}
	synctest.Wait()
}

// TestGovernorRunsByItself: a ramp's steps and the end of a delay need no news from the board.
func TestGovernorRunsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Memory
		m := startMirror(t, &b, Options{Rules: status.Rules{
			MaxAge: time.Hour, Default: status.Rule{Failback: status.Failback{Mode: status.FailbackRamp, Over: 9 * time.Minute}},
		}})
		changes, cancel := m.Subscribe()
		defer cancel()
		heartbeat(t, &b, "fra", status.Down, 0)
		heartbeat(t, &b, "fra", status.Up, 0)
		<-changes
		for step := 9; step > 0; step-- {
			if got, want := m.Table()["a"].Withheld, float64(step)/10; got < want-1e-9 || got > want+1e-9 {
				t.Fatalf("withholds %g, want %g", got, want)
			}
			time.Sleep(time.Minute - 1)
			if len(changes) != 0 {
				t.Fatal("a step came early")
			}
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			<-changes // the publisher is told of each step
		}
		if got := m.Table()["a"].Withheld; got != 0 {
			t.Errorf("withholds %g at the end", got)
		}
	})
}

// TestGovernorSurvivesARestart: penalties, ramps and what is held go on where they were.
func TestGovernorSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		o := Options{DataDir: dir, Rules: rules(status.Rule{
			Flap:     status.Flap{HalfLife: 2 * time.Minute, Suppress: 4},
			Failback: status.Failback{Mode: status.FailbackRamp, Over: 9 * time.Minute},
		})}
		var b Memory
		m := startMirror(t, &b, o)
		for i := range 7 {
			heartbeat(t, &b, "fra", []status.Health{status.Up, status.Down}[i%2], 20*time.Second)
		}
		held := m.Table()["a"]
		if held.Health != status.Down || held.Held != status.HoldFlap {
			t.Fatalf("after six changes in two minutes: %+v", held)
		}
		m.stop()

		time.Sleep(10 * time.Second)
		b = Memory{}
		m = startMirror(t, &b, o)
		if got := m.Table()["a"]; got.Held != status.HoldFlap || got.Reason != held.Reason || m.Report().Observed["a"].Health != status.Up {
			t.Errorf("after the restart: %+v, observed %v", got, m.Report().Observed["a"])
		}
		heartbeat(t, &b, "fra", status.Up, time.Minute)
		m.expectTold(t)
		heartbeat(t, &b, "fra", status.Up, 2*time.Minute)
		if got := m.Table()["a"]; got.Health != status.Up || got.Withheld == 0 {
			t.Errorf("when the penalty has decayed: %+v", got)
		}
		before := m.Table()["a"].Withheld
		m.stop()

		b = Memory{}
		m = startMirror(t, &b, o)
		heartbeat(t, &b, "fra", status.Up, 0)
		if got := m.Table()["a"].Withheld; got != before {
			t.Errorf("the ramp withheld %g before the restart, %g after it", before, got)
		}
	})
}

func TestFreezeIsKept(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var b Memory
		m := startMirror(t, &b, Options{DataDir: dir})
		heartbeat(t, &b, "fra", status.Up, 0)
		m.takeTold()
		m.SetFreeze(status.Freeze{On: true, Author: "anna", Until: time.Now().Add(time.Hour)})
		heartbeat(t, &b, "fra", status.Down, 0)
		m.expectHealth(t, "a", status.Up)
		r := m.Report()
		if !r.Frozen || len(r.Divergent) != 1 || r.Divergent[0].Observed.Health != status.Down || r.Divergent[0].Effective.Held != status.HoldFreeze {
			t.Errorf("report: %+v", r)
		}
		m.expectTold(t, "a: held freeze (held up: automation is frozen by anna; observed down: checker fra)")
		m.stop()

		m = startMirror(t, &b, Options{DataDir: dir})
		heartbeat(t, &b, "fra", status.Down, 59*time.Minute)
		m.expectHealth(t, "a", status.Up)
		heartbeat(t, &b, "fra", status.Down, time.Minute)
		m.expectHealth(t, "a", status.Down)
		if m.Report().Frozen {
			t.Error("the freeze has ended, and is reported")
		}
		m.stop()
	})
}

func TestFailbackByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Memory
		m := startMirror(t, &b, Options{Rules: rules(status.Rule{Failback: status.Failback{Mode: status.FailbackManual}})})
		heartbeat(t, &b, "fra", status.Down, 0)
		heartbeat(t, &b, "fra", status.Up, time.Hour)
		m.expectHealth(t, "a", status.Down)
		m.Failback([]string{"b", "a"})
		m.expectHealth(t, "a", status.Up) // at once
		synctest.Wait()
		m.expectTold(t, "a: unknown -> down (checker fra)", "a: held manual (held down: failback is manual; observed up: checker fra)", "a: down -> up (checker fra)")
	})
}

// TestRulesOfAServiceOfItsOwn: a new state key begins with the state of its target, at once.
func TestRulesOfAServiceOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Memory
		m := startMirror(t, &b, Options{Rules: status.Rules{Targets: map[string]status.Rule{"a": {Target: "a"}}}})
		heartbeat(t, &b, "fra", status.Down, 0)
		m.takeTold()
		m.SetRules(status.Rules{Targets: map[string]status.Rule{"a#1": {Target: "a", Failback: status.Failback{Mode: status.FailbackManual}}}})
		m.expectHealth(t, "a#1", status.Down)
		if len(m.Table()) != 1 {
			t.Errorf("the table is %v", m.Table())
		}
		heartbeat(t, &b, "fra", status.Up, 0)
		m.expectTold(t, "a#1: held manual (held down: failback is manual; observed up: checker fra)")
	})
}

// TestLocalView: when the board is away for long, this process's own ballot counts alone, whatever the quorum; when it is
// back, the fleet's do.
func TestLocalView(t *testing.T) {
	for name, away := range map[string]func(t *testing.T, b *brokenBoard){
		"it can't be read": func(_ *testing.T, b *brokenBoard) { b.fail(errors.New("board on fire")) },
		// Read-only, full, or cut off from all checkers: what is on it only gets older.
		"nobody writes to it": func(*testing.T, *brokenBoard) {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var b brokenBoard
				var own Memory
				m := startMirror(t, &b, Options{Local: &own, Rules: rules(status.Rule{
					MinVoters: 2, Quorum: status.Quorum{Down: status.Need{Kind: status.NeedNumber, N: 2}},
				})})
				for _, vantage := range []string{"fra", "nyc", "sin"} {
					publish(t, &b, vantage, map[string]status.Vote{"a": vote(status.Up, "")})
				}
				synctest.Wait()
				m.expectHealth(t, "a", status.Up)
				m.takeTold()
				away(t, &b)
				begin := time.Now()
				for m.Report().Source != Local {
					heartbeat(t, &own, "fra", status.Down, time.Second)
					if time.Since(begin) > 2*DefaultLocalAfter {
						t.Fatalf("nothing: %+v", m.Report())
					}
				}
				// The board was of use until then, or until its ballots were stale.
				if took := time.Since(begin); took < DefaultLocalAfter-time.Second || took > DefaultLocalAfter+DefaultMaxAge+2*time.Second {
					t.Errorf("the local view counted after %v", took)
				}
				m.expectHealth(t, "a", status.Down)
				m.expectTold(t, "a: up -> down (checker fra)")
				heartbeat(t, &own, "fra", status.Up, time.Minute)
				m.expectHealth(t, "a", status.Up)
				m.takeTold()

				b.fail(nil)
				for _, vantage := range []string{"fra", "nyc"} {
					publish(t, &b, vantage, map[string]status.Vote{"a": vote(status.Down, "")})
				}
				time.Sleep(2 * time.Second)
				synctest.Wait()
				if r := m.Report(); r.Source != Fleet || r.Why != "" {
					t.Errorf("after its return: %s (%s)", r.Source, r.Why)
				}
				m.expectTold(t, "a: up -> down (2 of 2 checkers)")
				if m.logged("decides alone") != 1 || m.logged("votes on the board count again") != 1 {
					t.Errorf("the log says\n%s", m.log.String())
				}
			})
		})
	}
}

// TestWithoutACheckerStatesHoldForEver: there is no local view where nobody probes.
func TestWithoutACheckerStatesHoldForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b brokenBoard
		m := startMirror(t, &b, Options{Local: &Memory{}})
		heartbeat(t, &b, "fra", status.Down, 0)
		b.fail(errors.New("board on fire"))
		time.Sleep(time.Hour)
		synctest.Wait()
		m.expectHealth(t, "a", status.Down)
		if r := m.Report(); r.Source != Held || !strings.Contains(r.Why, "board on fire") {
			t.Errorf("report: %s, %s", r.Source, r.Why)
		}
	})
}

// TestEmptyBoardAfterAFullOne: a flushed Redis, or an empty replica that became primary, takes nobody down.
func TestEmptyBoardAfterAFullOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Memory
		m := startMirror(t, &b, Options{})
		heartbeat(t, &b, "fra", status.Up, 0)
		heartbeat(t, &b, "nyc", status.Up, 0)
		m.takeTold()
		b.mu.Lock()
		b.ballots = nil
		b.mu.Unlock()
		b.hints.send()
		synctest.Wait()
		if r := m.Report(); r.Source != Held || r.Why != "the board has no fresh votes" {
			t.Errorf("report: %s, %s", r.Source, r.Why)
		}
		m.expectHealth(t, "a", status.Up)
		m.expectTold(t)
	})
}

// TestOldStatesFile: what the version before left behind is read.
func TestOldStatesFile(t *testing.T) {
	dir := t.TempDir()
	old := `{"schema":"meridian.states/v1","confirmed":"2000-01-01T00:00:00Z","states":{"a":{"health":"down","since":"1999-12-31T12:00:00Z","reason":"checker fra: timeout"}}}`
	if err := os.WriteFile(filepath.Join(dir, "states.json"), []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		m := startMirror(t, &Memory{}, Options{DataDir: dir})
		if got := m.Table()["a"]; got.Health != status.Down || got.Reason != "checker fra: timeout" || got.Held != "" {
			t.Errorf("restored %+v", got)
		}
		synctest.Wait()
		m.stop()
		if got := read(t, filepath.Join(dir, "states.json")); !strings.Contains(got, `"meridian.states/v2"`) {
			t.Errorf("written as %s", got)
		}
	})
}

func TestBothBoardsGetEveryBallot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var own, shared Memory
		ballot := status.Ballot{Vantage: "fra", Votes: map[string]status.Vote{"a": vote(status.Up, "")}}
		if err := (Both{&own, &shared}).Publish(t.Context(), ballot); err != nil {
			t.Fatal(err)
		}
		for _, b := range []*Memory{&own, &shared} {
			if all, _ := b.Ballots(t.Context()); len(all) != 1 || all[0].Ballot.Vantage != "fra" {
				t.Errorf("got %v", all)
			}
		}
	})
}
