package fleet

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"meridian/admin"
	"meridian/test/redistest"
)

// TestCheckersAreGone: all are killed. States hold, whatever happens to the backends; it never means "all down".
func TestCheckersAreGone(t *testing.T) {
	t.Parallel()
	f := startFleet(t, plan{servers: 2, checkers: 3, redis: redistest.Start(t).Addr})
	loads := f.load(0)
	for _, c := range f.checkers {
		c.Kill()
	}
	for i := range f.backends {
		f.Kill(i)
	}
	for _, s := range f.servers {
		s.AwaitLog(`"states hold"`)
		s.AwaitReadyPage(t, "[!]board warning", "no fresh votes")
		s.AwaitMetric(t, `meridian_health_vote_age_seconds{vantage="vantage1"}`, above(15))
		s.AwaitMetric(t, "meridian_board_up", is(1)) // it is the votes that are missing
		s.AwaitStatus(t, func(r admin.StatusReport) string {
			for _, c := range r.Checkers {
				if c.Fresh {
					return c.Vantage + " is still fresh"
				}
			}
			for _, region := range r.Regions {
				if region.State != admin.StateUp {
					return fmt.Sprintf("%s is %s without a vote", region.Name, region.State)
				}
			}
			if !strings.Contains(r.Board.Holding, "no fresh votes") {
				return fmt.Sprintf("%+v", r.Board)
			}
			return ""
		})
	}

	f.Revive(1)
	for _, c := range f.checkers {
		c.probe()
	}
	f.Move(loads, 0, 1)
	f.Revive(0)
	f.Move(loads, 1, 0)
	loads.Stop()
}

// TestCheckersFallSilentOneByOne: those that are left decide, down to the last.
func TestCheckersFallSilentOneByOne(t *testing.T) {
	t.Parallel()
	f := startFleet(t, plan{servers: 1, checkers: 2, redis: redistest.Start(t).Addr})
	loads := f.load(0)
	f.checkers[0].Kill()
	f.servers[0].AwaitStatus(t, func(r admin.StatusReport) string {
		for _, c := range r.Checkers {
			if c.Fresh != (c.Vantage == "vantage2") {
				return fmt.Sprintf("%+v", c)
			}
		}
		return ""
	})
	f.steady(loads)
	loads.Stop()
}

// TestCheckersRestart: each in turn, again and again, by order and by force. No state changes because of that.
func TestCheckersRestart(t *testing.T) {
	t.Parallel()
	f := startFleet(t, plan{servers: 2, checkers: 3, redis: redistest.Start(t).Addr})
	loads := f.load(0)
	marks := []int{f.servers[0].Log.Len(), f.servers[1].Log.Len()}
	for round := range 2 {
		for _, c := range f.checkers {
			if round == 0 {
				if code := c.Stop(syscall.SIGTERM); code != 0 {
					t.Errorf("%s: exit %d", c.Name, code)
				}
			} else {
				c.Kill()
			}
			c.probe()
			f.AwaitVotes(3)
		}
	}
	for i, s := range f.servers {
		if n := s.Log.Count(marks[i], "health changed"); n != 0 {
			t.Errorf("%s: %d states changed because checkers were restarted", s.Name, n)
		}
	}
	f.steady(loads)
	loads.Stop()
}

// TestClocksAreWrong: one checker lives five hours ago, another in nine hours, and so does a server. Ages are
// measured, never told, so all goes on as ever.
func TestClocksAreWrong(t *testing.T) {
	t.Parallel()
	f := newFleet(t, plan{servers: 2, checkers: 3, redis: redistest.Start(t).Addr})
	for i, off := range []time.Duration{-5 * time.Hour, 9 * time.Hour, 0} {
		f.checkers[i].clock = off
		f.checkers[i].probe()
	}
	f.servers[0].clock = -30 * 24 * time.Hour
	for _, s := range f.servers {
		s.serve()
	}
	f.AwaitVotes(3)
	loads := f.load(0)
	r, err := f.servers[0].status()
	if off := time.Until(r.Time); err != nil || off > -29*24*time.Hour {
		t.Fatalf("the server's clock isn't off: %v, %v", off, err)
	}
	f.steady(loads)

	// Only the third tells the right time, and it is only the third that is gone.
	f.checkers[2].Kill()
	for _, s := range f.servers {
		s.AwaitStatus(t, func(r admin.StatusReport) string {
			for _, c := range r.Checkers {
				if c.Fresh != (c.Vantage != "vantage3") || c.Age < 0 || c.Age > 60 {
					return fmt.Sprintf("%+v", c)
				}
			}
			return ""
		})
	}
	f.steady(loads)
	loads.Stop()
}

// TestAllPoolsAreDown: one after the other, until nothing is left. The answer is then as if all were up, never empty, and
// the pages say that it is. (They answer HTTP 503. Where everything refuses at once, a checker rather doubts itself.)
func TestAllPoolsAreDown(t *testing.T) {
	t.Parallel()
	f := startFleet(t, plan{servers: 1, checkers: 2, redis: redistest.Start(t).Addr})
	loads := f.load(0)
	f.backends[0].Answer(503)
	f.Move(loads, 0, 1)
	f.backends[1].Answer(503)
	f.Move(loads, 1, 2)
	f.backends[2].Answer(503)
	f.Move(loads, 2, 0)
	s := f.servers[0]
	s.AwaitReadyPage(t, "[!]fallback warning", "www.fleet.test")
	s.AwaitStatus(t, func(r admin.StatusReport) string {
		if len(r.Services) != 1 || !r.Services[0].Fallback {
			return fmt.Sprintf("%+v", r.Services)
		}
		return ""
	})
	f.backends[1].Answer(200)
	f.Move(loads, 0, 1)
	loads.Stop()
}
