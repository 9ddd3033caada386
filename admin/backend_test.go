package admin

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
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
	journal    fakeJournal
	frozen     []FreezeRequest
	thawed     []FreezeRequest
	beats      []PushRequest
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

func (f *fakeBackend) Freeze(_ context.Context, r FreezeRequest) (AutomationReport, error) {
	f.frozen = append(f.frozen, r)
	return AutomationReport{Frozen: true, By: "operator", Author: r.Author, Reason: r.Reason, Until: &r.Until}, nil
}

func (f *fakeBackend) Unfreeze(_ context.Context, r FreezeRequest) (AutomationReport, error) {
	if len(f.thawed) == len(f.frozen) {
		return AutomationReport{}, &RequestError{Text: "automation isn't frozen"}
	}
	f.thawed = append(f.thawed, r)
	return AutomationReport{}, nil
}

func (f *fakeBackend) Failback(_ context.Context, r FailbackRequest) (FailbackReport, error) {
	if r.Region != "eu-west" {
		return FailbackReport{}, &RequestError{Text: "nothing that is seen up is kept down in " + r.Region}
	}
	return FailbackReport{Region: r.Region, Endpoints: []string{r.Service + "@198.18.3.1", r.Author}}, nil
}

func (f *fakeBackend) Push(_ context.Context, p PushRequest) error {
	if p.Region != "eu-west" {
		return &RequestError{Text: `no region "` + p.Region + `"`, Hint: "did you mean eu-west?"}
	}
	f.beats = append(f.beats, p)
	return nil
}

// fakeJournal holds events with the ids "1", "2", … The zero value is empty.
type fakeJournal struct {
	mu     sync.Mutex
	events []Event
	err    error
	subs   []chan struct{}
}

func (j *fakeJournal) Events(_ context.Context, after string, limit int) ([]Event, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return nil, j.err
	}
	if after == "" {
		return slices.Clone(j.events[max(0, len(j.events)-limit):]), nil
	}
	n, err := strconv.Atoi(after)
	if err != nil {
		return nil, &RequestError{Text: "no event has the id " + after}
	}
	behind := j.events[min(n, len(j.events)):]
	return slices.Clone(behind[:min(limit, len(behind))]), nil
}

func (j *fakeJournal) Subscribe() (<-chan struct{}, func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	c := make(chan struct{}, 1)
	j.subs = append(j.subs, c)
	return c, func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.subs = slices.DeleteFunc(j.subs, func(s chan struct{}) bool { return s == c })
	}
}

// add appends an event of this kind and tells the subscribers.
func (j *fakeJournal) add(kind string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = append(j.events, Event{ID: strconv.Itoa(len(j.events) + 1), Kind: kind})
	for _, c := range j.subs {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

func (j *fakeJournal) fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.err = err
}

func (j *fakeJournal) followers() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.subs)
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
	return New(Options{Backend: f, Explainer: f, Simulator: f, Journal: &f.journal, Automation: f, Failback: f, Overrides: &fakeOverrides{}, Mailbox: f, Demo: f, Token: token, Logger: quiet()})
}

// ask sends one request as a local client would, with more headers as pairs.
func ask(s *Server, method, target string, headers ...string) *http.Response {
	return send(s, method, target, "", headers...)
}

// send is ask with a body.
func send(s *Server, method, target, body string, headers ...string) *http.Response {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
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
