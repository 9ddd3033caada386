package snapshot

import (
	"math/bits"
	"net/netip"

	"github.com/miekg/dns"

	"meridian/geo"
	"meridian/policy"
	"meridian/zones"
)

// Service is one service in one snapshot, ready to answer.
type Service struct {
	*declared
	family [families]family
}

type family struct {
	plan       *plan     // nil: the service has no address of this family
	answers    []answer  // by the plan's outcomes
	acceptance []float64 // inputs.now's
	inputs     inputs
}

type answer struct {
	set      *zones.RRset
	count    int
	variants []variant // two or more, in place of set and count, where endpoints withhold a share; nil: none does
	servfail bool
	counter  uint32
	rank     uint8
	region   string
	reason   string
}

// Client is who asks.
type Client struct {
	// ECS is the client subnet that the query carried. The zero value: none. Length 0: "don't use my address".
	ECS    netip.Prefix
	Source netip.Addr // the address the query came from
}

// Location is where a service sees a client.
type Location struct {
	Address  netip.Addr // what was looked up: the ECS address or the source
	Locality geo.Locality
	Scope    uint8 // RFC 7871 scope prefix length, in the family of ECS; 0 without ECS
	FromECS  bool  // Address is that of the ECS option
}

// Prefix lengths by which sticky services tell clients apart.
const (
	stickyBits4 = 24
	stickyBits6 = 56
)

// stickyPrefix returns the network by which sticky services know the client.
func stickyPrefix(client netip.Addr) netip.Prefix {
	client = client.Unmap()
	// It fails only for lengths beyond the family's.
	prefix, _ := client.Prefix(stickyBits(client))
	return prefix
}

// Spec returns the service as configured. Read only.
func (s *Service) Spec() *zones.Service { return s.spec }

// TTL returns the TTL of the service's answers in seconds.
func (s *Service) TTL() uint32 { return s.spec.TTL }

// Geographic reports whether the service's answers depend on where the client is.
func (s *Service) Geographic() bool { return s.view != nil }

// Locate finds the client's locality. The address of an ECS option is looked up as it was sent; if it is private
// and neither database nor overrides know it, the source address decides, under the scope of the private block.
// The scope depends on the map alone, never on health or on the answer.
func (s *Service) Locate(c Client) (loc Location) {
	s.LocateTo(&c, &loc)
	return loc
}

// LocateTo is Locate for the packet path, where handing over values of this size costs more than making them.
func (s *Service) LocateTo(c *Client, loc *Location) {
	subnet := c.ECS.IsValid() && c.ECS.Bits() > 0
	loc.Locality, loc.Scope, loc.FromECS = geo.Unknown, 0, subnet
	if subnet {
		loc.Address = c.ECS.Addr()
	} else {
		loc.Address = c.Source
	}
	if s.view != nil {
		locality, scope := s.view.lookup(loc.Address)
		if subnet {
			loc.Scope = scope
			if locality == geo.Private {
				loc.Address, loc.FromECS = c.Source, false
				locality, _ = s.view.lookup(loc.Address)
			}
		}
		if locality != geo.Private {
			loc.Locality = locality
		}
	}
	if s.spec.Sticky && subnet {
		loc.Scope = max(loc.Scope, uint8(stickyBits(c.ECS.Addr())))
	}
}

func stickyBits(a netip.Addr) int {
	if a.Is4() {
		return stickyBits4
	}
	return stickyBits6
}

// Outcome is what a service says to one client: Count records of Set, circularly, from First on.
type Outcome struct {
	Set          *zones.RRset // A, AAAA or CNAME; nil: NODATA, the service has no address of that family
	First, Count int
	Servfail     bool   // no pool takes anything, and the service's fallback is servfail
	Counter      uint32 // number of the Label that counts it; only when Set or Servfail is set
	Rank         uint8  // 1: the client's nearest region; 0: not a matter of nearness
}

// Draw picks an answer of the type A or AAAA for a client at loc (any other type: NODATA). random is a uniform
// random number; equal numbers give equal answers from one snapshot. It also turns the order of the records; a
// sticky service takes the pool from the client's prefix instead.
func (s *Service) Draw(qtype uint16, loc Location, random uint64) (o Outcome) {
	s.DrawTo(qtype, &loc, random, &o)
	return o
}

// DrawTo is Draw for the packet path, as LocateTo is Locate.
func (s *Service) DrawTo(qtype uint16, loc *Location, random uint64, o *Outcome) {
	o.Set, o.First, o.Count, o.Servfail, o.Counter, o.Rank = nil, 0, 0, false, 0, 0
	if qtype != dns.TypeA && qtype != dns.TypeAAAA {
		return
	}
	f := &s.family[familyOf(qtype)]
	if f.plan == nil {
		return
	}
	a := &f.answers[s.pick(f.plan, loc, random)]
	o.Counter = a.counter
	if a.set == nil {
		o.Servfail = a.servfail
		return
	}
	o.Set, o.Count, o.Rank = a.set, a.count, a.rank
	if a.variants != nil {
		u := policy.Mix(^random)
		if s.spec.Sticky {
			u = policy.Mix(s.clientHash(loc.Address))
		}
		o.Set, o.Count = a.drawn(u)
	}
	if n := len(o.Set.Ends); n > 1 {
		// Apart from the choice, which used the same number.
		first, _ := bits.Mul64(policy.Mix(random), uint64(n))
		o.First = int(first)
	}
}

func (s *Service) pick(p *plan, loc *Location, random uint64) uint32 {
	c := &p.choices[p.choice[loc.Locality]]
	if c.way != nil {
		return c.way.draw(s.clientHash(loc.Address))
	}
	for i := range c.entries {
		if random < c.entries[i].below {
			return c.entries[i].outcome
		}
	}
	return c.entries[len(c.entries)-1].outcome
}

// clientHash hashes the prefix by which a sticky service tells clients apart.
func (s *Service) clientHash(client netip.Addr) uint64 {
	a := stickyPrefix(client).Addr().As16()
	h := s.sticky
	for i := range 8 {
		h = (h ^ uint64(a[2*i])<<8 ^ uint64(a[2*i+1])) * 0x100000001b3
	}
	return h
}

// localities returns how many localities the service tells apart, and key the n-th one's key.
func (d *declared) localities() int {
	if d.view == nil {
		return 1
	}
	return len(d.view.keys)
}

func (d *declared) key(l int) []byte {
	if d.view == nil {
		return nil
	}
	return []byte(d.view.keys[l])
}
