// Package redistest runs real redis-server processes for tests: one server, three Sentinels around a primary with its
// replicas, or a Cluster of three nodes, all on free ports of 127.0.0.1 and gone when the test ends. What a fleet must
// live through is one call: Stop, Kill, Pause (the process stands still, its sockets stay open), Resume, Flush, Config.
//
//	r := redistest.Start(t)                 // r.Addr is "127.0.0.1:40123"
//	r.Pause()                               // accepts, and never answers
//	r.Do("HGETALL", "{meridian}:v1:region:eu-west")
package redistest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a process may take for what it has been told.
const patience = 30 * time.Second

// Server is one redis-server (or Sentinel) process.
type Server struct {
	Addr string // 127.0.0.1:port
	Dir  string // where it keeps its files

	t       testing.TB
	command []string
	cli     []string // arguments of redis-cli beside the address
	cmd     *exec.Cmd
	log     *processLog
	ended   chan struct{}
}

// Start runs a redis-server without persistence, and returns when it answers. settings are in the words of its
// command line: "--maxmemory", "1mb".
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	return start(t, FreePort(t), "", settings...)
}

func start(t testing.TB, port, dir string, settings ...string) *Server {
	t.Helper()
	if dir == "" {
		dir = t.TempDir()
	}
	s := &Server{t: t, Addr: "127.0.0.1:" + port, Dir: dir}
	s.command = append([]string{"redis-server", "--port", port, "--bind", "127.0.0.1", "--protected-mode", "no",
		"--dir", dir, "--save", "", "--appendonly", "no", "--daemonize", "no", "--enable-debug-command", "yes"}, settings...)
	s.launch("Ready to accept connections")
	t.Cleanup(s.Kill)
	return s
}

// FreePort returns a TCP port of 127.0.0.1 that nobody listens on.
func FreePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// launch starts the process and waits until it has written ready.
func (s *Server) launch(ready string) {
	s.t.Helper()
	s.cmd = exec.Command(s.command[0], s.command[1:]...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // nothing outlives a test that panics
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	s.cmd.Stderr = s.cmd.Stdout
	s.log, s.ended = &processLog{changed: make(chan struct{})}, make(chan struct{})
	if err := s.cmd.Start(); err != nil {
		s.t.Fatalf("%v (make tools installs what tests need)", err)
	}
	go func(cmd *exec.Cmd, log *processLog, ended chan struct{}) {
		log.copy(out)
		_ = cmd.Wait() // it is told to end, or killed
		close(ended)
	}(s.cmd, s.log, s.ended)
	s.AwaitLog(ready)
}

// AwaitLog returns when the process has written text since it was last started.
func (s *Server) AwaitLog(text string) {
	s.t.Helper()
	limit := time.After(patience)
	for {
		lines, changed := s.log.read()
		if strings.Contains(lines, text) {
			return
		}
		select {
		case <-changed:
		case <-s.ended:
			lines, _ = s.log.read()
			s.t.Fatalf("%s ended without %q:\n%s", s.command[0], text, lines)
		case <-limit:
			s.t.Fatalf("%s doesn't write %q:\n%s", s.command[0], text, lines)
		}
	}
}

// Stop ends the process as an operator would, and returns when it has ended.
func (s *Server) Stop() { s.end(syscall.SIGTERM) }

// Kill ends the process without a chance to save anything.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

func (s *Server) end(how syscall.Signal) {
	select {
	case <-s.ended:
		return
	default:
	}
	_ = s.cmd.Process.Signal(how) // it may end by itself meanwhile
	_ = s.cmd.Process.Signal(syscall.SIGCONT)
	select {
	case <-s.ended:
	case <-time.After(patience):
		_ = s.cmd.Process.Kill()
		<-s.ended
		s.t.Errorf("redis at %s didn't end by %v", s.Addr, how)
	}
}

// Restart starts a process that has been stopped again, on the same port.
func (s *Server) Restart() {
	s.t.Helper()
	s.end(syscall.SIGTERM)
	s.launch("Ready to accept connections")
}

// Pause makes the process stand still: connections are accepted by the kernel, and nothing is answered.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume lets a paused process go on.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// Flush empties every database.
func (s *Server) Flush() { s.Do("FLUSHALL") }

// Config sets a parameter of the running server.
func (s *Server) Config(parameter, value string) { s.Do("CONFIG", "SET", parameter, value) }

// Do runs one command through redis-cli and returns what it prints. An error fails the test.
func (s *Server) Do(args ...string) string {
	s.t.Helper()
	out, err := s.Try(args...)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// Try is Do for commands that may fail.
func (s *Server) Try(args ...string) (string, error) {
	host, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return "", err
	}
	cli := append(append([]string{"-h", host, "-p", port, "-e"}, s.cli...), args...)
	ctx, cancel := context.WithTimeout(context.Background(), patience) // a paused server never answers
	defer cancel()
	out, err := exec.CommandContext(ctx, "redis-cli", cli...).CombinedOutput()
	text := strings.TrimRight(string(out), "\n")
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return text, fmt.Errorf("redis-cli %s: %s", strings.Join(args, " "), text)
	}
	return text, err
}

// Authenticate makes Do log in.
func (s *Server) Authenticate(user, password string) {
	s.cli = []string{"--no-auth-warning", "--user", user, "--pass", password}
}

// Await runs a command until ok says that its output is as it should be.
func (s *Server) Await(what string, ok func(string) bool, args ...string) {
	s.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(patience)
	for {
		out, _ := s.Try(args...)
		if ok(out) {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			s.t.Fatalf("%s: %s of %s is still\n%s", what, strings.Join(args, " "), s.Addr, out)
		}
	}
}

// processLog is what a process writes; readers can wait for more.
type processLog struct {
	mu      sync.Mutex
	text    strings.Builder
	changed chan struct{}
}

func (l *processLog) copy(from io.Reader) {
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		l.mu.Lock()
		l.text.WriteString(lines.Text() + "\n")
		close(l.changed)
		l.changed = make(chan struct{})
		l.mu.Unlock()
	}
}

func (l *processLog) read() (string, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String(), l.changed
}
