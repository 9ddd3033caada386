package harness

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Binary is the path of a built meridian.
type Binary string

// Main builds the binary, runs the tests and returns their exit code. tools are the commands that the tests need, as
// "command=Debian package"; without one of them it says so and runs nothing.
func Main(m *testing.M, binary *Binary, tools ...string) int {
	var missing []string
	for _, tool := range tools {
		command, pkg, _ := strings.Cut(tool, "=")
		if _, err := exec.LookPath(command); err != nil {
			missing = append(missing, pkg)
		}
	}
	if len(missing) > 0 {
		fmt.Fprintf(os.Stderr, "these tests need apt-get install %s (make test does it)\n", strings.Join(missing, " "))
		return 1
	}
	dir, err := os.MkdirTemp("", "meridian-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	*binary = Binary(filepath.Join(dir, "meridian"))
	build := exec.Command("go", append(append([]string{"build"}, buildFlags...), "-o", string(*binary), "meridian/cmd/meridian")...)
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v: %v\n%s", build, err, out)
		return 1
	}
	return m.Run()
}

// Result is what a finished command said.
type Result struct {
	Stdout, Stderr string
	Code           int
}

// Run runs the binary to its end in dir; empty: in the test's own directory.
func (b Binary) Run(t testing.TB, dir string, args ...string) Result {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), string(b), args...)
	cmd.Dir = dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("meridian %q: %v", args, err)
	}
	return Result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}
