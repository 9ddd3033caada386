package zones

import (
	"net/netip"
	"testing"
	"time"
)

// TestStateKey: services share the state of an endpoint exactly if they probe it alike and turn votes into states alike.
func TestStateKey(t *testing.T) {
	addr := netip.MustParseAddr("198.18.1.1")
	web := &Check{Name: "web", Type: CheckTCP, Port: 80, Interval: time.Second}
	plain, other := &Service{Name: "a.", Check: web}, &Service{Name: "b.", Check: web, TTL: 5}
	own, same := &Service{Name: "c.", Check: web, StateRules: "quorum any"}, &Service{Name: "d.", Check: web, StateRules: "quorum any"}
	if got, want := plain.StateKey(addr), web.Target(addr); got != want || other.StateKey(addr) != want {
		t.Errorf("without rules: %q and %q, want the target %q", got, other.StateKey(addr), want)
	}
	if got, want := own.StateKey(addr), web.Target(addr)+"#"; len(got) != len(want)+8 || got[:len(want)] != want || same.StateKey(addr) != got {
		t.Errorf("with rules: %q and %q, want %q and a hash", got, same.StateKey(addr), want)
	}
	if got := (&Service{Check: web, StateRules: "quorum all"}).StateKey(addr); got == own.StateKey(addr) {
		t.Errorf("other rules, the same key %q", got)
	}
	if got := (&Service{}).StateKey(addr); got != "" {
		t.Errorf("without a check: %q", got)
	}
}

func TestMinHealthyOf(t *testing.T) {
	for _, tt := range []struct {
		min     MinHealthy
		n, want int
	}{
		{MinHealthy{}, 4, 1}, {MinHealthy{Count: 3}, 4, 3}, {MinHealthy{Share: 0.5}, 4, 2}, {MinHealthy{Share: 0.5}, 5, 3},
		{MinHealthy{Share: 1}, 3, 3}, {MinHealthy{Share: 0.1}, 3, 1},
	} {
		if got := tt.min.Of(tt.n); got != tt.want {
			t.Errorf("%+v of %d: %d, want %d", tt.min, tt.n, got, tt.want)
		}
	}
}
