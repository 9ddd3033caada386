package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"meridian/admin"
)

func someEvents() []admin.Event {
	at, until := time.Date(2026, 11, 20, 14, 2, 11, 0, time.UTC), time.Date(2026, 11, 20, 16, 0, 0, 0, time.UTC)
	return []admin.Event{
		{Time: at, Kind: "health", Subject: "web:1f2e3d4c@198.18.3.1", Places: []string{"www.test.@eu-west"}, From: "up", To: "down", Reason: "2 of 3 checkers: HTTP 503", Node: "ns1"},
		{Time: at.Add(time.Second), Kind: "freeze", Author: "ana", Until: &until, Reason: "provider maintenance"},
		{Time: at.Add(2 * time.Second), Kind: "health", Subject: "web:1f2e3d4c@198.18.3.1", From: "down", To: "up"},
	}
}

func TestEvents(t *testing.T) {
	b := &backend{}
	b.diary.add(someEvents()...)
	url := b.start(t, "")
	want := `2026-11-20 14:02:11Z health   web:1f2e3d4c@198.18.3.1 (www.test.@eu-west) up -> down: 2 of 3 checkers: HTTP 503
2026-11-20 14:02:12Z freeze   by ana until 2026-11-20 16:00:00Z: provider maintenance
2026-11-20 14:02:13Z health   web:1f2e3d4c@198.18.3.1 down -> up
`
	for _, args := range [][]string{{}, {"--since", "10m"}} {
		if got := meridian(t, append([]string{"events", "--admin", url}, args...)...); got.code != exitDone || got.out != want || got.err != "" {
			t.Errorf("%q: exit %d\n%s%s\nwant:\n%s", args, got.code, got.out, got.err, want)
		}
	}
	if got := meridian(t, "events", "--admin", url, "-n", "1"); strings.Count(got.out, "\n") != 1 || !strings.Contains(got.out, "down -> up") {
		t.Errorf("the latest one: %s", got.out)
	}
	got := meridian(t, "events", "--admin", url, "--json", "--limit", "2")
	lines := strings.Split(strings.TrimSpace(got.out), "\n")
	var e admin.Event
	if err := json.Unmarshal([]byte(lines[0]), &e); err != nil || len(lines) != 2 || e.ID != "2-0" || e.Author != "ana" {
		t.Errorf("%v\n%s", err, got.out)
	}
	coloured := meridianIn(t, "", map[string]string{"TERM": "xterm"}, "events", "--admin", url)
	if !strings.Contains(coloured.out, "\x1b[31mhealth  \x1b[0m") {
		t.Errorf("no colour: %q", coloured.out)
	}
	meridian(t, "events", "--admin", nobody(t)).is(t, exitUnreachable, "", "no server answers")
}

// TestFollowEvents: what comes is printed as it comes, over a server that breaks off, without a gap or a repetition.
func TestFollowEvents(t *testing.T) {
	b := &backend{}
	b.diary.add(someEvents()...)
	server := httptest.NewServer(admin.New(admin.Options{Backend: b, Journal: &b.diary}).Handler())
	t.Cleanup(server.Close)
	in, out := io.Pipe()
	told, tell := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	p := &program{out: out, err: tell, getenv: func(string) string { return "" }}
	code := make(chan int, 1)
	go func() {
		code <- p.run(ctx, []string{"meridian", "events", "-f", "-n", "1", "--admin", server.URL})
		out.Close()
	}()
	lines, said := bufio.NewScanner(in), bufio.NewScanner(told)
	expect := func(s *bufio.Scanner, want string) {
		t.Helper()
		if !s.Scan() || !strings.Contains(s.Text(), want) {
			t.Fatalf("got %q, want %q", s.Text(), want)
		}
	}
	expect(lines, "down -> up")
	b.diary.add(admin.Event{Kind: "held", Reason: "it flapped"})
	expect(lines, "held")
	server.CloseClientConnections()
	expect(said, "ended the stream; asking again")
	b.diary.add(admin.Event{Kind: "released"}, admin.Event{Kind: "limited"})
	expect(said, "answers again")
	expect(lines, "released")
	expect(lines, "limited")
	stop()
	if lines.Scan() {
		t.Errorf("goes on with %q", lines.Text())
	}
	if c := <-code; c != exitDone {
		t.Errorf("exit %d", c)
	}
}

