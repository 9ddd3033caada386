package harness

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Server is a folder with a configuration, and the `meridian serve` that runs over it.
type Server struct {
	*Process        // nil before Spawn
	Dir      string // holds meridian.yaml and what lies beside it
	Host     string // its address
	Port     string // of DNS, on Host and ::1, udp and tcp
	Admin    string // host:port of the admin listener

	t      testing.TB
	binary Binary
}

// Files are written into a server's folder. In their text, PORT is the DNS port and ADMIN the admin listener.
type Files map[string]string

// NewServer lays out a folder with free ports on host, and starts nothing. words are further replacements in the files,
// old and new in turn.
func (b Binary) NewServer(t testing.TB, host string, files Files, words ...string) *Server {
	t.Helper()
	s := &Server{t: t, binary: b, Dir: t.TempDir(), Host: host, Port: FreePort(t, host, "::1")}
	s.Admin = net.JoinHostPort(host, FreePort(t, host))
	words = append(words, "PORT", s.Port, "ADMIN", s.Admin)
	for name, text := range files {
		s.Write(name, strings.NewReplacer(words...).Replace(text))
	}
	return s
}

// Write puts a file beside the configuration, at once and whole.
func (s *Server) Write(name, text string) {
	s.t.Helper()
	path := s.Path(name)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		s.t.Fatal(err)
	}
}

// Edit replaces a text in a file beside the configuration.
func (s *Server) Edit(name, old, new string) {
	s.t.Helper()
	text, err := os.ReadFile(s.Path(name))
	if err != nil {
		s.t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		s.t.Fatalf("%s doesn't contain %q", name, old)
	}
	s.Write(name, strings.ReplaceAll(string(text), old, new))
}

// Path returns the path of a file beside the configuration.
func (s *Server) Path(name string) string { return filepath.Join(s.Dir, name) }

// Config is the path of the configuration.
func (s *Server) Config() string { return s.Path("meridian.yaml") }

// Spawn starts the binary in the folder.
func (s *Server) Spawn(args ...string) {
	s.t.Helper()
	cmd := exec.Command(string(s.binary), args...)
	cmd.Dir = s.Dir
	s.Process = Launch(s.t, cmd)
}

// Start spawns `meridian serve` and waits until it says that it is ready.
func (s *Server) Start() *Server {
	s.t.Helper()
	s.Spawn("serve", "--config", s.Config())
	s.AwaitReady()
	return s
}

// AwaitReady waits for the readiness page.
func (s *Server) AwaitReady() {
	s.t.Helper()
	Await(s.t, func() string {
		select {
		case <-s.Done:
			s.t.Fatalf("ended with %d before it was ready", s.cmd.ProcessState.ExitCode())
		default:
		}
		status, body, err := Get("http://" + s.Admin + "/readyz")
		if err != nil {
			return err.Error()
		}
		if status != http.StatusOK {
			return fmt.Sprintf("/readyz: %d %s", status, body)
		}
		return ""
	})
}

// Get asks an HTTP server once, on a connection of its own.
func Get(url string) (status int, body string, err error) {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// FreePort returns a port that is free on each of the hosts, for udp and tcp.
func FreePort(t testing.TB, hosts ...string) string {
	t.Helper()
	for range 100 {
		first, err := net.Listen("tcp", net.JoinHostPort(hosts[0], "0"))
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(first.Addr().String())
		taken := []io.Closer{first}
		free := true
		for i, host := range hosts {
			address := net.JoinHostPort(host, port)
			if packets, err := net.ListenPacket("udp", address); err == nil {
				taken = append(taken, packets)
			} else {
				free = false
			}
			if i == 0 {
				continue
			}
			if stream, err := net.Listen("tcp", address); err == nil {
				taken = append(taken, stream)
			} else {
				free = false
			}
		}
		for _, c := range taken {
			c.Close()
		}
		if free {
			return port
		}
	}
	t.Fatalf("no port is free on all of %v", hosts)
	return ""
}
