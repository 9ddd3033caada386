package zones

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	// maxNameservers is what fits a referral of 512 octets; more help nobody.
	maxNameservers = 13
	// longTTL in seconds: above it a mistake stays in caches for days.
	longTTL = 86400
)

// checkRRset checks the records of one owner and type, and returns them without duplicates.
func (b *builder) checkRRset(s *site, items []item, rrs []dns.RR) []dns.RR {
	h := rrs[0].Header()
	first := int(items[0].record)
	o := &s.owners[items[0].owner]
	switch {
	case h.Rrtype == dns.TypeNS && isWildcard(o.name):
		b.report.failAt(s, first, "%s: NS at a wildcard has no meaning (RFC 4592 section 4.2)", h.Name)
	case h.Rrtype == dns.TypeSOA && o.name != s.apex:
		b.report.failAt(s, first, "%s: the SOA belongs to the apex, %s", h.Name, s.data.Apex)
	case h.Rrtype == dns.TypeRRSIG || h.Rrtype == dns.TypeNSEC || h.Rrtype == dns.TypeNSEC3:
		if o.name == s.apex || h.Rrtype == dns.TypeNSEC3 {
			b.report.warn("signed zone", s, first, "%s %s: the zone is signed, but answers carry no signatures", h.Name, dns.Type(h.Rrtype))
		}
		return rrs // signatures of several types, each with the TTL of its own
	}
	unique := rrs[:0]
	for i, rr := range rrs {
		at := int(items[i].record)
		if len(rrs) <= MaxRRset/12 && slices.ContainsFunc(unique, func(u dns.RR) bool { return dns.IsDuplicate(u, rr) }) {
			b.report.warn("duplicate record", s, at, "%s: the record was given before", describe(rr))
			continue
		}
		if ttl := unique; len(ttl) > 0 && ttl[0].Header().Ttl != rr.Header().Ttl {
			b.report.warn("different TTLs", s, at, "%s has the TTLs %d and %d; the least is used for all its records (RFC 2181 section 5.2)",
				describe(rr), ttl[0].Header().Ttl, rr.Header().Ttl)
		}
		if aaaa, ok := rr.(*dns.AAAA); ok && aaaa.AAAA.To4() != nil {
			b.report.warn("address family", s, at, "%s: %s is an IPv4 address written as an IPv6 address; its type is A", h.Name, rdata(rr))
		}
		unique = append(unique, rr)
		if len(unique) == 2 && (h.Rrtype == dns.TypeCNAME || h.Rrtype == dns.TypeDNAME || h.Rrtype == dns.TypeSOA) {
			b.report.failAt(s, at, "%s has a second %s; only one is allowed", h.Name, dns.Type(h.Rrtype))
		}
	}
	return unique
}

// describe returns owner and type of a record.
func describe(rr dns.RR) string {
	return rr.Header().Name + " " + dns.Type(rr.Header().Rrtype).String()
}

// rdata returns a record's data in presentation format.
func rdata(rr dns.RR) string { return strings.TrimPrefix(rr.String(), rr.Header().String()) }

// lint checks a built site: each name, then the zone as a whole.
func (b *builder) lint(s *site) {
	for from, to := 0, 0; from < len(s.items); from = to {
		id := s.items[from].owner
		for to = from; to < len(s.items) && s.items[to].owner == id; to++ {
		}
		b.lintOwner(s, &s.owners[id], s.items[from:to])
	}
	for i := range s.owners {
		if s.owners[i].service >= 0 {
			b.lintService(s, &s.owners[i])
		}
	}
	b.lintApex(s)
	b.lintTTL(s)
	b.lintNameservers(s)
}

// lintOwner checks what stands side by side at one name; items are its records by type.
func (b *builder) lintOwner(s *site, o *owner, items []item) {
	find := func(rtype uint16) int {
		return slices.IndexFunc(items, func(it item) bool { return it.rtype == rtype })
	}
	if dname := find(dns.TypeDNAME); dname >= 0 && !o.hidden {
		b.lintDNAME(s, o, int(items[dname].record))
	}
	if o.hidden || o.cut || o.child {
		b.lintOccluded(s, o, items)
		return
	}
	cname := find(dns.TypeCNAME)
	if cname < 0 {
		return
	}
	if o.name == s.apex {
		b.report.failAt(s, int(items[cname].record), "%s: a CNAME can't stand at the apex, beside SOA and NS (RFC 1034 section 3.6.2)", s.data.Apex)
		return
	}
	other := slices.IndexFunc(items, func(it item) bool {
		return it.rtype != dns.TypeCNAME && it.rtype != dns.TypeRRSIG && it.rtype != dns.TypeNSEC
	})
	if other >= 0 {
		at := int(items[cname].record)
		b.report.failAt(s, at, "%s has a CNAME beside %s%s (RFC 1034 section 3.6.2)", o.node.Name(), dns.Type(items[other].rtype),
			s.zone.where(int(items[other].record), at))
	}
}

