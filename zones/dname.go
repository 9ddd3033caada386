package zones

import (
	"encoding/binary"

	"github.com/miekg/dns"
)

// recordFixed is what precedes the RDATA of a record in RRset.Wire: owner pointer, TYPE, CLASS, TTL, RDLENGTH.
const recordFixed = 12

// Redirect makes the CNAME that stands beside a DNAME in answers (RFC 6672 sections 2.2 and 3.1): it leads from a name
// strictly below the owner of the DNAME, which s holds, to that name with the owner replaced by the target. Its TTL is
// the DNAME's. Name is in wire format; the labels that are kept are in its case. The answer is nil where the new name
// would be longer than 255 octets (YXDOMAIN).
//
// It allocates: DNAMEs are for names that have moved, and few ask for those.
func (s *RRset) Redirect(name []byte) *RRset {
	var buf [maxName + 1]byte
	owner, err := AppendWireName(buf[:0], s.Name)
	if err != nil || len(owner) >= len(name) {
		return nil
	}
	kept, target := name[:len(name)-len(owner)], s.Wire[recordFixed:s.Ends[0]]
	length := len(kept) + len(target)
	if length > maxName {
		return nil
	}
	wire := make([]byte, 0, recordFixed+length)
	wire = append(wire, 0xC0, 0x0C)
	wire = binary.BigEndian.AppendUint16(wire, dns.TypeCNAME)
	wire = binary.BigEndian.AppendUint16(wire, dns.ClassINET)
	wire = binary.BigEndian.AppendUint32(wire, s.TTL)
	wire = binary.BigEndian.AppendUint16(wire, uint16(length))
	wire = append(append(wire, kept...), target...)
	cname := &dns.CNAME{
		Hdr:    dns.RR_Header{Name: NameString(name), Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: s.TTL},
		Target: NameString(wire[recordFixed:]),
	}
	return &RRset{
		Name: cname.Hdr.Name, Type: dns.TypeCNAME, TTL: s.TTL,
		RRs: []dns.RR{cname}, Wire: wire, Ends: []uint16{uint16(len(wire))},
	}
}

// lintDNAME checks what stands beside a DNAME; items are the records of its owner, record is the DNAME. What lies below
// is occluded, of which lintOccluded warns.
func (b *builder) lintDNAME(s *site, o *owner, record int) {
	name := NameString([]byte(o.name))
	switch {
	case o.cut:
		b.report.failAt(s, record, "%s has a DNAME beside NS%s: a delegation is redirected in the zone that it leads to (RFC 6672 section 2.3)",
			name, s.zone.where(s.recordOf(s.ids[o.name], dns.TypeNS), record))
	case isWildcard(o.name):
		b.report.warn("DNAME at a wildcard", s, record, "%s: a DNAME at a wildcard doesn't redirect the names that the wildcard stands for (RFC 6672 section 3.3)", name)
	}
}
