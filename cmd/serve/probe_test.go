package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meridian/admin"
	"meridian/test/redistest"
)

// fleetWorld is world with a shared board and checks that don't take long.
func fleetWorld(redis string) string {
	text := strings.Replace(world, "checker: {vantage: here}", "checker: {enabled: false}\nboard: {redis: {addresses: [\""+redis+"\"]}}\n"+"flap: {dwell: 0s, suppress: 0}\n"+
		"admin: {listen: 127.0.0.1:0}\ndns: {listen: [127.0.0.1:0]}", 1)
	return strings.Replace(text, "interval: 5s, timeout: 1s", "interval: 200ms, timeout: 100ms, recheck: 100ms", 1)
}

// startProbe runs a checker alone in this process and returns the URL of its admin listener.
func startProbe(t *testing.T, path, vantage string, n *fakeNet) (url string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	started, ended := make(chan netip.AddrPort, 1), make(chan error, 1)
	anywhere := netip.MustParseAddrPort("127.0.0.1:0")
	go func() {
		ended <- RunProbe(ctx, ProbeOptions{
			ConfigPath: path, Vantage: vantage, Version: "v1", Logger: slog.New(slog.DiscardHandler), Admin: &anywhere, Probe: n.probe,
			Started: func(a netip.AddrPort) { started <- a },
		})
	}()
	stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("%s: %v", vantage, err)
		}
	}
	select {
	case a := <-started:
		return "http://" + a.String(), stop
	case err := <-ended:
		t.Fatal(err)
		return "", nil
	}
}

