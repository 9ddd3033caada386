package zones

import (
	"slices"

	"github.com/miekg/dns"
)

// maxGlue bounds the RRsets beside a referral: the two families of 13 name servers.
const maxGlue = 26

// buildSets packs the RRsets of all nodes, and of hidden names the addresses, which may be glue.
func (b *builder) buildSets(s *site) {
	runs := 0
	for i := range s.items {
		if i == 0 || s.items[i].owner != s.items[i-1].owner || s.items[i].rtype != s.items[i-1].rtype {
			runs++
		}
	}
	s.data.sets = make([]RRset, 0, runs) // never grown: there are pointers into it
	s.glue = make(map[string][2]int32)
	var rrs []dns.RR
	for from, to := 0, 0; from < len(s.items); from = to {
		it := s.items[from]
		rrs = rrs[:0]
		for to = from; to < len(s.items) && s.items[to].owner == it.owner && s.items[to].rtype == it.rtype; to++ {
			rrs = append(rrs, s.zone.Records[s.items[to].record])
		}
		o := &s.owners[it.owner]
		if o.hidden && (it.rtype != dns.TypeA && it.rtype != dns.TypeAAAA || s.stops[s.stopAbove(o.name)] == redirected) {
			continue
		}
		rrs = b.checkRRset(s, s.items[from:to], rrs)
		set, err := b.packer.pack(rrs[0].Header().Name, rrs)
		if err != nil {
			b.report.failAt(s, int(it.record), "%s", plainError(err))
			continue
		}
		at := int32(len(s.data.sets))
		s.data.sets = append(s.data.sets, set)
		switch {
		case o.hidden:
			g, ok := s.glue[o.name]
			if !ok {
				g = [2]int32{-1, -1}
			}
			g[family(it.rtype)] = at
			s.glue[o.name] = g
		case o.node.count == 0:
			o.node.first, o.node.count = uint32(at), 1
		default:
			o.node.count++ // the sets of one owner follow each other
		}
	}
}

// family returns 0 for A and 1 for AAAA.
func family(rtype uint16) int {
	if rtype == dns.TypeA {
		return 0
	}
	return 1
}

// addGlue collects the addresses that a referral to the cut carries along.
func (b *builder) addGlue(s *site, cut *Node) {
	var below, beside []*RRset
	for _, target := range nameservers(cut.RRset(dns.TypeNS)) {
		if IsSubdomain(target, []byte(cut.name)) {
			below = append(below, s.addresses(string(target))...)
		} else {
			beside = append(beside, s.addresses(string(target))...)
		}
	}
	if glue := slices.Concat(below, beside); len(glue) > 0 {
		cut.makeRare().glue = slices.Clip(glue[:min(len(glue), maxGlue)])
	}
}

// nameservers returns the targets of an NS RRset (nil: none) as canonical wire names.
func nameservers(set *RRset) [][]byte {
	if set == nil {
		return nil
	}
	var targets [][]byte
	for _, rr := range set.RRs {
		if ns, ok := rr.(*dns.NS); ok {
			if wire, err := WireName(ns.Ns); err == nil {
				targets = append(targets, wire)
			}
		}
	}
	return targets
}

// addresses returns the A and AAAA that the site's zone file has for a name, be they authoritative or glue.
func (s *site) addresses(name string) []*RRset {
	var sets []*RRset
	add := func(set *RRset) {
		if set != nil {
			sets = append(sets, set)
		}
	}
	if g, ok := s.glue[name]; ok {
		for _, at := range g {
			if at >= 0 {
				add(&s.data.sets[at])
			}
		}
	} else if id, ok := s.ids[name]; ok && s.owners[id].node != nil {
		add(s.owners[id].node.RRset(dns.TypeA))
		add(s.owners[id].node.RRset(dns.TypeAAAA))
	}
	return sets
}
