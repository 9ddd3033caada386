package fleet

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meridian/admin"
	"meridian/test/redistest"
)

// TestRedisStandsStill: the process is stopped; its sockets are open and say nothing.
func TestRedisStandsStill(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t)
	outage{
		begin:   func(*fleet) { r.Pause() },
		end:     func(*fleet) { r.Resume() },
		servers: "doesn't answer in time", checkers: "doesn't answer in time",
	}.run(t, startFleet(t, plan{servers: 1, checkers: 2, redis: r.Addr}))
}

// TestRedisIsSlow: every answer of Redis takes half a second. That is late, and not wrong.
func TestRedisIsSlow(t *testing.T) {
	t.Parallel()
	f := startFleet(t, plan{servers: 2, checkers: 2, redis: redistest.Start(t).Addr})
	loads := f.load(0)
	for _, m := range append(f.servers, f.checkers...) {
		m.Link.Delay(500 * time.Millisecond)
	}
	f.steady(loads)
	loads.Stop()
}

// TestRedisIsTooSlow: every answer comes after the time that it may take.
func TestRedisIsTooSlow(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t)
	outage{
		begin: func(f *fleet) {
			for _, m := range append(f.servers, f.checkers...) {
				m.Link.Delay(5 * time.Second)
			}
		},
		end: func(f *fleet) {
			for _, m := range append(f.servers, f.checkers...) {
				m.Link.Mend()
			}
		},
		servers: "doesn't answer in time", checkers: "doesn't answer in time", brief: true,
	}.run(t, startFleet(t, plan{servers: 1, checkers: 2, redis: r.Addr}))
}

// TestRedisIsGone: it is killed, and comes back empty after all votes have run out.
func TestRedisIsGone(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t)
	outage{
		begin:   func(*fleet) { r.Kill() },
		end:     func(*fleet) { r.Restart() },
		servers: "Redis c", checkers: "Redis c", // closed the connection, can't be reached
	}.run(t, startFleet(t, plan{servers: 2, checkers: 2, redis: r.Addr}))
}

// TestRedisRestarts: a single Redis is restarted, as for an update, and has forgotten everything.
func TestRedisRestarts(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t)
	f := startFleet(t, plan{servers: 2, checkers: 2, redis: r.Addr})
	loads := f.load(0)
	for range 3 {
		r.Restart()
		f.steady(loads)
	}
	loads.Stop()
}

// TestRedisIsFlushed: FLUSHALL takes every vote away. Nobody is down because of that, and new votes count; until they
// come the servers say what they see.
func TestRedisIsFlushed(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t)
	f := startFleet(t, plan{servers: 2, checkers: 3, redis: r.Addr})
	loads := f.load(0)
	for range 3 {
		r.Flush()
		r.Await("the votes are back", func(out string) bool { return out == "3" }, "ZCARD", "{meridian}:v1:vantages")
	}
	for _, c := range f.checkers {
		c.Link.Cut() // nobody votes before the servers have looked
	}
	r.Flush()
	for _, s := range f.servers {
		s.AwaitLog("the board is empty, where checkers voted a moment ago")
		s.AwaitReadyPage(t, "[!]board warning", "the board is empty, where ")
		s.AwaitStatus(t, func(r admin.StatusReport) string {
			if !strings.Contains(r.Board.Holding, "flushed") {
				return fmt.Sprintf("%+v", r.Board)
			}
			return ""
		})
	}
	for _, c := range f.checkers {
		c.Link.Mend()
	}
	f.AwaitVotes(3)
	f.steady(loads)
	for _, s := range f.servers {
		if n := s.Log.Count(0, `"from":"up","to":"unknown"`); n != 0 {
			t.Errorf("%s: %d endpoints became unknown because votes were deleted", s.Name, n)
		}
	}
	loads.Stop()
}

// TestRedisIsReadOnly: it is a replica now, which can be read but not written.
func TestRedisIsReadOnly(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t)
	primary := redistest.Start(t)
	outage{
		begin: func(*fleet) {
			r.Config("replica-serve-stale-data", "yes")
			r.Do("REPLICAOF", "127.0.0.1", portOf(t, primary.Addr))
		},
		end:      func(*fleet) { r.Do("REPLICAOF", "NO", "ONE") },
		checkers: "read-only replica",
	}.run(t, startFleet(t, plan{servers: 1, checkers: 2, redis: r.Addr}))
}

// TestRedisIsFull: there is no memory for another byte, and nothing may be evicted.
func TestRedisIsFull(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t)
	outage{
		begin: func(*fleet) {
			r.Config("maxmemory-policy", "noeviction")
			r.Config("maxmemory", "1")
		},
		end:      func(*fleet) { r.Config("maxmemory", "0") },
		checkers: "out of memory",
	}.run(t, startFleet(t, plan{servers: 1, checkers: 2, redis: r.Addr}))
}

// TestRedisRefusesThePassword: the user's password is changed in Redis first, and in the processes' files later.
func TestRedisRefusesThePassword(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t)
	user := func(password string) {
		r.Do("ACL", "SETUSER", "meridian", "reset", "on", ">"+password, "~{meridian}:*", "&{meridian}:*", "+@all", "-@dangerous")
		r.Try("CLIENT", "KILL", "USER", "meridian") // nobody is connected at first
	}
	user("first")
	r.Do("ACL", "SETUSER", "default", "on", "nopass")
	secret := filepath.Join(t.TempDir(), "password")
	write := func(password string) {
		if err := os.WriteFile(secret, []byte(password+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("first")
	outage{
		begin:   func(*fleet) { user("second") },
		end:     func(*fleet) { write("second") },
		servers: "refuses the username or password", checkers: "refuses the username or password",
	}.run(t, startFleet(t, plan{servers: 1, checkers: 2, redis: r.Addr,
		board: `{redis: {addresses: ["LINK"], username: meridian, password_file: ` + secret + `}}`}))
}

// TestRedisBabbles: what answers at its address isn't Redis.
func TestRedisBabbles(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"http":    "HTTP/1.1 400 Bad Request\r\n\r\n",
		"bytes":   "\x00\xff\xfe garbage \r\n",
		"promise": "$2000000000\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := redistest.Start(t)
			var quiet func()
			wrong := "isn't Redis"
			if name == "promise" {
				wrong = "more than a board holds"
			}
			outage{
				begin: func(*fleet) {
					r.Kill()
					quiet = babble(t, r.Addr, text)
				},
				end: func(*fleet) {
					quiet()
					r.Restart()
				},
				servers: wrong, checkers: wrong, brief: true,
			}.run(t, startFleet(t, plan{servers: 1, checkers: 1, redis: r.Addr}))
		})
	}
}

func portOf(t testing.TB, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return port
}
