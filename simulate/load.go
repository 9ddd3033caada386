package simulate

import "meridian/snapshot"

// loads is what regions carry of the pools whose capacity and demand are known, by the number of the region.
type loads []struct{ before, after, capacityBefore, capacity float64 }

func newLoads(regions int) loads { return make(loads, regions) }

func (l loads) join(o loads) {
	for i := range o {
		l[i].before += o[i].before
		l[i].after += o[i].after
		l[i].capacityBefore += o[i].capacityBefore
		l[i].capacity += o[i].capacity
	}
}

// loads returns what the pools of one service carry.
func (r *run) loads(p *pair, a *account) loads {
	l := newLoads(len(r.regions))
	demand := r.demand(p.name, a)
	if demand == 0 || a.traffic.mass == 0 {
		return l
	}
	for i, s := range []*snapshot.Service{p.before, p.after} {
		if s == nil {
			continue
		}
		for _, pool := range s.Spec().Pools {
			if pool.Capacity == 0 {
				continue
			}
			n := r.number[pool.Region.Name]
			if i == 0 {
				l[n].before, l[n].capacityBefore = demand*a.traffic.share(a.traffic.before[n]), pool.Capacity
			} else {
				l[n].after, l[n].capacity = demand*a.traffic.share(a.traffic.after[n]), pool.Capacity
			}
		}
	}
	return l
}

// demand returns a service's queries or requests per second; 0: not known.
func (r *run) demand(service string, a *account) float64 {
	for _, name := range []string{service, ""} {
		if d, said := r.q.Demand[name]; said {
			return d
		}
	}
	if r.by == ByLedger {
		return ratio(a.traffic.mass, r.q.Seconds)
	}
	return 0
}

// of returns the load of one region; nil: no capacity is known there.
func (l loads) of(region int) *Load {
	g := l[region]
	if g.capacity == 0 && g.capacityBefore == 0 {
		return nil
	}
	return &Load{
		Before: g.before, After: g.after, Capacity: g.capacity,
		Used: Change{ratio(g.before, g.capacityBefore), ratio(g.after, g.capacity)},
	}
}

// losses compares what is after the change with the loss of each single region.
func (r *run) losses() []Loss {
	space := r.space
	if space != nil && r.q.Before.Atlas() != r.q.After.Atlas() {
		space = newSpace(r.q.After, r.q.After)
	}
	list := []Loss{}
	for _, region := range r.regions[1:] {
		h := Hypothesis{Down: []Down{{Region: region}}}
		if h.Check(r.q.After) != nil {
			continue // it isn't there any more
		}
		q := *r.q
		q.Before, q.After = r.q.After, r.q.After.Suppose(h.Terms())
		pairs := make(map[string]*pair, len(r.pairs))
		for name, p := range r.pairs {
			if p.after != nil {
				pairs[name] = &pair{name: p.name, before: p.after}
			}
		}
		for _, s := range q.After.Services() {
			if p := pairs[s.Spec().Name]; p != nil {
				p.after = s
			}
		}
		lost := newRun(&q, pairs)
		lost.space = space
		found := lost.compare(false)
		list = append(list, Loss{region, found.Total})
	}
	return list
}
