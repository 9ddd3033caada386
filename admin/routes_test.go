package admin

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"
)

func TestStatus(t *testing.T) {
	f := &fakeBackend{report: StatusReport{Version: "v1", Demo: true, Generation: 7}}
	r := ask(newServer(f, ""), "GET", "/api/v1/status")
	if r.StatusCode != 200 || r.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("%s, %s", r.Status, r.Header.Get("Content-Type"))
	}
	got := decode[StatusReport](t, r)
	if got.Schema != StatusSchema || !got.Demo || got.Generation != 7 {
		t.Errorf("got %+v", got)
	}
}

func TestExplain(t *testing.T) {
	f := &fakeBackend{}
	r := ask(newServer(f, ""), "GET", "/api/v1/explain?name=www.glb.test&type=aaaa&from=192.0.2.0/24&down=eu-west&down=192.0.2.1&dial=us-east=40%25")
	got := decode[Explanation](t, r)
	if got.Schema != ExplainSchema || got.Type != "AAAA" {
		t.Errorf("got %+v", got)
	}
	want := ExplainRequest{Name: "www.glb.test", Type: "AAAA", From: "192.0.2.0/24", Down: []string{"eu-west", "192.0.2.1"}, Dials: []string{"us-east=40%"}}
	if len(f.explained) != 1 || !reflect.DeepEqual(f.explained[0], want) {
		t.Errorf("the backend was asked %v, want %v", f.explained, want)
	}
}

// TestExplainMistakes: each is the caller's, says what would be right, and never reaches the backend.
func TestExplainMistakes(t *testing.T) {
	for query, detail := range map[string]string{
		"":                                "no name given",
		"name=www.glb.test":               "no client given",
		"name=www.glb.test&type=QUUX":     `unknown type "QUUX"`,
		"name=a..b&from=192.0.2.1":        `"a..b" is not a domain name`,
		"name=" + strings.Repeat("a", 64): `"` + strings.Repeat("a", 64) + `" is not a domain name`,
	} {
		f := &fakeBackend{}
		r := ask(newServer(f, ""), "GET", "/api/v1/explain?"+query)
		body := decode[ErrorBody](t, r)
		if r.StatusCode != 400 || r.Header.Get("Content-Type") != "application/problem+json" || body.Detail != detail || body.Hint == "" {
			t.Errorf("%q: %s %+v, want 400 %q and a hint", query, r.Status, body, detail)
		}
		if len(f.explained) != 0 {
			t.Errorf("%q reached the backend", query)
		}
	}
}

func TestExplainErrorsOfTheBackend(t *testing.T) {
	for _, tc := range []struct {
		err    error
		status int
	}{
		{&RequestError{Text: `no city "Tokio"`, Hint: "Tokyo"}, 400},
		{errors.New("no snapshot yet"), 500},
	} {
		r := ask(newServer(&fakeBackend{explainErr: tc.err}, ""), "GET", "/api/v1/explain?name=a.test&from=JP")
		if body := decode[ErrorBody](t, r); r.StatusCode != tc.status || body.Status != tc.status || body.Detail == "" {
			t.Errorf("%v: %s %+v", tc.err, r.Status, body)
		}
	}
}