// where returns where record i stands as seen from record from: " on line 5", " at hosts.zone:5" in another file, or
// "" when that isn't known.
func (z *Zone) where(i, from int) string {
	file, line := z.place(i)
	switch other, _ := z.place(from); {
	case line == 0:
		return ""
	case file != other:
		return fmt.Sprintf(" at %s:%d", file, line)
	}
	return fmt.Sprintf(" on line %d", line)
}

// lintOccluded warns of records that are never answered, because the name belongs to another zone or has moved.
func (b *builder) lintOccluded(s *site, o *owner, items []item) {
	name, top := NameString([]byte(o.name)), s.stopAbove(o.name)
	for _, it := range items {
		if s.stops[top] == redirected {
			b.report.warn("occluded", s, int(it.record), "%s %s lies below the DNAME of %s and is not answered",
				name, dns.Type(it.rtype), NameString([]byte(top)))
			continue
		}
		switch it.rtype {
		case dns.TypeNS, dns.TypeDS, dns.TypeRRSIG, dns.TypeNSEC:
			if !o.hidden {
				continue
			}
		case dns.TypeA, dns.TypeAAAA: // glue
			continue
		}
		switch {
		case top != "":
			b.report.warn("occluded", s, int(it.record), "%s %s lies below the delegation of %s and is not answered",
				name, dns.Type(it.rtype), NameString([]byte(top)))
		default:
			b.report.warn("occluded", s, int(it.record), "%s %s stands at a delegation and is not answered", name, dns.Type(it.rtype))
		}
	}
}

// lintService checks that a service is asked at all, and alone in giving addresses.
func (b *builder) lintService(s *site, o *owner) {
	svc := b.services[o.service]
	subject := fmt.Sprintf("service %q ", strings.TrimSuffix(svc.Name, "."))
	fail := func(record int, format string, args ...any) {
		p := Problem{Text: subject + fmt.Sprintf(format, args...), Service: svc.Name}
		if record >= 0 {
			p.File, p.Line = s.zone.place(record)
		}
		b.report.fail(p)
	}
	if top := s.stopAbove(o.name); s.stops[top] == redirected {
		fail(-1, "lies below the DNAME of %s in zone %s, so it would never be answered", NameString([]byte(top)), s.data.Apex)
		return
	} else if top != "" || o.cut {
		if top == "" {
			top = o.name
		}
		fail(-1, "lies at or below the delegation of %s in zone %s, so nobody would ask for it here", NameString([]byte(top)), s.data.Apex)
		return
	}
	alias := slices.IndexFunc(svc.Pools, func(p Pool) bool { return p.CNAME != "" })
	if alias >= 0 && o.name == s.apex {
		fail(-1, "can't have a CNAME pool (%s): it is the apex of its zone (RFC 1034 section 3.6.2)", svc.Pools[alias].Region.Name)
		return
	}
	for _, set := range o.node.sets() {
		record := s.recordOf(s.ids[o.name], set.Type)
		switch set.Type {
		case dns.TypeA, dns.TypeAAAA, dns.TypeCNAME:
			fail(record, "has a static %s record in zone %s; one of the two has to go", dns.Type(set.Type), s.data.Apex)
		default:
			if alias >= 0 {
				fail(record, "has a CNAME pool (%s), and a CNAME can't stand beside its %s record in zone %s (RFC 1034 section 3.6.2)",
					svc.Pools[alias].Region.Name, dns.Type(set.Type), s.data.Apex)
			}
		}
	}
}

// lintApex checks SOA and NS of the zone, and that the parent zone knows of it where that is ours too.
func (b *builder) lintApex(s *site) {
	if s.data.SOA == nil && !s.zone.Incomplete {
		b.report.failAt(s, -1, "zone %s has no SOA record at its apex", s.data.Apex)
	}
	if s.data.NS == nil && !s.zone.Incomplete {
		b.report.failAt(s, -1, "zone %s has no NS record at its apex", s.data.Apex)
	}
	if s.data.SOA != nil {
		if soa, ok := s.data.SOA.RRs[0].(*dns.SOA); ok && soa.Minttl > longTTL {
			b.report.warn("negative TTL", s, s.recordOf(0, dns.TypeSOA), "the SOA's minimum keeps \"doesn't exist\" in caches for %s (RFC 2308 advises 1 to 3 hours)",
				duration(min(soa.Minttl, soa.Hdr.Ttl)))
		}
	}
	if s.parent == nil || s.parent.zone.Incomplete {
		return
	}
	switch above := s.owners[0].node.rare.above; {
	case above.name != s.apex && above.dname:
		b.report.warn("missing delegation", s.parent, -1, "zone %s redirects the names below %s (DNAME), so nobody is led to %s, which is a zone of its own here",
			s.parent.data.Apex, above.Name(), s.data.Apex)
	case above.name == s.apex && !above.cut:
		b.report.warn("missing delegation", s.parent, -1, "zone %s has no NS records for %s, which is a zone of its own here", s.parent.data.Apex, s.data.Apex)
	}
}

