package main

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"meridian/cmd/config"
)

// small is a whole configuration; HEALTH stands for the port of its check.
const small = `
dns: {listen: ["127.0.0.1:0"]}
regions:
  eu-west: {coordinates: [53.35, -6.26], country: IE}
  us-east: {coordinates: [39.04, -77.49], country: US}
checks:
  web: {type: http, port: HEALTH, path: /healthz}
zones:
  glb.test: {nameservers: {ns1.glb.test: [192.0.2.53]}}
services:
  www.glb.test:
    check: web
    pools: {eu-west: [127.0.0.1], us-east: {cname: us.example.net.}}
  free.glb.test:
    pools: {eu-west: [127.0.0.1]}
`

func smallConfig(t *testing.T, health string) string {
	t.Helper()
	return file(t, "meridian.yaml", strings.ReplaceAll(small, "HEALTH", health))
}

func TestConfigCheck(t *testing.T) {
	good := smallConfig(t, "8080")
	meridian(t, "config", "check", good).is(t, exitDone, "2 regions, 1 zone, 2 services. Good.", "warning: ")

	bad := file(t, "bad.yaml", strings.NewReplacer("HEALTH", "8080", "pools: {eu-west: [127.0.0.1]}", "poools: {}").Replace(small))
	got := meridian(t, "config", "check", bad)
	got.is(t, exitBadConfig, "", `did you mean "pools"?`)
	got.is(t, exitBadConfig, "", "A server doesn't start with this, and a running one keeps what it has.")
	if got.out != "" {
		t.Errorf("talk on standard output: %s", got.out)
	}
	var problems []struct {
		File         string
		Line, Column int
		Text         string
	}
	asJSON := meridian(t, "config", "check", "--json", bad)
	if err := json.Unmarshal([]byte(asJSON.out), &problems); err != nil || asJSON.code != exitBadConfig || asJSON.err != "" {
		t.Fatalf("exit %d, %v\n%s%s", asJSON.code, err, asJSON.out, asJSON.err)
	}
	last := problems[len(problems)-1]
	if last.File != bad || last.Line != 15 || last.Column != 5 || !strings.Contains(last.Text, `"poools"`) {
		t.Errorf("%+v", problems)
	}
	if asJSON := meridian(t, "config", "check", good, "--json"); asJSON.code != exitDone {
		t.Errorf("a good one: exit %d\n%s", asJSON.code, asJSON.out)
	}
	meridian(t, "config", "check", "/nowhere.yaml").is(t, exitBadConfig, "", "/nowhere.yaml")
	meridian(t, "serve", "--config", bad).is(t, exitBadConfig, "", `did you mean "pools"?`)
	meridian(t, "explain", "a.test", "--from", "JP", "--config", bad).is(t, exitBadConfig, "", `did you mean "pools"?`)
}

// TestConfigShowAndInit: what is shown, and what is written to start from, are configurations that load.
func TestConfigShowAndInit(t *testing.T) {
	shown := meridian(t, "config", "show", smallConfig(t, "8080"))
	shown.is(t, exitDone, "consecutive_down: ", "")
	meridian(t, "config", "check", file(t, "shown.yaml", shown.out)).is(t, exitDone, "Good.", "")
	meridian(t, "config", "show", "/nowhere.yaml").is(t, exitBadConfig, "", "/nowhere.yaml")

	path := filepath.Join(t.TempDir(), "new.yaml")
	meridian(t, "config", "init", path).is(t, exitDone, "", "config check "+path)
	meridian(t, "config", "check", path).is(t, exitDone, "Good.", "")
	meridian(t, "config", "init", path).is(t, exitRefused, "", "nothing was written")
	written, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := meridian(t, "config", "init"); got.code != exitDone || got.out != string(written) {
		t.Errorf("exit %d: prints something else than it writes", got.code)
	}
	if got := meridian(t, "config", "schema"); got.out != string(config.Schema()) || !json.Valid([]byte(got.out)) {
		t.Error("config schema doesn't print the schema")
	}
}

