package zones

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// NewIndex builds the index of all zones with all services, and checks what only shows across them. With a problem
// that is more than a warning the index is nil. Problems come in the order of files and lines; those about a
// service name it in Problem.Service and have no position, unless a record in a zone file is to blame.
//
// Zones and services are kept, and not to be changed afterwards.
func NewIndex(zs []*Zone, services []*Service) (*Index, []Problem) {
	b := &builder{
		index:    &Index{},
		apexes:   make(map[string]*site, len(zs)),
		packer:   newPacker(),
		report:   newReport(),
		services: services,
	}
	b.addZones(zs)
	b.placeServices()
	names := 0
	for _, s := range b.sites {
		b.collect(s)
		names += len(s.owners)
	}
	b.index.nodes = make(map[string]*Node, names)
	for _, s := range b.sites {
		b.build(s)
	}
	for _, s := range b.sites {
		b.joinParent(s)
	}
	for _, s := range b.sites {
		b.lint(s)
	}
	b.lintLoops()
	problems := b.report.finish()
	if HasErrors(problems) {
		return nil, problems
	}
	return b.index, problems
}

// builder is the state of one NewIndex.
type builder struct {
	index  *Index
	sites  []*site          // canonical order of the apexes
	apexes map[string]*site // by apex
	packer *packer
	report *report

	services []*Service // as given
}

// site is one zone under construction.
type site struct {
	zone     *Zone
	data     *ZoneData
	apex     string   // wire
	children []string // apexes of zones of ours directly below
	parent   *site    // nearest zone of ours above; nil: none
	services []placed

	owners []owner
	ids    map[string]int32 // owner name -> position in owners
	items  []item           // records by owner and type
	stops  map[string]stop
	glue   map[string][2]int32 // occluded name -> positions in data.sets of its A and AAAA, -1: none
}

// stop is a border of what a zone answers for; names below it have no node.
type stop uint8

const (
	delegated  stop = iota + 1 // a zone cut, or the apex of a zone of ours: addresses below it are glue
	redirected                 // a DNAME
)

// placed is a service at its zone.
type placed struct {
	name  string // wire
	index int32
}

// owner is one name of a site.
type owner struct {
	name    string // wire
	service int32  // -1: none
	cut     bool   // has NS, and isn't the apex
	child   bool   // the apex of a zone of ours
	dname   bool   // has a DNAME
	hidden  bool   // below a stop: occluded, no node
	node    *Node
}

// item is one record of a site.
type item struct {
	owner  int32
	rtype  uint16
	record int32 // in zone.Records
}

// addZones makes a site of each zone and finds which lies in which.
func (b *builder) addZones(zs []*Zone) {
	for _, z := range zs {
		wire, err := WireName(z.Apex)
		if err != nil {
			b.report.fail(Problem{File: z.File, Text: fmt.Sprintf("zone %q: %v", z.Apex, err)})
			continue
		}
		s := &site{zone: z, apex: string(wire)}
		if first := b.apexes[s.apex]; first != nil {
			text := fmt.Sprintf("zone %s is defined twice", NameString(wire))
			if first.zone.File != "" && first.zone.File != z.File {
				text += ", here and in " + first.zone.File
			}
			b.report.fail(Problem{File: z.File, Text: text})
			continue
		}
		s.data = &ZoneData{Apex: NameString(wire), ApexWire: wire, File: z.File}
		b.apexes[s.apex] = s
		b.sites = append(b.sites, s)
	}
	slices.SortFunc(b.sites, func(x, y *site) int { return CompareNames(x.data.ApexWire, y.data.ApexWire) })
	for i, s := range b.sites {
		s.data.Number = i
		b.index.zones = append(b.index.zones, s.data)
		if s.parent = b.siteOf(parentOf(s.apex)); s.parent != nil {
			s.parent.children = append(s.parent.children, s.apex)
		}
	}
}

