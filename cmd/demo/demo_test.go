package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"meridian/admin"
	"meridian/cmd/config"
	"meridian/cmd/serve"
)

var anyPort = netip.MustParseAddrPort("127.0.0.1:0")

// TestConfiguration: the demo's file loads as it stands, and its only warnings are about being a demo.
func TestConfiguration(t *testing.T) {
	path, err := places{DNS: DefaultDNS, Admin: DefaultAdmin, Backends: firstBackend}.write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cfg, problems := config.Load(path)
	if cfg == nil {
		t.Fatalf("%v", problems)
	}
	for _, p := range problems {
		if !p.Warning || !strings.Contains(p.Text, "demo data") {
			t.Errorf("%v", p)
		}
	}
	if cfg.DNS.Listen[0] != DefaultDNS || cfg.Admin.Listen != DefaultAdmin || !cfg.Checker.Enabled {
		t.Errorf("%+v %+v %+v", cfg.DNS, cfg.Admin, cfg.Checker)
	}
	for _, s := range cfg.Services {
		if s.Check == nil || s.Check.Port != firstBackend || s.Check.Interval > time.Second || s.TTL > 5 {
			t.Errorf("%s doesn't fail over within seconds: %+v", s.Name, s.Check)
		}
	}
}

func TestRegions(t *testing.T) {
	regions, err := places{DNS: DefaultDNS, Admin: DefaultAdmin, Backends: firstBackend}.regions(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[netip.Addr]string)
	for _, r := range regions {
		if len(r.addresses) == 0 {
			t.Errorf("%s has no backends", r.name)
		}
		for _, addr := range r.addresses {
			if other := seen[addr]; other != "" || !addr.IsLoopback() {
				t.Errorf("%s: %s is also of %q", r.name, addr, other)
			}
			seen[addr] = r.name
		}
	}
	if len(regions) < 7 || seen[netip.MustParseAddr("127.0.0.41")] != killed {
		t.Errorf("%v", regions)
	}
}

// fetch returns a backend's answer; an error when it refuses.
func fetch(addr netip.AddrPort, path string) (string, error) {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get("http://" + addr.String() + path)
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	return string(body), err
}

func TestBackends(t *testing.T) {
	first, second := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")
	busy, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	taken := busy.Addr().(*net.TCPAddr).AddrPort().Port()

	b, err := startBackends(t.Context(), []region{{"a", []netip.Addr{first}}, {"b", []netip.Addr{second}}}, taken)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if b.Port() == taken {
		t.Fatalf("a port that is taken: %d", taken)
	}
	at := netip.AddrPortFrom(first, b.Port())
	if body, err := fetch(at, "/healthz"); err != nil || body != "ok\n" {
		t.Errorf("%q, %v", body, err)
	}
	if body, err := fetch(at, "/"); err != nil || !strings.Contains(body, "region a") || !strings.Contains(body, "DEMO") {
		t.Errorf("%q, %v", body, err)
	}

	for range 2 { // killing the dead changes nothing
		if err := b.Kill("a"); err != nil {
			t.Fatal(err)
		}
		if body, err := fetch(at, "/healthz"); err == nil {
			t.Errorf("a dead backend answers %q", body)
		}
	}
	if body, err := fetch(netip.AddrPortFrom(second, b.Port()), "/healthz"); err != nil || body != "ok\n" {
		t.Errorf("the other region: %q, %v", body, err)
	}
	for range 2 {
		if err := b.Revive("a"); err != nil {
			t.Fatal(err)
		}
		if body, err := fetch(at, "/healthz"); err != nil || body != "ok\n" {
			t.Errorf("revived: %q, %v", body, err)
		}
	}
	for _, err := range []error{b.Kill("c"), b.Revive("c")} {
		if e, ok := errors.AsType[*admin.RequestError](err); !ok || !strings.Contains(e.Hint, "a, b") {
			t.Errorf("an unknown region: %v", err)
		}
	}
}

func TestFree(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	want := busy.Addr().(*net.TCPAddr).AddrPort()
	var out strings.Builder
	got, err := free(t.Context(), &out, want, "udp", "tcp")
	if err != nil || got.Port() <= want.Port() {
		t.Fatalf("%v, %v", got, err)
	}
	for _, text := range []string{want.String(), fmt.Sprintf("pid %d", os.Getpid()), "takes " + got.String() + " instead"} {
		if !strings.Contains(out.String(), text) {
			t.Errorf("doesn't say %q: %s", text, out.String())
		}
	}

	out.Reset()
	if got, err := free(t.Context(), &out, got, "udp", "tcp"); err != nil || out.String() != "" {
		t.Errorf("a free port: %v, %v, %q", got, err, out.String())
	}
	if _, err := free(t.Context(), &out, netip.MustParseAddrPort("192.0.2.1:1053"), "udp"); err == nil {
		t.Error("an address that isn't this machine's is free")
	}
}