// TestExplanationHasTheKeysOfTheContract compares the keys, nested ones too, with the example that users rely on.
func TestExplanationHasTheKeysOfTheContract(t *testing.T) {
	example, err := os.ReadFile("testdata/explain.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]any
	if err := json.Unmarshal(example, &want); err != nil {
		t.Fatal(err)
	}
	full, err := json.Marshal(Explanation{Candidates: make([]Candidate, 1)})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(full, &got); err != nil {
		t.Fatal(err)
	}
	hasKeys(t, "", got, want)

	var back Explanation
	if err := json.Unmarshal(example, &back); err != nil {
		t.Fatalf("the example doesn't decode: %v", err)
	}
	if back.Client.Coordinates[0] != 35.68 || *back.Candidates[1].Distance != 7800 {
		t.Errorf("the example decodes to %+v", back)
	}
}

func hasKeys(t *testing.T, at string, got, want map[string]any) {
	for key, value := range want {
		if _, ok := got[key]; !ok {
			t.Errorf("no key %s%s", at, key)
			continue
		}
		if list, ok := value.([]any); ok && len(list) > 0 {
			if first, ok := list[0].(map[string]any); ok {
				hasKeys(t, at+key+"[].", got[key].([]any)[0].(map[string]any), first)
			}
		}
		if nested, ok := value.(map[string]any); ok {
			hasKeys(t, at+key+".", got[key].(map[string]any), nested)
		}
	}
}

func TestReload(t *testing.T) {
	f := &fakeBackend{report: StatusReport{Generation: 42, Config: ConfigReport{Hash: "abc"}}}
	r := ask(newServer(f, ""), "POST", "/api/v1/reload")
	if got := decode[Reloaded](t, r); r.StatusCode != 200 || got.Generation != 42 || got.Config.Hash != "abc" || f.reloads != 1 {
		t.Errorf("%s %+v after %d reloads", r.Status, got, f.reloads)
	}
}

func TestReloadOfABadConfiguration(t *testing.T) {
	r := ask(newServer(&fakeBackend{reloadErr: twoMistakes()}, ""), "POST", "/api/v1/reload")
	body := decode[ErrorBody](t, r)
	if r.StatusCode != 422 || len(body.Problems) != 3 {
		t.Fatalf("%s %+v", r.Status, body)
	}
	if want := "2 problems. Nothing was changed; the running configuration (generation 41, loaded 14:02:11) stays in use."; body.Detail != want {
		t.Errorf("detail %q, want %q", body.Detail, want)
	}
	for i, want := range []string{
		`meridian.yaml:8:9: unknown key "wieght"`,
		`meridian.yaml:13:5: service "www" uses region "us-eest", which is not defined`,
		"glb.zone:3: warning: a TTL of 9 days",
	} {
		if got := body.Problems[i].String(); got != want {
			t.Errorf("problem %d is %q, want %q", i, got, want)
		}
	}
}

func TestDemo(t *testing.T) {
	f := &fakeBackend{}
	s := newServer(f, "")
	if r := ask(s, "POST", "/api/v1/demo/kill?region=eu-west"); r.StatusCode != 200 || !reflect.DeepEqual(f.killed, []string{"eu-west"}) {
		t.Errorf("%s, killed %v", r.Status, f.killed)
	}
	if r := ask(s, "POST", "/api/v1/demo/kill?region=eu-wst"); r.StatusCode != 400 || decode[ErrorBody](t, r).Hint != "there are: eu-west" {
		t.Errorf("unknown region: %s", r.Status)
	}
	if r := ask(s, "POST", "/api/v1/demo/revive"); r.StatusCode != 400 {
		t.Errorf("no region: %s", r.Status)
	}
	real := New(Options{Backend: f, Logger: quiet()})
	if r := ask(real, "POST", "/api/v1/demo/kill?region=eu-west"); r.StatusCode != 404 {
		t.Errorf("a real server offers the demo's routes: %s", r.Status)
	}
}

func TestProbes(t *testing.T) {
	warned := []Condition{{Name: "snapshot", OK: true}, {Name: "geo", Warning: true, Text: "the database is 40 days old"}}
	broken := append(warned, Condition{Name: "dns", Text: "not listening"})
	for _, tc := range []struct {
		conditions []Condition
		path       string
		status     int
		body       string
	}{
		{broken, "/livez", 200, "ok\n"},
		{warned, "/readyz", 200, "ok\n"},
		{warned, "/readyz?verbose", 200, "[+]snapshot ok\n[!]geo warning: the database is 40 days old\nok\n"},
		{broken, "/readyz", 503, "not ready\n"},
		{broken, "/readyz?verbose", 503, "[+]snapshot ok\n[!]geo warning: the database is 40 days old\n[-]dns failed: not listening\nnot ready\n"},
	} {
		r := ask(newServer(&fakeBackend{conditions: tc.conditions}, ""), "GET", tc.path)
		if body := text(t, r); r.StatusCode != tc.status || body != tc.body {
			t.Errorf("%s: %d %q, want %d %q", tc.path, r.StatusCode, body, tc.status, tc.body)
		}
	}
}

func TestWhatIsNotThere(t *testing.T) {
	s := newServer(&fakeBackend{}, "")
	if r := ask(s, "GET", "/api/v1/stats"); r.StatusCode != 404 || decode[ErrorBody](t, r).Hint == "" {
		t.Errorf("unknown path: %s", r.Status)
	}
	r := ask(s, "GET", "/api/v1/reload")
	if r.StatusCode != 405 || r.Header.Get("Allow") != "POST" || decode[ErrorBody](t, r).Hint != "use POST" {
		t.Errorf("wrong method: %s", r.Status)
	}
	if r := ask(s, "HEAD", "/livez"); r.StatusCode != 200 {
		t.Errorf("HEAD: %s", r.Status)
	}
}

func TestPage(t *testing.T) {
	f := &fakeBackend{report: StatusReport{
		Node: "ns1.<fra>", Demo: true, Board: BoardReport{Up: true},
		Regions: []RegionReport{{Name: "eu-west", State: StateDown, Reason: "connection refused", Since: moment(3)}},
	}}
	s := newServer(f, "")
	page := text(t, ask(s, "GET", "/"))
	for _, want := range []string{"DEMO", "ns1.&lt;fra&gt;", "eu-west", "connection refused", "2026-11-20 03:00:00Z", "region eu-west is down"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page doesn't say %q:\n%s", want, page)
		}
	}
	f.report.Demo = false
	if page := text(t, ask(s, "GET", "/")); strings.Contains(page, "DEMO") {
		t.Error("a real server's page says DEMO")
	}
}

