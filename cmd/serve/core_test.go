package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"meridian/admin"
	"meridian/checker"
	"meridian/status"
)

const world = `
data_dir: data
checker: {vantage: here}
regions:
  us-east: {coordinates: [39.04, -77.49], country: US}
  eu-west: {coordinates: [53.35, -6.26], country: IE}
checks:
  web: {type: http, port: 8080, interval: 5s, timeout: 1s, consecutive_up: 2, consecutive_down: 3}
zones:
  glb.test: {nameservers: {ns1.glb.test: [192.0.2.53]}}
services:
  www.glb.test:
    check: web
    pools: {us-east: [198.18.1.1], eu-west: [198.18.3.1]}
`

// fromFrankfurt is a client near eu-west in the built-in demo database.
const fromFrankfurt = "192.0.2.65"

// net is what the probes of a test see: every address is up but for one.
type fakeNet struct{ down atomic.Pointer[netip.Addr] }

func (n *fakeNet) kill(addr string) {
	a := netip.MustParseAddr(addr)
	n.down.Store(&a)
}

func (n *fakeNet) probe(_ context.Context, t checker.Target) checker.Observation {
	if a := n.down.Load(); a != nil && *a == t.Addr {
		return checker.Observation{Reason: "connection refused"}
	}
	return checker.Observation{OK: true, Reason: "HTTP 200 OK"}
}

// core returns a running Core over the text in a folder of its own, and that text's path.
func core(t *testing.T, text string, n *fakeNet) (*Core, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "meridian.yaml")
	write(t, path, text)
	c, problems := NewCore(path, CoreOptions{Log: slog.New(slog.DiscardHandler), Probe: n.probe})
	if c == nil {
		t.Fatal(problems)
	}
	return c, path
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, c *Core) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		c.Run(ctx)
		close(ended)
	}()
	synctest.Wait()
	return func() {
		cancel()
		<-ended
	}
}

func region(t *testing.T, c *Core, from string) string {
	t.Helper()
	e, err := c.Explain(t.Context(), admin.ExplainRequest{Name: "www.glb.test", Type: "A", From: from})
	if err != nil {
		t.Fatal(err)
	}
	return e.Region
}

func TestFailureMovesTheAnswerAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeNet{}
		c, _ := core(t, world, n)
		defer run(t, c)()
		if got := region(t, c, fromFrankfurt); got != "eu-west" {
			t.Fatalf("before the first round: %s", got)
		}
		time.Sleep(15 * time.Second)
		n.kill("198.18.3.1")
		time.Sleep(time.Second)
		if got := region(t, c, fromFrankfurt); got != "eu-west" {
			t.Fatalf("before three failures: %s", got)
		}
		// Three failures, the first at most an interval (and its jitter) after the death, the others a re-check apart.
		time.Sleep(8 * time.Second)
		if got := region(t, c, fromFrankfurt); got != "us-east" {
			t.Fatalf("after three failures: %s", got)
		}
		n.kill("192.0.2.99")
		time.Sleep(12 * time.Second)
		if got := region(t, c, fromFrankfurt); got != "eu-west" {
			t.Fatalf("after two successes: %s", got)
		}
	})
}

// The verdict reaches the answers within 100 ms: nothing between board and snapshot waits for a tick.
func TestAVoteIsPublishedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := core(t, strings.Replace(world, "checker: {vantage: here}", "checker: {enabled: false}", 1), &fakeNet{})
		defer run(t, c)()
		target := c.Services()[0].Check.Target(netip.MustParseAddr("198.18.3.1"))
		ballot := status.Ballot{Vantage: "fra", Votes: map[string]status.Vote{target: {Health: status.Down}}}
		if err := c.sharing.own.Publish(t.Context(), ballot); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // time stands still until everybody waits for it
		if got := region(t, c, fromFrankfurt); got != "us-east" {
			t.Fatalf("got %s, want the answer to have moved in no time", got)
		}
	})
}

func TestReloadIsAllOrNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, path := core(t, world, &fakeNet{})
		defer run(t, c)()
		before := c.Current().Load()

		write(t, path, strings.Replace(world, "pools: {us-east", "pools: {us-eest", 1))
		var refused *admin.ReloadError
		if err := c.Reload(t.Context()); !errors.As(err, &refused) || !strings.Contains(err.Error(), "stays in use") {
			t.Fatalf("a bad configuration: %v", err)
		}
		if text := fmt.Sprint(refused.Problems); !strings.Contains(text, `meridian.yaml:14:13: service "www.glb.test" uses region "us-eest"`) {
			t.Errorf("problems: %s", text)
		}
		if c.Current().Load() != before {
			t.Error("a refused reload published a snapshot")
		}

		write(t, path, strings.Replace(world, ", eu-west: [198.18.3.1]", "", 1))
		if err := c.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := region(t, c, fromFrankfurt); got != "us-east" {
			t.Errorf("after the reload: %s", got)
		}
		if g := c.Current().Load().Generation; g <= before.Generation {
			t.Errorf("generation %d after %d", g, before.Generation)
		}
	})
}

func TestAnAddressThatIsTakenRefusesTheReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, path := core(t, world, &fakeNet{})
		defer run(t, c)()
		before := c.Current().Load()
		c.options.Bind = func(context.Context, *declared) error { return errors.New("can't listen on udp 127.0.0.1:53") }
		write(t, path, strings.Replace(world, ", eu-west: [198.18.3.1]", "", 1))
		if err := c.Reload(t.Context()); err == nil || c.Current().Load() != before {
			t.Errorf("error %v, snapshot changed: %t", err, c.Current().Load() != before)
		}
	})
}

func TestStatesSurviveARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeNet{}
		c, path := core(t, world, n)
		stop := run(t, c)
		n.kill("198.18.3.1")
		time.Sleep(30 * time.Second)
		stop()
		again, problems := NewCore(path, CoreOptions{Log: slog.New(slog.DiscardHandler), Probe: n.probe})
		if again == nil {
			t.Fatal(problems)
		}
		defer run(t, again)()
		if got := region(t, again, fromFrankfurt); got != "us-east" {
			t.Errorf("right after the restart: %s", got)
		}
		offline, problems := Offline(path)
		if offline == nil {
			t.Fatal(problems)
		}
		if got := region(t, offline, fromFrankfurt); got != "us-east" {
			t.Errorf("offline: %s", got)
		}
	})
}

func TestBadGeographicFilesChangeNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeNet{}
		path := filepath.Join(t.TempDir(), "meridian.yaml")
		networks := filepath.Join(filepath.Dir(path), "networks.csv")
		write(t, path, world+"geo: {networks: networks.csv}\n")
		write(t, networks, "10.0.0.0/8,@us-east\n")
		c, problems := NewCore(path, CoreOptions{Log: slog.New(slog.DiscardHandler), Probe: n.probe})
		if c == nil {
			t.Fatal(problems)
		}
		defer run(t, c)()
		before := c.Current().Load()
		write(t, networks, "10.0.0.0/8,@us-eest\n")
		c.ReloadGeo(t.Context())
		if c.Current().Load() != before || !strings.Contains(c.geoError, "us-eest") {
			t.Errorf("changed: %t, error %q", c.Current().Load() != before, c.geoError)
		}
		write(t, networks, fromFrankfurt+"/32,@us-east\n")
		c.ReloadGeo(t.Context())
		if got := region(t, c, fromFrankfurt); got != "us-east" || c.geoError != "" {
			t.Errorf("after the override: %s, error %q", got, c.geoError)
		}
	})
}

func TestExplainHasTheKeysOfTheContract(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := core(t, world, &fakeNet{})
		defer run(t, c)()
		e, err := c.Explain(t.Context(), admin.ExplainRequest{Name: "WWW.glb.test", Type: "A", From: "192.0.2.64/28"})
		if err != nil {
			t.Fatal(err)
		}
		if e.Client.Coordinates == nil || e.Client.Country != "DE" || e.Client.Database != "demo" || e.Client.Source != "ecs" {
			t.Errorf("client: %+v", e.Client)
		}
		got := []any{e.Name, e.Type, e.Region, e.Reason, e.Answers, e.RCode, e.TTL, len(e.Candidates), e.Candidates[0].Why, e.Candidates[1].Why}
		want := []any{"www.glb.test.", "A", "eu-west", "nearest", []string{"198.18.3.1"}, "NOERROR", uint32(30), 2, "nearest region that is up", "nothing left to take"}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})
}
