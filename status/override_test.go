package status

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var overrideDay = time.Unix(1_800_000_000, 0).UTC()

func drain(region string) Override {
	return Override{ID: Slot(OverrideDrain, "", region), Kind: OverrideDrain, Region: region, Author: "ann", Reason: "rack move",
		Start: overrideDay, End: overrideDay.Add(2 * time.Hour)}
}

func genOverride(t *rapid.T) Override {
	o := Override{
		Kind: rapid.SampledFrom(OverrideKinds).Draw(t, "kind"), Author: "ann", Reason: "because",
		Start: overrideDay.Add(time.Duration(rapid.IntRange(-60, 60).Draw(t, "start")) * time.Minute),
	}
	o.End = o.Start.Add(time.Duration(rapid.IntRange(1, 120).Draw(t, "length")) * time.Minute)
	o.Service = rapid.SampledFrom([]string{"", "www.a.test.", "api.a.test."}).Draw(t, "service")
	if o.Kind == OverrideWeight {
		o.Service = "www.a.test."
		o.Weights = map[string]OverrideWeightValue{rapid.SampledFrom([]string{"us", "eu"}).Draw(t, "weighed"): {Value: rapid.Float64Range(0, 9).Draw(t, "weight")}}
	} else {
		o.Region = rapid.SampledFrom([]string{"us", "eu", "ap"}).Draw(t, "region")
	}
	if o.Kind == OverrideDial {
		o.Percent = rapid.Float64Range(0, 100).Draw(t, "percent")
	}
	if o.Kind != OverrideUp && o.Kind != OverrideWeight {
		o.Return = time.Duration(rapid.IntRange(0, int(o.End.Sub(o.Start)/time.Minute)).Draw(t, "return")) * time.Minute
	}
	o.ID = Slot(o.Kind, o.Service, o.Region)
	return o
}

// TestEffectiveTellsWhenItChanges: between one moment and the Next that it names, nothing changes, in whatever order the
// overrides are listed; and what an override lets through never falls while it comes back.
func TestEffectiveTellsWhenItChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []Override
		for range rapid.IntRange(0, 5).Draw(t, "n") {
			all, _ = With(all, genOverride(t), overrideDay.Add(-2*time.Hour))
		}
		turned := make([]Override, 0, len(all))
		for i := range all {
			turned = append(turned, all[len(all)-1-i])
		}
		now := overrideDay.Add(time.Duration(rapid.IntRange(-90, 200).Draw(t, "now")) * time.Minute)
		e := Effective(all, now)
		if !e.Equal(Effective(turned, now)) {
			t.Fatalf("the order matters: %v", all)
		}
		until := e.Next
		if until.IsZero() {
			until = now.Add(24 * time.Hour)
		}
		if !until.After(now) {
			t.Fatalf("next is %v, now %v", until, now)
		}
		for _, part := range []float64{.1, .5, .999} {
			at := now.Add(time.Duration(part * float64(until.Sub(now))))
			if later := Effective(all, at); !e.Equal(later) {
				t.Fatalf("at %v it is %+v, at %v %+v, and the next change was to be %v", now, e, at, later, e.Next)
			}
		}
	})
}

// TestTakeComesBackInSteps, never down, from what was said to everything.
func TestTakeComesBackInSteps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := genOverride(t)
		if o.Kind == OverrideUp || o.Kind == OverrideWeight {
			return
		}
		last, steps := -1.0, 0
		for now := o.Start; now.Before(o.End); {
			take, next := o.Take(now)
			if take < last || take < 0 || take > 1 || !next.After(now) || next.After(o.End) {
				t.Fatalf("%+v: takes %g after %g, next at %v of %v", o, take, last, next, now)
			}
			if take > last {
				steps++
			}
			last, now = take, next
		}
		if o.Return > 0 && steps > returnStages+1 || o.Return == 0 && steps > 1 {
			t.Fatalf("%+v: %d steps", o, steps)
		}
	})
}

// TestWithAndWithout: laying down and ending again leaves what was there.
func TestWithAndWithout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := overrideDay.Add(-2 * time.Hour)
		var all []Override
		for range rapid.IntRange(0, 5).Draw(t, "n") {
			all, _ = With(all, genOverride(t), now)
		}
		before := Effective(all, overrideDay)
		o := genOverride(t)
		with, replaced := With(all, o, now)
		without, gone := Without(with, o.ID, now)
		if gone == nil || gone.ID != o.ID {
			t.Fatalf("%s wasn't there", o.ID)
		}
		if replaced != nil {
			without, _ = With(without, *replaced, now)
		}
		if after := Effective(without, overrideDay); !before.Equal(after) {
			t.Fatalf("was %+v, is %+v", before, after)
		}
	})
}

