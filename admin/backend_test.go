package admin

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"meridian/zones"
)

// fakeBackend answers with what its fields say and records what was asked of it.
type fakeBackend struct {
	report     StatusReport
	conditions []Condition
	numbers    Numbers
	reloadErr  error
	explainErr error
	explained  []ExplainRequest
	reloads    int
	killed     []string
}

func (f *fakeBackend) Status() StatusReport { return f.report }
func (f *fakeBackend) Ready() []Condition   { return f.conditions }
func (f *fakeBackend) Numbers() Numbers     { return f.numbers }

func (f *fakeBackend) Explain(_ context.Context, req ExplainRequest) (*Explanation, error) {
	f.explained = append(f.explained, req)
	if f.explainErr != nil {
		return nil, f.explainErr
	}
	return &Explanation{Name: req.Name, Type: req.Type, RCode: "NOERROR", Answers: []string{"198.18.5.1"}}, nil
}

func (f *fakeBackend) Reload(context.Context) error {
	f.reloads++
	return f.reloadErr
}

func (f *fakeBackend) Kill(region string) error {
	if region != "eu-west" {
		return &RequestError{Text: `no region "` + region + `"`, Hint: "there are: eu-west"}
	}
	f.killed = append(f.killed, region)
	return nil
}

func (f *fakeBackend) Revive(string) error { return nil }

// twoMistakes is a reload error with two mistakes and a warning.
func twoMistakes() error {
	return &ReloadError{
		Problems: []zones.Problem{
			{File: "meridian.yaml", Line: 8, Col: 9, Text: `unknown key "wieght"`},
			{File: "meridian.yaml", Line: 13, Col: 5, Text: `service "www" uses region "us-eest", which is not defined`},
			{File: "glb.zone", Line: 3, Text: "a TTL of 9 days", Warning: true},
		},
		Kept: "the running configuration (generation 41, loaded 14:02:11) stays in use",
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func newServer(f *fakeBackend, token string) *Server {
	return New(Options{Backend: f, Demo: f, Token: token, Logger: quiet()})
}

// ask sends one request as a local client would, with more headers as pairs.
func ask(s *Server, method, target string, headers ...string) *http.Response {
	r := httptest.NewRequest(method, target, nil)
	r.Host = "127.0.0.1:8053"
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
			continue
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w.Result()
}

func text(t *testing.T, r *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func decode[T any](t *testing.T, r *http.Response) T {
	t.Helper()
	var v T
	if err := json.NewDecoder(r.Body).Decode(&v); err != nil {
		t.Fatalf("%v", err)
	}
	return v
}

func moment(hour int) *time.Time {
	m := time.Date(2026, 11, 20, hour, 0, 0, 0, time.UTC)
	return &m
}
