package dnsserver

import (
	"encoding/binary"
	"encoding/hex"
	"errors"

	"github.com/miekg/dns"

	"meridian/zones"
)

// parseSlow reads any answerable packet, through miekg/dns. What can't be understood leaves a query that is marked
// malformed, with as much as there was: even a bad body gets an answer with its id and, where possible, its question.
//
// Its work is bounded by the length of the packet: it looks at each record once, into OPT and TSIG only, and a
// compressed name follows a bounded number of pointers.
func parseSlow(packet []byte, scratch *[maxNameLen]byte, q *query) {
	q.reset(packet)
	if err := q.read(packet, scratch); err != nil {
		q.malformed = true
		q.subnet = subnet{} // it may be what is wrong
		q.tsig = nil
	}
}

// Mistakes of packets. They become one FORMERR; the words are for tests and debuggers.
var (
	errQuestions  = errors.New("not exactly one question")
	errQuestion   = errors.New("the question's name is compressed or cut off")
	errSections   = errors.New("records in the answer or authority section of a query")
	errRecord     = errors.New("a record is cut off")
	errTrailing   = errors.New("bytes after the last record")
	errOPT        = errors.New("an OPT that is misplaced, not the only one, or malformed")
	errMisplaced  = errors.New("a TSIG that isn't the last record")
	errNotATSIG   = errors.New("a malformed TSIG")
	errNoNameLeft = errors.New("a name that doesn't end")
)

// read walks the whole packet. What it has understood before an error stays in q.
func (q *query) read(packet []byte, scratch *[maxNameLen]byte) error {
	questions := binary.BigEndian.Uint16(packet[4:])
	answers := int(binary.BigEndian.Uint16(packet[6:]))
	authority := int(binary.BigEndian.Uint16(packet[8:]))
	additional := int(binary.BigEndian.Uint16(packet[10:]))
	if questions == 0 {
		return errQuestions
	}
	off, err := q.readQuestion(packet, scratch)
	if err != nil {
		return err
	}
	if questions > 1 {
		return errQuestions
	}
	for i := range answers + authority + additional {
		inAdditional := i >= answers+authority
		last := i == answers+authority+additional-1
		if off, err = q.readRecord(packet, off, inAdditional, last); err != nil {
			return err
		}
	}
	if off != len(packet) {
		return errTrailing
	}
	// An IXFR brings the SOA that its client has (RFC 1995, section 3).
	if answers > 0 || authority > 0 && q.qtype != dns.TypeIXFR {
		return errSections
	}
	return nil
}

// readQuestion reads the first question and returns where it ends.
func (q *query) readQuestion(packet []byte, scratch *[maxNameLen]byte) (int, error) {
	name, off, err := dns.UnpackDomainName(packet, headerLen)
	if err != nil || off+4 > len(packet) {
		return 0, errQuestion
	}
	n, err := dns.PackDomainName(dns.CanonicalName(name), scratch[:], 0, nil, false)
	if err != nil || n != off-headerLen { // shorter on the wire than it is: compressed
		return 0, errQuestion
	}
	q.name = scratch[:n]
	q.question = packet[headerLen : off+4]
	q.qtype = binary.BigEndian.Uint16(packet[off:])
	q.class = binary.BigEndian.Uint16(packet[off+2:])
	return off + 4, nil
}

// readRecord reads the record at off and returns where it ends.
func (q *query) readRecord(packet []byte, off int, additional, last bool) (int, error) {
	begin := off
	owner, off, err := dns.UnpackDomainName(packet, off)
	if err != nil {
		return 0, errNoNameLeft
	}
	if off+10 > len(packet) {
		return 0, errRecord
	}
	rrtype := binary.BigEndian.Uint16(packet[off:])
	class := binary.BigEndian.Uint16(packet[off+2:])
	ttl := binary.BigEndian.Uint32(packet[off+4:])
	rdata := off + 10
	end := rdata + int(binary.BigEndian.Uint16(packet[off+8:]))
	if end > len(packet) {
		return 0, errRecord
	}
	switch rrtype {
	case dns.TypeOPT:
		if !additional || q.edns || owner != "." {
			return 0, errOPT
		}
		q.setOPT(class, ttl)
		// The options of another version may have another form.
		if q.version == 0 && q.parseOptions(packet[rdata:end]) != plain {
			return 0, errOPT
		}
	case dns.TypeTSIG:
		if !additional || !last {
			return 0, errMisplaced
		}
		if q.tsig, err = unpackTSIG(packet, begin, rdata, end); err != nil {
			return 0, err
		}
	}
	return end, nil
}

