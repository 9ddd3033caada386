package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// patience is how long a test waits for an event before it says that it doesn't come. It is far above what anything
// takes, because the machine may be busy; no test waits this long unless it fails.
const patience = 30 * time.Second

// binary is the path of the built meridian.
var binary string

// TestMain builds the binary once for all tests.
func TestMain(m *testing.M) {
	os.Exit(func() int {
		if _, err := exec.LookPath("dig"); err != nil {
			fmt.Fprintln(os.Stderr, "these tests ask with dig: apt-get install bind9-dnsutils (make test does it)")
			return 1
		}
		dir, err := os.MkdirTemp("", "meridian-e2e-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "meridian")
		build := exec.Command("go", append(append([]string{"build"}, buildFlags...), "-o", binary, "meridian/cmd/meridian")...)
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v: %v\n%s", build, err, out)
			return 1
		}
		return m.Run()
	}())
}

// result is what a finished command said.
type result struct {
	stdout, stderr string
	code           int
}

// run runs the binary to its end.
func run(t *testing.T, args ...string) result {
	t.Helper()
	return runIn(t, "", args...)
}

// runIn runs the binary to its end in a directory.
func runIn(t *testing.T, dir string, args ...string) result {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Dir = dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("meridian %q: %v", args, err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// await calls check until it returns an empty string, and fails with its last words when that takes too long.
func await(t *testing.T, check func() string) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	every := time.NewTicker(50 * time.Millisecond)
	defer every.Stop()
	for {
		wrong := check()
		if wrong == "" {
			return
		}
		select {
		case <-every.C:
		case <-deadline.C:
			t.Fatalf("after %v: %s", patience, wrong)
		}
	}
}
