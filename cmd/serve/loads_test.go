package serve

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"meridian/admin"
)

const loaded = `
checker: {vantage: here}
regions:
  us-east: {coordinates: [39.04, -77.49], country: US}
  eu-west: {coordinates: [53.35, -6.26], country: IE}
checks:
  beat: {type: push, lifetime: 5m}
zones:
  glb.test: {nameservers: {ns1.glb.test: [192.0.2.53]}}
services:
  www.glb.test:
    check: beat
    pools: {us-east: [198.18.1.1], eu-west: [198.18.3.1, 198.18.3.2]}
    load: {target: 80%}
  plain.glb.test:
    check: beat
    pools: {us-east: [198.18.1.1], eu-west: [198.18.3.1]}
`

// TestHeartbeatsShed: loads come with heartbeats, move what a pool accepts, and are told by status, explain and metrics.
func TestHeartbeatsShed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := core(t, loaded, new(fakeNet))
		defer run(t, c)()
		beat := func(endpoint string, load float64) {
			t.Helper()
			if err := c.Push(t.Context(), admin.PushRequest{Service: "www.glb.test", Endpoint: endpoint, Load: &load}); err != nil {
				t.Fatal(err)
			}
		}
		eu := func() *admin.PoolReport {
			t.Helper()
			for _, s := range serviceStates(c.Current().Load(), nil, nil) {
				if s.Name == "plain.glb.test." && (s.Pools[0].Load != nil || s.Pools[1].Acceptance != 1) {
					t.Errorf("a service without a target goes by a load: %+v", s)
				}
				if s.Name == "www.glb.test." {
					return &s.Pools[1]
				}
			}
			t.Fatal("no such service")
			return nil
		}
		if p := eu(); p.Load != nil || p.Acceptance != 1 {
			t.Errorf("before any heartbeat: %+v", p)
		}
		beat("198.18.1.1", .25)
		beat("198.18.3.1", .92)
		beat("198.18.3.2", .92)
		time.Sleep(12 * time.Second)
		const why = "over its target (load 92% of 80%): takes 90%"
		p := eu()
		if p.Load == nil || p.Load.Load != .92 || p.Load.Reason != why || p.Reason != why || p.Acceptance != .9 {
			t.Errorf("loaded: %+v, %+v", p.Load, p)
		}
		got, err := explain(c.Current().Load(), c.declared.Load().config, admin.ExplainRequest{Name: "www.glb.test.", Type: "A", From: fromFrankfurt})
		if err != nil {
			t.Fatal(err)
		}
		said := false
		for _, candidate := range got.Candidates {
			said = said || candidate.Region == "eu-west" && candidate.Acceptance == .9 && strings.Contains(candidate.Why, why)
		}
		if !said {
			t.Errorf("explain says %+v", got.Candidates)
		}
		loads := map[string]float64{}
		for _, v := range regionLoads(serviceStates(c.Current().Load(), nil, nil)) {
			loads[v.Label] = v.Value
		}
		if len(loads) != 2 || loads["us-east"] != .25 || loads["eu-west"] != .92 {
			t.Errorf("metrics: %v", loads)
		}
		time.Sleep(time.Minute)
		if p := eu(); p.Acceptance >= .9 {
			t.Errorf("a minute later, still loaded: %+v", p.Load)
		}
		before := eu().Acceptance
		time.Sleep(10 * time.Minute) // no heartbeats: the endpoints are down, and the decision stays
		if p := eu(); p.Load.Shed == 0 || p.State != admin.StateDown {
			t.Errorf("without heartbeats: %+v, accepted %g before", p.Load, before)
		}
	})
}