// siteOf returns the site of the nearest apex at or above a wire name; nil: none. The name may be "" for "none".
func (b *builder) siteOf(name string) *site {
	for ; name != ""; name = parentOf(name) {
		if s := b.apexes[name]; s != nil {
			return s
		}
	}
	return nil
}

// parentOf is Parent for names kept as strings; "" above the root.
func parentOf(name string) string {
	if name == "\x00" {
		return ""
	}
	return name[int(name[0])+1:]
}

// placeServices finds the zone of each service.
func (b *builder) placeServices() {
	seen := make(map[string]bool, len(b.services))
	for i, svc := range b.services {
		fail := func(format string, args ...any) {
			text := fmt.Sprintf("service %q ", strings.TrimSuffix(svc.Name, ".")) + fmt.Sprintf(format, args...)
			b.report.fail(Problem{Text: text, Service: svc.Name})
		}
		wire, err := WireName(svc.Name)
		if err != nil {
			fail("has no valid name: %v", err)
			continue
		}
		name := string(wire)
		if seen[name] {
			fail("is defined twice")
			continue
		}
		seen[name] = true
		s := b.siteOf(name)
		if s == nil {
			fail("lies outside every zone%s", b.zoneList())
			continue
		}
		s.services = append(s.services, placed{name: name, index: int32(i)})
	}
}

// zoneList returns " (zones: a, b, c, …)" for messages.
func (b *builder) zoneList() string {
	const most = 5
	var names []string
	for _, s := range b.sites[:min(most, len(b.sites))] {
		names = append(names, strings.TrimSuffix(s.data.Apex, "."))
	}
	switch {
	case len(names) == 0:
		return " (there is no zone)"
	case len(b.sites) > most:
		names = append(names, fmt.Sprintf("and %d more", len(b.sites)-most))
	}
	return " (zones: " + strings.Join(names, ", ") + ")"
}

// collect gathers a site's names, and which of them are visible.
func (b *builder) collect(s *site) {
	records := s.zone.Records
	s.owners = make([]owner, 0, len(records)/2+1)
	s.ids = make(map[string]int32, len(records)/2+1)
	s.items = make([]item, 0, len(records))
	b.owner(s, s.apex)
	var (
		buf  [maxName + 1]byte
		last string
		id   int32 = -1
	)
	for i, rr := range records {
		h := rr.Header()
		if h.Name != last || id < 0 {
			last, id = h.Name, -1
			wire, err := AppendWireName(buf[:0], h.Name)
			if err != nil {
				b.report.failAt(s, i, "%q: %v", h.Name, err)
				continue
			}
			LowerName(wire)
			if !IsSubdomain(wire, s.data.ApexWire) {
				b.report.warn("outside", s, i, "%s lies outside the zone %s and is left out", h.Name, s.data.Apex)
				continue
			}
			id = b.owner(s, string(wire))
		}
		s.items = append(s.items, item{owner: id, rtype: h.Rrtype, record: int32(i)})
		if h.Rrtype == dns.TypeNS && id != 0 {
			s.owners[id].cut = true
		}
		if h.Rrtype == dns.TypeDNAME {
			s.owners[id].dname = true
		}
	}
	slices.SortFunc(s.items, func(x, y item) int {
		return cmp.Or(cmp.Compare(x.owner, y.owner), cmp.Compare(x.rtype, y.rtype), cmp.Compare(x.record, y.record))
	})
	for _, child := range s.children {
		s.owners[b.owner(s, child)].child = true
	}
	for _, p := range s.services {
		s.owners[b.owner(s, p.name)].service = p.index
	}
	b.hide(s)
	b.addNonTerminals(s)
}

// owner returns the position of a name in s.owners, and adds it if it is new.
func (b *builder) owner(s *site, name string) int32 {
	id, ok := s.ids[name]
	if !ok {
		id = int32(len(s.owners))
		s.ids[name] = id
		s.owners = append(s.owners, owner{name: name, service: -1})
	}
	return id
}

