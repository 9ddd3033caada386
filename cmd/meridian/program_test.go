package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"meridian/admin"
	"meridian/zones"
)

// said is what a command said, and how it ended.
type said struct {
	out, err string
	code     int
}

// meridian runs a command line as main does, without a process.
func meridian(t *testing.T, args ...string) said {
	t.Helper()
	return meridianIn(t, "", nil, args...)
}

// meridianIn is meridian with something to read, and an environment of its own.
func meridianIn(t *testing.T, input string, env map[string]string, args ...string) said {
	t.Helper()
	var out, errors bytes.Buffer
	p := &program{
		in: strings.NewReader(input), out: &out, err: &errors,
		getenv:   func(key string) string { return env[key] },
		terminal: env["TERM"] != "", version: "v0.0.0-test",
	}
	code := p.run(t.Context(), append([]string{"meridian"}, args...))
	return said{out.String(), errors.String(), code}
}

// file writes a file into a folder of its own and returns its path.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// backend is a server with one service, as far as the command line sees it.
type backend struct {
	report   admin.StatusReport
	ready    []admin.Condition
	refused  error
	asked    admin.ExplainRequest
	reloaded int
	diary    diary
	frozen   *admin.FreezeRequest
	away     error // of the board
}

func (b *backend) Status() admin.StatusReport   { return b.report }
func (b *backend) Ready() []admin.Condition     { return b.ready }
func (b *backend) Numbers() admin.Numbers       { return admin.Numbers{} }
func (b *backend) Reload(context.Context) error { b.reloaded++; return b.refused }
func (b *backend) Freeze(_ context.Context, r admin.FreezeRequest) (admin.AutomationReport, error) {
	if b.away != nil {
		return admin.AutomationReport{}, b.away
	}
	b.frozen = &r
	return admin.AutomationReport{Frozen: true, By: "operator", Author: r.Author, Reason: r.Reason, Until: &r.Until, Withheld: 2}, nil
}

func (b *backend) Unfreeze(_ context.Context, r admin.FreezeRequest) (admin.AutomationReport, error) {
	if b.frozen == nil {
		return admin.AutomationReport{}, &admin.RequestError{Text: "automation isn't frozen"}
	}
	b.frozen = nil
	return admin.AutomationReport{}, nil
}

// diary is a journal of events with the ids "1-0", "2-0", … The zero value is empty.
type diary struct {
	mu     sync.Mutex
	events []admin.Event
	hints  []chan struct{}
}

func (d *diary) add(events ...admin.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range events {
		e.ID = fmt.Sprintf("%d-0", len(d.events)+1)
		d.events = append(d.events, e)
	}
	for _, c := range d.hints {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

func (d *diary) Events(_ context.Context, after string, limit int) ([]admin.Event, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if after == "" {
		return slices.Clone(d.events[max(0, len(d.events)-limit):]), nil
	}
	var n int
	if _, err := fmt.Sscanf(after, "%d-0", &n); err != nil {
		return nil, err
	}
	if n > len(d.events) { // a moment, not an event: those of this test are all later
		n = 0
	}
	behind := d.events[n:]
	return slices.Clone(behind[:min(limit, len(behind))]), nil
}

func (d *diary) Subscribe() (<-chan struct{}, func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := make(chan struct{}, 1)
	d.hints = append(d.hints, c)
	return c, func() {}
}

func (b *backend) Kill(region string) error {
	if region != "eu-west" {
		return &admin.RequestError{Text: "no region " + region, Hint: "there is eu-west"}
	}
	return nil
}
func (b *backend) Revive(region string) error { return b.Kill(region) }

func (b *backend) Explain(_ context.Context, req admin.ExplainRequest) (*admin.Explanation, error) {
	b.asked = req
	if req.From == "Atlantis" {
		return nil, &admin.RequestError{Text: "no such client", Hint: "try JP"}
	}
	return explanation(), nil
}

// start serves the admin listener for b and returns its URL.
func (b *backend) start(t *testing.T, token string) string {
	t.Helper()
	s := httptest.NewServer(admin.New(admin.Options{Backend: b, Explainer: b, Journal: &b.diary, Automation: b, Demo: b, Token: token}).Handler())
	t.Cleanup(s.Close)
	return s.URL
}

func explanation() *admin.Explanation {
	near, far := 12.0, 7800.0
	return &admin.Explanation{
		Schema: admin.ExplainSchema, Name: "www.glb.test.", Type: "A", Region: "us-west", Reason: "nearest",
		Client:  admin.ClientReport{Address: "192.0.2.0/24", Source: "ecs", Country: "JP", City: "Tokyo", Continent: "AS", Network: "192.0.2.0/28", Database: "demo", Coordinates: &[2]float64{35.68, 139.69}, ASN: 64496, Override: true},
		Answers: []string{"198.18.2.1"}, RCode: "NOERROR", TTL: 30, Scope: 28, Generation: 7,
		Candidates: []admin.Candidate{
			{Region: "ap-northeast", Rank: 1, Distance: &near, State: "down", Why: "0 of 1 endpoints up", Addresses: []string{"198.18.5.1"}},
			{Region: "us-west", Rank: 2, Distance: &far, State: "up", Acceptance: 1, Probability: 1, Why: "takes what nearer regions don't", Addresses: []string{"198.18.2.1"}},
			{Region: "cdn", State: "up", Forced: true, Acceptance: 1, Why: "nothing left to take", Addresses: []string{"cdn.example.net."}},
		},
		Steps: []admin.ExplainStep{{What: "zone", Result: "the name is in our zone glb.test."}},
	}
}

// refusedReload is a reload with one mistake and one warning.
func refusedReload() error {
	return &admin.ReloadError{
		Problems: []zones.Problem{
			{File: "meridian.yaml", Line: 8, Col: 9, Text: `unknown key "wieght"`},
			{File: "glb.zone", Line: 3, Text: "a TTL of 9 days", Warning: true},
		},
		Kept: "the running configuration (generation 41, loaded 14:02:11) stays in use",
	}
}
