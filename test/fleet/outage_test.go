package fleet

import (
	"fmt"
	"testing"

	"meridian/admin"
	"meridian/test/harness"
)

// outage is one way to lose Redis.
type outage struct {
	begin, end func(f *fleet)
	servers    string // what servers say: why they can't read; empty: they can
	checkers   string // what checkers say: why they can't vote; empty: they can
	brief      bool   // votes needn't run out
}

// run breaks Redis under load, kills a backend meanwhile, and mends Redis. While it is broken nothing moves; afterwards
// the answers do.
func (o outage) run(t *testing.T, f *fleet) {
	t.Helper()
	loads := f.load(0)
	marks := map[*member]int{}
	for _, m := range append(f.servers, f.checkers...) {
		marks[m] = m.Log.Len()
	}

	o.begin(f)
	o.told(t, f, marks)
	f.Kill(0)
	if !o.brief {
		// The last votes run out; "down" may be what the checkers see, but nobody can know.
		for _, s := range f.servers {
			s.AwaitStatus(t, func(r admin.StatusReport) string {
				for _, c := range r.Checkers {
					if c.Fresh {
						return fmt.Sprintf("the votes of %s are still fresh", c.Vantage)
					}
				}
				if r.Board.Holding == "" || r.Board.LocalView || r.Board.Age < 10 {
					return fmt.Sprintf("doesn't hold its states: %+v", r.Board)
				}
				return ""
			})
			s.AwaitMetric(t, "meridian_health_status_age_seconds", above(10))
			s.AwaitReadyPage(t, "[!]board warning", "states hold")
		}
	}
	for i, s := range f.servers {
		if wrong := s.answers(f.hosts[0]); wrong != "" {
			t.Errorf("while the board is away nothing moves: %s", wrong)
		}
		loads[i].Allow(f.hosts[0], f.hosts[1])
	}

	o.end(f)
	f.Move(loads, 0, 1)
	for _, s := range f.servers {
		s.AwaitMetric(t, "meridian_board_up", is(1))
		s.AwaitReadyPage(t, "[+]board ok")
		s.AwaitStatus(t, func(r admin.StatusReport) string {
			if !r.Board.Up || r.Board.Holding != "" || r.Board.Error != "" {
				return fmt.Sprintf("the board is back: %+v", r.Board)
			}
			return ""
		})
	}
	f.Revive(0)
	f.Move(loads, 1, 0)
	loads.Stop()
}

// told waits until everybody tells what is wrong: the log that something is, the pages what it is now.
func (o outage) told(t *testing.T, f *fleet, marks map[*member]int) {
	t.Helper()
	if o.checkers != "" {
		for _, c := range f.checkers {
			c.AwaitLogAfter(marks[c], "votes can't be published")
			c.AwaitReadyPage(t, "[!]publish warning", o.checkers)
		}
	}
	if o.servers == "" {
		return
	}
	for _, s := range f.servers {
		s.AwaitLogAfter(marks[s], "the board can't be read; states hold")
		s.AwaitMetric(t, "meridian_board_up", is(0))
		s.AwaitReadyPage(t, "[!]board warning", o.servers)
		s.AwaitStatus(t, func(r admin.StatusReport) string {
			if r.Board.Up || r.Board.Error == "" || r.Board.Holding == "" || r.Board.Kind != "redis" {
				return fmt.Sprintf("%+v", r.Board)
			}
			return ""
		})
	}
}

// steady shows that a disturbance isn't one: votes count, and a dead backend is noticed as ever.
func (f *fleet) steady(loads loads) {
	f.t.Helper()
	f.Kill(0)
	f.Move(loads, 0, 1)
	f.Revive(0)
	f.Move(loads, 1, 0)
	for _, s := range f.servers {
		harness.Await(f.t, func() string {
			if up, _ := s.metric(f.t, "meridian_board_up"); up != 1 {
				return s.Name + ": meridian_board_up isn't 1"
			}
			return ""
		})
	}
}
