package simulate

import (
	"cmp"
	"maps"
	"slices"
)

// Nobody stands in place of a region for clients that no region answers: they get the fallback's addresses, SERVFAIL or
// nothing.
const Nobody = "none"

// Report is what Run found. Shares are 0..1 of what they are a share of.
type Report struct {
	By      Basis   `json:"by"`
	Queries float64 `json:"queries"` // recorded ones that it is weighed by; 0: by address space
	Seconds float64 `json:"seconds"` // in which they were recorded; 0: not known

	Total     Effect          `json:"total"`
	Services  []ServiceEffect `json:"services"`  // by name
	Flows     []Flow          `json:"flows"`     // of all traffic: who moves where, the largest first
	Countries []Flow          `json:"countries"` // the same by country, the largest first, at most MaxCountries
	Losses    []Loss          `json:"losses"`    // of each single region after the change; empty: not asked for
}

// MaxCountries is how many countries a Report lists.
const MaxCountries = 12

// Effect is what changes for one service, or for all of them.
type Effect struct {
	Fallback Change         `json:"fallback"` // share of the traffic that no region takes, and fallbacks answer
	Moved    float64        `json:"moved"`    // share of the traffic that goes to another region
	Regions  []RegionEffect `json:"regions"`  // by name; Nobody is last, if it ever occurs
}

// ServiceEffect is the effect on one service.
type ServiceEffect struct {
	Service string `json:"service"`
	Change  string `json:"change"` // added, removed; empty: it is there before and after
	Effect
}

// RegionEffect is what changes for one region.
type RegionEffect struct {
	Region    string `json:"region"`
	Traffic   Change `json:"traffic"`   // share of the traffic
	V4        Change `json:"ipv4"`      // share of the IPv4 addresses that the map knows
	V6        Change `json:"ipv6"`      // share of the IPv6 addresses that the map knows
	Countries Counts `json:"countries"` // countries of which the region has the largest share
	Load      *Load  `json:"load"`      // null: no capacity or no demand is known
}

// Change is a share before and after.
type Change struct {
	Before float64 `json:"before"`
	After  float64 `json:"after"`
}

// Counts is a number before and after.
type Counts struct {
	Before int `json:"before"`
	After  int `json:"after"`
}

// Load is what a region carries, in queries or requests per second, over the pools whose capacity and demand are known.
type Load struct {
	Before   float64 `json:"before"`
	After    float64 `json:"after"`
	Capacity float64 `json:"capacity"` // after the change
	Used     Change  `json:"used"`     // load by capacity; may exceed 1
}

// Flow is a share of the traffic that moves from one region to another.
type Flow struct {
	Country string  `json:"country,omitempty"` // ISO 3166-1; empty: of all countries
	From    string  `json:"from"`
	To      string  `json:"to"`
	Share   float64 `json:"share"`
}

// Loss is what the loss of one region would do.
type Loss struct {
	Region string `json:"region"`
	Effect
}

// Worst returns the region that is nearest to its capacity after the change; nil: no load is known.
func (e *Effect) Worst() *RegionEffect {
	var most *RegionEffect
	for i := range e.Regions {
		if l := e.Regions[i].Load; l != nil && (most == nil || l.Used.After > most.Load.Used.After) {
			most = &e.Regions[i]
		}
	}
	return most
}

// Region returns the effect on one region; nil: it isn't there.
func (e *Effect) Region(name string) *RegionEffect {
	for i := range e.Regions {
		if e.Regions[i].Region == name {
			return &e.Regions[i]
		}
	}
	return nil
}

// compare adds everything up. Without detail countries stay out.
func (r *run) compare(detail bool) *Report {
	if r.space == nil && !(r.q.TrafficOnly && r.by == ByLedger) {
		r.space = newSpace(r.q.Before, r.q.After)
	}
	accounts := r.accounts(detail)
	report := &Report{By: r.by, Services: []ServiceEffect{}, Losses: []Loss{}}
	total, loads := r.account(), newLoads(len(r.regions))
	for _, name := range slices.Sorted(maps.Keys(accounts)) {
		a, p := accounts[name], r.pairs[name]
		own := r.loads(p, a)
		s := ServiceEffect{Service: name, Effect: r.effect(a, own)}
		switch {
		case p.before == nil:
			s.Change = "added"
		case p.after == nil:
			s.Change = "removed"
		}
		report.Services = append(report.Services, s)
		loads.join(own)
		if p.before != nil || r.by == ByLedger {
			total.join(a)
		}
	}
	report.Total = r.effect(total, loads)
	report.Flows = r.flows("", total.traffic, total.traffic.mass)
	report.Countries = []Flow{}
	for country, t := range total.movers {
		report.Countries = append(report.Countries, r.flows(country, t, total.traffic.mass)...)
	}
	sortFlows(report.Countries)
	report.Countries = report.Countries[:min(len(report.Countries), MaxCountries)]
	if r.by == ByLedger {
		report.Queries, report.Seconds = total.traffic.mass, r.q.Seconds
	}
	return report
}

// join adds a service's account to that of all.
func (a *account) join(o *account) {
	shared := o.traffic == o.v4 || o.traffic == o.v6 // by address space they are one
	a.traffic.join(o.traffic)
	a.v4.join(o.v4)
	a.v6.join(o.v6)
	for country, t := range o.countries {
		joinInto(a.countries, country, t)
	}
	if shared {
		a.movers = a.countries
		return
	}
	for country, t := range o.movers {
		joinInto(a.movers, country, t)
	}
}

func joinInto(into map[string]*tally, country string, t *tally) {
	if into[country] == nil {
		into[country] = newTally(len(t.before))
	}
	into[country].join(t)
}

func (r *run) effect(a *account, l loads) Effect {
	t := a.traffic
	e := Effect{Moved: t.share(t.moved), Fallback: Change{t.share(t.fallback.Before), t.share(t.fallback.After)}, Regions: []RegionEffect{}}
	held := make([]Counts, len(r.regions))
	for _, c := range a.countries {
		held[c.before.largest()].Before++
		held[c.after.largest()].After++
	}
	for i := 1; i <= len(r.regions); i++ {
		n := i % len(r.regions) // nobody comes last
		g := RegionEffect{Region: r.regions[n], Traffic: a.traffic.change(n), V4: a.v4.change(n), V6: a.v6.change(n), Countries: held[n], Load: l.of(n)}
		if n == 0 && g.Traffic == (Change{}) && g.V4 == (Change{}) && g.V6 == (Change{}) {
			continue
		}
		e.Regions = append(e.Regions, g)
	}
	return e
}

func (t *tally) change(region int) Change {
	return Change{t.share(t.before[region]), t.share(t.after[region])}
}

// flows lists what moves in a tally, as shares of mass.
func (r *run) flows(country string, t *tally, mass float64) []Flow {
	list := []Flow{}
	for k, v := range t.flows {
		if share := ratio(v, mass); share > lossless {
			list = append(list, Flow{country, r.regions[k[0]], r.regions[k[1]], share})
		}
	}
	sortFlows(list)
	return list
}

func sortFlows(list []Flow) {
	slices.SortFunc(list, func(a, b Flow) int {
		if d := a.Share - b.Share; d > lossless || d < -lossless {
			return cmp.Compare(b.Share, a.Share)
		}
		return cmp.Or(cmp.Compare(a.Country, b.Country), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
}
