package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// server is one running `meridian serve`.
type server struct {
	t     *testing.T
	cmd   *exec.Cmd
	dir   string // holds meridian.yaml and what lies beside it
	port  string // of DNS, on 127.0.0.1 and ::1, udp and tcp
	admin string // host:port of the admin listener
	log   *logBuffer
	done  chan struct{} // closed when the process has ended
}

// logBuffer keeps what a process wrote; it is written and read at the same time.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// files are written into a server's directory. In their text, PORT is the DNS port, ADMIN the admin listener,
// and HEALTH the port of the backends.
type files map[string]string

// newServer lays out a directory with free ports, and starts nothing.
func newServer(t *testing.T, health string, contents files) *server {
	t.Helper()
	s := &server{t: t, dir: t.TempDir(), port: freePort(t), log: &logBuffer{}, done: make(chan struct{})}
	s.admin = "127.0.0.1:" + freePort(t)
	for name, text := range contents {
		s.write(name, strings.NewReplacer("PORT", s.port, "ADMIN", s.admin, "HEALTH", health).Replace(text))
	}
	return s
}

// write puts a file beside the configuration, at once and whole.
func (s *server) write(name, text string) {
	s.t.Helper()
	path := s.path(name)
	if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		s.t.Fatal(err)
	}
}

// edit replaces a text in a file beside the configuration.
func (s *server) edit(name, old, new string) {
	s.t.Helper()
	text, err := os.ReadFile(s.path(name))
	if err != nil {
		s.t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		s.t.Fatalf("%s doesn't contain %q", name, old)
	}
	s.write(name, strings.ReplaceAll(string(text), old, new))
}

func (s *server) path(name string) string { return filepath.Join(s.dir, name) }

// config is the path of the configuration.
func (s *server) config() string { return s.path("meridian.yaml") }

// spawn starts the process. It is stopped when the test ends, if it hasn't ended by then.
func (s *server) spawn(args ...string) {
	s.t.Helper()
	s.cmd = exec.Command(binary, args...)
	s.cmd.Dir = s.dir
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.done = make(chan struct{})
	go func(done chan struct{}, cmd *exec.Cmd) {
		cmd.Wait() // the exit code is in ProcessState
		close(done)
	}(s.done, s.cmd)
	s.t.Cleanup(func() {
		s.cmd.Process.Kill()
		<-s.done
		if s.t.Failed() {
			s.t.Logf("log of %v:\n%s", s.cmd, s.log)
		}
	})
}

// start spawns `meridian serve` and waits until it says that it is ready.
func (s *server) start() *server {
	s.t.Helper()
	s.spawn("serve", "--config", s.config())
	s.awaitReady()
	return s
}

// awaitReady waits for the readiness page.
func (s *server) awaitReady() {
	s.t.Helper()
	await(s.t, func() string {
		select {
		case <-s.done:
			s.t.Fatalf("ended with %d before it was ready", s.cmd.ProcessState.ExitCode())
		default:
		}
		status, body, err := get("http://" + s.admin + "/readyz")
		if err != nil {
			return err.Error()
		}
		if status != http.StatusOK {
			return fmt.Sprintf("/readyz: %d %s", status, body)
		}
		return ""
	})
}

// stop sends a signal, waits for the end and returns the exit code.
func (s *server) stop(signal syscall.Signal) int {
	s.t.Helper()
	s.signal(signal)
	return s.wait()
}

func (s *server) signal(signal syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		s.t.Fatal(err)
	}
}

// wait waits for the end of the process and returns its exit code.
func (s *server) wait() int {
	s.t.Helper()
	select {
	case <-s.done:
		return s.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		s.t.Fatalf("still running after %v", patience)
		return -1
	}
}

// awaitLog waits until the log contains every one of the texts.
func (s *server) awaitLog(texts ...string) {
	s.t.Helper()
	await(s.t, func() string {
		for _, text := range texts {
			if !strings.Contains(s.log.String(), text) {
				return fmt.Sprintf("the log doesn't say %q", text)
			}
		}
		return ""
	})
}

// get asks an HTTP server once, on a connection of its own.
func get(url string) (status int, body string, err error) {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// freePort returns a port that is free on 127.0.0.1 and ::1, for udp and tcp.
func freePort(t *testing.T) string {
	t.Helper()
	for range 100 {
		first, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(first.Addr().String())
		taken := []io.Closer{first}
		free := true
		for _, host := range []string{"127.0.0.1", "::1"} {
			packets, err := net.ListenPacket("udp", net.JoinHostPort(host, port))
			if err != nil {
				free = false
				break
			}
			taken = append(taken, packets)
		}
		if stream, err := net.Listen("tcp", net.JoinHostPort("::1", port)); err != nil {
			free = false
		} else {
			taken = append(taken, stream)
		}
		for _, c := range taken {
			c.Close()
		}
		if free {
			return port
		}
	}
	t.Fatal("no free port")
	return ""
}