func TestFollowIsRefused(t *testing.T) {
	url := (&backend{}).start(t, "secret")
	meridian(t, "events", "-f", "--admin", url).is(t, exitRefused, "", "this needs the listener's token")
}

func TestFreeze(t *testing.T) {
	b := &backend{}
	url := b.start(t, "")
	meridian(t, "unfreeze", "--admin", url, "--author", "ana").is(t, exitUsage, "", "automation isn't frozen")
	got := meridianIn(t, "", map[string]string{"USER": "ben"}, "freeze", "--reason", "provider maintenance", "--for", "30m", "--admin", url)
	got.is(t, exitDone, "Automation is FROZEN by ben until ", "")
	got.is(t, exitDone, ": provider maintenance. 2 endpoints not served as observed.", "")
	if left := time.Until(b.frozen.Until); b.frozen.Author != "ben" || left > 30*time.Minute || left < 29*time.Minute {
		t.Errorf("asked %+v", b.frozen)
	}
	asJSON := meridian(t, "freeze", "--json", "--reason", "x", "--author", "ana", "--admin", url)
	var a admin.AutomationReport
	if err := json.Unmarshal([]byte(asJSON.out), &a); err != nil || !a.Frozen || a.Author != "ana" {
		t.Errorf("%v\n%s", err, asJSON.out)
	}
	meridian(t, "freeze", "--reason", "x", "--for", "1000h", "--admin", url).is(t, exitUsage, "", "is not a duration up to")
	b.away = &admin.AwayError{Text: "the board is away", Hint: "freeze: true in each server's configuration does it without"}
	meridian(t, "freeze", "--reason", "x", "--admin", url).is(t, exitFailed, "", "freeze: true in each")
	meridian(t, "unfreeze", "--admin", url).is(t, exitDone, "Automation is on", "")
	if b.frozen != nil {
		t.Error("it is still frozen")
	}
}

// TestAuthor: who acts is never left out.
func TestAuthor(t *testing.T) {
	b := &backend{}
	url := b.start(t, "")
	for want, env := range map[string]map[string]string{
		"root-by-ana": {"SUDO_USER": "root-by-ana", "USER": "root"},
		"ben":         {"USER": "ben", "LOGNAME": "x"},
		"carla":       {"LOGNAME": "carla"},
	} {
		meridianIn(t, "", env, "freeze", "--reason", "x", "--admin", url).is(t, exitDone, "by "+want, "")
	}
	if got := meridianIn(t, "", nil, "freeze", "--reason", "x", "--admin", url); got.code != exitDone && !strings.Contains(got.err, "who are you?") {
		t.Errorf("exit %d %s", got.code, got.err)
	}
}

