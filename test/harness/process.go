package harness

import (
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Process is a process that runs in the background.
type Process struct {
	Log  *Log
	Done <-chan struct{} // closed when it has ended

	t   testing.TB
	cmd *exec.Cmd
}

// Launch starts cmd with its output in Log. It is killed when the test ends, and its log shown if the test failed.
func Launch(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	return launch(t, cmd, cmd.Start)
}

func launch(t testing.TB, cmd *exec.Cmd, start func() error) *Process {
	t.Helper()
	done := make(chan struct{})
	p := &Process{t: t, cmd: cmd, Log: &Log{changed: make(chan struct{})}, Done: done}
	cmd.Stdout, cmd.Stderr = p.Log, p.Log
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL // nothing outlives a test binary that dies
	if err := start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait() // the exit code is in ProcessState
		close(done)
	}()
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("log of %v:\n%s", cmd, p.Log)
		}
	})
	return p
}

// Kill ends the process without a chance to do anything, and returns when it has ended.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.Done
}

// Pid returns the process's number.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Signal sends a signal.
func (p *Process) Signal(signal syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		p.t.Fatal(err)
	}
}

// Stop sends a signal, waits for the end and returns the exit code.
func (p *Process) Stop(signal syscall.Signal) int {
	p.t.Helper()
	p.Signal(signal)
	return p.Wait()
}

// Wait waits for the end of the process and returns its exit code.
func (p *Process) Wait() int {
	p.t.Helper()
	select {
	case <-p.Done:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(Patience):
		p.t.Fatalf("%v is still running after %v", p.cmd, Patience)
		return -1
	}
}

// AwaitLog waits until the log contains every one of the texts.
func (p *Process) AwaitLog(texts ...string) {
	p.t.Helper()
	p.AwaitLogAfter(0, texts...)
}

// AwaitLogAfter is AwaitLog for what is written after the log had a length (see Log.Len).
func (p *Process) AwaitLogAfter(length int, texts ...string) {
	p.t.Helper()
	limit := time.After(Patience)
	for {
		text, changed := p.Log.read()
		missing := ""
		for _, want := range texts {
			if !strings.Contains(text[length:], want) {
				missing = want
			}
		}
		if missing == "" {
			return
		}
		select {
		case <-changed:
		case <-p.Done:
			// What it wrote last is in the log by now.
			if text, _ := p.Log.read(); !strings.Contains(text[length:], missing) {
				p.t.Fatalf("%v ended with %d, and its log doesn't say %q", p.cmd, p.cmd.ProcessState.ExitCode(), missing)
			}
		case <-limit:
			p.t.Fatalf("after %v the log doesn't say %q", Patience, missing)
		}
	}
}

// Log is what a process wrote; it is written and read at the same time.
type Log struct {
	mu      sync.Mutex
	text    []byte
	changed chan struct{} // closed and replaced with each write
}

// Write takes in what the process writes.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	close(l.changed)
	l.changed = make(chan struct{})
	return len(p), nil
}

func (l *Log) read() (string, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text), l.changed
}

// String returns all that was written.
func (l *Log) String() string {
	text, _ := l.read()
	return text
}

// Len returns how many bytes were written so far.
func (l *Log) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.text)
}

// Count returns how often text was written after the log had a length.
func (l *Log) Count(length int, text string) int {
	return strings.Count(l.String()[length:], text)
}

// Patience is how long a test waits for an event before it says that it doesn't come. It is far above what anything
// takes, because the machine may be busy; no test waits this long unless it fails.
const Patience = 45 * time.Second

// Await calls check until it returns an empty string, and fails with its last words when that takes too long.
func Await(t testing.TB, check func() string) {
	t.Helper()
	if wrong := Within(Patience, check); wrong != "" {
		t.Fatalf("after %v: %s", Patience, wrong)
	}
}

// Within calls check until it returns an empty string, and returns its last words when that takes longer than limit.
func Within(limit time.Duration, check func() string) string {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	every := time.NewTicker(20 * time.Millisecond)
	defer every.Stop()
	for {
		wrong := check()
		if wrong == "" {
			return ""
		}
		select {
		case <-every.C:
		case <-deadline.C:
			return wrong
		}
	}
}
