package serve

import (
	"time"

	"meridian/admin"
	"meridian/snapshot"
	"meridian/status"
	"meridian/zones"
)

// loadRules are the pools whose load counts: those of services that shed by it, or whose policy divides by it.
func loadRules(services []*zones.Service, shed map[string]status.LoadRule) []status.LoadRule {
	var all []status.LoadRule
	for _, s := range services {
		rule, sheds := shed[s.Name]
		if s.Of != nil || s.Check == nil || !sheds && !s.Tree().Loaded() {
			continue
		}
		if !sheds {
			rule = status.LoadRule{Service: s.Name, Every: 2 * time.Duration(s.TTL) * time.Second}
		}
		for _, p := range s.Pools {
			r := rule
			r.Region = p.Region.Name
			for _, addr := range p.Endpoints {
				r.Keys = append(r.Keys, s.StateKey(addr))
			}
			if len(r.Keys) > 0 {
				all = append(all, r)
			}
		}
	}
	return all
}

// loadOf returns the load of a pool as it counts; nil: it isn't known, or doesn't count for the service.
func loadOf(snap *snapshot.Snapshot, service, region string) *admin.PoolLoad {
	s := snap.States().PoolLoad(service, region)
	if s.Load == 0 {
		return nil
	}
	return &admin.PoolLoad{Load: s.Load, Shed: s.Withheld, Since: s.Since, Reason: s.Reason}
}

// regionLoads are the highest loads of each region's pools.
func regionLoads(services []admin.ServiceState) []admin.LabelValue {
	highest := map[string]float64{}
	for _, s := range services {
		for _, p := range s.Pools {
			if p.Load != nil {
				highest[p.Region] = max(highest[p.Region], p.Load.Load)
			}
		}
	}
	var all []admin.LabelValue
	for region, load := range highest {
		all = append(all, admin.LabelValue{Label: region, Value: load})
	}
	return all
}
