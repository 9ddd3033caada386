package fleet

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"meridian/admin"
	"meridian/test/harness"
	"meridian/test/redistest"
)

// TestDetectionTime measures from the death of a backend to the first changed answer, through three checkers, Redis and
// a server: with default settings, and probing each second. Half of the backends refuse, half of them just hang. It
// runs beside no other test, because time is what it measures.
func TestDetectionTime(t *testing.T) {
	for _, c := range []struct {
		name, pace string
		within     time.Duration
		withRace   time.Duration // the race detector makes every process several times slower
	}{
		{"defaults", "", 15 * time.Second, 15 * time.Second},
		{"interval 1s", "interval: 1s, timeout: 400ms", 3 * time.Second, 6 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if harness.Race {
				c.within = c.withRace
			}
			measureDetection(t, c.pace, c.within)
		})
	}
}

// runs is how many deaths are measured.
const runs = 10

func measureDetection(t *testing.T, pace string, within time.Duration) {
	var services strings.Builder
	for i := range runs {
		fmt.Fprintf(&services, "  s%d.fleet.test: {check: web, pools: {eu-west: [OWN.%d.1], us-east: [SECOND]}, policy: {failover: [eu-west, us-east]}}\n", i, 10+i)
	}
	if pace == "" {
		pace = "consecutive_down: 3" // which is the default, as is everything else
	}
	f := newFleet(t, plan{servers: 1, checkers: 3, redis: redistest.Start(t).Addr, pace: pace, brakes: true, services: services.String()})
	var hosts []string
	for i := range runs {
		hosts = append(hosts, fmt.Sprintf("%s.%d.1", f.net, 10+i))
	}
	mortal := harness.NewBackendsAt(t, f.health, hosts...)
	f.start()
	f.awaitDwell(10 * time.Second)
	loads := f.load(0)
	deaths := make([]death, runs)
	var watching sync.WaitGroup
	next := time.NewTicker(1300 * time.Millisecond) // at another moment of the interval each time
	defer next.Stop()
	for i, host := range hosts {
		<-next.C
		d := &deaths[i]
		d.begin, d.hangs = time.Now(), i%2 == 1
		if d.hangs {
			mortal[host].Hang()
		} else {
			mortal[host].Kill()
		}
		watching.Go(func() { d.watch(f.servers[0], fmt.Sprintf("s%d.fleet.test.", i), f.hosts[1]) })
	}
	watching.Wait()
	loads.Stop()
	for hangs, what := range map[bool]string{false: "refuses", true: "hangs"} {
		var took []time.Duration
		for _, d := range deaths {
			if d.wrong != "" {
				t.Fatal(d.wrong)
			}
			if d.hangs == hangs {
				took = append(took, d.took)
			}
		}
		slices.Sort(took)
		longest := took[len(took)-1]
		t.Logf("a backend that %s, %d deaths, to the changed answer: min %v, median %v, max %v", what, len(took),
			took[0].Round(time.Millisecond), took[len(took)/2].Round(time.Millisecond), longest.Round(time.Millisecond))
		if longest > within {
			t.Errorf("a backend that %s: %v to the changed answer, want at most %v", what, longest, within)
		}
	}
}

// death is that of one backend.
type death struct {
	hangs bool // it takes connections and says nothing; otherwise it refuses
	begin time.Time
	took  time.Duration // until the first changed answer
	wrong string        // why that never came
}

// watch asks until the server answers with another address.
func (d *death) watch(s *member, name, next string) {
	d.wrong = harness.Within(harness.Patience, func() string {
		if got, err := s.ask(name); err != nil || got != next {
			return fmt.Sprintf("%s: %s %v", name, got, err)
		}
		return ""
	})
	d.took = time.Since(d.begin)
}

// awaitDwell waits until no state is younger than this: what changed a moment ago may not change again at once.
func (f *fleet) awaitDwell(dwell time.Duration) {
	f.t.Helper()
	f.servers[0].AwaitStatus(f.t, func(r admin.StatusReport) string {
		for _, s := range r.Services {
			for _, p := range s.Pools {
				for _, e := range p.Endpoints {
					if e.Since == nil || r.Time.Sub(*e.Since) < dwell {
						return e.Address + " is " + e.State + " since a moment ago"
					}
				}
			}
		}
		return ""
	})
}
