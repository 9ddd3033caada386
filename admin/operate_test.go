package admin

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestFreeze(t *testing.T) {
	f := &fakeBackend{}
	s := newServer(f, "")
	begin := time.Now()
	r := send(s, "POST", "/api/v1/freeze", `{"author": " ana ", "reason": "provider maintenance", "for": "30m"}`)
	got := decode[AutomationReport](t, r)
	if r.StatusCode != 200 || !got.Frozen || got.Author != "ana" || got.Reason != "provider maintenance" {
		t.Fatalf("%s %+v", r.Status, got)
	}
	if left := f.frozen[0].Until.Sub(begin); left < 30*time.Minute || left > 31*time.Minute {
		t.Errorf("it ends after %v", left)
	}
	send(s, "POST", "/api/v1/freeze", `{"author": "ana", "reason": "longer"}`)
	if left := f.frozen[1].Until.Sub(begin); left < DefaultFreeze || left > DefaultFreeze+time.Minute {
		t.Errorf("without a time it ends after %v", left)
	}
	if r := send(s, "POST", "/api/v1/unfreeze", `{"author": "ben"}`); r.StatusCode != 200 || decode[AutomationReport](t, r).Frozen || f.thawed[0].Author != "ben" {
		t.Errorf("unfreeze: %s", r.Status)
	}
}

func TestFailback(t *testing.T) {
	s := newServer(&fakeBackend{}, "")
	r := send(s, "POST", "/api/v1/failback", `{"region": "eu-west", "service": "www.test", "author": " ana "}`)
	if got := decode[FailbackReport](t, r); r.StatusCode != 200 || strings.Join(got.Endpoints, " ") != "www.test@198.18.3.1 ana" {
		t.Errorf("%s %+v", r.Status, got)
	}
}

// TestOperationMistakes: each is the caller's, says what is wrong, and changes nothing.
func TestOperationMistakes(t *testing.T) {
	long := strings.Repeat("a", maxWords+1)
	for _, tc := range []struct{ path, body, detail string }{
		{"freeze", ``, "the body is empty"},
		{"freeze", `{`, "the body isn't what is expected here"},
		{"freeze", `{"author": "ana", "reason": "x"} {}`, "the body goes on"},
		{"freeze", `{"author": "ana", "reason": "x", "until": "2h"}`, `unknown field "until"`},
		{"freeze", `{"author": 7}`, "the body isn't what is expected here"},
		{"freeze", `{"reason": "x"}`, "no author given"},
		{"freeze", `{"author": "ana"}`, "no reason given"},
		{"freeze", `{"author": "ana", "reason": "  "}`, "no reason given"},
		{"freeze", `{"author": "ana", "reason": "x", "for": "2"}`, `for "2" is not a duration`},
		{"freeze", `{"author": "ana", "reason": "x", "for": "-2h"}`, `for "-2h" is not a duration`},
		{"freeze", `{"author": "ana", "reason": "x", "for": "721h"}`, `for "721h" is not a duration up to 720h`},
		{"freeze", `{"author": "ana", "reason": "a\u001b[31m"}`, "the reason holds control characters"},
		{"freeze", `{"author": "` + long + `", "reason": "x"}`, "the author has 501 bytes"},
		{"freeze", `{"author": "` + strings.Repeat("a", maxBody) + `"}`, "the body has more than 16384 bytes"},
		{"unfreeze", `{"author": "ana", "for": "2h"}`, "there is no time for it"},
		{"unfreeze", `{}`, "no author given"},
		{"unfreeze", `{"author": "ana"}`, "automation isn't frozen"},
		{"failback", `{"author": "ana"}`, "no region given"},
		{"failback", `{"region": "eu-west"}`, "no author given"},
		{"failback", `{"region": "eu-west", "author": "ana", "reason": "a\nb"}`, "the reason holds control characters"},
		{"failback", `{"region": "us-east", "author": "ana"}`, "nothing that is seen up is kept down in us-east"},
		{"push", ``, "the body is empty"},
		{"push", `{"region": "eu-west"}`, "no service given"},
		{"push", `{"service": "www.test"}`, "neither region nor endpoint given"},
		{"push", `{"service": "www.test", "region": "eu-west", "state": "UP"}`, `state "UP" is neither up nor down`},
		{"push", `{"service": "www.test", "region": "eu-west", "withheld": 1.5}`, "withheld 1.5 is not within 0 and 1"},
		{"push", `{"service": "www.test", "region": "eu-west", "reason": "a\nb"}`, "the reason holds control characters"},
		{"push", `{"service": "www.test", "region": "eu-wst"}`, `no region "eu-wst"`},
	} {
		f := &fakeBackend{}
		r := send(newServer(f, ""), "POST", "/api/v1/"+tc.path, tc.body)
		if body := decode[ErrorBody](t, r); r.StatusCode != 400 || !strings.Contains(body.Detail, tc.detail) {
			t.Errorf("%s %.60s: %s %q, want 400 %q", tc.path, tc.body, r.Status, body.Detail, tc.detail)
		}
		if len(f.frozen)+len(f.beats) > 0 {
			t.Errorf("%s %.60s was done", tc.path, tc.body)
		}
	}
}

