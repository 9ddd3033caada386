package main

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"meridian/admin"
)

// nobody is the URL of a listener that isn't there.
func nobody(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	return "http://" + l.Addr().String()
}

func (s said) is(t *testing.T, code int, out, err string) {
	t.Helper()
	if s.code != code || !strings.Contains(s.out, out) || !strings.Contains(s.err, err) {
		t.Errorf("exit %d, want %d, %q on stdout, %q on stderr\nstdout: %s\nstderr: %s", s.code, code, out, err, s.out, s.err)
	}
}

func TestReload(t *testing.T) {
	b := &backend{report: admin.StatusReport{Generation: 42, Config: admin.ConfigReport{Hash: "0123456789abcdef"}, Warnings: []string{"old data"}}}
	url := b.start(t, "")
	meridian(t, "reload", "--admin", url).is(t, exitDone, "generation 42, configuration hash 0123456789ab", "warning: old data")

	b.refused = refusedReload()
	got := meridian(t, "reload", "--server", strings.TrimPrefix(url, "http://"))
	want := `meridian.yaml:8:9: unknown key "wieght"
glb.zone:3: warning: a TTL of 9 days
1 problem. Nothing was changed; the running configuration (generation 41, loaded 14:02:11) stays in use.
`
	if got.code != exitBadConfig || got.out != "" || got.err != want {
		t.Errorf("exit %d\nstdout: %s\nstderr: %s", got.code, got.out, got.err)
	}
	if b.reloaded != 2 {
		t.Errorf("%d reloads", b.reloaded)
	}
}

// TestWhereTheServerIs: the configuration says it, even one that the server would refuse.
func TestWhereTheServerIs(t *testing.T) {
	b := &backend{}
	listen := strings.TrimPrefix(b.start(t, "secret"), "http://")
	token := file(t, "token", "secret\n")
	config := file(t, "meridian.yaml", "admin:\n  listen: "+listen+"\n  token_file: "+token+"\nunknown: [1\n]\nunknown: 2\n")
	meridian(t, "reload", "--config", config).is(t, exitDone, "Reloaded", "")
	meridian(t, "reload", "--admin", listen).is(t, exitRefused, "", "this needs the listener's token")
	meridian(t, "reload", "--admin", listen, "--token-file", token).is(t, exitDone, "Reloaded", "")
	meridian(t, "reload", "--config", file(t, "meridian.yaml", "dns: [\n"), "--timeout", "1ns").is(t, exitUnreachable, "", "asking at "+defaultAdmin)
	meridian(t, "reload", "--config", "/nowhere/meridian.yaml").is(t, exitFailed, "", "can't read where the server is")
	meridian(t, "reload", "--admin", listen, "--token-file", "/nowhere/token").is(t, exitFailed, "", "can't read the token")
}

func TestLocate(t *testing.T) {
	for text, want := range map[string]located{
		"":                                       {},
		"node: a\n":                              {},
		"admin: 127.0.0.1:1\n":                   {},
		"admin: {listen: 127.0.0.1:1}\n":         {address: "127.0.0.1:1"},
		"admin: {listen: \"0.0.0.0:1\"}\n":       {address: "127.0.0.1:1"},
		"admin: {listen: \"[::]:1\"}\n":          {address: "127.0.0.1:1"},
		"admin: {token_file: /etc/token}\n":      {tokenFile: "/etc/token"},
		"admin: {listen: 127.0.0.1:1}\n\t- bad:": {unread: true},
	} {
		if got, err := locate(file(t, "meridian.yaml", text)); err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
	}
	path := file(t, "meridian.yaml", "admin: {token_file: token}\n")
	if got, err := locate(path); err != nil || got.tokenFile != strings.TrimSuffix(path, "meridian.yaml")+"token" {
		t.Errorf("a path beside the configuration: %+v, %v", got, err)
	}
}

// TestUnreachable: exit code 4, and the address that was tried.
func TestUnreachable(t *testing.T) {
	url := nobody(t)
	for _, args := range [][]string{{"status"}, {"reload"}, {"explain", "a.test", "--from", "JP"}, {"demo", "kill", "eu-west"}} {
		meridian(t, append(args, "--admin", url)...).is(t, exitUnreachable, "", url)
	}
	meridian(t, "healthcheck", "--admin", url).is(t, exitFailed, "", url)
}

