package main

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"meridian/admin"
	"meridian/status"
)

// words takes in what operators say, and keeps it unless it is only tried.
type words struct {
	revision int64
	holds    []status.Override
	asked    []admin.OverrideRequest
	ended    []admin.EndRequest
	err      error
	empty    time.Time // when what is drained is empty
}

func (w *words) Overrides(context.Context) admin.OverrideList {
	list := admin.OverrideList{Revision: w.revision}
	for i := range w.holds {
		r := admin.NewOverrideReport(&w.holds[i], time.Now())
		r.Progress = &admin.EmptyReport{Answers: 3, LastAnswer: w.empty.Add(-time.Minute), EmptyAt: w.empty, Empty: !time.Now().Before(w.empty)}
		list.Overrides = append(list.Overrides, r)
	}
	return list
}

func (w *words) Override(_ context.Context, r admin.OverrideRequest, match int64) (admin.OverrideOutcome, error) {
	w.asked = append(w.asked, r)
	if match != w.revision {
		return admin.OverrideOutcome{}, &admin.StaleError{Text: "another operator was faster", Hint: "look again"}
	}
	if w.err != nil {
		return admin.OverrideOutcome{}, w.err
	}
	o, err := r.Override(time.Now())
	if err != nil {
		return admin.OverrideOutcome{}, err
	}
	report := admin.NewOverrideReport(&o, time.Now())
	if !r.DryRun {
		w.holds = append(w.holds, o)
		w.revision++
	}
	return admin.OverrideOutcome{DryRun: r.DryRun, Override: &report, Impact: []string{"31% of queries move."}}, nil
}

func (w *words) EndOverride(_ context.Context, r admin.EndRequest) (admin.OverrideOutcome, error) {
	w.ended = append(w.ended, r)
	if len(w.holds) == 0 {
		return admin.OverrideOutcome{}, &admin.RequestError{Text: "there is no override " + r.ID}
	}
	before := admin.NewOverrideReport(&w.holds[0], time.Now())
	w.holds = w.holds[1:]
	return admin.OverrideOutcome{Before: &before}, nil
}

func (w *words) start(t *testing.T) string {
	s := httptest.NewServer(admin.New(admin.Options{Backend: &backend{}, Overrides: w}).Handler())
	t.Cleanup(s.Close)
	return s.URL
}

// TestDryRunAnywhere: a flag behind the region is a flag. `drain eu-west --dry-run` that drained would be the worst bug.
func TestDryRunAnywhere(t *testing.T) {
	w := &words{}
	url := w.start(t)
	for _, line := range []string{
		"drain eu-west --dry-run --reason x", "drain --dry-run eu-west --reason x", "maint eu-west --reason x --dry-run", "force up eu-west --dry-run --reason x",
		"force --dry-run=true down eu-west --reason x", "dial eu-west=40% --reason x --dry-run", "weight www.glb.test eu-west=50% --reason x --dry-run",
	} {
		got := meridian(t, append(strings.Fields(line), "--author", "ann", "--admin", url)...)
		if strings.HasPrefix(line, "force --dry-run") {
			got.is(t, exitUsage, "", "has no flag")
			continue
		}
		got.is(t, exitDone, "DRY RUN, nothing was changed.", "")
		if !w.asked[len(w.asked)-1].DryRun || len(w.holds) != 0 {
			t.Fatalf("%s changed something: %+v", line, w.holds)
		}
	}
}

