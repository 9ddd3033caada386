package harness

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestMain lets this binary be the program whose clock is looked at.
func TestMain(m *testing.M) {
	if os.Getenv("TELL_TIME") != "" {
		begin := time.Now()
		os.Stdout.WriteString(strconv.FormatInt(begin.Unix(), 10) + " " + time.Since(begin).Round(time.Second).String() + "\n")
		return
	}
	os.Exit(m.Run())
}

func TestClockIsOff(t *testing.T) {
	for _, off := range []time.Duration{-3 * time.Hour, 0, 5 * time.Hour} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "TELL_TIME=1")
		p := LaunchWithClock(t, cmd, off)
		if code := p.Wait(); code != 0 {
			t.Fatalf("exit %d: %s", code, p.Log)
		}
		wall, passed, _ := strings.Cut(strings.TrimSpace(p.Log.String()), " ")
		unix, err := strconv.ParseInt(wall, 10, 64)
		if err != nil {
			t.Fatalf("%v: %q", err, p.Log)
		}
		if d := time.Until(time.Unix(unix, 0)).Round(time.Minute); d != off {
			t.Errorf("the clock is off by %v, want %v", d, off)
		}
		if passed != "0s" {
			t.Errorf("while it asked, %s passed: the monotonic clock must not be off", passed)
		}
	}
}