// TestNotMeridian: something else listens there.
func TestNotMeridian(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			http.Error(w, "what?", http.StatusTeapot)
			return
		}
		_, _ = w.Write([]byte("{}"))
	}))
	defer s.Close()
	meridian(t, "reload", "--admin", s.URL).is(t, exitFailed, "", "is it Meridian's admin listener?")
	meridian(t, "status", "--admin", s.URL).is(t, exitFailed, "", `schema ""`)
	meridian(t, "explain", "a.test", "--from", "JP", "--admin", s.URL).is(t, exitFailed, "", `schema ""`)
}

func TestHealthcheck(t *testing.T) {
	b := &backend{ready: []admin.Condition{{Name: "snapshot", OK: true}, {Name: "geo", Warning: true, Text: "old"}}}
	url := b.start(t, "secret")
	meridian(t, "healthcheck", "--admin", url).is(t, exitDone, "[+]snapshot ok\n[!]geo warning: old\nok\n", "")
	b.ready = append(b.ready, admin.Condition{Name: "draining", Text: "stopping"})
	meridian(t, "healthcheck", "--admin", url).is(t, exitFailed, "", "[-]draining failed: stopping")
}

func TestDemoActions(t *testing.T) {
	url := (&backend{}).start(t, "")
	meridian(t, "demo", "kill", "eu-west", "--admin", url).is(t, exitDone, "eu-west is down", "")
	meridian(t, "demo", "revive", "--admin", url, "eu-west").is(t, exitDone, "eu-west is up again", "")
	meridian(t, "demo", "kill", "eu-wst", "--admin", url).is(t, exitUsage, "", "there is eu-west")
}

func TestExplain(t *testing.T) {
	b := &backend{}
	url := b.start(t, "")
	got := meridian(t, "explain", "www.glb.test", "--down", "eu-west", "--from", "192.0.2.0/24", "--admin", url, "--dial", "cdn=40%")
	for _, want := range []string{
		"www.glb.test. A from 192.0.2.0/24: NOERROR 198.18.2.1\n",
		"us-west, nearest; TTL 30, scope /28, generation 7\n",
		"Client: Tokyo, JP, AS, AS64496 at 35.68,139.69; network 192.0.2.0/28 of demo, overridden by networks.csv\n",
		"1. zone  the name is in our zone glb.test.\n",
		"ap-northeast  1     12 km     down         0%       0.0%         0 of 1 endpoints up              198.18.5.1\n",
		"us-west       2     7800 km   up           100%     100.0%       takes what nearer regions don't  198.18.2.1\n",
		"cdn           -     -         up (forced)  100%     0.0%         nothing left to take             cdn.example.net.\n",
	} {
		if !strings.Contains(got.out, want) {
			t.Errorf("lacks %q:\n%s", want, got.out)
		}
	}
	want := admin.ExplainRequest{Name: "www.glb.test", Type: "A", From: "192.0.2.0/24", Down: []string{"eu-west"}, Dials: []string{"cdn=40%"}}
	if !reflect.DeepEqual(b.asked, want) {
		t.Errorf("asked %+v", b.asked)
	}

	asJSON := meridian(t, "explain", "--json", "--from", "JP", "--admin", url, "www.glb.test")
	var e admin.Explanation
	if err := json.Unmarshal([]byte(asJSON.out), &e); err != nil || e.Schema != admin.ExplainSchema || e.Region != "us-west" || asJSON.code != 0 {
		t.Errorf("exit %d, %v\n%s", asJSON.code, err, asJSON.out)
	}
	meridian(t, "explain", "www.glb.test", "--from", "Atlantis", "--admin", url).is(t, exitUsage, "", "try JP")
}

