package serve

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"meridian/admin"
)

// TestOverridesAreShown: a pool's report has what operators said and what would be without it, a region's the dial, and an
// explanation who sent the client elsewhere.
func TestOverridesAreShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := core(t, world, &fakeNet{})
		defer run(t, c)()
		time.Sleep(15 * time.Second)
		dial := drainOf("us-east")
		dial.Kind, dial.Percent = "dial", "40%"
		for _, r := range []admin.OverrideRequest{drainOf("eu-west"), dial} {
			if _, err := c.Override(t.Context(), r, -1); err != nil {
				t.Fatal(err)
			}
		}
		snap, now := c.Current().Load(), time.Now()
		services := serviceStates(snap, nil, c.facts().fleet)
		c.administer(snap, services, now)
		pools := map[string]admin.PoolReport{}
		for _, p := range services[0].Pools {
			pools[p.Region] = p
		}
		if p := pools["eu-west"]; p.Admin != "drain" || p.Acceptance != 0 || p.Without == nil || *p.Without != 1 || p.State != admin.StateUp || p.Endpoints[0].Admin != "drain" {
			t.Errorf("the drained pool: %+v", p)
		}
		if p := pools["us-east"]; p.Admin != admin.AdminReady || p.Acceptance != .4 || *p.Without != 1 || p.Forced {
			t.Errorf("the dialled pool: %+v", p)
		}
		if services[0].State != admin.StateUp {
			t.Errorf("the service is %s", services[0].State)
		}
		regions := admin.FoldRegions(c.declared.Load().config.Regions, services)
		c.administerRegions(regions, now)
		for _, r := range regions {
			switch r.Name {
			case "eu-west":
				if r.Admin != "drain" || r.Weight != 0 || r.State != admin.StateUp {
					t.Errorf("%+v", r)
				}
			case "us-east":
				if r.Admin != admin.AdminReady || r.Weight != .4 {
					t.Errorf("%+v", r)
				}
			}
		}
		e, err := c.Explain(t.Context(), admin.ExplainRequest{Name: "www.glb.test", Type: "A", From: fromFrankfurt})
		if err != nil {
			t.Fatal(err)
		}
		for _, candidate := range e.Candidates {
			if candidate.Region == "eu-west" && !strings.HasPrefix(candidate.Why, "drained by ann until ") {
				t.Errorf("explained: %+v", candidate)
			}
		}
		told := 0
		for _, s := range e.Steps {
			if s.What == "override" {
				told++
			}
		}
		if told != 2 {
			t.Errorf("%d steps about overrides: %+v", told, e.Steps)
		}
	})
}

// TestExtendedOverride goes on: it began when it began.
func TestExtendedOverride(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := core(t, world, &fakeNet{})
		defer run(t, c)()
		time.Sleep(15 * time.Second)
		first, err := c.Override(t.Context(), drainOf("eu-west"), -1)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		again := drainOf("eu-west")
		again.Reason = "it takes longer"
		out, err := c.Override(t.Context(), again, first.Revision)
		if err != nil || !out.Override.Start.Equal(first.Override.Start) || out.Override.End.Sub(first.Override.End) != time.Hour || out.Before.Reason != "rack move" {
			t.Errorf("%+v, %v", out, err)
		}
		if list := c.Overrides(t.Context()).Overrides; len(list) != 1 || list[0].Reason != "it takes longer" {
			t.Errorf("%+v", list)
		}
	})
}
