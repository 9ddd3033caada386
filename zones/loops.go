package zones

import (
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// lintLoops warns of circles through the data: aliases that lead back to themselves, and zones whose name servers
// lie in one another (TsuNAME).
func (b *builder) lintLoops() {
	b.lintAliasLoops()
	b.lintCyclicNS()
}

// maxRedirections is how many DNAMEs in a row are followed to where an alias leads.
const maxRedirections = 8

// aliases returns where a node's CNAME, its DNAME, or the CNAME pools of its service, lead within our zones.
func (b *builder) aliases(n *Node) []*Node {
	var nodes []*Node
	follow := func(target string) {
		wire, err := WireName(target)
		if err != nil {
			return
		}
		for range maxRedirections {
			m := b.index.Find(wire, dns.TypeCNAME)
			if m.Kind == Exact || m.Kind == Wildcard {
				nodes = append(nodes, m.Node)
			}
			if m.Kind != Redirection {
				return
			}
			nodes = append(nodes, m.Node)
			cname := m.Node.RRset(dns.TypeDNAME).Redirect(wire)
			if cname == nil {
				return
			}
			wire = cname.Wire[recordFixed:]
			LowerName(wire)
		}
	}
	if n.dname {
		// Names below a DNAME lead to names below its target. If the target has, or lies below, a DNAME of ours, those
		// lead on.
		if dname, ok := n.RRset(dns.TypeDNAME).RRs[0].(*dns.DNAME); ok {
			if wire, err := WireName(dname.Target); err == nil {
				if m := b.index.Find(wire, dns.TypeDNAME); m.Kind == Redirection || m.Kind == Exact && m.Node.dname {
					nodes = append(nodes, m.Node)
				}
			}
		}
	}
	if set := n.CNAME(); set != nil {
		if cname, ok := set.RRs[0].(*dns.CNAME); ok {
			follow(cname.Target)
		}
	}
	if n.service >= 0 {
		for _, pool := range b.services[n.service].Pools {
			if pool.CNAME != "" {
				follow(pool.CNAME)
			}
		}
	}
	return nodes
}

// lintAliasLoops walks all aliases depth first; an alias that leads to a node of the path walked is a loop.
func (b *builder) lintAliasLoops() {
	const walking, done = 1, 2
	mark := make(map[*Node]int)
	var path []*Node
	var walk func(n *Node)
	walk = func(n *Node) {
		targets := b.aliases(n)
		if len(targets) == 0 {
			return
		}
		mark[n], path = walking, append(path, n)
		for _, to := range targets {
			switch mark[to] {
			case 0:
				walk(to)
			case walking:
				b.warnAliasLoop(path[slices.Index(path, to):])
			}
		}
		mark[n], path = done, path[:len(path)-1]
	}
	for _, s := range b.sites {
		for i := range s.data.nodes {
			if n := &s.data.nodes[i]; mark[n] == 0 {
				walk(n)
			}
		}
	}
}

func (b *builder) warnAliasLoop(loop []*Node) {
	var names []string
	for _, n := range append(slices.Clone(loop), loop[0]) {
		names = append(names, n.Name())
	}
	s := b.apexes[string(loop[0].zone.ApexWire)]
	record := -1
	for _, rtype := range []uint16{dns.TypeCNAME, dns.TypeDNAME} {
		if record < 0 && loop[0].RRset(rtype) != nil {
			record = s.recordOf(s.ids[loop[0].name], rtype)
		}
	}
	b.report.warn("alias loop", s, record, "aliases lead in a circle: %s", strings.Join(shorten(names), " -> "))
}

// shorten leaves the middle of a long list out.
func shorten(names []string) []string {
	const ends = 4
	if len(names) <= 2*ends {
		return names
	}
	return slices.Concat(names[:ends], []string{"…"}, names[len(names)-ends:])
}

// point is a name with NS records: the apex of a zone of ours, or a zone cut.
type point struct {
	site      *site
	node      *Node
	reachable bool  // a resolver that knows only the root can find one of its name servers
	needs     []int // points below which its name servers lie
	neededBy  []int
}

// lintCyclicNS warns of zones and cuts that resolvers reach only through one another: all name servers of a lie
// below b and all of b's below a, and no glue helps. Resolvers may ask for these in endless circles (TsuNAME).
//
// What can be told from our own data is taken as reachable: name servers outside our zones, name servers with
// glue. From there on reachability spreads to whoever has a name server below something reachable; what remains
// is waiting for itself.
func (b *builder) lintCyclicNS() {
	points := b.points()
	var queue []int
	for i := range points {
		for _, q := range points[i].needs {
			points[q].neededBy = append(points[q].neededBy, i)
		}
		if points[i].reachable {
			queue = append(queue, i)
		}
	}
	for len(queue) > 0 {
		i := queue[0]
		queue = queue[1:]
		for _, j := range points[i].neededBy {
			if !points[j].reachable {
				points[j].reachable = true
				queue = append(queue, j)
			}
		}
	}
	reported := make(map[int]bool)
	for i := range points {
		var path []int
		for at := i; !points[at].reachable && !reported[at]; at = points[at].needs[0] {
			if from := slices.Index(path, at); from >= 0 {
				b.warnCyclicNS(points, path[from:])
				break
			}
			if path = append(path, at); len(points[at].needs) == 0 {
				break // its own glue is missing, of which lintTarget warns
			}
		}
		for _, at := range path {
			reported[at] = true
		}
	}
}

// points lists all points with what they need.
func (b *builder) points() []point {
	var points []point
	number := make(map[string]int)
	for _, s := range b.sites {
		for i := range s.data.nodes {
			n := &s.data.nodes[i]
			// A child's apex is the child's point; what the parent says of it may differ, and the child's counts.
			if n.RRset(dns.TypeNS) != nil && (n.name == s.apex || b.apexes[n.name] == nil) {
				number[n.name] = len(points)
				points = append(points, point{site: s, node: n})
			}
		}
	}
	for i := range points {
		p := &points[i]
		p.reachable = p.site.zone.Incomplete // what it has can't be told
		for _, target := range nameservers(p.node.RRset(dns.TypeNS)) {
			q := -1
			for name := string(target); name != "" && q < 0; name = parentOf(name) {
				if at, ok := number[name]; ok {
					q = at
				}
			}
			switch {
			case q < 0, len(p.site.addresses(string(target))) > 0:
				p.reachable = true
			case q != i && !slices.Contains(p.needs, q):
				p.needs = append(p.needs, q)
			}
		}
	}
	return points
}

func (b *builder) warnCyclicNS(points []point, circle []int) {
	var names []string
	for _, at := range append(slices.Clone(circle), circle[0]) {
		names = append(names, points[at].node.Name())
	}
	p := &points[circle[0]]
	b.report.warn("cyclic NS", p.site, p.site.recordOf(p.site.ids[p.node.name], dns.TypeNS),
		"the name servers depend on one another in a circle, so resolvers may never find them (TsuNAME): %s", strings.Join(shorten(names), " -> "))
}
