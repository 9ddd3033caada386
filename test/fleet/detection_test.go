package fleet

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"meridian/test/harness"
	"meridian/test/redistest"
)

// TestDetectionTime measures from the death of a backend to the first changed answer, through three checkers, Redis and
// a server: with default settings, and probing each second. Half of the backends refuse, half of them just hang.
func TestDetectionTime(t *testing.T) {
	for _, c := range []struct {
		name, pace string
		within     time.Duration
	}{
		{"defaults", "", 15 * time.Second},
		{"interval 1s", "interval: 1s, timeout: 500ms", 3 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
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
	loads := f.load(0)
	s := f.servers[0]
	var refused, hung []time.Duration
	for i, host := range hosts {
		b := mortal[host]
		begin := time.Now()
		if i%2 == 0 {
			b.Kill()
		} else {
			b.Hang()
		}
		name := fmt.Sprintf("s%d.fleet.test.", i)
		harness.Await(t, func() string {
			if got, err := s.ask(name); err != nil || got != f.hosts[1] {
				return fmt.Sprintf("%s: %s %v", name, got, err)
			}
			return ""
		})
		if took := time.Since(begin); i%2 == 0 {
			refused = append(refused, took)
		} else {
			hung = append(hung, took)
		}
	}
	loads.Stop()
	for _, m := range []struct {
		what string
		took []time.Duration
	}{{"refuses", refused}, {"hangs", hung}} {
		slices.Sort(m.took)
		n := len(m.took)
		t.Logf("a backend that %s, %d deaths, to the changed answer: min %v, median %v, max %v", m.what, n,
			m.took[0].Round(time.Millisecond), m.took[n/2].Round(time.Millisecond), m.took[n-1].Round(time.Millisecond))
		if m.took[n-1] > within {
			t.Errorf("a backend that %s: %v to the changed answer, want at most %v", m.what, m.took[n-1], within)
		}
	}
}