// startServer runs a server in this process and returns the URL of its admin listener.
func startServer(t *testing.T, path string) (url string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	started, ended := make(chan Bound, 1), make(chan error, 1)
	go func() {
		ended <- Run(ctx, Options{ConfigPath: path, Version: "v1", Logger: slog.New(slog.DiscardHandler), Started: func(b Bound) { started <- b }})
	}()
	stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	select {
	case b := <-started:
		return "http://" + b.Admin.String(), stop
	case err := <-ended:
		t.Fatal(err)
		return "", nil
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func post(t *testing.T, url, body string) (int, string) {
	t.Helper()
	r, err := http.Post(url, "application/json", bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(text)
}

func statusOf(t *testing.T, url string) admin.StatusReport {
	t.Helper()
	var r admin.StatusReport
	if err := json.Unmarshal([]byte(get(t, url+"/api/v1/status?votes=all")), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// await asks until what returns an empty text; it is what is still wrong.
func await(t *testing.T, what func() string) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for wrong := what(); wrong != ""; wrong = what() {
		if time.Now().After(deadline) {
			t.Fatal(wrong)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestProbe: two checkers alone vote, a server reads them, and each tells what it knows.
func TestProbe(t *testing.T) {
	redis := redistest.Start(t)
	path := filepath.Join(t.TempDir(), "meridian.yaml")
	write(t, path, fleetWorld(redis.Addr))
	fra, nyc := &fakeNet{}, &fakeNet{}
	fra.kill("198.18.3.1")
	fraURL, stopFra := startProbe(t, path, "fra", fra)
	defer stopFra()
	_, stopNyc := startProbe(t, path, "nyc", nyc)
	defer stopNyc()
	url, stop := startServer(t, path)
	defer stop()

	await(t, func() string {
		e := statusOf(t, url).Services[0].Pools[1].Endpoints[0]
		if len(e.Votes) == 2 && e.Votes[0].State == admin.StateDown && e.Votes[1].State == admin.StateUp {
			return ""
		}
		return fmt.Sprintf("votes are %+v", e.Votes)
	})
	r := statusOf(t, url)
	if r.Role != admin.RoleServer || r.Board.Kind != "redis" || !r.Board.Up || len(r.Checkers) != 2 || r.Checkers[0].Vantage != "fra" || r.Checkers[0].Own || r.Checkers[0].Down != 1 {
		t.Errorf("the server reports %+v", r)
	}
	own := statusOf(t, fraURL)
	if own.Role != admin.RoleChecker || len(own.Checkers) != 1 || !own.Checkers[0].Own || !own.Board.Up {
		t.Errorf("the checker reports %+v", own)
	}
	if v := own.Services[0].Pools[1].Endpoints[0].Votes; len(v) != 1 || v[0].State != admin.StateDown || v[0].Reason != "connection refused" {
		t.Errorf("the checker's own vote is %+v", v)
	}
	if text := get(t, fraURL+"/readyz?verbose"); !strings.HasPrefix(text, "[+]probing ok\n") || !strings.Contains(text, "[+]publish ok") || strings.Contains(text, "snapshot") {
		t.Errorf("the checker's readiness: %s", text)
	}
	if text := get(t, fraURL+"/metrics"); !strings.Contains(text, "meridian_board_up 1") || !strings.Contains(text, `meridian_checker_distrust{family="ipv4"} 0`) {
		t.Errorf("the checker's metrics: %s", text)
	}
	if text := get(t, url+"/metrics"); !strings.Contains(text, `meridian_health_vote_age_seconds{vantage="nyc"}`) || !strings.Contains(text, `meridian_board_operations_total{op="read",result="success"}`) {
		t.Errorf("the server's metrics: %s", text)
	}
	if status, _ := post(t, fraURL+"/api/v1/freeze", "{}"); status != http.StatusNotFound {
		t.Errorf("a checker has nothing to freeze: %d", status)
	}

	// What both see is what is served, and what happened is told.
	nyc.kill("198.18.3.1")
	await(t, func() string {
		if text := get(t, url+"/api/v1/events"); !strings.Contains(text, `"to": "down"`) || !strings.Contains(text, "198.18.3.1") {
			return "the time line is " + text
		}
		return ""
	})
	status, text := post(t, url+"/api/v1/freeze", `{"author": "ana", "reason": "maintenance"}`)
	if status != http.StatusOK || !strings.Contains(text, `"frozen": true`) {
		t.Fatalf("%d %s", status, text)
	}
	if text := get(t, url+"/readyz?verbose"); !strings.Contains(text, "[!]automation warning: automation is frozen by ana") {
		t.Error(text)
	}
	// The last word is the fleet's: a second server, started now, is frozen too.
	second, stopSecond := startServer(t, path)
	defer stopSecond()
	await(t, func() string {
		if a := statusOf(t, second).Automation; !a.Frozen || a.Author != "ana" {
			return fmt.Sprintf("the second server says %+v", a)
		}
		return ""
	})

	// While Redis is away the checker goes on, says so, and the switch can't be moved.
	redis.Kill()
	await(t, func() string {
		if text := get(t, fraURL+"/readyz?verbose"); !strings.Contains(text, "[!]publish warning") || !strings.Contains(text, "\nok\n") {
			return text
		}
		return ""
	})
	if status, text := post(t, url+"/api/v1/unfreeze", `{"author": "ana"}`); status != http.StatusServiceUnavailable || !strings.Contains(text, "nothing was changed") {
		t.Errorf("%d %s", status, text)
	}
}

// TestProbeRefuses to begin where its votes would count for nothing.
func TestProbeRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "meridian.yaml")
	shared := strings.Replace(world, "checker: {vantage: here}", "board: {redis: {addresses: [\"127.0.0.1:1\"]}}", 1)
	for text, want := range map[string]string{
		world:  "a checker alone needs a board",
		shared: "needs a name of its own",
		strings.Replace(shared, "ttl", "tll", 1) + "tll: 3\n": `unknown key "tll"`,
	} {
		write(t, path, text)
		err := RunProbe(t.Context(), ProbeOptions{ConfigPath: path, Logger: slog.New(slog.DiscardHandler)})
		var bad *ConfigError
		if !errors.As(err, &bad) || !strings.Contains(fmt.Sprint(bad.Problems), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestProbeReload(t *testing.T) {
	path := filepath.Join(t.TempDir(), "meridian.yaml")
	text := strings.Replace(world, "checker: {vantage: here}", "board: {redis: {addresses: [\"127.0.0.1:1\"]}}\nnode: fra", 1)
	write(t, path, text)
	p, problems := NewProbe(ProbeOptions{ConfigPath: path, Logger: slog.New(slog.DiscardHandler)})
	if p == nil {
		t.Fatal(problems)
	}
	write(t, path, strings.Replace(text, "eu-west: [198.18.3.1]", "eu-west: [198.18.3.1, 198.18.3.2]", 1))
	if err := p.Reload(t.Context()); err != nil || len(p.declared.Load().targets) != 3 {
		t.Errorf("%v, %d targets", err, len(p.declared.Load().targets))
	}
	write(t, path, world)
	var refused *admin.ReloadError
	if err := p.Reload(t.Context()); !errors.As(err, &refused) || len(p.declared.Load().targets) != 3 {
		t.Errorf("without a board: %v", err)
	}
	if names, _ := bad(p.Ready()); names != "config" {
		t.Errorf("conditions %q", names)
	}
}
