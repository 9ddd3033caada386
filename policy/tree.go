package policy

import (
	"math"
	"net/netip"

	"meridian/geo"
)

// Tree is the policy of one service: a root node over the service's pools. Nodes name pools by their index in
// Pools, which is the order of the configuration (and the default order for clients at an unknown place).
type Tree struct {
	Root  Node
	Pools []geo.Region // the region of each pool
}

// Node is one node of a policy tree: Region, Failover, Nearest, Weighted, RoundRobin, LeastLoaded, Geo or All.
//
// Mass flows like water: a node is offered mass, its pools take mass x acceptance, and what it doesn't take
// flows on to its parent's next choice.
type Node interface{ node() }

// Region offers everything to one pool.
type Region struct{ Pool int }

// Failover offers everything to its first child, what that doesn't take to the second, and so on.
type Failover struct {
	Children   []Node
	MinHealthy MinHealthy // of the children
}

// Nearest is a failover in the order of great-circle distance from the client to each pool's region.
// A client at an unknown place gets the order of Pools.
type Nearest struct {
	Pools []int
	// Bias moves a region nearer (1..99) or farther (-99..-1), in Route 53's formula: +b: d*(1-b/100), -b: d/(1+b/100)
	// with b negative. Parallel to Pools; nil: none.
	Bias []int
	// MaxDistance in km leaves regions out that are farther than this (after bias). 0: no limit.
	MaxDistance float64
	// Spread divides clients evenly among regions that are about equally near. The zero value divides nobody.
	Spread     Spread
	MinHealthy MinHealthy // of the pools that the client can get
}

// Spread says which regions are about equally near: the nearest one and all whose distance (after bias) exceeds its
// distance by at most this much. Of the regions behind them, the nearest gathers the next such group, and so on.
type Spread struct {
	Share float64 // of the nearest one's distance, 0..1
	Km    float64
}

// reach returns the distance up to which regions are as near as one at distance d.
func (s Spread) reach(d float64) float64 { return d + d*s.Share + s.Km }

// Weighted pours its mass over its children by weight; what a child doesn't take is poured over those of its
// siblings that haven't refused it yet. Weight 0 is never.
type Weighted struct {
	Shares     []Share
	MinHealthy MinHealthy // of the children with a weight
}

// Share is one child of Weighted. Weight is 0 or above, without unit.
type Share struct {
	Weight float64
	Node   Node
}

// RoundRobin is Weighted with equal weights: each answer draws one child. (Giving everybody all addresses in an order
// that turns wouldn't divide anything: resolvers shuffle, and clients sort by RFC 6724.)
type RoundRobin struct {
	Children   []Node
	MinHealthy MinHealthy // of the children
}

// LeastLoaded is Weighted by load: a pool with half of another one's load gets twice its share. See Input.Loads.
type LeastLoaded struct {
	Pools      []int
	MinHealthy MinHealthy // of the pools
}

// Geo hands its mass to the child whose rule is the most specific match of the client's place: network (longest
// first), ASN, city, subdivision, country, continent; Default when none matches.
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
	Cities       []City
	ASNs         []uint32
	Networks     []netip.Prefix // masked
	Policy       Node
}

// City is a city of one country or subdivision: there is a Paris in Texas.
type City struct {
	In   string // ISO 3166-1 alpha-2 or ISO 3166-2: "FR", "US-TX"
	Name string // as the database calls it in English; case doesn't matter
}

// All is multivalue: every child draws its own answer, and the client gets the union of their addresses.
type All struct {
	Children   []Node
	Max        int        // addresses in one answer, at random; 0: no limit of its own
	MinHealthy MinHealthy // of the children
}

func (*Region) node()      {}
func (*Failover) node()    {}
func (*Nearest) node()     {}
func (*Weighted) node()    {}
func (*RoundRobin) node()  {}
func (*LeastLoaded) node() {}
func (*Geo) node()         {}
func (*All) node()         {}

// MinHealthy is the least number or share of equals that must be alive for the whole to count as alive. A node's
// children are alive if they can take anything. The zero value means one.
type MinHealthy struct {
	Count int     // at least so many; 0: see Share
	Share float64 // at least this share, 0..1; 0: see Count
}

// Of returns how many of n must be alive, at least 1.
func (m MinHealthy) Of(n int) int {
	if m.Share > 0 {
		return max(1, int(math.Ceil(m.Share*float64(n)-1e-9)))
	}
	return max(m.Count, 1)
}

// Input is what the pools of a tree are like at one moment, in the order of Tree.Pools.
type Input struct {
	Acceptance []float64 // share that each pool takes of what it is offered, 0..1
	// Loads is the load of each pool, all in one unit, read by LeastLoaded only. 0: not known, and the pool counts as
	// loaded like its siblings on average. nil: none is known.
	Loads []float64
	// Open lets nodes with too few living children count as alive: for the answer of last resort, when nobody would
	// take the mass otherwise.
	Open bool
}
