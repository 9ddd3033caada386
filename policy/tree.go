package policy

import (
	"net/netip"

	"meridian/geo"
)

// Tree is the policy of one service: a root node over the service's pools. Nodes name pools by their index in
// Pools, which is the order of the configuration (and the default order for clients at an unknown place).
type Tree struct {
	Root  Node
	Pools []geo.Region // the region of each pool
}

// Node is one node of a policy tree: Region, Failover, Nearest, Weighted, Geo or All.
//
// Mass flows like water: a node is offered mass, its pools take mass x acceptance, and what it doesn't take
// flows on to its parent's next choice.
type Node interface{ node() }

// Region offers everything to one pool.
type Region struct{ Pool int }

// Failover offers everything to its first child, what that doesn't take to the second, and so on.
type Failover struct{ Children []Node }

// Nearest is a failover in the order of great-circle distance from the client to each pool's region.
// A client at an unknown place gets the order of Pools.
type Nearest struct {
	Pools []int
	// Bias moves a region nearer (1..99) or farther (-99..-1), in Route 53's formula: +b: d*(1-b/100), -b: d/(1+b/100)
	// with b negative. Parallel to Pools; nil: none.
	Bias []int
	// MaxDistance in km leaves regions out that are farther than this (after bias). 0: no limit.
	MaxDistance float64
}

// Weighted pours its mass over its children by weight; what a child doesn't take is poured over those of its
// siblings that haven't refused it yet. Weight 0 is never.
type Weighted struct{ Shares []Share }

// Share is one child of Weighted. Weight is 0 or above, without unit.
type Share struct {
	Weight float64
	Node   Node
}

// Geo hands its mass to the child whose rule is the most specific match of the client's place: network (longest
// first), ASN, subdivision, country, continent; Default when none matches.
type Geo struct {
	Rules   []Rule
	Default Node // nil: nobody takes the mass of clients that no rule matches
	Fence   bool // what the selected child doesn't take doesn't flow out of this node
}

// Rule selects clients. Any one of its selectors is enough.
type Rule struct {
	Continents   []string // AF, AN, AS, EU, NA, OC, SA
	Countries    []string // ISO 3166-1 alpha-2
	Subdivisions []string // ISO 3166-2, "US-CA"
	ASNs         []uint32
	Networks     []netip.Prefix // masked
	Policy       Node
}

// All is multivalue: every child draws its own answer, and the client gets the union of their addresses.
type All struct {
	Children []Node
	Max      int // addresses in one answer, at random; 0: no limit of its own
}

func (*Region) node()   {}
func (*Failover) node() {}
func (*Nearest) node()  {}
func (*Weighted) node() {}
func (*Geo) node()      {}
func (*All) node()      {}