func report() admin.StatusReport {
	now := time.Date(2026, 11, 20, 14, 30, 0, 0, time.UTC)
	since := now.Add(-4 * time.Minute)
	third, seventy := 1.0/3, 70.0
	return admin.StatusReport{
		Version: "v1.2.3", Node: "ns1.fra", Demo: true, Time: now, Uptime: 90061, Generation: 41, Listen: []string{"127.0.0.1:1053"},
		Config:  admin.ConfigReport{Path: "meridian.yaml", Hash: "0123456789abcdef", LoadedAt: now.Add(-2 * time.Hour), LastReload: &admin.ReloadReport{Time: now.Add(-5 * time.Second), Error: "a\nb"}},
		Geo:     admin.GeoReport{Database: "city.mmdb", Type: "GeoLite2-City", BuildTime: now, Networks: 300000},
		Board:   admin.BoardReport{Kind: "memory", Up: true},
		Regions: []admin.RegionReport{{Name: "eu-west", State: "down", Admin: "ready", Weight: 1, Since: &since, Reason: "connection refused", Down: 1, Share: &third}, {Name: "us-east", State: "up", Admin: "ready", Weight: 1, Up: 2}},
		Services: []admin.ServiceState{{Name: "www.test.", Policy: "weighted", Fallback: true, Pools: []admin.PoolReport{
			{Region: "eu-west", State: "down", Weight: &seventy, Share: &third, Endpoints: []admin.EndpointReport{{Address: "198.18.3.1", State: "down", Reason: "connection refused"}, {Address: "198.18.3.2", State: "unknown"}}},
			{Region: "us-east", State: "up", Acceptance: 1, CNAME: "us.cdn.test."},
		}}},
		Warnings: []string{"the data is old"},
	}
}

func TestStatus(t *testing.T) {
	b := &backend{report: report()}
	url := b.start(t, "")
	want := `DEMO  Meridian v1.2.3 on ns1.fra, up 1d1h, generation 41, answering on 127.0.0.1:1053
Configuration meridian.yaml, hash 0123456789ab, loaded 2h0m ago
The last reload, 5s ago, failed:
  a
  b
Geography city.mmdb (GeoLite2-City), built 2026-11-20, 300000 networks; board memory

DEGRADED
  region eu-west is down: connection refused
  service www.test. answers from its fallback: no pool takes anything
  the last reload failed

WARNINGS
  the data is old

REGION   STATE  ADMIN  WEIGHT  SHARE  ENDPOINTS  SINCE  WHY
eu-west  down   ready  1       33.3%  0 of 1 up  4m0s   connection refused
us-east  up     ready  1       -      2 of 2 up  -

SERVICE    POLICY                     POOL     STATE  ACCEPTS  WEIGHT  SHARE  ENDPOINTS
www.test.  weighted, on its fallback  eu-west  down   0%       70      33.3%  198.18.3.1 down (connection refused), 198.18.3.2 unknown
                                      us-east  up     100%     -       -      us.cdn.test.
`
	if got := meridian(t, "status", "--admin", url); got.code != exitDone || got.err != "" || got.out != want {
		t.Errorf("exit %d\n%s%s\nwant:\n%s", got.code, got.out, got.err, want)
	}
	meridian(t, "status", "--admin", url, "--exit-code").is(t, exitDegraded, "eu-west", "")

	for _, args := range [][]string{{"--json"}, {"-o", "json"}, {"--output=json"}} {
		got := meridian(t, append([]string{"status", "--admin", url}, args...)...)
		var r admin.StatusReport
		if err := json.Unmarshal([]byte(got.out), &r); err != nil || r.Schema != admin.StatusSchema || len(r.Regions) != 2 || got.code != exitDone {
			t.Errorf("%q: exit %d, %v\n%s", args, got.code, err, got.out)
		}
	}
	b.report = admin.StatusReport{Board: admin.BoardReport{Up: true}}
	meridian(t, "status", "--admin", url, "--exit-code").is(t, exitDone, "Meridian", "")
}

// TestColour: only on a terminal, and not where NO_COLOR is set.
func TestColour(t *testing.T) {
	url := (&backend{report: report()}).start(t, "")
	const red = "\x1b[31mdown\x1b[0m"
	for env, want := range map[[2]string]bool{{"", ""}: false, {"xterm", ""}: true, {"xterm", "1"}: false} {
		got := meridianIn(t, "", map[string]string{"TERM": env[0], "NO_COLOR": env[1]}, "status", "--admin", url)
		if strings.Contains(got.out, red) != want || strings.Contains(got.out, "\x1b") != want {
			t.Errorf("TERM=%s NO_COLOR=%s: colour is not %v:\n%q", env[0], env[1], want, got.out)
		}
	}
}
