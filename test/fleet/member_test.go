package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"testing"
	"time"

	"meridian/test/harness"
)

// member is a process of the fleet, with its folder.
type member struct {
	*harness.Server
	Name string
	Link *link // to Redis

	t     testing.TB
	node  *node         // the network namespace that it lives in; nil: the test's own
	clock time.Duration // by which its wall clock is off
}

// serve starts it as a server and waits until it is ready.
func (m *member) serve() {
	m.t.Helper()
	m.launch("serve")
	harness.Await(m.t, func() string {
		select {
		case <-m.Done:
			m.t.Fatalf("%s ended before it was ready", m.Name)
		default:
		}
		status, body, err := m.get("/readyz")
		if err != nil || status != http.StatusOK {
			return fmt.Sprintf("%s: /readyz: %d %s %v", m.Name, status, body, err)
		}
		return ""
	})
}

// probe starts it as a checker alone.
func (m *member) probe() {
	m.t.Helper()
	m.launch("probe")
}

func (m *member) launch(command string) {
	m.t.Helper()
	cmd := m.command(command, "--config", m.Config())
	if m.clock != 0 {
		m.Process = harness.LaunchWithClock(m.t, cmd, m.clock)
		return
	}
	m.Process = harness.Launch(m.t, cmd)
}

// command returns the binary with arguments, to be run where the member lives.
func (m *member) command(args ...string) *exec.Cmd {
	cmd := exec.Command(string(meridian), args...)
	if m.node != nil {
		cmd = exec.Command("ip", append([]string{"netns", "exec", m.node.name, string(meridian)}, args...)...)
	}
	cmd.Dir = m.Dir
	return cmd
}

// run runs a command of the binary to its end.
func (m *member) run(args ...string) harness.Result {
	m.t.Helper()
	cmd := m.command(args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		m.t.Fatalf("%v: %v", cmd, err)
	}
	return harness.Result{Stdout: stdout.String(), Stderr: stderr.String(), Code: cmd.ProcessState.ExitCode()}
}

// dial connects from where the member's neighbours are.
func (m *member) dial(network, address string) (conn net.Conn, err error) {
	if m.node == nil {
		return net.DialTimeout(network, address, harness.Patience)
	}
	m.node.inside(m.t, func() { conn, err = net.DialTimeout(network, address, harness.Patience) })
	return conn, err
}

// get asks its admin listener for a page.
func (m *member) get(path string) (status int, body string, err error) {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(_ context.Context, network, address string) (net.Conn, error) { return m.dial(network, address) },
	}}
	resp, err := client.Get("http://" + m.Admin + path)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}
