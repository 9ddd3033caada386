package checker_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"meridian/checker"
	"meridian/status"
	"meridian/status/board"
	"meridian/zones"
)

// TestObservationsBecomeStates goes one observation's whole way on one machine: a real server, a checker, the board in
// memory and the mirror.
func TestObservationsBecomeStates(t *testing.T) {
	var code atomic.Int32
	code.Store(http.StatusOK)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(code.Load())) }))
	defer s.Close()
	addr := netip.MustParseAddrPort(s.Listener.Addr().String())
	check := &zones.Check{
		Name: "web", Type: zones.CheckHTTP, Port: addr.Port(), Path: "/", Status: []int{200},
		Interval: 200 * time.Millisecond, Timeout: 5 * time.Second, ConsecutiveUp: 2, ConsecutiveDown: 3,
	}
	target := checker.Target{Key: check.Target(addr.Addr()), Check: check, Addr: addr.Addr()}

	var b board.Memory
	quiet := slog.New(slog.DiscardHandler)
	lastProbe := atomic.Int64{}
	states := board.NewStates(&b, board.Options{Log: quiet, DataDir: t.TempDir()})
	voter := checker.New("fra", &b, checker.Options{Log: quiet, Observed: func(checker.Target, checker.Observation) {
		lastProbe.Store(time.Now().UnixNano())
	}})
	voter.SetTargets([]checker.Target{target})
	changes, cancel := states.Subscribe()
	defer cancel()

	ctx, stop := context.WithCancel(t.Context())
	var tasks sync.WaitGroup
	tasks.Go(func() { states.Run(ctx) })
	tasks.Go(func() { voter.Run(ctx) })
	defer tasks.Wait()
	defer stop()

	await := func(want status.Health, reason string) {
		t.Helper()
		for states.Table()[target.Key].Health != want {
			select {
			case <-changes:
			case <-time.After(20 * time.Second):
				t.Fatalf("the state is %+v, want %v", states.Table()[target.Key], want)
			}
		}
		t.Logf("%v known %v after the probe that decided it", want, time.Since(time.Unix(0, lastProbe.Load())))
		if got := states.Table()[target.Key].Reason; got != reason {
			t.Errorf("the reason is %q, want %q", got, reason)
		}
	}
	await(status.Up, "checker fra: HTTP 200 OK")
	code.Store(http.StatusServiceUnavailable)
	await(status.Down, "checker fra: HTTP 503 Service Unavailable")
	code.Store(http.StatusOK)
	await(status.Up, "checker fra: HTTP 200 OK")
	s.Close()
	await(status.Down, "checker fra: connection refused")
}