const zoneText = `$TTL 3600
@   IN SOA ns1 hostmaster 2026112001 7200 900 1209600 30
    IN NS  ns1
ns1 IN A   192.0.2.53
b   IN A   192.0.2.2
a   IN A   192.0.2.1
`

func TestZone(t *testing.T) {
	good := file(t, "glb.test.zone", zoneText)
	bad := file(t, "glb.test.zone", zoneText+"c IN A 192.0.2.300\nd IN CNAME a\nd IN A 192.0.2.3\n")
	for _, args := range [][]string{{good}, {"glb.test", good}, {good, "--origin", "glb.test."}} {
		meridian(t, append([]string{"zone", "check"}, args...)...).is(t, exitDone, "glb.test.: serial 2026112001, 5 records. Good.\n", "")
	}
	meridian(t, "zone", "check", "other.test", good).is(t, exitDone, "other.test.: serial", "")
	meridian(t, "zone", "check", bad).is(t, exitBadConfig, "", bad+":7")
	meridian(t, "zone", "check", bad).is(t, exitBadConfig, "", "2 problems. A server doesn't start with this")
	meridian(t, "zone", "check", "/nowhere.zone").is(t, exitBadConfig, "", "/nowhere.zone: can't be read: no such file")
	meridianIn(t, zoneText, nil, "zone", "check", "-", "--origin", "in.test").is(t, exitDone, "in.test.: serial 2026112001", "")

	dump := meridian(t, "zone", "dump", good)
	want := "glb.test.\t3600\tIN\tSOA\tns1.glb.test. hostmaster.glb.test. 2026112001 7200 900 1209600 30\n" +
		"glb.test.\t3600\tIN\tNS\tns1.glb.test.\n" +
		"a.glb.test.\t3600\tIN\tA\t192.0.2.1\n" +
		"b.glb.test.\t3600\tIN\tA\t192.0.2.2\n" +
		"ns1.glb.test.\t3600\tIN\tA\t192.0.2.53\n"
	if dump.code != exitDone || dump.out != want {
		t.Errorf("exit %d\n%s%s", dump.code, dump.out, dump.err)
	}

	cfg := smallConfig(t, "8080")
	meridian(t, "zone", "dump", "glb.test", "--config", cfg).is(t, exitDone, "ns1.glb.test.\t", "")
	meridian(t, "zone", "dump", "glb.tset", "--config", cfg).is(t, exitFailed, "", `(did you mean "glb.test."?)`)
}

