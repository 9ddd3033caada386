package policy

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"meridian/geo"
)

// noRule is the branch byte of a geographic node at which no rule matched: the default takes the mass.
const noRule = 255

// MaxRules is how many rules a geographic node may have, and MaxPools how many pools a service: both are a byte
// in a locality key.
const (
	MaxRules = noRule
	MaxPools = 255
)

// Locator writes the locality keys of one tree.
type Locator struct {
	tree    Tree
	vectors [][3]float64 // of each pool's region, where its coordinates are known
}

// Locator prepares the tree for Locate.
func (t Tree) Locator() Locator {
	l := Locator{t, make([][3]float64, len(t.Pools))}
	for i := range t.Pools {
		l.vectors[i] = t.Pools[i].Coordinates.Vector()
	}
	return l
}

// Locate appends the locality key of the place to dst: for each geographic node that mass can reach, the rule it
// selects, and for each nearest node the order of the pools it would offer mass to, in groups. Clients with
// equal keys are treated alike by this tree, and by no tree is a key read but by the one that wrote it.
func (l Locator) Locate(dst []byte, p *geo.Place) []byte { return l.locate(dst, l.tree.Root, p) }

func (l Locator) locate(dst []byte, n Node, p *geo.Place) []byte {
	switch n := n.(type) {
	case *Failover:
		for _, c := range n.Children {
			dst = l.locate(dst, c, p)
		}
	case *Weighted:
		for _, s := range n.Shares {
			dst = l.locate(dst, s.Node, p)
		}
	case *RoundRobin:
		for _, c := range n.Children {
			dst = l.locate(dst, c, p)
		}
	case *All:
		for _, c := range n.Children {
			dst = l.locate(dst, c, p)
		}
	case *Nearest:
		dst = l.rank(dst, n, p)
	case *Geo:
		i := n.match(p)
		if i < 0 {
			dst = append(dst, noRule)
			if n.Default != nil {
				dst = l.locate(dst, n.Default, p)
			}
			break
		}
		dst = append(dst, byte(i))
		dst = l.locate(dst, n.Rules[i].Policy, p)
	}
	return dst
}

// candidate is one pool of a nearest node as a client sees it.
type candidate struct {
	pool     byte
	pinned   bool
	known    bool
	distance float64 // squared chord, or km where bias, limit or spread need it: one of them for all candidates
}

// rank appends the node's pools in the order in which a client at p is offered to them. Without spread that is their
// number and they; with it, each group of equally near ones is its size and they (in the order of the node, so that
// clients who differ in that alone are alike), and size 0 ends it.
func (l Locator) rank(dst []byte, n *Nearest, p *geo.Place) []byte {
	var few [32]candidate
	cs := l.candidates(few[:0], n, p)
	// Stable: equally near pools, and all pools of a client at an unknown place, keep the configured order.
	slices.SortStableFunc(cs, func(a, b candidate) int {
		if a.pinned != b.pinned {
			return first(a.pinned)
		}
		if a.known != b.known {
			return first(a.known)
		}
		return cmp.Compare(a.distance, b.distance)
	})
	if n.Spread == (Spread{}) {
		dst = append(dst, byte(len(cs)))
		for _, c := range cs {
			dst = append(dst, c.pool)
		}
		return dst
	}
	for len(cs) > 0 {
		size := 1
		if lead := cs[0]; lead.known && !lead.pinned {
			for size < len(cs) && cs[size].known && cs[size].distance <= n.Spread.reach(lead.distance) {
				size++
			}
		}
		dst = append(dst, byte(size))
		for _, c := range cs[:size] {
			dst = append(dst, c.pool)
		}
		slices.SortFunc(dst[len(dst)-size:], func(a, b byte) int { return slices.Index(n.Pools, int(a)) - slices.Index(n.Pools, int(b)) })
		cs = cs[size:]
	}
	return append(dst, 0)
}

