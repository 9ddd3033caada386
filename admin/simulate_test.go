package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"meridian/simulate"
)

// fakeSimulator records what it was asked.
type fakeSimulator struct {
	fakeBackend
	asked  []SimulateRequest
	err    error
	within int
}

func (f *fakeSimulator) Simulate(_ context.Context, r SimulateRequest) (*Simulation, error) {
	f.asked = append(f.asked, r)
	if f.err != nil {
		return nil, f.err
	}
	return &Simulation{Generation: 7, Report: simulate.Report{By: simulate.ByLedger}}, nil
}

func (f *fakeSimulator) ReloadWithin(context.Context) error {
	f.within++
	return f.err
}

func (f *fakeSimulator) ask(method, target, body string) *http.Response {
	s := New(Options{Backend: &f.fakeBackend, Simulator: f, Cautious: f})
	r := httptest.NewRequest(method, "http://127.0.0.1:8053"+target, strings.NewReader(body))
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w.Result()
}

func TestSimulateBothWays(t *testing.T) {
	want := SimulateRequest{Down: []string{"eu-west", "192.0.2.1"}, Dials: []string{"us-east=40%"}, Weights: []string{"www:us-east=5"},
		Services: []string{"www"}, By: "ledger", Demand: []string{"www=5"}, Each: true}
	f := &fakeSimulator{}
	r := f.ask("GET", "/api/v1/simulate?down=eu-west&down=192.0.2.1&dial=us-east%3D40%25&weight=www:us-east%3D5&service=www&by=ledger&demand=www%3D5&n_1=true", "")
	if r.StatusCode != 200 || len(f.asked) != 1 || !reflect.DeepEqual(f.asked[0], want) {
		t.Errorf("GET: %s, asked %+v", r.Status, f.asked)
	}
	want.Config = "/etc/meridian/new.yaml"
	body, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	r = f.ask("POST", "/api/v1/simulate", string(body))
	got := decode[Simulation](t, r)
	if r.StatusCode != 200 || len(f.asked) != 2 || !reflect.DeepEqual(f.asked[1], want) || got.Schema != SimulateSchema || got.Generation != 7 || got.Changes == nil {
		t.Errorf("POST: %s %+v, asked %+v", r.Status, got, f.asked)
	}
}

func TestSimulateMistakes(t *testing.T) {
	for _, tc := range []struct{ method, target, body, detail string }{
		{"GET", "/api/v1/simulate?config=/etc/shadow", "", "config is for POST"},
		{"GET", "/api/v1/simulate?geo=/etc/shadow", "", "geo is for POST"},
		{"GET", "/api/v1/simulate?donw=eu-west", "", `unknown parameter "donw"`},
		{"GET", "/api/v1/simulate?n_1=perhaps", "", `n_1="perhaps" is neither true nor false`},
		{"POST", "/api/v1/simulate", `{"donw": []}`, "the body isn't what is expected here"},
	} {
		f := &fakeSimulator{}
		r := f.ask(tc.method, tc.target, tc.body)
		if body := decode[ErrorBody](t, r); r.StatusCode != 400 || !strings.Contains(body.Detail, tc.detail) || len(f.asked) != 0 {
			t.Errorf("%s %s: %s %+v", tc.method, tc.target, r.Status, body)
		}
	}
}

// TestReloadWithin: a reload is weighed unless it is forced, and one that moves too much is a conflict.
func TestReloadWithin(t *testing.T) {
	f := &fakeSimulator{}
	if r := f.ask("POST", "/api/v1/reload", ""); r.StatusCode != 200 || f.within != 1 || f.reloads != 0 {
		t.Errorf("%s, %d weighed, %d not", r.Status, f.within, f.reloads)
	}
	f.err = &SafetyError{Text: "It moves 60% of the traffic.", Hint: "--force"}
	r := f.ask("POST", "/api/v1/reload?force=false", "")
	if body := decode[ErrorBody](t, r); r.StatusCode != 409 || body.Detail != f.err.Error() || body.Hint != "--force" {
		t.Errorf("%s %+v", r.Status, body)
	}
	if r := f.ask("POST", "/api/v1/reload?force=true", ""); r.StatusCode != 200 || f.reloads != 1 {
		t.Errorf("forced: %s, %d reloads", r.Status, f.reloads)
	}
	if r := f.ask("POST", "/api/v1/reload?force=please", ""); r.StatusCode != 400 || f.reloads != 1 {
		t.Errorf("force=please: %s", r.Status)
	}
	f.err = errors.New("out of order")
	if r := f.ask("POST", "/api/v1/simulate", "{}"); r.StatusCode != 500 {
		t.Errorf("%s", r.Status)
	}
}

// TestSimulationIsDescribed: routes, and every key of the answer at any depth, as they are in openapi.json.
func TestSimulationIsDescribed(t *testing.T) {
	f := &fakeSimulator{}
	text, err := io.ReadAll(f.ask("GET", "/api/v1/openapi.json", "").Body)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths      map[string]map[string]any
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{"get", "post"} {
		if doc.Paths["/api/v1/simulate"][method] == nil {
			t.Errorf("%s isn't described", method)
		}
	}
	var compare func(where string, typ reflect.Type, schema any)
	compare = func(where string, typ reflect.Type, schema any) {
		described, _ := schema.(map[string]any)
		if ref, ok := described["$ref"].(string); ok {
			described, _ = doc.Components.Schemas[strings.TrimPrefix(ref, "#/components/schemas/")].(map[string]any)
		}
		switch typ.Kind() {
		case reflect.Pointer:
			compare(where, typ.Elem(), described)
		case reflect.Slice:
			compare(where+"[]", typ.Elem(), described["items"])
		case reflect.Struct:
			keys, _ := described["properties"].(map[string]any)
			n := 0
			for _, field := range reflect.VisibleFields(typ) {
				key, _, _ := strings.Cut(field.Tag.Get("json"), ",")
				if field.Anonymous {
					continue
				}
				n++
				if keys[key] == nil {
					t.Errorf("%s.%s isn't described", where, key)
					continue
				}
				compare(where+"."+key, field.Type, keys[key])
			}
			if n != len(keys) {
				t.Errorf("%s has %d keys, and %d are described: %v", where, n, len(keys), keys)
			}
		}
	}
	compare("Simulation", reflect.TypeFor[Simulation](), doc.Components.Schemas["Simulation"])
}

func (f *fakeBackend) Simulate(context.Context, SimulateRequest) (*Simulation, error) {
	return &Simulation{}, nil
}
