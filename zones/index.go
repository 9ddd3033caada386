package zones

import (
	"slices"

	"github.com/miekg/dns"
)

// Index is all names of all zones, with the services among them. It is never written after NewIndex, so any number
// of goroutines may read it.
type Index struct {
	nodes map[string]*Node // by wire name, lower case
	zones []*ZoneData      // canonical order
	depth int              // labels of the deepest name, without the root
}

// ZoneData is what every answer from one zone has in common.
type ZoneData struct {
	Number   int    // position among the index's zones, from 0: canonical order of the apexes
	Apex     string // canonical
	ApexWire []byte // wire format, lower case
	SOA      *RRset
	// Negative is the SOA for the authority section of NXDOMAIN and NODATA, with TTL = the least of SOA TTL and
	// minimum (RFC 2308 section 5). The owner in its Wire is the pointer 0xC00C as everywhere, so a renderer has
	// to point it to the apex within the question's name.
	Negative *RRset
	NS       *RRset
	File     string // empty: not from a file

	nodes []Node
	sets  []RRset // those of node n are sets[n.first:n.first+n.count]; then those that are only glue
}

// Node is one owner name that exists: with records, with a service, or as an empty non-terminal.
type Node struct {
	name    string // wire, lower case: the key in Index.nodes
	zone    *ZoneData
	rare    *rare // nil at nearly all nodes
	first   uint32
	service int32 // -1: none
	count   uint16
	cut     bool // has NS and isn't the apex: a zone cut
	dname   bool // has a DNAME: names below it have moved
}

// rare is what only few nodes have.
type rare struct {
	wildcard *Node    // the child with the asterisk label
	glue     []*RRset // of a cut
	// above is, at an apex whose parent zone is ours too, the same name in the parent zone; the cut or DNAME above
	// it if the parent delegates or redirects an ancestor.
	above *Node
}

// MatchKind says how a name relates to our zones.
type MatchKind uint8

const (
	Refused     MatchKind = iota // in none of our zones
	Exact                        // the name exists, perhaps as an empty non-terminal
	Wildcard                     // the name doesn't exist; a wildcard makes its answer (RFC 4592)
	NXDomain                     // the name doesn't exist
	Delegation                   // the name is at or below a zone cut: a referral
	Redirection                  // the name is below a DNAME (RFC 6672)
)

// String returns the kind in lower case.
func (k MatchKind) String() string {
	return [...]string{"refused", "exact", "wildcard", "nxdomain", "delegation", "redirection"}[k]
}

// Match is what Find found.
type Match struct {
	Kind MatchKind
	Zone *ZoneData // nil when Refused
	// Node is the name itself (Exact), the wildcard (Wildcard), the zone cut (Delegation) or the owner of the DNAME
	// (Redirection); nil otherwise.
	Node *Node
}

// Find looks a name up as RFC 6672 section 3.2 (once RFC 1034 section 4.3.2) and RFC 4592 say: in the zone of ours that
// is nearest above it, down to the first zone cut or DNAME. Name is in wire format, lower case, root label included; anything else is Refused or
// doesn't exist. The type of the question matters for DS only, which belongs to the parent's side of a zone cut
// (RFC 4035 section 3.1.4.1). Find doesn't follow CNAMEs or DNAMEs and doesn't allocate.
func (x *Index) Find(name []byte, qtype uint16) Match {
	if n := x.nodes[string(name)]; n != nil {
		return n.match(qtype)
	}
	n := x.closestEncloser(name)
	switch {
	case n == nil:
		return Match{}
	case n.cut:
		return Match{Kind: Delegation, Zone: n.zone, Node: n}
	case n.dname:
		return Match{Kind: Redirection, Zone: n.zone, Node: n}
	case n.rare != nil && n.rare.wildcard != nil:
		return Match{Kind: Wildcard, Zone: n.zone, Node: n.rare.wildcard}
	}
	return Match{Kind: NXDomain, Zone: n.zone}
}

// match answers for a name that exists.
func (n *Node) match(qtype uint16) Match {
	if qtype == dns.TypeDS && n.rare != nil && n.rare.above != nil {
		above := n.rare.above
		switch {
		case above.name != n.name && above.cut:
			return Match{Kind: Delegation, Zone: above.zone, Node: above}
		case above.name != n.name && above.dname:
			return Match{Kind: Redirection, Zone: above.zone, Node: above}
		}
		return Match{Kind: Exact, Zone: above.zone, Node: above}
	}
	if n.cut && qtype != dns.TypeDS {
		return Match{Kind: Delegation, Zone: n.zone, Node: n}
	}
	return Match{Kind: Exact, Zone: n.zone, Node: n}
}

// closestEncloser returns the longest existing ancestor of a name that doesn't exist; nil outside our zones.
func (x *Index) closestEncloser(name []byte) *Node {
	if len(name) == 0 || len(name) > maxName || name[len(name)-1] != 0 {
		return nil
	}
	var starts [maxName / 2]uint8
	n := labels(name, &starts)
	// Ancestors with more labels than the deepest name needn't be looked for: that bounds what random names cost.
	for i := max(1, n-x.depth); i < n; i++ {
		if node := x.nodes[string(name[starts[i]:])]; node != nil {
			return node
		}
	}
	return x.nodes["\x00"]
}

// Zones returns all zones in canonical order of their apexes. The slice is not to be changed.
func (x *Index) Zones() []*ZoneData { return x.zones }

// Zone returns the zone with this apex (wire format, lower case), or nil.
func (x *Index) Zone(apex []byte) *ZoneData {
	if n := x.nodes[string(apex)]; n != nil && string(n.zone.ApexWire) == n.name {
		return n.zone
	}
	return nil
}

// Len returns how many names exist in all zones, empty non-terminals included.
func (x *Index) Len() int { return len(x.nodes) }

// Name returns the canonical owner name; of a wildcard the asterisk name.
func (n *Node) Name() string { return NameString([]byte(n.name)) }

// Zone returns the zone that the node belongs to; a zone cut belongs to the parent.
func (n *Node) Zone() *ZoneData { return n.zone }

func (n *Node) sets() []RRset { return n.zone.sets[n.first : n.first+uint32(n.count)] }

// RRset returns the node's records of one type; nil: none.
func (n *Node) RRset(qtype uint16) *RRset {
	sets := n.sets()
	for i := range sets {
		if sets[i].Type == qtype {
			return &sets[i]
		}
	}
	return nil
}

// Types returns the types that the node has records of, ascending. A and AAAA of a service aren't among them.
func (n *Node) Types() []uint16 {
	sets := n.sets()
	types := make([]uint16, len(sets))
	for i := range sets {
		types[i] = sets[i].Type
	}
	slices.Sort(types)
	return types
}

// CNAME returns the node's CNAME; nil: none.
func (n *Node) CNAME() *RRset { return n.RRset(dns.TypeCNAME) }

// Service returns which of the services given to NewIndex the name is; -1: none.
func (n *Node) Service() int { return int(n.service) }

// Glue returns, for a zone cut, the A and AAAA of its name servers that lie in the cut's parent zone, those below
// the cut first (no referral works without them): at most 26 RRsets.
func (n *Node) Glue() []*RRset {
	if n.rare == nil {
		return nil
	}
	return n.rare.glue
}