func TestEffective(t *testing.T) {
	dial := Override{ID: "dial:www.a.test.@eu", Kind: OverrideDial, Region: "eu", Service: "www.a.test.", Percent: 40, Author: "ben", Reason: "x", Start: overrideDay, End: overrideDay.Add(time.Hour)}
	up := drain("us")
	up.Kind = OverrideUp
	e := Effective([]Override{drain("eu"), dial, up}, overrideDay.Add(time.Minute))
	if got := e.Shares[Place{Region: "eu"}]; got.Take != 0 || got.Up {
		t.Errorf("eu: %+v", got)
	}
	if got := e.Shares[Place{"www.a.test.", "eu"}]; math.Abs(got.Take-.4) > 1e-12 {
		t.Errorf("the dial: %+v", got)
	}
	if got := e.Shares[Place{Region: "us"}]; got.Take != 1 || !got.Up || !e.Next.Equal(dial.End) {
		t.Errorf("us: %+v, next %v", got, e.Next)
	}
	if e = Effective([]Override{drain("eu")}, overrideDay.Add(2*time.Hour)); len(e.Shares) != 0 || !e.Next.IsZero() {
		t.Errorf("after its end: %+v", e)
	}
}

func TestOverrideSentence(t *testing.T) {
	o := drain("eu")
	if got, want := o.Subject()+": "+o.Sentence(overrideDay), "eu: drained by ann until 10:00:00Z: rack move"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	o.End = overrideDay.Add(71 * time.Hour)
	if got := o.Sentence(overrideDay); !strings.Contains(got, "until 2027-01-18 07:00Z") {
		t.Errorf("%q", got)
	}
	w := Override{Kind: OverrideWeight, Service: "www.a.test.", Weights: map[string]OverrideWeightValue{"us": {Value: 3}, "eu": {Value: .5, Relative: true}}, Author: "ann", Reason: "canary", End: overrideDay.Add(time.Hour)}
	if got, want := w.Subject()+": "+w.Sentence(overrideDay), "www.a.test.: given weight eu=50% us=3 by ann until 09:00:00Z: canary"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestCheckOverride holds one wrong override for each mistake.
func TestCheckOverride(t *testing.T) {
	if o := drain("eu"); o.Check(overrideDay) != nil {
		t.Fatal(o.Check(overrideDay))
	}
	for says, alter := range map[string]func(*Override){
		"none of drain":             func(o *Override) { o.Kind = "drian" },
		"weights are those":         func(o *Override) { o.Kind = OverrideWeight },
		"needs a region":            func(o *Override) { o.Region = "" },
		"not between 0% and 100%":   func(o *Override) { o.Kind, o.Percent = OverrideDial, math.NaN() },
		"takes no percentage":       func(o *Override) { o.Percent = 40 },
		"no author":                 func(o *Override) { o.Author = "" },
		"no reason":                 func(o *Override) { o.Reason = " " },
		"in the past":               func(o *Override) { o.End = overrideDay },
		"more than 72h0m0s":         func(o *Override) { o.End = overrideDay.Add(73 * time.Hour) },
		"more than the override":    func(o *Override) { o.Return = 3 * time.Hour },
		"there is nothing to come":  func(o *Override) { o.Kind, o.Return = OverrideUp, time.Minute },
		"author has 501 bytes":      func(o *Override) { o.Author = strings.Repeat("a", 501) },
		"reason holds control char": func(o *Override) { o.Reason = "a\nb" },
		"not between 0 and 1e+12":   func(o *Override) { *o = weighing(-1, false) },
		"of the configured one":     func(o *Override) { *o = weighing(1.1, true) },
	} {
		o := drain("eu")
		alter(&o)
		if err := o.Check(overrideDay); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}

func weighing(value float64, relative bool) Override {
	o := drain("")
	o.Kind, o.Service, o.Weights = OverrideWeight, "www.a.test.", map[string]OverrideWeightValue{"eu": {value, relative}}
	return o
}
