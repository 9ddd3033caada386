package serve

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"meridian/admin"
	"meridian/dnsserver"
	"meridian/simulate"
)

// TestSimulate: the running server is asked, starts from its states and its ledger, and stays as it is.
func TestSimulate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, path := core(t, world, new(fakeNet))
		stop := run(t, c)
		defer stop()
		before := c.Current().Load()

		s, err := c.Simulate(t.Context(), admin.SimulateRequest{Down: []string{"eu-west"}, Each: true})
		if err != nil || s.By != simulate.ByAddressSpace || s.Total.Moved == 0 || len(s.Losses) != 2 || s.Total.Region("us-east").Traffic.After != 1 {
			t.Fatalf("%+v, %v", s, err)
		}
		for range 300 {
			c.book.add(dnsserver.Sample{Client: netip.MustParsePrefix("192.0.2.65/32"), Service: "www.glb.test.", Type: dns.TypeA, Count: 2})
		}
		c.book.watch(time.Minute)
		s, err = c.Simulate(t.Context(), admin.SimulateRequest{Down: []string{"eu-west"}, Demand: []string{"5"}})
		if err != nil || s.By != simulate.ByLedger || s.Queries < 599 || s.Queries > 600 || s.Total.Moved != 1 {
			t.Errorf("Frankfurt is all there is, and moves: %+v, %v", s, err)
		}
		s, err = c.Simulate(t.Context(), admin.SimulateRequest{By: "address-space"})
		if err != nil || s.By != simulate.ByAddressSpace || s.Total.Moved != 0 {
			t.Errorf("%+v, %v", s, err)
		}

		next := filepath.Join(filepath.Dir(path), "next.yaml")
		write(t, next, strings.Replace(world, "eu-west: [198.18.3.1]", "eu-west: [198.18.3.2]", 1)+"    policy: {failover: [us-east, eu-west]}\n")
		s, err = c.Simulate(t.Context(), admin.SimulateRequest{Config: next})
		if err != nil || s.Total.Moved != 1 || !slices.ContainsFunc(s.Changes, func(c admin.ConfigChange) bool { return c.After == "[198.18.3.2]" }) {
			t.Errorf("%+v, %v", s, err)
		}
		if c.Current().Load() != before {
			t.Error("a simulation published something")
		}
	})
}

// TestSimulateMistakes: each is refused, says what there is, and a server doesn't read what isn't its own.
func TestSimulateMistakes(t *testing.T) {
	c, path := core(t, world, new(fakeNet))
	c.publisher.layout = c.declared.Load().layout
	c.publisher.publish()
	bad := filepath.Join(filepath.Dir(path), "bad.yaml")
	write(t, bad, world+"wieght: 1\n")
	for _, tc := range []struct {
		req  admin.SimulateRequest
		text string
	}{
		{admin.SimulateRequest{Down: []string{"eu-wset"}}, `(did you mean "eu-west"?)`},
		{admin.SimulateRequest{Dials: []string{"eu-west=101%"}}, "101%"},
		{admin.SimulateRequest{Weights: []string{"www.glb.test:eu-west=5"}}, "no weighted node"},
		{admin.SimulateRequest{Services: []string{"ww.glb.test"}}, `(did you mean "www.glb.test."?)`},
		{admin.SimulateRequest{Demand: []string{"-5"}}, "can't be below 0"},
		{admin.SimulateRequest{By: "guess"}, `"guess" is neither ledger nor address-space`},
		{admin.SimulateRequest{By: "ledger"}, "the ledger holds no queries"},
		{admin.SimulateRequest{Config: "/etc/passwd"}, "the server reads nothing else"},
		{admin.SimulateRequest{Config: filepath.Dir(path) + "/../../etc/passwd"}, "the server reads nothing else"},
		{admin.SimulateRequest{Geo: "city.mmdb"}, "no absolute path"},
	} {
		_, err := c.Simulate(t.Context(), tc.req)
		if mistake, ok := errors.AsType[*admin.RequestError](err); !ok || !strings.Contains(mistake.Text, tc.text) {
			t.Errorf("%+v: %v", tc.req, err)
		}
	}
	for req, text := range map[string]string{bad: `unknown key "wieght"`, filepath.Join(filepath.Dir(path), "none.yaml"): "none.yaml"} {
		_, err := c.Simulate(t.Context(), admin.SimulateRequest{Config: req})
		if refused, ok := errors.AsType[*admin.ReloadError](err); !ok || !strings.Contains(fmt.Sprint(refused.Problems), text) {
			t.Errorf("%s: %v", req, err)
		}
	}
}