// candidates appends the pools that the node would offer a client at p to, with their distances.
func (l Locator) candidates(cs []candidate, n *Nearest, p *geo.Place) []candidate {
	from := p.Coordinates
	if !from.Known && p.Region != "" {
		// Pinned to a region and nothing else known: as if the client stood in that region.
		for i := range l.tree.Pools {
			if l.tree.Pools[i].Name == p.Region {
				from = l.tree.Pools[i].Coordinates
			}
		}
	}
	vector := from.Vector()
	for i, pool := range n.Pools {
		r := &l.tree.Pools[pool]
		c := candidate{pool: byte(pool), pinned: p.Region != "" && r.Name == p.Region}
		if from.Known && r.Coordinates.Known {
			c.known = true
			if n.Bias == nil && n.MaxDistance == 0 && n.Spread == (Spread{}) {
				c.distance = geo.Chord2(vector, l.vectors[pool])
			} else {
				c.distance = geo.Distance(from, r.Coordinates)
				if n.Bias != nil {
					c.distance = Biased(c.distance, n.Bias[i])
				}
				if n.MaxDistance > 0 && c.distance > n.MaxDistance && !c.pinned {
					continue
				}
			}
		}
		cs = append(cs, c)
	}
	return cs
}

func first(yes bool) int {
	if yes {
		return -1
	}
	return 1
}

// Biased is Route 53's formula: a bias of 1..99 makes a region seem nearer, d*(1-b/100), a bias of -99..-1 farther,
// d/(1+b/100). Bias 0 changes nothing.
func Biased(distance float64, bias int) float64 {
	b := float64(bias) / 100
	if b >= 0 {
		return distance * (1 - b)
	}
	return distance / (1 + b)
}

// match returns the index of the most specific rule that selects the place, -1 for none. Equally specific rules:
// the first one.
func (n *Geo) match(p *geo.Place) int {
	best, found := 0, -1
	for i := range n.Rules {
		if s := n.Rules[i].specificity(p); s > best {
			best, found = s, i
		}
	}
	return found
}

// specificity tells how closely the rule describes the place: 0 not at all, then continent, country,
// subdivision, city, ASN, and above them networks by their length.
func (r *Rule) specificity(p *geo.Place) int {
	const continent, country, subdivision, city, asn, network = 1, 2, 3, 4, 5, 6
	best := 0
	if p.Rule.IsValid() {
		for _, nw := range r.Networks {
			// p.Rule is the longest of all rules' networks around the client, so another one contains the client
			// exactly when it contains p.Rule.
			if nw.Bits() <= p.Rule.Bits() && nw.Contains(p.Rule.Addr()) {
				best = max(best, network+nw.Bits())
			}
		}
	}
	switch {
	case best > 0:
	case p.ASN != 0 && slices.Contains(r.ASNs, p.ASN):
		best = asn
	case p.City != "" && slices.ContainsFunc(r.Cities, func(c City) bool { return c.is(p) }):
		best = city
	case p.Subdivision != "" && slices.Contains(r.Subdivisions, p.Subdivision):
		best = subdivision
	case p.Country != "" && slices.Contains(r.Countries, p.Country):
		best = country
	case p.Continent != "" && slices.Contains(r.Continents, p.Continent):
		best = continent
	}
	return best
}

func (c City) is(p *geo.Place) bool {
	return (c.In == p.Country || c.In == p.Subdivision) && strings.EqualFold(c.Name, p.City)
}

// Geographic reports whether the tree treats any two clients differently because of where they are.
func (t Tree) Geographic() bool {
	for n := range t.Nodes() {
		switch n.(type) {
		case *Nearest, *Geo:
			return true
		}
	}
	return false
}

// Networks returns every network that a rule of the tree names, in no particular order.
func (t Tree) Networks() []netip.Prefix {
	var ps []netip.Prefix
	for n := range t.Nodes() {
		if g, ok := n.(*Geo); ok {
			for i := range g.Rules {
				ps = append(ps, g.Rules[i].Networks...)
			}
		}
	}
	return ps
}
