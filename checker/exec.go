package checker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"meridian/zones"
)

const (
	maxOutput = 4 << 10                // bytes of a program's output that are kept; the rest is read and forgotten
	pipeGrace = 100 * time.Millisecond // for output still in the pipe when the program has ended
)

// exec runs the operator's program: no shell, an environment of its own, / as its folder, nothing on its standard input,
// in a process group that is killed as a whole at the timeout, and in any case when the program has ended. Its exit status
// is read as monitoring plugins mean it: 0 is healthy, 1 (warning) healthy but degraded, 3 (unknown) inconclusive, all
// others not healthy. The first line of its output is the reason.
func (a *attempt) exec(ctx context.Context) error {
	a.phase = "running " + a.check.Command[0]
	cmd := exec.CommandContext(ctx, a.check.Command[0], a.check.Command[1:]...)
	cmd.Dir = "/"
	cmd.Env = a.environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	killGroup := func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.Cancel = killGroup
	cmd.WaitDelay = pipeGrace
	var out bounded
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return localFault{fmt.Errorf("the program can't be run: %w", err)}
	}
	err := cmd.Wait()
	// The leader is reaped, but its number stays taken for as long as its group has members; without any there is nobody to kill.
	_ = killGroup()
	a.heard = true
	if ctx.Err() != nil {
		a.trace.step("exec", "killed with its process group")
		return ctx.Err()
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // a child that it left behind held on to the output
	}
	a.trace.step("exec", fmt.Sprintf("%s: %v", strings.Join(a.check.Command, " "), cmd.ProcessState))
	return a.judgeExit(cmd.ProcessState.ExitCode(), cmd.ProcessState.String(), out.firstLine(), err)
}

func (a *attempt) judgeExit(code int, state, line string, err error) error {
	text := state
	if line != "" {
		text = line + " (" + state + ")"
	}
	var exit *exec.ExitError
	switch {
	case err != nil && !errors.As(err, &exit):
		return localFault{err}
	case code == 0:
		a.seen.Reason = text
		return nil
	case code == 1:
		a.seen.Reason, a.seen.Withheld = text, zones.Degraded
		return nil
	case code == 3:
		return localFault{failure(text)}
	}
	return failure(text)
}

// environment is what the program is told. Nothing of this process's own environment, in which secrets may be, is passed on.
func (a *attempt) environment() []string {
	return []string{
		"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "HOME=/",
		"MERIDIAN_CHECK=" + a.check.Name,
		"MERIDIAN_ADDRESS=" + a.addr.String(),
		fmt.Sprintf("MERIDIAN_PORT=%d", a.check.Port),
		"MERIDIAN_HOST=" + a.check.Host,
		fmt.Sprintf("MERIDIAN_TIMEOUT=%g", a.check.Timeout.Seconds()),
	}
}

// bounded keeps the first maxOutput bytes that are written to it.
type bounded struct{ kept bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	b.kept.Write(p[:min(len(p), maxOutput-b.kept.Len())])
	return len(p), nil
}

// firstLine returns the first line that isn't empty, without the performance data that plugins put behind a bar.
func (b *bounded) firstLine() string {
	for line := range strings.Lines(b.kept.String()) {
		line, _, _ = strings.Cut(line, "|")
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
	return ""
}