// TestReloadWithin: what moves too much is refused and changes nothing; what moves little is done; Reload does it all, and
// warns.
func TestReloadWithin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		c, path := core(t, world, new(fakeNet))
		c.log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
		stop := run(t, c)
		defer stop()

		write(t, path, strings.Replace(world, "198.18.1.1", "198.18.1.2", 1))
		if err := c.ReloadWithin(t.Context()); err != nil {
			t.Fatalf("nobody changes the region: %v", err)
		}
		before := c.Current().Load()
		moved := world + "    policy: {failover: [us-east, eu-west]}\nsafety: {reload_threshold: 100%}\n"
		write(t, path, moved)
		err := c.ReloadWithin(t.Context())
		if refused, ok := errors.AsType[*admin.SafetyError](err); !ok || !strings.Contains(refused.Text, "the 30% that safety.reload_threshold allows") ||
			!strings.Contains(refused.Text, "of the address space moves; us-east") || c.Current().Load() != before {
			t.Errorf("%v; a new file can't lift its own threshold", err)
		}
		if err := c.Reload(t.Context()); err != nil || c.Current().Load() == before {
			t.Error(err)
		}
		if !strings.Contains(log.String(), "THIS RELOAD MOVES MUCH OF THE TRAFFIC") {
			t.Errorf("no warning:\n%s", log.String())
		}
		write(t, path, world)
		if err := c.ReloadWithin(t.Context()); err != nil {
			t.Errorf("100%% never asks: %v", err)
		}
	})
}

// TestBook: what is counted survives a restart; switched off, nothing is left, and nothing counts.
func TestBook(t *testing.T) {
	sample := dnsserver.Sample{Client: netip.MustParsePrefix("192.0.2.77/32"), Service: "www.glb.test.", Type: dns.TypeA, Count: 64.5}
	c, path := core(t, world, new(fakeNet))
	file := filepath.Join(filepath.Dir(path), "data", "ledger")
	c.book.add(sample)
	c.book.add(dnsserver.Sample{Client: sample.Client, Service: sample.Service, Type: dns.TypeMX, Count: 1})
	c.book.watch(time.Minute)
	c.book.save()
	again := newBook(c.declared.Load().config, c.log)
	queries, seconds := again.queries()
	want := simulate.Query{Client: netip.MustParsePrefix("192.0.2.64/28"), Service: "www.glb.test.", Type: dns.TypeA}
	if len(queries) != 1 || seconds != 60 {
		t.Fatalf("%v of %g seconds", queries, seconds)
	}
	if want.Count = queries[0].Count; queries[0] != want || want.Count < 64 || want.Count > 64.5 {
		t.Errorf("%+v", queries[0])
	}

	again.set(false)
	again.add(sample)
	again.save()
	if queries, _ := again.queries(); queries != nil {
		t.Errorf("switched off, and %v", queries)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("switched off, and the file is there (%v)", err)
	}

	write(t, file, "not a ledger")
	var log bytes.Buffer
	damaged := newBook(c.declared.Load().config, slog.New(slog.NewTextHandler(&log, nil)))
	damaged.add(sample)
	if queries, _ := damaged.queries(); len(queries) != 1 || !strings.Contains(log.String(), "can't be read") {
		t.Errorf("%v\n%s", queries, log.String())
	}
	damaged.save()
	if text, err := os.ReadFile(file); err != nil || !strings.HasPrefix(string(text), "meridian.ledger/v1") {
		t.Errorf("%q, %v", text, err)
	}
}
