package simulate

import (
	"fmt"
	"net/netip"
	"slices"

	"meridian/snapshot"
	"meridian/zones"
)

// Hypothesis is what is supposed, on top of what is: a state of the world that isn't. The zero value supposes nothing.
type Hypothesis struct {
	Down    []Down
	Dials   []Dial
	Weights []Weight
}

// Down supposes an outage: of an endpoint, of a region, or of one service's pool there.
type Down struct {
	Endpoint netip.Addr // valid: the others are empty
	Service  string     // canonical name; empty: all of them
	Region   string
}

// Dial supposes that a region takes a share of what it would take.
type Dial struct {
	Service string // canonical name; empty: all of them
	Region  string
	Share   float64 // 0..1; at 0 not even the fallback answers with the region
}

// Weight supposes another weight of a service's pool, in the weighted nodes of its policy that name it.
type Weight struct {
	Service  string // canonical name
	Region   string
	Value    float64 // 0 or above
	Relative bool    // Value is a factor of the configured weight, 0..1
}

// Mistake is a hypothesis that can't be: it names what isn't there, or a number out of range.
type Mistake struct {
	Text  string
	Word  string   // what was meant by the caller; empty: it isn't a matter of a word
	Known []string // the words that there are
}

func (m *Mistake) Error() string { return m.Text }

// Empty reports whether nothing is supposed.
func (h Hypothesis) Empty() bool { return len(h.Down)+len(h.Dials)+len(h.Weights) == 0 }

// Terms returns the hypothesis as terms for Snapshot.Suppose. An outage counts more than a dial of the same pool.
func (h Hypothesis) Terms() snapshot.Terms {
	t := snapshot.Terms{Pools: map[snapshot.PoolKey]snapshot.Term{}, Down: map[netip.Addr]bool{}, Weights: map[snapshot.PoolKey]snapshot.Weight{}}
	for _, d := range h.Dials {
		t.Pools[snapshot.PoolKey{Service: d.Service, Region: d.Region}] = snapshot.Term{Take: d.Share, Off: d.Share == 0}
	}
	for _, d := range h.Down {
		if d.Endpoint.IsValid() {
			t.Down[d.Endpoint] = true
		} else {
			t.Pools[snapshot.PoolKey{Service: d.Service, Region: d.Region}] = snapshot.Term{}
		}
	}
	for _, w := range h.Weights {
		t.Weights[snapshot.PoolKey{Service: w.Service, Region: w.Region}] = snapshot.Weight{Value: w.Value, Relative: w.Relative}
	}
	return t
}

// Check reports the first thing about the hypothesis that can't be in the snapshot, as a *Mistake; nil: it can be asked.
func (h Hypothesis) Check(s *snapshot.Snapshot) error {
	w := newWorld(s)
	said := map[any]bool{}
	once := func(what string, key any) error {
		if said[key] {
			return &Mistake{Text: what + " is given twice"}
		}
		said[key] = true
		return nil
	}
	for _, d := range h.Down {
		if err := w.down(d); err != nil {
			return err
		}
		if err := once("what is down: "+nameOf(d.Endpoint, d.Service, d.Region), d); err != nil {
			return err
		}
	}
	for _, d := range h.Dials {
		if err := w.pool(d.Service, d.Region); err != nil {
			return err
		}
		if !(d.Share >= 0 && d.Share <= 1) {
			return &Mistake{Text: fmt.Sprintf("the dial of %s is %g%%, not between 0%% and 100%%", d.Region, 100*d.Share)}
		}
		if err := once("the dial of "+nameOf(netip.Addr{}, d.Service, d.Region), Dial{d.Service, d.Region, 0}); err != nil {
			return err
		}
	}
	for _, weight := range h.Weights {
		if err := w.weight(weight); err != nil {
			return err
		}
		if err := once("the weight of "+nameOf(netip.Addr{}, weight.Service, weight.Region), Weight{Service: weight.Service, Region: weight.Region}); err != nil {
			return err
		}
	}
	return nil
}

// nameOf names what a part of a hypothesis is about, as the command line does.
func nameOf(endpoint netip.Addr, service, region string) string {
	switch {
	case endpoint.IsValid():
		return endpoint.String()
	case service == "":
		return region
	}
	return service + ":" + region
}

// world is what hypotheses can name.
type world struct {
	services  map[string]*snapshot.Service
	names     []string
	regions   []string
	endpoints []string
}

func newWorld(s *snapshot.Snapshot) *world {
	w := &world{services: map[string]*snapshot.Service{}}
	seen := map[string]bool{}
	for _, svc := range s.Services() {
		spec := svc.Spec()
		if spec.Of != nil {
			continue
		}
		w.services[spec.Name] = svc
		w.names = append(w.names, spec.Name)
		for i := range spec.Pools {
			if r := spec.Pools[i].Region.Name; !seen[r] {
				seen[r] = true
				w.regions = append(w.regions, r)
			}
			for _, e := range spec.Pools[i].Endpoints {
				if text := e.String(); !seen[text] {
					seen[text] = true
					w.endpoints = append(w.endpoints, text)
				}
			}
		}
	}
	return w
}

func (w *world) down(d Down) error {
	if !d.Endpoint.IsValid() {
		return w.pool(d.Service, d.Region)
	}
	if text := d.Endpoint.String(); !slices.Contains(w.endpoints, text) {
		return &Mistake{Text: "no pool has the endpoint " + text, Word: text, Known: w.endpoints}
	}
	return nil
}

// pool checks that a service (empty: any) has a pool in the region.
func (w *world) pool(service, region string) error {
	if service == "" {
		if !slices.Contains(w.regions, region) {
			return &Mistake{Text: fmt.Sprintf("no service has a pool in region %q", region), Word: region, Known: w.regions}
		}
		return nil
	}
	if err := w.service(service); err != nil {
		return err
	}
	var regions []string
	for _, p := range w.services[service].Spec().Pools {
		if p.Region.Name == region {
			return nil
		}
		regions = append(regions, p.Region.Name)
	}
	return &Mistake{Text: fmt.Sprintf("service %s has no pool in region %q", service, region), Word: region, Known: regions}
}

func (w *world) service(name string) error {
	if w.services[name] == nil {
		return &Mistake{Text: "there is no service " + name, Word: name, Known: w.names}
	}
	return nil
}

func (w *world) weight(weight Weight) error {
	if weight.Service == "" {
		return &Mistake{Text: fmt.Sprintf("the weight of %s is one of a service: say SERVICE:%s=…", weight.Region, weight.Region)}
	}
	if err := w.pool(weight.Service, weight.Region); err != nil {
		return err
	}
	svc := w.services[weight.Service]
	p := slices.IndexFunc(svc.Spec().Pools, func(p zones.Pool) bool { return p.Region.Name == weight.Region })
	switch {
	case svc.Weighed(p) == 0:
		return &Mistake{Text: fmt.Sprintf("the policy of service %s gives %s no weight: no weighted node names it", weight.Service, weight.Region)}
	case !(weight.Value >= 0) || weight.Value > maxWeight:
		return &Mistake{Text: fmt.Sprintf("the weight %g of %s:%s is not between 0 and %g", weight.Value, weight.Service, weight.Region, maxWeight)}
	case weight.Relative && weight.Value > 1:
		return &Mistake{Text: fmt.Sprintf("the weight of %s:%s is %g%% of the configured one, not between 0%% and 100%%", weight.Service, weight.Region, 100*weight.Value)}
	}
	return nil
}

// maxWeight keeps sums of weights finite.
const maxWeight = 1e12
