package serve

import (
	"strings"
	"time"

	"github.com/miekg/dns"

	"meridian/admin"
	"meridian/policy"
	"meridian/snapshot"
	"meridian/status"
	"meridian/zones"
)

// serviceStates reports every service of the snapshot, without their other names. given holds the answers given so far, by label; f says what the
// checkers say, nil: it isn't asked.
func serviceStates(snap *snapshot.Snapshot, given map[snapshot.Label]uint64, f *fleet) []admin.ServiceState {
	sums := map[string]map[string]uint64{}
	for l, n := range given {
		if sums[l.Service] == nil {
			sums[l.Service] = map[string]uint64{}
		}
		sums[l.Service][l.Region] += n
		sums[l.Service][""] += n
	}
	out := []admin.ServiceState{}
	for _, svc := range snap.Services() {
		if svc.Spec().Of != nil {
			continue
		}
		out = append(out, serviceState(snap, svc, sums[svc.Spec().Name], f))
	}
	return out
}

func serviceState(snap *snapshot.Snapshot, svc *snapshot.Service, given map[string]uint64, f *fleet) admin.ServiceState {
	spec := svc.Spec()
	s := admin.ServiceState{Name: spec.Name, Policy: policyKind(spec), TTL: spec.TTL, Pools: []admin.PoolReport{}}
	if spec.Check != nil {
		s.Check = spec.Check.Name
	}
	var states []string
	accepted := 0.0
	for p := range spec.Pools {
		r := poolReport(snap, svc, p, f)
		if total := given[""]; total > 0 {
			share := float64(given[r.Region]) / float64(total)
			r.Share = &share
		}
		accepted += r.Acceptance
		states = append(states, r.State)
		s.Pools = append(s.Pools, r)
	}
	s.State = admin.FoldStates(states...)
	s.Fallback = accepted == 0
	return s
}

func poolReport(snap *snapshot.Snapshot, svc *snapshot.Service, p int, f *fleet) admin.PoolReport {
	spec := svc.Spec()
	pool := &spec.Pools[p]
	r := admin.PoolReport{
		Region: pool.Region.Name, CNAME: pool.CNAME, Admin: admin.AdminReady, Weight: weightOf(spec, p), Endpoints: []admin.EndpointReport{},
		Acceptance: max(svc.Acceptance(dns.TypeA, p), svc.Acceptance(dns.TypeAAAA, p)), Load: loadOf(snap, spec.Name, pool.Region.Name),
	}
	var states, reasons []string
	for _, addr := range pool.Endpoints {
		e := admin.EndpointReport{Address: addr.String(), State: admin.StateUp, Observed: admin.StateUp, Admin: admin.AdminReady, Reason: "no check"}
		if spec.Check != nil {
			st := f.state(snap).View(spec.Name, spec.StateKey(addr))
			e.State, e.Forced, e.Reason = st.Health.String(), st.Forced, st.Reason
			e.Observed, e.Held, e.Withheld = f.see(spec.StateKey(addr)), string(st.Held), st.Withheld
			e.Votes = f.votes(spec.Check, addr)
			if !st.Since.IsZero() {
				e.Since = &st.Since
			}
			if st.Health == status.Down {
				reasons = append(reasons, addr.String()+": "+st.Reason)
			}
		}
		r.Forced = r.Forced || e.Forced
		if e.Since != nil && (r.Since == nil || e.Since.After(*r.Since)) {
			r.Since = e.Since
		}
		states = append(states, e.State)
		r.Endpoints = append(r.Endpoints, e)
	}
	r.State = admin.FoldStates(states...)
	switch {
	case pool.CNAME != "":
		r.State = admin.StateUp
	case r.Acceptance == 0:
		r.State = admin.StateDown
	}
	if r.Load != nil && r.Load.Shed > 0 {
		reasons = append(reasons, r.Load.Reason)
	}
	r.Reason = strings.Join(reasons, "; ")
	return r
}

// policyKind returns the word with which the configuration names the root of the service's policy.
func policyKind(spec *zones.Service) string {
	if n, ok := spec.Policy.(*policy.Region); ok {
		return spec.Pools[n.Pool].Region.Name
	}
	return string(policy.KindOf(spec.Policy))
}

// weightOf returns the pool's weight in a service whose root is weighted.
func weightOf(spec *zones.Service, p int) *float64 {
	root, ok := spec.Policy.(*policy.Weighted)
	if !ok {
		return nil
	}
	for _, s := range root.Shares {
		if r, ok := s.Node.(*policy.Region); ok && r.Pool == p {
			return &s.Weight
		}
	}
	return nil
}

// regionShares fills in which share of all answers so far sent clients to each region.
func regionShares(regions []admin.RegionReport, given map[snapshot.Label]uint64) {
	total := uint64(0)
	byRegion := map[string]uint64{}
	for l, n := range given {
		total += n
		byRegion[l.Region] += n
	}
	if total == 0 {
		return
	}
	for i := range regions {
		share := float64(byRegion[regions[i].Name]) / float64(total)
		regions[i].Share = &share
	}
}

// age returns how long ago t was, 0 for the zero time.
func age(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return time.Since(t).Seconds()
}