func TestGeo(t *testing.T) {
	meridian(t, "geo", "info").is(t, exitDone, "Networks     ", "")
	var info infoReport
	if got := meridian(t, "geo", "info", "--json"); json.Unmarshal([]byte(got.out), &info) != nil || info.Networks == 0 {
		t.Errorf("%s", got.out)
	}
	meridian(t, "geo", "lookup", "192.0.2.1", "2001:db8:5::1", "8.8.8.8", "10.0.0.1").is(t, exitDone, "192.0.2.1      192.0.2.0/28     Tokyo, JP-13, JP, AS", "")
	var places []placeReport
	got := meridian(t, "geo", "lookup", "192.0.2.65", "--json", "8.8.8.8")
	if err := json.Unmarshal([]byte(got.out), &places); err != nil || len(places) != 2 || places[0].Country != "DE" || places[0].Network != "192.0.2.64/28" || places[1].Known {
		t.Errorf("%v\n%s", err, got.out)
	}

	dir := t.TempDir()
	path := filepath.Join(dir, "meridian.yaml")
	for name, text := range map[string]string{
		path:                               strings.ReplaceAll(small, "HEALTH", "80") + "geo: {networks: networks.csv}\n",
		filepath.Join(dir, "networks.csv"): "192.0.2.1/32,@us-east\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	meridian(t, "geo", "lookup", "192.0.2.1", "--config", path).is(t, exitDone, "@us-east", "")

	broken := file(t, "broken.mmdb", "this is no database")
	for _, args := range [][]string{{"info", broken}, {"verify", broken}, {"lookup", "::1", "--database", broken}, {"verify", "/nowhere.mmdb"}} {
		meridian(t, append([]string{"geo"}, args...)...).is(t, exitBadConfig, "", ".mmdb")
	}
}

// TestQuery asks a real server, which cuts what it says over UDP.
func TestQuery(t *testing.T) {
	listener, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	streams, err := net.Listen("tcp", listener.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	subnets := make(chan string, 1)
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		m := new(dns.Msg).SetReply(r)
		for _, option := range r.IsEdns0().Option {
			if ecs, ok := option.(*dns.EDNS0_SUBNET); ok {
				subnets <- ecs.String()
			}
		}
		_, overUDP := w.RemoteAddr().(*net.UDPAddr)
		if m.Truncated = overUDP && r.Question[0].Name == "long.test."; !m.Truncated {
			rr, _ := dns.NewRR(r.Question[0].Name + " 5 IN A 192.0.2.1")
			m.Answer = append(m.Answer, rr)
		}
		_ = w.WriteMsg(m)
	})
	for _, s := range []*dns.Server{{PacketConn: listener, Handler: handler}, {Listener: streams, Handler: handler}} {
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go func() { _ = s.ActivateAndServe() }()
		<-started
		t.Cleanup(func() { _ = s.Shutdown() })
	}
	server := listener.LocalAddr().String()

	meridian(t, "query", "www.test", "--server", server).is(t, exitDone, "www.test.\t5\tIN\tA\t192.0.2.1", "over udp in ")
	meridian(t, "query", "www.test", "--tcp", "--server", server).is(t, exitDone, "192.0.2.1", "over tcp in ")
	meridian(t, "query", "long.test", "--server", server).is(t, exitDone, "192.0.2.1", "truncated, asking again over TCP")
	if got := meridian(t, "query", "www.test", "a", "--short", "--server", server); got.out != "192.0.2.1\n" {
		t.Errorf("--short: %q", got.out)
	}
	for subnet, want := range map[string]string{
		"192.0.2.65":       "192.0.2.65/32/0",
		"192.0.2.65/24":    "192.0.2.0/24/0",
		"2001:db8::1":      "[2001:db8::1]/128/0",
		"2001:db8:1::9/48": "[2001:db8:1::]/48/0",
	} {
		meridian(t, "query", "www.test", "--nsid", "--subnet", subnet, "--server", server).is(t, exitDone, "192.0.2.1", "")
		if got := <-subnets; got != want {
			t.Errorf("--subnet %s sent %q, want %s", subnet, got, want)
		}
	}
	silent := netip.MustParseAddrPort(strings.TrimPrefix(nobody(t), "http://"))
	meridian(t, "query", "www.test", "--tcp", "--server", silent.String()).is(t, exitUnreachable, "", "no answer from "+silent.String())
}

