package fleet

import (
	"fmt"
	"strings"
	"testing"

	"meridian/admin"
	"meridian/test/redistest"
)

// TestCableToRedisIsPulled: one server's packets to Redis vanish. It holds its states and says so; the other goes on; and
// with the cable back it follows.
func TestCableToRedisIsPulled(t *testing.T) {
	t.Parallel()
	f := startFleet(t, plan{servers: 2, checkers: 2, redis: redistest.Start(t).Addr, nets: newNets(t)})
	loads := f.load(0)
	off := f.servers[1]
	off.node.pull(t, off.node.rear)
	off.AwaitLog("the board can't be read; states hold")
	off.AwaitMetric(t, "meridian_board_up", is(0))
	off.AwaitReadyPage(t, "[!]board warning")

	f.Kill(0)
	loads[0].Allow(f.hosts[0], f.hosts[1])
	with := fleet{t: t, hosts: f.hosts, servers: f.servers[:1]}
	with.AwaitAnswer(1)
	loads[0].Allow(f.hosts[1])
	off.AwaitStatus(t, func(r admin.StatusReport) string {
		if r.Board.Up || r.Board.Age < 16 {
			return fmt.Sprintf("%+v", r.Board)
		}
		return ""
	})
	if wrong := off.answers(f.hosts[0]); wrong != "" {
		t.Errorf("cut off, and yet: %s", wrong)
	}

	off.node.plug(t, off.node.rear)
	f.Move(loads, 0, 1)
	f.Revive(0)
	f.Move(loads, 1, 0)
	loads.Stop()
}

// TestCheckerLosesItsUplink: one checker can't reach any backend any more, but it reaches Redis. It withholds its votes
// and says why; the others decide; and it votes again when its cable is back.
func TestCheckerLosesItsUplink(t *testing.T) {
	t.Parallel()
	f := startFleet(t, plan{servers: 1, checkers: 3, redis: redistest.Start(t).Addr, nets: newNets(t)})
	loads := f.load(0)
	s, blind := f.servers[0], f.checkers[0]
	mark := s.Log.Len()
	blind.node.pull(t, blind.node.front)
	blind.AwaitLog("this checker's own network is the likely reason; it withholds its votes")
	s.AwaitStatus(t, func(r admin.StatusReport) string {
		for _, c := range r.Checkers {
			if c.Vantage == blind.Name && (!c.Fresh || c.Doubt == "" || c.Down != 0) {
				return fmt.Sprintf("%+v", c)
			}
		}
		if !strings.Contains(strings.Join(r.Degraded(), "\n"), "checker "+blind.Name+" distrusts itself") {
			return fmt.Sprintf("degraded: %q", r.Degraded())
		}
		return ""
	})
	f.steady(loads)

	blind.node.plug(t, blind.node.front)
	blind.node.connect(t)
	blind.AwaitLog("endpoints answer again; votes count")
	f.AwaitVotes(3)
	f.steady(loads)
	for line := range strings.Lines(s.Log.String()[mark:]) {
		if strings.Contains(line, "health changed") && !strings.Contains(line, f.hosts[0]) {
			t.Errorf("a backend that nobody touched: %s", line)
		}
	}
	loads.Stop()
}

// TestCheckerLies: one checker, from its first probe on, finds that every backend refuses. It is outvoted, and its votes
// are shown beside the others'.
func TestCheckerLies(t *testing.T) {
	t.Parallel()
	f := newFleet(t, plan{servers: 1, checkers: 3, redis: redistest.Start(t).Addr, nets: newNets(t)})
	liar, s := f.checkers[0], f.servers[0]
	for _, host := range f.hosts {
		// The backends' addresses are its own, where nobody listens.
		ip(t, "-n", liar.node.name, "address", "add", host+"/32", "dev", "lo")
	}
	liar.probe()
	for _, c := range f.checkers[1:] {
		c.probe()
	}
	s.serve()
	f.AwaitVotes(3)
	loads := f.load(0)
	s.AwaitStatus(t, func(r admin.StatusReport) string {
		for _, c := range r.Checkers {
			if c.Vantage == liar.Name && c.Down+c.Abstains != 3 {
				return fmt.Sprintf("%s sees something up: %+v", liar.Name, c)
			}
		}
		return disagreement(&r, f.hosts[0], admin.StateUp, 2)
	})
	f.steady(loads)
	loads.Stop()
}
