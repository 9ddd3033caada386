package simulate

import (
	"net/netip"

	"github.com/miekg/dns"

	"meridian/snapshot"
)

// Question is what Run answers. Before and After must not be nil; they may be of different layouts.
type Question struct {
	Before, After *snapshot.Snapshot
	Services      []string // canonical names; nil: all of them
	// Queries are those that were recorded, of Seconds seconds. nil: clients are spread evenly over the address space
	// that the map knows, and services count alike.
	Queries []Query
	Seconds float64 // above 0; 0: the rate isn't known
	// Demand is the number of queries or requests per second of each service, in the unit of its capacities. The name ""
	// stands for services that are missing; without either, the rate of the recorded queries counts.
	Demand map[string]float64
	Each   bool // also the loss of each single region, on top of After
	// TrafficOnly leaves the shares of the address space and the countries out where queries were recorded: going
	// through the whole map takes most of the time.
	TrafficOnly bool
}

// Query is a number of queries of one kind.
type Query struct {
	Client  netip.Prefix
	Service string  // canonical name of the service that answered, or of one of its other names
	Type    uint16  // A or AAAA; others don't count
	Count   float64 // above 0
}

// Basis says what clients are weighed by.
type Basis string

const (
	ByLedger       Basis = "ledger"        // the recorded queries
	ByAddressSpace Basis = "address-space" // the addresses that the map knows
)

// Run compares Before and After. A service that isn't there is a *Mistake.
func Run(q Question) (*Report, error) {
	pairs, err := q.pairs()
	if err != nil {
		return nil, err
	}
	r := newRun(&q, pairs)
	report := r.compare(true)
	if q.Each {
		report.Losses = r.losses()
	}
	return report, nil
}

// pair is one service before and after; nil: it isn't there.
type pair struct {
	name          string // of the service that it is, or is another name of
	before, after *snapshot.Service
}

// pairs returns the services in the order of After, then those that are only before; other names by themselves, under
// the name of their service.
func (q *Question) pairs() (map[string]*pair, error) {
	wanted := map[string]bool{}
	names := map[string]bool{}
	for _, s := range q.Services {
		wanted[s] = true
	}
	pairs := map[string]*pair{}
	take := func(s *snapshot.Snapshot, side func(*pair) **snapshot.Service) {
		for _, svc := range s.Services() {
			declared := svc.Spec().Declared().Name
			names[declared] = true
			if len(wanted) > 0 && !wanted[declared] {
				continue
			}
			p := pairs[svc.Spec().Name]
			if p == nil {
				p = &pair{name: declared}
				pairs[svc.Spec().Name] = p
			}
			*side(p) = svc
		}
	}
	take(q.After, func(p *pair) **snapshot.Service { return &p.after })
	take(q.Before, func(p *pair) **snapshot.Service { return &p.before })
	for _, s := range q.Services {
		if !names[s] {
			known := make([]string, 0, len(names))
			for name := range names {
				known = append(known, name)
			}
			return nil, &Mistake{Text: "there is no service " + s, Word: s, Known: known}
		}
	}
	return pairs, nil
}

// either returns one of the two sides.
func (p *pair) either() *snapshot.Service {
	if p.after != nil {
		return p.after
	}
	return p.before
}

// declared reports whether the pair is a service of its own, not another name of one.
func (p *pair) declared() bool { return p.either().Spec().Of == nil }

// ask returns the type that clients of one family are counted with: that of the family if the service has such
// addresses, now or then, otherwise the other one.
func (p *pair) ask(v6 bool) uint16 {
	own, other := dns.TypeA, dns.TypeAAAA
	if v6 {
		own, other = other, own
	}
	for _, s := range []*snapshot.Service{p.before, p.after} {
		if s != nil && s.Serves(own) {
			return own
		}
	}
	return other
}
