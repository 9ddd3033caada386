package snapshot

import (
	"math"
	"slices"

	"github.com/miekg/dns"

	"meridian/status"
	"meridian/zones"
)

// An endpoint that is up may withhold a share w of its traffic: it ramps up after an outage, is slow, or drains. It is
// then left out of a share w of its pool's answers. All endpoints of a pool go by one draw u from [0,1), and the answer
// holds those that take more than u. Where nobody takes more, the pool doesn't answer: its acceptance is the greatest of
// what its endpoints take, and the rest flows on by the policy. So a region that comes back as a whole takes little at
// first, a single endpoint that comes back beside others joins few answers at first, and one that withholds everything is
// as good as down.
//
// The answers stay a finite set, packed ahead: one variant for each distinct share.

// variant is one set of an answer's endpoints, drawn by numbers below its bound and not below the one before.
type variant struct {
	below uint64
	set   *zones.RRset
	count int
}

// spared is an address that belongs into a share of the answers.
type spared struct {
	rr    dns.RR
	share float64 // 0..1; above 0
}

// takes returns which share of its traffic an endpoint in the state takes.
func takes(s status.State) float64 {
	if s.Health == status.Down {
		return 0
	}
	return min(max(1-s.Withheld, 0), 1)
}

// most returns the greatest share that one of the endpoints takes; 0: none takes anything.
func (c *compiler) most(d *declared, es []endpoint) float64 {
	most := 0.0
	for _, e := range es {
		most = max(most, takes(c.state(d, e)))
	}
	return most
}

// state returns the state of an endpoint as the service sees it. One without a check is up.
func (c *compiler) state(d *declared, e endpoint) status.State {
	st := status.State{Health: status.Up}
	if e.key != "" {
		st = c.states.View(d.spec.Declared().Name, e.key)
	}
	return c.terms.supposed(d, e, st)
}

// pack makes the answer of the addresses: a set of all of them, and where some withhold a share, the variants.
func (a *answer) pack(name string, all []spared, most int) {
	if len(all) == 0 {
		return
	}
	bounds := []float64{1}
	for _, s := range all {
		if s.share < 1 && !slices.Contains(bounds, s.share) {
			bounds = append(bounds, s.share)
		}
	}
	slices.Sort(bounds)
	for _, bound := range bounds {
		var rrs []dns.RR
		for _, s := range all {
			if s.share >= bound {
				rrs = append(rrs, s.rr)
			}
		}
		if len(rrs) == 0 {
			continue // nobody takes everything: a draw that high isn't made, for the greatest share was scaled to 1
		}
		a.variants = append(a.variants, variant{threshold(bound), mustRRset(name, rrs), min(len(rrs), most)})
	}
	a.variants[len(a.variants)-1].below = math.MaxUint64
	a.set, a.count = a.variants[0].set, a.variants[0].count
	if len(a.variants) == 1 {
		a.variants = nil
	}
}

// drawn returns the variant for the random number u.
func (a *answer) drawn(u uint64) (*zones.RRset, int) {
	for i := range a.variants {
		if v := &a.variants[i]; u < v.below {
			return v.set, v.count
		}
	}
	v := &a.variants[len(a.variants)-1]
	return v.set, v.count
}
