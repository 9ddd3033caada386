package e2e

import (
	"net/http"
	"syscall"
	"testing"
)

// TestFailover: a backend dies, its clients go to the next nearest region, and come back with it.
func TestFailover(t *testing.T) {
	s, backends := startWorld(t)
	fromTokyo := []string{"+subnet=" + tokyo, "www.glb.test", "A"}
	s.AwaitAnswer(fromTokyo, apNortheast)

	backends[apNortheast].Kill()
	s.AwaitAnswer(fromTokyo, apSouth)
	if r := s.Dig(fromTokyo...); r.Subnet != "192.0.2.0/24/28" {
		t.Errorf("the scope belongs to the map, not to health: %q", r.Subnet)
	}
	if r := s.Dig("+subnet="+frankfurt, "www.glb.test", "A"); !r.Is(euWest) {
		t.Errorf("others stay where they are\n%s", r.Text)
	}

	backends[apSouth].Answer(http.StatusServiceUnavailable)
	s.AwaitAnswer(fromTokyo, usWest)

	backends[apNortheast].Revive()
	s.AwaitAnswer(fromTokyo, apNortheast)
}

// TestAllDown: when nothing is healthy the answer is as if everything were, never empty and never NXDOMAIN.
func TestAllDown(t *testing.T) {
	s, backends := startWorld(t)
	fromTokyo := []string{"+subnet=" + tokyo, "www.glb.test", "A"}
	s.AwaitAnswer(fromTokyo, apNortheast)
	backends[apNortheast].Kill()
	s.AwaitAnswer(fromTokyo, apSouth)
	for _, b := range backends {
		b.Kill()
	}
	s.AwaitAnswer(fromTokyo, apNortheast)
}

// TestRestartKeepsStates: what was down before a restart is down after it, from the first answer on.
func TestRestartKeepsStates(t *testing.T) {
	s, backends := startWorld(t)
	fromTokyo := []string{"+subnet=" + tokyo, "www.glb.test", "A"}
	s.AwaitAnswer(fromTokyo, apNortheast)
	backends[apNortheast].Kill()
	s.AwaitAnswer(fromTokyo, apSouth)
	if code := s.Stop(syscall.SIGTERM); code != 0 {
		t.Fatalf("exit %d", code)
	}
	s.Start()
	for range 5 {
		if r := s.Dig(fromTokyo...); !r.Is(apSouth) {
			t.Fatalf("right after the restart:\n%s", r.Text)
		}
	}
}
