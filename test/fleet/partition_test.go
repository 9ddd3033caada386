package fleet

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"meridian/admin"
	"meridian/test/redistest"
)

// TestOneServerIsCutOff: the others go on, this one holds its states, says so, and follows when it is back.
func TestOneServerIsCutOff(t *testing.T) {
	t.Parallel()
	f := startFleet(t, plan{servers: 3, checkers: 2, redis: redistest.Start(t).Addr})
	loads := f.load(0)
	off := f.servers[2]
	off.Link.Cut()
	off.AwaitLog("the board can't be read; states hold")
	off.AwaitMetric(t, "meridian_board_up", is(0))
	off.AwaitReadyPage(t, "[!]board warning")

	f.Kill(0)
	for i, s := range f.servers[:2] {
		loads[i].Allow(f.hosts[0], f.hosts[1])
		s.AwaitMetric(t, "meridian_board_up", is(1))
	}
	with := fleet{t: t, hosts: f.hosts, servers: f.servers[:2]}
	with.AwaitAnswer(1)
	off.AwaitStatus(t, func(r admin.StatusReport) string {
		if r.Board.Up || r.Board.Age < 16 {
			return fmt.Sprintf("%+v", r.Board)
		}
		return ""
	})
	if wrong := off.answers(f.hosts[0]); wrong != "" {
		t.Errorf("cut off, and yet: %s", wrong)
	}

	off.Link.Mend()
	f.Move(loads, 0, 1)
	f.Revive(0)
	f.Move(loads, 1, 0)
	loads.Stop()
}

// TestOneCheckerIsCutOff: its votes run out and aren't missed.
func TestOneCheckerIsCutOff(t *testing.T) {
	t.Parallel()
	f := startFleet(t, plan{servers: 1, checkers: 3, redis: redistest.Start(t).Addr})
	loads := f.load(0)
	f.checkers[1].Link.Cut()
	f.checkers[1].AwaitLog("votes can't be published")
	f.steady(loads)
	f.servers[0].AwaitStatus(t, func(r admin.StatusReport) string {
		for _, c := range r.Checkers {
			if c.Fresh != (c.Vantage != "vantage2") {
				return fmt.Sprintf("%+v", c)
			}
		}
		return ""
	})
	f.checkers[1].Link.Mend()
	f.AwaitVotes(3)
	f.steady(loads)
	loads.Stop()
}

// TestOwnEyesCountAfterAWhile: a server that probes itself goes by its own checker when the board has been away for
// board.local_after, says so, and by the fleet's votes when the board is back.
func TestOwnEyesCountAfterAWhile(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t)
	f := startFleet(t, plan{servers: 2, checkers: 0, local: true, redis: r.Addr,
		board: `{local_after: 3s, redis: {addresses: ["LINK"]}}`})
	loads := f.load(0)
	r.Kill()
	for _, s := range f.servers {
		s.AwaitLog("this server's own checker decides alone")
		s.AwaitMetric(t, "meridian_board_local_view", is(1))
		s.AwaitStatus(t, func(r admin.StatusReport) string {
			if r.Board.Up || !r.Board.LocalView {
				return fmt.Sprintf("%+v", r.Board)
			}
			return ""
		})
	}
	f.Kill(0)
	f.Move(loads, 0, 1)
	r.Restart()
	for _, s := range f.servers {
		s.AwaitLog("the votes on the board count again")
		s.AwaitMetric(t, "meridian_board_local_view", is(0))
	}
	f.Revive(0)
	f.Move(loads, 1, 0)
	loads.Stop()
}

// TestStartWhileRedisIsAway: from the states on disk, at once, with their age; and the votes count when Redis is back.
func TestStartWhileRedisIsAway(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]struct{ begin, end func(*redistest.Server) }{
		"gone":   {(*redistest.Server).Kill, (*redistest.Server).Restart},
		"silent": {(*redistest.Server).Pause, (*redistest.Server).Resume},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := redistest.Start(t)
			f := startFleet(t, plan{servers: 1, checkers: 2, redis: r.Addr})
			s := f.servers[0]
			f.Kill(0)
			f.AwaitAnswer(1)
			away.begin(r)
			if code := s.Stop(syscall.SIGTERM); code != 0 {
				t.Fatalf("exit %d", code)
			}
			if _, err := os.Stat(filepath.Join(s.Dir, "data", "states.json")); err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			s.serve()
			took := time.Since(begin)
			loads := f.load(1) // from the first answer on
			if wrong := s.answers(f.hosts[1]); wrong != "" {
				t.Error(wrong)
			}
			t.Logf("ready %v after the start", took)
			s.AwaitReadyPage(t, "[!]board warning")
			s.AwaitStatus(t, func(r admin.StatusReport) string {
				if r.Board.Up || r.Board.Age <= 0 || r.Board.Holding == "" {
					return fmt.Sprintf("doesn't tell the age of its states: %+v", r.Board)
				}
				return ""
			})
			f.Revive(0)
			away.end(r)
			f.Move(loads, 1, 0)
			s.AwaitReadyPage(t, "[+]board ok")
			loads.Stop()
		})
	}
}