func TestDrain(t *testing.T) {
	w := &words{empty: time.Now().Add(-time.Second)}
	url := w.start(t)
	got := meridianIn(t, "", map[string]string{"USER": "ann"}, "drain", "eu-west", "--watch", "--service", "www.glb.test", "--for", "2h", "--return", "10m", "--reason", "rack move", "--admin", url)
	got.is(t, exitDone, "www.glb.test.@eu-west: drained by ann until ", "3 answers given since")
	got.is(t, exitDone, "www.glb.test.@eu-west is empty since ", "")
	if r := w.asked[0]; r.Kind != "drain" || r.Region != "eu-west" || r.Service != "www.glb.test" || r.For != "2h0m0s" || r.Return != "10m0s" || r.Author != "ann" || r.Reason != "rack move" || r.Force {
		t.Errorf("asked %+v", r)
	}
	meridian(t, "overrides", "--admin", url).is(t, exitDone, "admin:www.glb.test.@eu-west  drain  0%", "")
	meridian(t, "undrain", "eu-west", "--service", "www.glb.test", "--author", "ben", "--reason", "done", "--admin", url).is(t, exitDone, "ended: www.glb.test.@eu-west: drained by ann", "")
	if e := w.ended[0]; e.ID != "admin:www.glb.test.@eu-west" || e.Author != "ben" || e.Reason != "done" || e.Match != 1 {
		t.Errorf("ended %+v", e)
	}
	meridian(t, "overrides", "--admin", url).is(t, exitDone, "No overrides", "")
	meridian(t, "undrain", "eu-west", "--author", "ben", "--admin", url).is(t, exitUsage, "", "there is no override")
}

func TestDialAndWeight(t *testing.T) {
	w := &words{}
	url := w.start(t)
	meridian(t, "dial", "eu-west=40%", "--author", "ann", "--reason", "x", "--admin", url).is(t, exitDone, "eu-west: dialled to 40% by ann", "")
	meridian(t, "weight", "www.glb.test", "eu-west=50%", "us-east=7", "--author", "ann", "--reason", "x", "--admin", url).is(t, exitDone, "given weight eu-west=50% us-east=7 by ann", "")
	meridian(t, "dial", "eu-west=100%", "--author", "ann", "--admin", url).is(t, exitDone, "ended: eu-west: dialled", "")
	if w.ended[0].ID != "dial:eu-west" {
		t.Errorf("ended %+v", w.ended)
	}
	meridian(t, "overrides", "end", "weight:www.glb.test.", "--author", "ann", "--admin", url).is(t, exitDone, "ended: www.glb.test.: given", "")
}

// TestOverridesAreRefused: each refusal says why, and has its exit code.
func TestOverridesAreRefused(t *testing.T) {
	w := &words{}
	url := w.start(t)
	for _, tc := range []struct {
		line string
		code int
		says string
	}{
		{"drain", exitUsage, "needs one REGION"},
		{"drain eu-west", exitUsage, "why? Add --reason"},
		{"drain eu-west us-east --reason x", exitUsage, "got more"},
		{"drain eu-west --reason x --for 73h", exitUsage, "more than 72h"},
		{"drain eu-west --reason x --for -1h", exitUsage, "in the past"},
		{"dial eu-west --reason x", exitUsage, "says no share"},
		{"dial eu-west=101% --reason x", exitUsage, "not between 0% and 100%"},
		{"weight www.glb.test --reason x", exitUsage, "needs SERVICE and REGION=WEIGHT"},
		{"weight www.glb.test eu-west --reason x", exitUsage, "is not of the form"},
		{"weight www.glb.test eu-west=-1 --reason x", exitUsage, "not between 0 and"},
		{"drain eu-west --service a..b --reason x", exitUsage, "not a domain name"},
		{"drian eu-west", exitUsage, `did you mean "drain"?`},
	} {
		meridian(t, append(strings.Fields(tc.line), "--author", "ann", "--admin", url)...).is(t, tc.code, "", tc.says)
	}
	if len(w.holds) != 0 {
		t.Errorf("something holds: %+v", w.holds)
	}
	w.err = &admin.SafetyError{Text: "eu-west is the last", Hint: "--force does it"}
	meridian(t, "drain", "eu-west", "--reason", "x", "--author", "ann", "--admin", url).is(t, exitRefused, "", "eu-west is the last")
	w.err = &admin.StaleError{Text: "another operator was faster"}
	meridian(t, "drain", "eu-west", "--reason", "x", "--author", "ann", "--admin", url).is(t, exitRefused, "", "another operator was faster")
	w.err = &admin.AwayError{Text: "the board is away"}
	meridian(t, "drain", "eu-west", "--reason", "x", "--author", "ann", "--admin", url).is(t, exitFailed, "", "the board is away")
	meridian(t, "overrides", "--admin", nobody(t)).is(t, exitUnreachable, "", "no server answers")
}
