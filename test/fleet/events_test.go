package fleet

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"meridian/admin"
	"meridian/test/harness"
	"meridian/test/redistest"
)

// TestServersAgree: two servers come to the same states from three checkers' votes, show them, and `meridian events -f`
// shows each transition once, whichever server saw it and whichever is asked.
func TestServersAgree(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t)
	f := startFleet(t, plan{servers: 2, checkers: 3, redis: r.Addr})
	loads := f.load(0)
	var followers []*harness.Process
	for _, s := range f.servers {
		follow := harness.Launch(t, exec.Command(string(meridian), "events", "-f", "--server", s.Admin))
		followers = append(followers, follow)
	}
	const rounds = 3
	for range rounds {
		f.Kill(0)
		f.Move(loads, 0, 1)
		for _, s := range f.servers {
			s.AwaitStatus(t, func(r admin.StatusReport) string { return disagreement(&r, f.hosts[0], admin.StateDown, 3) })
		}
		f.Revive(0)
		f.Move(loads, 1, 0)
		for _, s := range f.servers {
			s.AwaitStatus(t, func(r admin.StatusReport) string { return disagreement(&r, f.hosts[0], admin.StateUp, 3) })
		}
	}
	r.Await("people can read it", func(out string) bool { return strings.Contains(out, "state\nup") }, "HGETALL", "{meridian}:v1:region:eu-west")
	for i, follow := range followers {
		harness.Await(t, func() string {
			for _, direction := range []string{"up -> down", "down -> up"} {
				if n := transitions(follow.Log.String(), f.hosts[0], direction); n < rounds {
					return fmt.Sprintf("events -f at %s shows %d times %s, want %d:\n%s", f.servers[i].Name, n, direction, rounds, follow.Log)
				}
			}
			return ""
		})
	}
	loads.Stop()
	for i, follow := range followers {
		for _, direction := range []string{"up -> down", "down -> up"} {
			if n := transitions(follow.Log.String(), f.hosts[0], direction); n != rounds {
				t.Errorf("events -f at %s shows %d times %s, want %d:\n%s", f.servers[i].Name, n, direction, rounds, follow.Log)
			}
		}
	}
}

// transitions counts the lines about a change of the address.
func transitions(text, address, direction string) int {
	n := 0
	for line := range strings.Lines(text) {
		if strings.Contains(line, address) && strings.Contains(line, direction) {
			n++
		}
	}
	return n
}

// disagreement returns what is wrong with a report on the endpoint: it must have this state, by so many votes for it.
func disagreement(r *admin.StatusReport, address, state string, voters int) string {
	for _, s := range r.Services {
		for _, p := range s.Pools {
			for _, e := range p.Endpoints {
				if e.Address != address {
					continue
				}
				if e.State != state || e.Observed != state {
					return fmt.Sprintf("%s is %s, observed %s, want %s", address, e.State, e.Observed, state)
				}
				votes := 0
				for _, v := range e.Votes {
					if v.State == state && v.Fresh && v.Reason != "" && v.Age >= 0 {
						votes++
					}
				}
				if e.Votes != nil && votes != voters {
					return fmt.Sprintf("%d votes for %s, want %d: %+v", votes, state, voters, e.Votes)
				}
				return ""
			}
		}
	}
	return address + " isn't in the report"
}