func TestPush(t *testing.T) {
	f := &fakeBackend{}
	r := send(newServer(f, "secret"), "POST", "/api/v1/push",
		`{"service": "www.test", "region": "eu-west", "endpoint": "198.18.3.1", "state": "down", "reason": "out of disk"}`, "Authorization", "Bearer secret")
	want := PushRequest{Service: "www.test", Region: "eu-west", Endpoint: "198.18.3.1", State: "down", Reason: "out of disk"}
	if r.StatusCode != http.StatusNoContent || len(f.beats) != 1 || f.beats[0] != want {
		t.Errorf("%s, %+v", r.Status, f.beats)
	}
	if r := send(newServer(f, "secret"), "POST", "/api/v1/push", `{"service": "www.test", "region": "eu-west"}`); r.StatusCode != 401 || len(f.beats) != 1 {
		t.Errorf("without the token: %s", r.Status)
	}
}

// TestOperationsOfOtherOrigins: no web page freezes automation or speaks for an endpoint.
func TestOperationsOfOtherOrigins(t *testing.T) {
	for _, path := range []string{"freeze", "unfreeze", "push"} {
		f := &fakeBackend{}
		r := send(newServer(f, ""), "POST", "/api/v1/"+path, `{"author": "ana", "reason": "x"}`, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
		if r.StatusCode != http.StatusForbidden || len(f.frozen)+len(f.beats) > 0 {
			t.Errorf("%s: %s", path, r.Status)
		}
	}
}

// TestOnlyWhatIsThere: a checker alone has no journal, no answers to explain and nothing to freeze.
func TestOnlyWhatIsThere(t *testing.T) {
	f := &fakeBackend{}
	s := New(Options{Backend: f, Mailbox: f, Logger: quiet()})
	for path, method := range map[string]string{"explain": "GET", "events": "GET", "events/stream": "GET", "freeze": "POST", "unfreeze": "POST"} {
		if r := ask(s, method, "/api/v1/"+path); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, r.Status)
		}
	}
	if r := send(s, "POST", "/api/v1/push", `{"service": "www.test", "region": "eu-west"}`); r.StatusCode != http.StatusNoContent {
		t.Errorf("push: %s", r.Status)
	}
}

// TestVotesAreLeftOut where all agree, unless asked for.
func TestVotesAreLeftOut(t *testing.T) {
	up, down := VoteReport{Vantage: "fra", State: StateUp}, VoteReport{Vantage: "nyc", State: StateDown}
	slow := VoteReport{Vantage: "sin", State: StateUp, Withheld: .5}
	endpoints := []EndpointReport{
		{Address: "agreed", State: StateUp, Votes: []VoteReport{up, up}},
		{Address: "outvoted", State: StateUp, Votes: []VoteReport{up, up, down}},
		{Address: "slow", State: StateUp, Votes: []VoteReport{up, slow}},
		{Address: "abstention", State: StateUp, Votes: []VoteReport{up, {State: StateUnknown}}},
		{Address: "down", State: StateDown, Votes: []VoteReport{down}},
		{Address: "held", State: StateDown, Held: "flap", Votes: []VoteReport{up}},
		{Address: "silent", State: StateDown},
	}
	shown := func(query string) string {
		f := &fakeBackend{report: StatusReport{Services: []ServiceState{{Pools: []PoolReport{{Endpoints: append([]EndpointReport(nil), endpoints...)}}}}}}
		var names []string
		for _, e := range decode[StatusReport](t, ask(newServer(f, ""), "GET", "/api/v1/status"+query)).Services[0].Pools[0].Endpoints {
			if e.Votes != nil {
				names = append(names, e.Address)
			}
		}
		return strings.Join(names, " ")
	}
	disputed := "outvoted slow abstention down held"
	for query, want := range map[string]string{"": disputed, "?votes=disputed": disputed, "?votes=all": "agreed " + disputed} {
		if got := shown(query); got != want {
			t.Errorf("%q shows %q, want %q", query, got, want)
		}
	}
	if r := ask(newServer(&fakeBackend{}, ""), "GET", "/api/v1/status?votes=some"); r.StatusCode != 400 {
		t.Errorf("votes=some: %s", r.Status)
	}
}
