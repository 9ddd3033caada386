package serve

import (
	"fmt"
	"strings"

	"github.com/miekg/dns"

	"meridian/cmd/config"
	"meridian/simulate"
	"meridian/snapshot"
)

// risks says what a change takes from services that the safety rules want to be left, a sentence for each service. What
// was as bad before isn't the change's fault.
func risks(before, after *snapshot.Snapshot, reserve config.Reserve) []string {
	var all []string
	for i, svc := range after.Services() {
		spec := svc.Spec()
		if spec.Of != nil || svc == before.Service(i) {
			continue
		}
		had, left := takersOf(before.Service(i)), takersOf(svc)
		switch {
		case len(left.regions) < reserve.Regions && len(left.regions) < len(had.regions):
			rule := fmt.Sprintf("; safety.min_regions is %d", reserve.Regions)
			if len(left.regions) == 0 {
				all = append(all, fmt.Sprintf("%s would have no region left that takes traffic: %s is the last%s", spec.Name, strings.Join(had.regions, ", "), rule))
				continue
			}
			all = append(all, fmt.Sprintf("%s would be left with %s (%s)%s", spec.Name, count(len(left.regions), "region"), strings.Join(left.regions, ", "), rule))
		case left.capacity < reserve.Capacity && left.capacity < had.capacity:
			all = append(all, fmt.Sprintf("%s would be left with %s of its capacity; safety.min_capacity is %s",
				spec.Name, simulate.Percent(left.capacity), simulate.Percent(reserve.Capacity)))
		}
	}
	return all
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// takers is what of a service takes traffic.
type takers struct {
	regions  []string
	capacity float64 // share of all
}

func takersOf(svc *snapshot.Service) takers {
	var t takers
	spec := svc.Spec()
	most := 0.0
	for p := range spec.Pools {
		weight := spec.Pools[p].Capacity
		if weight <= 0 {
			weight = 1
		}
		most += weight
		take := max(svc.Acceptance(dns.TypeA, p), svc.Acceptance(dns.TypeAAAA, p))
		if take == 0 || weightless(svc, p) {
			continue
		}
		t.regions = append(t.regions, spec.Pools[p].Region.Name)
		t.capacity += take * weight
	}
	if most > 0 {
		t.capacity /= most
	}
	return t
}

// weightless reports whether the policy gives the pool weights, and all of them are 0.
func weightless(svc *snapshot.Service, p int) bool {
	most := 0.0
	_, n := svc.Tree().Reweigh(p, func(w float64) float64 { most = max(most, w); return w })
	return n > 0 && most == 0
}
