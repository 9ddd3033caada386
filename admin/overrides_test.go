package admin

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"meridian/status"
)

// fakeOverrides holds one revision, and remembers what it was told.
type fakeOverrides struct {
	revision int64
	laid     []OverrideRequest
	matched  []int64
	ended    []EndRequest
	err      error
}

func (f *fakeOverrides) Overrides(context.Context) OverrideList {
	return OverrideList{Revision: f.revision}
}

func (f *fakeOverrides) Override(_ context.Context, r OverrideRequest, m int64) (OverrideOutcome, error) {
	f.laid, f.matched = append(f.laid, r), append(f.matched, m)
	if m >= 0 && m != f.revision {
		return OverrideOutcome{}, &StaleError{Text: "others were faster"}
	}
	return OverrideOutcome{Revision: f.revision + 1}, f.err
}

func (f *fakeOverrides) EndOverride(_ context.Context, r EndRequest) (OverrideOutcome, error) {
	f.ended = append(f.ended, r)
	return OverrideOutcome{Revision: f.revision + 1}, f.err
}

func (f *fakeOverrides) server() *Server {
	return New(Options{Backend: &fakeBackend{}, Overrides: f, Logger: quiet()})
}

// TestOverridesByRevision: the ETag that a list came with is good for one change.
func TestOverridesByRevision(t *testing.T) {
	f := &fakeOverrides{revision: 7}
	s := f.server()
	r := ask(s, "GET", "/api/v1/overrides")
	tag := r.Header.Get("ETag")
	if list := decode[map[string]any](t, r); tag != `"7"` || list["overrides"] == nil {
		t.Errorf("ETag %s, %v", tag, list)
	}
	body := `{"kind": "drain", "region": "eu-west", "author": "ann", "reason": "rack move"}`
	r = send(s, "POST", "/api/v1/overrides", body, "If-Match", tag)
	if r.StatusCode != 200 || r.Header.Get("ETag") != `"8"` || f.matched[0] != 7 || f.laid[0].Region != "eu-west" {
		t.Errorf("%s, ETag %s, %+v", r.Status, r.Header.Get("ETag"), f.laid)
	}
	f.revision = 8
	if r = send(s, "POST", "/api/v1/overrides", body, "If-Match", tag); r.StatusCode != http.StatusPreconditionFailed {
		t.Errorf("an old ETag: %s", r.Status)
	}
	if r = send(s, "POST", "/api/v1/overrides", body, "If-Match", "new"); r.StatusCode != http.StatusBadRequest {
		t.Errorf("no ETag: %s", r.Status)
	}
	r = ask(s, "DELETE", "/api/v1/overrides?id=admin:eu-west&author=ann&reason=done&dry_run=true", "If-Match", `"8"`)
	if want := (EndRequest{ID: "admin:eu-west", Author: "ann", Reason: "done", DryRun: true, Match: 8}); r.StatusCode != 200 || f.ended[0] != want {
		t.Errorf("%s, %+v", r.Status, f.ended)
	}
	f.err = &SafetyError{Text: "it is the last"}
	if r = send(s, "POST", "/api/v1/overrides", body); r.StatusCode != http.StatusConflict {
		t.Errorf("what is forbidden: %s", r.Status)
	}
	for _, q := range []string{"author=ann", "id=x", "id=x&author=ann&force=yes", "id=x&author=%07"} {
		if r = ask(s, "DELETE", "/api/v1/overrides?"+q); r.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s", q, r.Status)
		}
	}
}

// TestOverrideRequest reads what operators write, and refuses what can't be.
func TestOverrideRequest(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	base := OverrideRequest{Kind: "weight", Service: "WWW.glb.test", Author: " ann ", Reason: "canary", For: "90m", Weights: map[string]string{"eu-west": "50%", "us-east": "7"}}
	o, err := base.Override(now)
	if err != nil || o.ID != "weight:www.glb.test." || o.Author != "ann" || o.End.Sub(now) != 90*time.Minute ||
		o.Weights["eu-west"] != (status.OverrideWeightValue{Value: .5, Relative: true}) || o.Weights["us-east"].Value != 7 {
		t.Errorf("%+v, %v", o, err)
	}
	if o, err := (&OverrideRequest{Kind: "dial", Region: "eu-west", Percent: "40%", Author: "ann", Reason: "load"}).Override(now); err != nil || o.Percent != 40 || o.End.Sub(now) != status.DefaultOverride {
		t.Errorf("%+v, %v", o, err)
	}
	for says, alter := range map[string]func(*OverrideRequest){
		"is no duration":  func(r *OverrideRequest) { r.For = "soon" },
		"return":          func(r *OverrideRequest) { r.Return = "slowly" },
		"is no number":    func(r *OverrideRequest) { r.Weights = map[string]string{"eu-west": "much"} },
		"not between 0%":  func(r *OverrideRequest) { r.Weights = map[string]string{"eu-west": "101%"} },
		"not a domain":    func(r *OverrideRequest) { r.Service = "a..b" },
		"control charact": func(r *OverrideRequest) { r.Reason = "a\x1bb" },
		"no percentage":   func(r *OverrideRequest) { r.Percent = "half" },
	} {
		r := base
		alter(&r)
		if _, err := r.Override(now); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}