// hide marks what lies below a zone cut, below the apex of another zone of ours, or below a DNAME.
func (b *builder) hide(s *site) {
	s.stops = make(map[string]stop)
	for _, o := range s.owners {
		switch {
		case o.cut || o.child:
			s.stops[o.name] = delegated
		case o.dname:
			s.stops[o.name] = redirected
		}
	}
	if len(s.stops) == 0 {
		return
	}
	for i := range s.owners {
		s.owners[i].hidden = s.stopAbove(s.owners[i].name) != ""
	}
}

// stopAbove returns the stop nearest to the apex that is strictly above a name; "": none.
func (s *site) stopAbove(name string) string {
	top := ""
	if len(s.stops) == 0 {
		return top
	}
	for name != s.apex {
		if name = parentOf(name); s.stops[name] != 0 {
			top = name
		}
	}
	return top
}

// addNonTerminals adds the ancestors of all visible names, so that each name's closest encloser is in the map.
func (b *builder) addNonTerminals(s *site) {
	for i := 0; i < len(s.owners); i++ { // not range: it grows
		if s.owners[i].hidden || s.owners[i].name == s.apex {
			continue
		}
		for name := parentOf(s.owners[i].name); name != s.apex; name = parentOf(name) {
			if _, ok := s.ids[name]; ok {
				break // and so are the ancestors of that one, now or in its own turn
			}
			b.owner(s, name)
		}
	}
}

// build makes the nodes and RRsets of a site.
func (b *builder) build(s *site) {
	visible := 0
	for i := range s.owners {
		if !s.owners[i].hidden {
			visible++
		}
	}
	s.data.nodes = make([]Node, 0, visible)
	for i := range s.owners {
		o := &s.owners[i]
		if o.hidden {
			continue
		}
		s.data.nodes = append(s.data.nodes, Node{name: o.name, zone: s.data, service: o.service, cut: o.cut, dname: o.dname})
		o.node = &s.data.nodes[len(s.data.nodes)-1]
		if !o.child { // a child's apex is the child's, whatever we hold of it
			b.index.nodes[o.name] = o.node
			b.index.depth = max(b.index.depth, countLabels(o.name))
		}
	}
	b.buildSets(s)
	for i := range s.owners {
		o := &s.owners[i]
		if o.node != nil && isWildcard(o.name) && o.name != s.apex {
			s.owners[s.ids[parentOf(o.name)]].node.makeRare().wildcard = o.node
		}
	}
	if apex := s.owners[0].node; apex != nil {
		s.data.SOA, s.data.NS = apex.RRset(dns.TypeSOA), apex.RRset(dns.TypeNS)
	}
	if s.data.SOA != nil {
		if soa, ok := dns.Copy(s.data.SOA.RRs[0]).(*dns.SOA); ok {
			soa.Hdr.Ttl = min(soa.Hdr.Ttl, soa.Minttl)
			if set, err := b.packer.pack(s.data.Apex, []dns.RR{soa}); err == nil { // its like was packed before
				s.data.Negative = &set
			}
		}
	}
	for i := range s.owners {
		if o := &s.owners[i]; o.node != nil && o.cut {
			b.addGlue(s, o.node)
		}
	}
}

// joinParent tells an apex where its name lies in a parent zone of ours.
func (b *builder) joinParent(s *site) {
	if s.parent == nil {
		return
	}
	above := s.apex
	if top := s.parent.stopAbove(s.apex); top != "" {
		above = top
	}
	s.owners[0].node.makeRare().above = s.parent.owners[s.parent.ids[above]].node
}

func (n *Node) makeRare() *rare {
	if n.rare == nil {
		n.rare = &rare{}
	}
	return n.rare
}

func countLabels(name string) int {
	n := 0
	for ; name != "\x00"; name = parentOf(name) {
		n++
	}
	return n
}
