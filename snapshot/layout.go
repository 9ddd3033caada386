package snapshot

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/miekg/dns"

	"meridian/geo"
	"meridian/policy"
	"meridian/status"
	"meridian/zones"
)

// Layout is the declared part of a snapshot: names, services and the map. It is immutable.
type Layout struct {
	index    *zones.Index
	atlas    *geo.Atlas
	services []*declared
	counters *Counters
	zones    []uint32         // numbers in counters, by zones.ZoneData.Number
	byKey    map[string][]int // services that go by a state key, and each service by its own name
	loaded   []int            // services to which loads matter
	views    map[string]*view // by policy.Tree.View
}

// declared is one service as far as health doesn't matter.
type declared struct {
	spec   *zones.Service
	tree   policy.Tree
	shape  string
	view   *view // nil: all clients are alike
	pools  []declaredPool
	sticky uint64 // seed of the client's draw, the same for all names of a service; not used unless spec.Sticky
}

// declaredPool holds a pool's endpoints of each family, with their state keys ("" for those without a check).
type declaredPool struct {
	family [families][]endpoint
}

type endpoint struct {
	key   string
	pool  int // of the service
	index int // in zones.Pool.Endpoints
	addr  netip.Addr
}

// The families that a service answers for; an index into arrays.
const (
	v4 = iota
	v6
	families
)

// familyNames are what people call them.
var familyNames = [families]string{"IPv4", "IPv6"}

// familyOf returns the family of a question's type: that of AAAA, or else of A.
func familyOf(qtype uint16) int {
	if qtype == dns.TypeAAAA {
		return v6
	}
	return v4
}

// NewLayout compiles the declared part. services must be the very slice that the index was made with. counters
// may be shared with an earlier layout so that the numbers go on.
func NewLayout(index *zones.Index, services []*zones.Service, atlas *geo.Atlas, counters *Counters) (*Layout, error) {
	l := &Layout{index: index, atlas: atlas, counters: counters, byKey: map[string][]int{}, views: map[string]*view{}}
	for _, z := range index.Zones() {
		l.zones = append(l.zones, counters.zone(z.Apex))
	}
	var order []*view
	for i, spec := range services {
		if len(spec.Pools) > policy.MaxPools {
			return nil, fmt.Errorf("service %s has %d pools; at most %d are possible", spec.Name, len(spec.Pools), policy.MaxPools)
		}
		d := &declared{spec: spec, tree: spec.Tree(), sticky: policy.Hash(spec.Declared().Name)}
		d.shape = d.tree.Shape()
		if d.tree.Geographic() {
			name := d.tree.View()
			v := l.views[name]
			if v == nil {
				v = &view{tree: d.tree}
				l.views[name] = v
				order = append(order, v)
			}
			d.view = v
		}
		for p := range spec.Pools {
			d.pools = append(d.pools, l.declarePool(i, spec, p))
		}
		l.services = append(l.services, d)
		own := spec.Declared().Name
		l.byKey[own] = append(l.byKey[own], i)
		if d.tree.Loaded() {
			l.loaded = append(l.loaded, i)
		}
	}
	if len(order) > 0 {
		if err := compileViews(order, atlas); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func (l *Layout) declarePool(service int, spec *zones.Service, pool int) (dp declaredPool) {
	for i, addr := range spec.Pools[pool].Endpoints {
		e := endpoint{pool: pool, index: i, addr: addr}
		if spec.Check != nil {
			e.key = spec.StateKey(addr)
			if at := l.byKey[e.key]; !slices.Contains(at, service) {
				l.byKey[e.key] = append(at, service)
			}
		}
		f := v4
		if addr.Is6() {
			f = v6
		}
		dp.family[f] = append(dp.family[f], e)
	}
	return dp
}

// Observed is what is known of the world at one moment, and what is laid down on top of it.
type Observed struct {
	States status.Table
	Loads  Loads
	Terms  Terms
}

// Snapshot is Compile without loads.
func (l *Layout) Snapshot(states status.Table, prev *Snapshot, changed []string) *Snapshot {
	return l.Compile(Observed{States: states}, prev, changed)
}

// Compile joins the layout with what was observed. The snapshot is not published yet. With prev, a snapshot of this
// very layout, and changed, the keys of states that differ from prev's, only the services that go by one of them, or
// whose loads or terms differ, are compiled anew; with prev nil, or of another layout, all are.
func (l *Layout) Compile(o Observed, prev *Snapshot, changed []string) *Snapshot {
	s := &Snapshot{Index: l.index, layout: l, states: o.States, loads: o.Loads, terms: o.Terms}
	c := &compiler{layout: l, states: o.States, loads: o.Loads, terms: o.Terms, plans: map[string]*plan{}}
	if prev == nil || prev.layout != l {
		s.services = make([]*Service, len(l.services))
		for i := range l.services {
			s.services[i] = c.service(i)
		}
		s.plans = c.plans
		return s
	}
	c.old = prev.plans
	s.services = slices.Clone(prev.services)
	for i := range l.touched(prev, &o, changed) {
		s.services[i] = c.service(i)
	}
	s.plans = c.merged(s.services)
	return s
}

// touched returns the services that must be compiled anew.
func (l *Layout) touched(prev *Snapshot, o *Observed, changed []string) map[int]bool {
	touched := map[int]bool{}
	for _, key := range changed {
		if service, alone := status.ServiceOf(key); alone {
			key = service
		}
		for _, i := range l.byKey[key] {
			touched[i] = true
		}
	}
	for _, i := range l.loaded {
		d := l.services[i]
		for p := range d.spec.Pools {
			if key := d.load(p); o.Loads[key] != prev.loads[key] {
				touched[i] = true
			}
		}
	}
	if !o.Terms.equal(&prev.terms) {
		for i, d := range l.services {
			if o.Terms.touch(d) || prev.terms.touch(d) {
				touched[i] = true
			}
		}
	}
	return touched
}