// unpackTSIG reads the TSIG at begin. miekg/dns takes one that is cut off between its fields for a whole one, so the
// length of the RDATA is compared with what its fields say (RFC 8945, section 4.2).
func unpackTSIG(packet []byte, begin, rdata, end int) (*dns.TSIG, error) {
	const fixed = 16 // time, fudge, MAC size, original ID, error, other length
	rr, _, err := dns.UnpackRR(packet, begin)
	tsig, ok := rr.(*dns.TSIG)
	if err != nil || !ok {
		return nil, errNotATSIG
	}
	_, algorithm, err := dns.UnpackDomainName(packet, rdata)
	if err != nil || end != algorithm+fixed+int(tsig.MACSize)+int(tsig.OtherLen) {
		return nil, errNotATSIG
	}
	return tsig, nil
}

// appendSlow renders an answer behind dst through miekg/dns.
func appendSlow(dst []byte, q *query, a *answer, id *identity) ([]byte, error) {
	m := &dns.Msg{MsgHdr: dns.MsgHdr{
		Id:               q.id,
		Response:         true,
		Opcode:           int(q.opcode),
		Authoritative:    a.authoritative,
		RecursionDesired: q.recurse,
		Rcode:            int(a.rcode),
	}, Compress: true}
	if q.question != nil {
		name, _, err := dns.UnpackDomainName(q.question, 0)
		if err != nil {
			return nil, err
		}
		m.Question = []dns.Question{{Name: name, Qtype: q.qtype, Qclass: q.class}}
	}
	if m.Truncated = a.truncated; !a.truncated {
		sections(m, a)
	}
	if q.edns {
		m.Extra = append(m.Extra, opt(q, a, id))
	}
	if q.tsig != nil {
		if t := badKey(q.tsig); m.Len()+dns.Len(t) <= a.limit {
			m.Extra = append(m.Extra, t)
		}
	}
	packed, err := m.Pack()
	if err != nil {
		return nil, err
	}
	return append(dst, packed...), nil
}

// sections fills in answer, authority and glue.
func sections(m *dns.Msg, a *answer) {
	var name string
	if len(m.Question) > 0 {
		name = m.Question[0].Name
	}
	for i := range a.links {
		r := &a.chain[i]
		if a.isDNAME(i) {
			m.Answer = append(m.Answer, owned(r.set.RRs[0], suffix(name, dns.CountLabel(r.set.Name))))
			continue
		}
		var target string
		for j := range r.count {
			rr := r.set.RRs[(r.first+j)%len(r.set.RRs)]
			if c, ok := rr.(*dns.CNAME); ok {
				target = c.Target
			}
			m.Answer = append(m.Answer, owned(rr, name))
		}
		if i+1 < a.links || a.authority != nil {
			name = target
		}
	}
	if a.authority != nil {
		owner := suffix(name, dns.CountLabel(zones.NameString(a.owner)))
		for _, rr := range a.authority.RRs {
			m.Ns = append(m.Ns, owned(rr, owner))
		}
	}
	for _, set := range a.glue {
		for _, rr := range set.RRs {
			m.Extra = append(m.Extra, owned(rr, set.Name))
		}
	}
}

// owned returns a copy of rr that belongs to name.
func owned(rr dns.RR, name string) dns.RR {
	rr = dns.Copy(rr)
	rr.Header().Name = name
	return rr
}

// suffix returns the last labels of name, in the case that they have there.
func suffix(name string, labels int) string {
	if labels == 0 {
		return "."
	}
	i, _ := dns.PrevLabel(name, labels)
	return name[i:]
}

// opt makes the OPT record of an answer.
func opt(q *query, a *answer, id *identity) *dns.OPT {
	o := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT, Class: maxUDP}}
	if q.dnssec {
		o.SetDo()
	}
	if s := &q.subnet; s.present {
		o.Option = append(o.Option, &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: s.family, SourceNetmask: s.source,
			SourceScope: a.scope, Address: s.prefix().Addr().AsSlice()})
	}
	if q.nsid && len(id.nsid) > 0 {
		o.Option = append(o.Option, &dns.EDNS0_NSID{Code: dns.EDNS0NSID, Nsid: hex.EncodeToString(id.nsid)})
	}
	return o
}

// badKey is the unsigned TSIG that tells a client that its key isn't known here (RFC 8945, sections 5.2.1 and 5.3.2).
func badKey(t *dns.TSIG) *dns.TSIG {
	return &dns.TSIG{
		Hdr:        dns.RR_Header{Name: t.Hdr.Name, Rrtype: dns.TypeTSIG, Class: dns.ClassANY},
		Algorithm:  t.Algorithm,
		TimeSigned: t.TimeSigned,
		Fudge:      t.Fudge,
		OrigId:     t.OrigId,
		Error:      dns.RcodeBadKey,
	}
}
