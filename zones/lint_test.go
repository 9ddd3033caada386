package zones

import "testing"

func TestDurationIsWhole(t *testing.T) {
	for seconds, want := range map[uint32]string{
		0: "0s", 40: "40s", 60: "1m", 3600: "1h", 86400: "1d", 129600: "1d12h", 604800: "7d", 1000000: "11d13h46m40s", 600: "10m",
	} {
		if got := duration(seconds); got != want {
			t.Errorf("%d seconds: %q, want %q", seconds, got, want)
		}
	}
}
