package serve

import (
	"fmt"
	"time"

	"github.com/miekg/dns"

	"meridian/admin"
	"meridian/snapshot"
	"meridian/status"
)

// bare is a snapshot as it would be if no operator had said anything.
type bare struct{ of, is *snapshot.Snapshot }

// plainly returns the snapshot as it would be if no operator had said anything; snap itself if none has. The last one is
// remembered: reports ask for it again and again.
func (c *Core) plainly(snap *snapshot.Snapshot) *snapshot.Snapshot {
	if t := snap.Terms(); len(t.Pools)+len(t.Down)+len(t.Weights) == 0 {
		return snap
	}
	if b := c.bare.Load(); b != nil && b.of == snap {
		return b.is
	}
	b := &bare{snap, snap.Layout().Compile(snapshot.Observed{States: snap.States(), Loads: snap.Loads()}, snap, nil)}
	c.bare.Store(b)
	return b.is
}

// administer adds to a report what operators said, and what would be without it.
func (c *Core) administer(snap *snapshot.Snapshot, services []admin.ServiceState, now time.Time) {
	set, _ := c.overrides.now()
	if len(set.Overrides) == 0 {
		return
	}
	without, at := c.plainly(snap), map[string]int{}
	for i, svc := range snap.Services() {
		at[svc.Spec().Name] = i
	}
	for i := range services {
		svc, bare := snap.Service(at[services[i].Name]), without.Service(at[services[i].Name])
		for p := range services[i].Pools {
			pool := &services[i].Pools[p]
			kind, touched := adminState(set.Overrides, services[i].Name, pool.Region, now)
			if !touched {
				continue
			}
			pool.Admin = kind
			forced := kind == string(status.OverrideUp) || kind == string(status.OverrideDown)
			pool.Forced = pool.Forced || forced
			var states []string
			for e := range pool.Endpoints {
				pool.Endpoints[e].Admin = kind
				states = append(states, pool.Endpoints[e].State)
			}
			accepts := max(bare.Acceptance(dns.TypeA, p), bare.Acceptance(dns.TypeAAAA, p))
			pool.Without = &accepts
			if accepts > 0 && !forced && len(states) > 0 {
				pool.State = admin.FoldStates(states...) // that it is to take nothing is no fault of its
			}
			if pool.Weight != nil {
				weight := 0.0
				svc.Tree().Reweigh(p, func(w float64) float64 { weight = max(weight, w); return w })
				pool.Weight = &weight
			}
		}
		services[i].State = foldPools(services[i].Pools)
	}
}

func foldPools(pools []admin.PoolReport) string {
	var states []string
	for _, p := range pools {
		states = append(states, p.State)
	}
	return admin.FoldStates(states...)
}

// adminState is what operators said of a pool, in a word, and whether they said anything of it at all. What is said of
// one service goes before what is said of its region.
func adminState(all []status.Override, service, region string, now time.Time) (kind string, touched bool) {
	kind = admin.AdminReady
	for i := range all {
		o := &all[i]
		if !o.Active(now) || !o.Touches(service, region) {
			continue
		}
		touched = true
		switch o.Kind {
		case status.OverrideDial, status.OverrideWeight:
		default:
			if kind == admin.AdminReady || o.Service != "" {
				kind = string(o.Kind)
			}
		}
	}
	return kind, touched
}

// administerRegions adds what operators said of whole regions.
func (c *Core) administerRegions(regions []admin.RegionReport, now time.Time) {
	set, _ := c.overrides.now()
	for i := range set.Overrides {
		o := &set.Overrides[i]
		if o.Service != "" || !o.Active(now) {
			continue
		}
		for k := range regions {
			if regions[k].Name != o.Region {
				continue
			}
			take, _ := o.Take(now)
			regions[k].Weight *= take
			if o.Kind != status.OverrideDial {
				regions[k].Admin = string(o.Kind)
			}
		}
	}
}

// explainOverrides adds to an explanation what operators said of the service's pools.
func (c *Core) explainOverrides(e *admin.Explanation, now time.Time) {
	snap := c.Current().Load()
	set, _ := c.overrides.now()
	if snap == nil || len(set.Overrides) == 0 {
		return
	}
	service := ""
	for _, svc := range snap.Services() {
		if svc.Spec().Name == e.Name {
			service = svc.Spec().Declared().Name
		}
	}
	var steps []admin.ExplainStep
	told := map[string]bool{}
	for k := range e.Candidates {
		candidate := &e.Candidates[k]
		for i := range set.Overrides {
			o := &set.Overrides[i]
			if !o.Active(now) || !o.Touches(service, candidate.Region) {
				continue
			}
			candidate.Forced = true
			candidate.Why = o.Sentence(now) + "; " + candidate.Why
			if !told[o.ID] {
				told[o.ID] = true
				steps = append(steps, admin.ExplainStep{What: "override", Result: o.Subject() + ": " + o.Sentence(now)})
			}
		}
	}
	if len(steps) == 0 {
		return
	}
	at := len(e.Steps)
	for i, s := range e.Steps {
		if s.What == "policy" || s.What == "answer" {
			at = i
			break
		}
	}
	e.Steps = append(e.Steps[:at:at], append(steps, e.Steps[at:]...)...)
}

// overrideCondition is what is wrong with the overrides; empty: nothing.
func (c *Core) overrideCondition() string {
	set, err := c.overrides.now()
	if err != nil {
		return fmt.Sprintf("the overrides can't be read (%v); those known before hold", err)
	}
	var idle []string
	for i := range set.Overrides {
		if why := c.overrides.unknown(&set.Overrides[i]); why != "" {
			idle = append(idle, set.Overrides[i].ID+" ("+why+")")
		}
	}
	return clause("overrides that do nothing: ", idle)
}