// recordOf returns the first record of an owner and type; -1: none.
func (s *site) recordOf(owner int32, rtype uint16) int {
	i, ok := slices.BinarySearchFunc(s.items, item{owner: owner, rtype: rtype}, func(x, y item) int {
		return cmp.Or(cmp.Compare(x.owner, y.owner), cmp.Compare(x.rtype, y.rtype))
	})
	if !ok {
		return -1
	}
	return int(s.items[i].record)
}

// lintTTL warns once of a zone's TTLs of days.
func (b *builder) lintTTL(s *site) {
	worst, count := -1, 0
	for _, it := range s.items {
		if s.zone.Records[it.record].Header().Ttl <= longTTL {
			continue
		}
		count++
		if worst < 0 || s.zone.Records[it.record].Header().Ttl > s.zone.Records[worst].Header().Ttl {
			worst = int(it.record)
		}
	}
	if worst < 0 {
		return
	}
	more := ""
	if count > 1 {
		more = fmt.Sprintf(" (one of %d records above a day)", count)
	}
	rr := s.zone.Records[worst]
	b.report.warn("long TTL", s, worst, "%s has a TTL of %s%s: caches keep a mistake for that long", describe(rr), duration(rr.Header().Ttl), more)
}

// duration writes seconds as days, hours and so on: "7d", "1d12h".
func duration(seconds uint32) string {
	days := seconds / 86400
	rest := time.Duration(seconds%86400) * time.Second
	s := ""
	if days > 0 {
		s = fmt.Sprintf("%dd", days)
	}
	if rest > 0 || days == 0 {
		text := rest.String()
		for _, zero := range []string{"m0s", "h0m"} {
			if strings.HasSuffix(text, zero) {
				text = text[:len(text)-2]
			}
		}
		s += text
	}
	return s
}

// lintNameservers checks the targets of NS and MX: those in our zones have addresses and aren't aliases.
func (b *builder) lintNameservers(s *site) {
	counts := make(map[int32]int)
	for _, it := range s.items {
		o := &s.owners[it.owner]
		if o.hidden || o.cut && it.rtype != dns.TypeNS {
			continue
		}
		rr := s.zone.Records[it.record]
		switch rr := rr.(type) {
		case *dns.NS:
			if counts[it.owner]++; counts[it.owner] == maxNameservers+1 {
				b.report.warn("name servers", s, int(it.record), "%s has more than %d NS records; a referral has no room for them", rr.Hdr.Name, maxNameservers)
			}
			b.lintTarget(s, o, int(it.record), "name server", rr.Ns)
		case *dns.MX:
			if rr.Mx != "." { // null MX, RFC 7505
				b.lintTarget(s, o, int(it.record), "mail server", rr.Mx)
			}
		}
	}
}

// lintTarget checks a name that a record points to, as far as our own data can tell.
func (b *builder) lintTarget(s *site, o *owner, record int, what, target string) {
	wire, err := WireName(target)
	if err != nil {
		return
	}
	owned := NameString([]byte(o.name))
	if o.cut && IsSubdomain(wire, []byte(o.name)) {
		if len(s.addresses(string(wire))) == 0 && !s.zone.Incomplete {
			b.report.warn("missing glue", s, record, "%s %s of the delegation %s has no glue: without an A or AAAA record here nobody finds it", what, target, owned)
		}
		return
	}
	m := b.index.Find(wire, dns.TypeA)
	if m.Zone != nil && b.apexes[string(m.Zone.ApexWire)].zone.Incomplete {
		return
	}
	switch m.Kind {
	case Exact, Wildcard:
		switch {
		case m.Node.CNAME() != nil:
			b.report.warn("alias", s, record, "%s %s of %s is an alias (CNAME), which RFC 2181 section 10.3 forbids", what, target, owned)
		case m.Node.Service() < 0 && m.Node.RRset(dns.TypeA) == nil && m.Node.RRset(dns.TypeAAAA) == nil:
			b.report.warn("missing glue", s, record, "%s %s of %s has no A or AAAA record in zone %s", what, target, owned, m.Zone.Apex)
		}
	case Redirection:
		b.report.warn("alias", s, record, "%s %s of %s is an alias (DNAME of %s), which RFC 2181 section 10.3 forbids", what, target, owned, m.Node.Name())
	case NXDomain:
		b.report.warn("missing glue", s, record, "%s %s of %s doesn't exist in zone %s", what, target, owned, m.Zone.Apex)
	}
}
