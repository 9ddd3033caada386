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
	s.awaitAnswer(fromTokyo, apNortheast)

	backends[apNortheast].kill()
	s.awaitAnswer(fromTokyo, apSouth)
	if r := s.dig(fromTokyo...); r.subnet != "192.0.2.0/24/28" {
		t.Errorf("the scope belongs to the map, not to health: %q", r.subnet)
	}
	if r := s.dig("+subnet="+frankfurt, "www.glb.test", "A"); !r.is(euWest) {
		t.Errorf("others stay where they are\n%s", r.text)
	}

	backends[apSouth].answer(http.StatusServiceUnavailable)
	s.awaitAnswer(fromTokyo, usWest)

	backends[apNortheast].revive()
	s.awaitAnswer(fromTokyo, apNortheast)
}

// TestAllDown: when nothing is healthy the answer is as if everything were, never empty and never NXDOMAIN.
func TestAllDown(t *testing.T) {
	s, backends := startWorld(t)
	fromTokyo := []string{"+subnet=" + tokyo, "www.glb.test", "A"}
	s.awaitAnswer(fromTokyo, apNortheast)
	backends[apNortheast].kill()
	s.awaitAnswer(fromTokyo, apSouth)
	for _, b := range backends {
		b.kill()
	}
	s.awaitAnswer(fromTokyo, apNortheast)
}

// TestRestartKeepsStates: what was down before a restart is down after it, from the first answer on.
func TestRestartKeepsStates(t *testing.T) {
	s, backends := startWorld(t)
	fromTokyo := []string{"+subnet=" + tokyo, "www.glb.test", "A"}
	s.awaitAnswer(fromTokyo, apNortheast)
	backends[apNortheast].kill()
	s.awaitAnswer(fromTokyo, apSouth)
	if code := s.stop(syscall.SIGTERM); code != 0 {
		t.Fatalf("exit %d", code)
	}
	s.start()
	for range 5 {
		if r := s.dig(fromTokyo...); !r.is(apSouth) {
			t.Fatalf("right after the restart:\n%s", r.text)
		}
	}
}
