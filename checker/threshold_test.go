package checker

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"meridian/status"
)

// TestThresholdSteps drives verdicts with rise 2 and fall 3. In the tables + is a success, - a failure; below each stands
// the health after it: ? unknown, U up, D down.
func TestThresholdSteps(t *testing.T) {
	for name, steps := range map[string][2]string{
		"first round is neither":              {"+-", "??"},
		"from unknown to up":                  {"++", "?U"},
		"from unknown to down":                {"---", "??D"},
		"a restart doesn't restore":           {"---+-", "??DDD"},
		"one success doesn't restore":         {"---+---", "??DDDDD"},
		"two do":                              {"---++", "??DDU"},
		"two failures don't kill":             {"++--+--+", "?UUUUUUU"},
		"three do":                            {"++---", "?UUUD"},
		"a success between starts a new row":  {"++--+---", "?UUUUUUD"},
		"alternating forever decides nothing": {"+-+-+-+-", "????????"},
	} {
		var v verdict
		got := ""
		for _, step := range steps[0] {
			v = v.after(step == '+', threshold{up: 2, down: 3})
			got += map[status.Health]string{status.Unknown: "?", status.Up: "U", status.Down: "D"}[v.health]
		}
		if got != steps[1] {
			t.Errorf("%s: %s gives %s, want %s", name, steps[0], got, steps[1])
		}
	}
}

// TestThresholdEqualsItsTwin compares the state machine with a twin that looks at the whole history after each step.
func TestThresholdEqualsItsTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		th := threshold{rapid.IntRange(1, 5).Draw(t, "up"), rapid.IntRange(1, 5).Draw(t, "down")}
		var v verdict
		history, want := "", status.Unknown
		for _, ok := range rapid.SliceOfN(rapid.Bool(), 0, 60).Draw(t, "observations") {
			v = v.after(ok, th)
			history += map[bool]string{true: "+", false: "-"}[ok]
			switch {
			case strings.HasSuffix(history, strings.Repeat("+", th.up)):
				want = status.Up
			case strings.HasSuffix(history, strings.Repeat("-", th.down)):
				want = status.Down
			}
			if v.health != want {
				t.Fatalf("after %s with %+v: %v, the twin says %v", history, th, v.health, want)
			}
		}
	})
}