// TestBanner: what is pasted goes to where the server is.
func TestBanner(t *testing.T) {
	usual := serve.Bound{DNS: []netip.AddrPort{DefaultDNS}, Admin: DefaultAdmin}
	other := serve.Bound{DNS: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:1054")}, Admin: netip.MustParseAddrPort("127.0.0.1:8054")}
	for _, tc := range []struct {
		bound serve.Bound
		dig   bool
		lines []string
	}{
		{usual, true, []string{"DEMO", "http://127.0.0.1:8053/", "dig @127.0.0.1 -p 1053 www.demo.test +short +subnet=192.0.2.1/32 ", "meridian demo kill eu-west\n"}},
		{usual, false, []string{"meridian query www.demo.test --short --subnet 192.0.2.65 "}},
		{other, true, []string{"dig @127.0.0.1 -p 1054 ", "meridian demo kill eu-west --admin http://127.0.0.1:8054\n"}},
		{other, false, []string{"--server 127.0.0.1:1054", "explain www.demo.test --from Frankfurt --admin http://127.0.0.1:8054\n"}},
	} {
		got := banner(Options{HasDig: tc.dig, Command: "meridian"}, tc.bound)
		for _, line := range tc.lines {
			if !strings.Contains(got, line) {
				t.Errorf("dig %v: lacks %q:\n%s", tc.dig, line, got)
			}
		}
		if strings.Contains(got, "dig @") != tc.dig {
			t.Errorf("dig %v:\n%s", tc.dig, got)
		}
	}
}

// words is where a demo talks to; each write is also an event.
type words struct {
	mu    sync.Mutex
	text  strings.Builder
	wrote chan struct{}
}

func (w *words) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case w.wrote <- struct{}{}:
	default:
	}
	return w.text.Write(p)
}

// await waits until the text says want.
func (w *words) await(t *testing.T, want string) string {
	t.Helper()
	limit := time.After(20 * time.Second)
	for {
		w.mu.Lock()
		text := w.text.String()
		w.mu.Unlock()
		if strings.Contains(text, want) {
			return text
		}
		select {
		case <-w.wrote:
		case <-limit:
			t.Fatalf("never said %q:\n%s", want, text)
		}
	}
}

// TestRun is the first minute: a question from Frankfurt, a region that dies, another answer, the region's return.
func TestRun(t *testing.T) {
	out, log := &words{wrote: make(chan struct{}, 1)}, &words{wrote: make(chan struct{}, 1)}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, Options{
			DNS: anyPort, Admin: anyPort, Version: "test", Log: slog.New(slog.NewTextHandler(log, nil)),
			Out: out, HasDig: true, Command: "meridian",
		})
	}()
	text := out.await(t, "Ctrl-C")
	_, line, _ := strings.Cut(text, "dig @127.0.0.1 -p ")
	port, _, _ := strings.Cut(line, " ")
	_, line, _ = strings.Cut(text, "Page    ")
	page, _, _ := strings.Cut(line, "\n")

	fromFrankfurt := func() string {
		m := new(dns.Msg).SetQuestion("www.demo.test.", dns.TypeA)
		m.SetEdns0(1232, false).IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 32, Address: net.IPv4(192, 0, 2, 65).To4()}}
		r, err := dns.Exchange(m, "127.0.0.1:"+port)
		if err != nil || len(r.Answer) != 1 {
			t.Fatalf("%v, %v", r, err)
		}
		return r.Answer[0].(*dns.A).A.String()
	}
	if got := fromFrankfurt(); got != "127.0.0.41" {
		t.Errorf("Frankfurt gets %s, not eu-west", got)
	}
	act := func(action string) {
		t.Helper()
		r, err := http.Post(page+"api/v1/demo/"+action+"?region="+killed, "", nil)
		if err != nil || r.StatusCode != http.StatusOK {
			t.Fatalf("%s: %v, %v", action, r, err)
		}
		r.Body.Close()
	}
	log.await(t, "@127.0.0.41 from=unknown to=up")
	act("kill")
	log.await(t, "@127.0.0.41 from=up to=down")
	if got := awaitChange(t, fromFrankfurt, "127.0.0.41"); got != "127.0.0.51" {
		t.Errorf("Frankfurt gets %s, not eu-central", got)
	}
	act("revive")
	if got := awaitChange(t, fromFrankfurt, "127.0.0.51"); got != "127.0.0.41" {
		t.Errorf("Frankfurt gets %s, not eu-west again", got)
	}

	stop()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	if text := log.await(t, "stopped"); !strings.Contains(text, "mode=DEMO") {
		t.Errorf("the log doesn't say DEMO:\n%s", text)
	}
}

// awaitChange asks until the answer isn't old any more, and returns the new one.
func awaitChange(t *testing.T, ask func() string, old string) string {
	t.Helper()
	limit := time.After(20 * time.Second)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		if got := ask(); got != old {
			return got
		}
		select {
		case <-again.C:
		case <-limit:
			t.Fatalf("still %s", old)
		}
	}
}