// TestOpenAPI compares the description with the routes and with the types that are sent.
func TestOpenAPI(t *testing.T) {
	s := newServer(&fakeBackend{}, "")
	var doc struct {
		Paths      map[string]map[string]any
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct {
					Properties map[string]any
				}
			}
		}
	}
	r := ask(s, "GET", "/api/v1/openapi.json")
	if err := json.NewDecoder(r.Body).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	routes := make(map[string]bool)
	for _, route := range s.routes() {
		routes[route.path+" "+strings.ToLower(route.method)] = true
		if _, ok := doc.Paths[route.path][strings.ToLower(route.method)]; !ok {
			t.Errorf("%s %s isn't described", route.method, route.path)
		}
	}
	for path, methods := range doc.Paths {
		for method := range methods {
			if !routes[path+" "+method] {
				t.Errorf("%s %s is described but isn't there", strings.ToUpper(method), path)
			}
		}
	}

	same := func(where string, described map[string]bool, typ reflect.Type) {
		for i := range typ.NumField() {
			key, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			if !described[key] {
				t.Errorf("%s: key %q of %s isn't described", where, key, typ)
			}
			delete(described, key)
		}
		for key := range described {
			t.Errorf("%s: key %q is described, but %s has none", where, key, typ)
		}
	}
	for name, typ := range map[string]reflect.Type{
		"Status": reflect.TypeFor[StatusReport](), "Config": reflect.TypeFor[ConfigReport](), "Region": reflect.TypeFor[RegionReport](),
		"Service": reflect.TypeFor[ServiceState](), "Pool": reflect.TypeFor[PoolReport](), "Endpoint": reflect.TypeFor[EndpointReport](),
		"Explanation": reflect.TypeFor[Explanation](), "Candidate": reflect.TypeFor[Candidate](), "Reloaded": reflect.TypeFor[Reloaded](),
		"DemoRegion": reflect.TypeFor[DemoRegion](), "Error": reflect.TypeFor[ErrorBody](), "FileProblem": reflect.TypeFor[FileReport](),
		"Vote": reflect.TypeFor[VoteReport](), "Checker": reflect.TypeFor[CheckerReport](), "Automation": reflect.TypeFor[AutomationReport](),
		"EventList": reflect.TypeFor[EventList](), "Event": reflect.TypeFor[Event](), "Push": reflect.TypeFor[PushRequest](),
		"OverrideRequest": reflect.TypeFor[OverrideRequest](), "Override": reflect.TypeFor[OverrideReport](), "OverrideList": reflect.TypeFor[OverrideList](),
		"OverrideOutcome": reflect.TypeFor[OverrideOutcome](),
	} {
		keys := make(map[string]bool)
		for key := range doc.Components.Schemas[name].Properties {
			keys[key] = true
		}
		same(name, keys, typ)
	}
	for at, typ := range map[[2]string]reflect.Type{
		{"Status", "geo"}: reflect.TypeFor[GeoReport](), {"Status", "board"}: reflect.TypeFor[BoardReport](),
		{"Override", "progress"}: reflect.TypeFor[EmptyReport](), {"Config", "last_reload"}: reflect.TypeFor[ReloadReport](), {"Explanation", "client"}: reflect.TypeFor[ClientReport](),
	} {
		keys := make(map[string]bool)
		for key := range doc.Components.Schemas[at[0]].Properties[at[1]].Properties {
			keys[key] = true
		}
		same(at[0]+"."+at[1], keys, typ)
	}
}

// TestListsAreNeverNull: who reads the JSON needs no case for it.
func TestListsAreNeverNull(t *testing.T) {
	s := newServer(&fakeBackend{}, "")
	for path, lists := range map[string]string{
		"/api/v1/status":                      "listen checkers overrides regions services warnings",
		"/api/v1/events":                      "events",
		"/api/v1/explain?name=a.test&from=JP": "answers candidates steps",
	} {
		got := decode[map[string]any](t, ask(s, "GET", path))
		for _, list := range strings.Fields(lists) {
			if _, ok := got[list].([]any); !ok {
				t.Errorf("%s: %s is %v", path, list, got[list])
			}
		}
	}
}

// TestNothingIsCached: every answer is as of now, and may be about a token's secrets.
func TestNothingIsCached(t *testing.T) {
	s := newServer(&fakeBackend{}, "")
	for _, route := range s.routes() {
		if route.path == "/api/v1/events/stream" {
			continue // it doesn't end; TestStream looks at its headers
		}
		r := ask(s, route.method, route.path)
		if r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %s: headers %v", route.method, route.path, r.Header)
		}
		if r.StatusCode >= http.StatusInternalServerError {
			t.Errorf("%s %s: %s", route.method, route.path, r.Status)
		}
	}
}