// TestCheck probes a real backend, by URL and by configuration.
func TestCheck(t *testing.T) {
	status := http.StatusOK
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			http.NotFound(w, r)
			return
		}
		w.WriteHeader(status)
	}))
	defer web.Close()
	_, port, err := net.SplitHostPort(web.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	cfg := smallConfig(t, port)
	url := "http://127.0.0.1:" + port + "/healthz"

	meridian(t, "check", url).is(t, exitDone, "HTTP 200 OK", "")
	meridian(t, "check", "tcp://127.0.0.1:"+port).is(t, exitDone, "connect", "")
	meridian(t, "check", "http://localhost:"+port+"/healthz").is(t, exitDone, "HTTP 200 OK", "")
	meridian(t, "check", "tls://127.0.0.1:"+port, "--skip-verify").is(t, exitFailed, "not healthy", "")
	meridian(t, "check", "tcp://"+strings.TrimPrefix(nobody(t), "http://")).is(t, exitFailed, "connection refused", "")

	nowhere := strings.TrimPrefix(nobody(t), "http://")
	meridian(t, "check", "grpc://"+nowhere+"/shop").is(t, exitFailed, "(grpc, port", "")
	meridian(t, "check", "grpc://"+nowhere+"/shop").is(t, exitFailed, "connection refused", "")
	meridian(t, "check", "dns://"+nowhere+"/www.example?type=A").is(t, exitFailed, "www.example. A over udp", "")
	meridian(t, "check", "dns://"+nowhere+"/www.example?type=AAAAA").is(t, exitUsage, "", `"AAAAA" is not a record type`)

	for _, target := range []string{"www.glb.test", "www.glb.test/eu-west", "WWW.glb.test./eu-west/127.0.0.1"} {
		meridian(t, "check", target, "--config", cfg).is(t, exitDone, "www.glb.test./eu-west at 127.0.0.1", "")
	}
	for target, want := range map[string]string{
		"wwww.glb.test":                  `(did you mean "www.glb.test."?)`,
		"free.glb.test":                  "has no check",
		"www.glb.test/eu-wset":           `(did you mean "eu-west"?)`,
		"www.glb.test/us-east":           "it is a name",
		"www.glb.test/eu-west/192.0.2.9": "(it has 127.0.0.1)",
	} {
		meridian(t, "check", target, "--config", cfg).is(t, exitFailed, "", want)
	}

	status = http.StatusServiceUnavailable
	got := meridian(t, "check", "www.glb.test", "--json", "--config", cfg)
	var reports []checkReport
	if err := json.Unmarshal([]byte(got.out), &reports); err != nil || got.code != exitFailed || len(reports) != 1 {
		t.Fatalf("exit %d, %v\n%s", got.code, err, got.out)
	}
	if r := reports[0]; r.OK || r.Result != "failure" || !strings.Contains(r.Reason, "503") || len(r.Steps) < 3 {
		t.Errorf("%+v", r)
	}
}

// TestExplainOffline: the configuration alone explains, and says so of a client that it can't place.
func TestExplainOffline(t *testing.T) {
	cfg := smallConfig(t, "8080")
	meridian(t, "explain", "www.glb.test", "--from", "Frankfurt", "--config", cfg).is(t, exitDone, "NOERROR 127.0.0.1", "")
	meridian(t, "explain", "www.glb.test", "--from", "New York", "--config", cfg).is(t, exitDone, "us.example.net.", "")
	meridian(t, "explain", "www.glb.test", "--from", "Atlantis", "--config", cfg).is(t, exitUsage, "", "Frankfurt am Main")
}

func TestVersion(t *testing.T) {
	meridian(t, "version").is(t, exitDone, "meridian v0.0.0-test (go", "")
	meridian(t, "--version").is(t, exitDone, "v0.0.0-test", "")
	var v map[string]string
	if got := meridian(t, "version", "--json"); json.Unmarshal([]byte(got.out), &v) != nil || v["version"] != "v0.0.0-test" {
		t.Errorf("%s", got.out)
	}
	if versionOf("v1") != "v1" || versionOf("") == "" {
		t.Error("a build has no version")
	}
}

// TestCompletion: the scripts ask the program, and the program answers.
func TestCompletion(t *testing.T) {
	for shell, want := range map[string]string{"bash": "complete ", "zsh": "compdef ", "fish": "complete -c meridian"} {
		meridian(t, "completion", shell).is(t, exitDone, want, "")
	}
	meridian(t, completionFlag).is(t, exitDone, "status\n", "")
	meridian(t, "config", completionFlag).is(t, exitDone, "check\n", "")
	meridian(t, "status", "--js", completionFlag).is(t, exitDone, "--json", "")
	meridian(t, "status", "-", completionFlag).is(t, exitDone, "--exit-code", "")
	meridian(t, "sttus", "--js", completionFlag).is(t, exitDone, "--help", "")
}