func TestVotesInStatus(t *testing.T) {
	now := time.Date(2026, 11, 20, 14, 30, 0, 0, time.UTC)
	since := now.Add(-90 * time.Second)
	r := admin.StatusReport{
		Version: "v1", Role: admin.RoleServer, Time: now, Listen: []string{"127.0.0.1:53"}, Config: admin.ConfigReport{Path: "m.yaml", LoadedAt: now},
		Geo:        admin.GeoReport{Database: "demo", BuildTime: now},
		Board:      admin.BoardReport{Kind: "redis", Error: "connection refused", Age: 40, LocalView: true},
		Automation: admin.AutomationReport{Frozen: true, By: "operator", Author: "ana", Reason: "maintenance", Withheld: 1},
		Checkers: []admin.CheckerReport{
			{Vantage: "fra", Own: true, Age: 2, Fresh: true, Up: 3, Down: 1},
			{Vantage: "nyc", Age: 90, Up: 4},
			{Vantage: "sin", Age: 1, Fresh: true, Abstains: 4, Doubt: "none of its references answers"},
		},
		Services: []admin.ServiceState{{Name: "www.test.", Check: "web", Policy: "nearest", Pools: []admin.PoolReport{{
			Region: "eu-west", State: "up", Acceptance: 1, Endpoints: []admin.EndpointReport{
				{Address: "198.18.3.1", State: "up", Observed: "down", Held: "freeze", Reason: "held up: automation is frozen by ana", Votes: []admin.VoteReport{
					{Vantage: "fra", Check: "web", State: "down", Age: 2, Fresh: true, Since: &since, Reason: "HTTP 503", Latency: .0123},
					{Vantage: "nyc", Check: "web", State: "up", Age: 90, Reason: "HTTP 200 OK"},
				}},
				{Address: "198.18.3.2", State: "up", Observed: "up", Withheld: .5, Votes: []admin.VoteReport{
					{Vantage: "fra", Check: "web", State: "up", Fresh: true, Withheld: .5, Reason: "slow"},
					{Vantage: "fra", Check: "disk", State: "unknown", Fresh: true},
				}},
			}}}}},
	}
	want := `Meridian v1, up 0s, generation 0, answering on 127.0.0.1:53
Configuration m.yaml, hash , loaded 0s ago
Geography demo (), built 2026-11-20, 0 networks; board redis is away: connection refused, states upheld 40s ago; this server's own checker counts alone
Automation is FROZEN by ana: maintenance. 1 endpoint not served as observed.

DEGRADED
  the board (redis) is away; this server's own checker counts alone
  checker nyc hasn't voted for 1m30s
  checker sin distrusts itself and doesn't vote: none of its references answers

SERVICE    POLICY   POOL     STATE  ACCEPTS  WEIGHT  SHARE  ENDPOINTS
www.test.  nearest  eu-west  up     100%     -       -      198.18.3.1 (held up: automation is frozen by ana), 198.18.3.2

CHECKER     VOTED      UP  DOWN  ABSTAINS
fra (here)  2s ago     3   1     0
nyc         1m30s ago  4   0     0         stale: its votes are ignored
sin         1s ago     0   0     4         distrusts itself: none of its references answers

ENDPOINT            SERVED             OBSERVED  CHECKER   VOTE      AGE          SINCE  LATENCY  EVIDENCE
198.18.3.1 eu-west  up (held: freeze)  down      fra       down      2s           1m30s  12.3ms   HTTP 503
                                                 nyc       up        1m30s stale  -      -        HTTP 200 OK
198.18.3.2 eu-west  up 50%             up        fra       up 50%    0s           -      -        slow
                                                 fra disk  abstains  0s           -      -
`
	url := (&backend{report: r}).start(t, "")
	if got := meridian(t, "status", "--admin", url); got.code != exitDone || got.out != want {
		t.Errorf("exit %d\n%s\nwant:\n%s", got.code, got.out, want)
	}
	agreed := admin.StatusReport{Board: admin.BoardReport{Up: true}, Services: []admin.ServiceState{{Name: "a.", Pools: []admin.PoolReport{{Endpoints: []admin.EndpointReport{
		{Address: "198.18.1.1", State: "up", Observed: "up", Votes: []admin.VoteReport{{Vantage: "fra", State: "up", Fresh: true}}},
	}}}}}}
	url = (&backend{report: agreed}).start(t, "")
	if got := meridian(t, "status", "--admin", url); strings.Contains(got.out, "OBSERVED") {
		t.Errorf("votes on which all agree are shown unasked:\n%s", got.out)
	}
	agreed.Services[0].Pools[0].Endpoints[0].Votes = []admin.VoteReport{{Vantage: "fra", State: "up", Fresh: true}}
	meridian(t, "status", "--votes", "--admin", url).is(t, exitDone, "198.18.1.1", "")
	meridian(t, "status", "--admin", (&backend{report: admin.StatusReport{Role: admin.RoleChecker, Board: admin.BoardReport{Kind: "redis", Up: true}}}).start(t, "")).
		is(t, exitDone, "a checker alone", "")
}
