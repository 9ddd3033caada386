package dnsserver

import (
	"encoding/binary"

	"github.com/miekg/dns"

	"meridian/zones"
)

// appendFast renders an answer behind dst, from records packed in advance. Owner names are pointers: to the question, to
// a suffix of it, or into the CNAME that led there.
func appendFast(dst []byte, q *query, a *answer, id *identity) []byte {
	base := len(dst)
	dst = appendHeader(dst, q, a)
	dst = append(dst, q.question...)
	if !a.truncated {
		dst = appendSections(dst, base, q, a)
	}
	if q.edns {
		dst = appendOPT(dst, q, a, id)
	}
	return dst
}

// appendHeader renders the header, with all counts.
func appendHeader(dst []byte, q *query, a *answer) []byte {
	flags := 0x8000 | uint16(q.opcode)<<11 | a.rcode&0xf
	if a.authoritative {
		flags |= 0x0400
	}
	if q.recurse {
		flags |= 0x0100
	}
	var questions, answers, authority, additional uint16
	if q.question != nil {
		questions = 1
	}
	if q.edns {
		additional = 1
	}
	if a.truncated {
		flags |= 0x0200
	} else {
		for i := range a.links {
			answers += uint16(a.chain[i].count)
		}
		if a.authority != nil {
			authority = uint16(len(a.authority.Ends))
		}
		for _, set := range a.glue {
			additional += uint16(len(set.Ends))
		}
	}
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	h := dst[len(dst)-headerLen:]
	binary.BigEndian.PutUint32(h[0:], uint32(q.id)<<16|uint32(flags))
	binary.BigEndian.PutUint32(h[4:], uint32(questions)<<16|uint32(answers))
	binary.BigEndian.PutUint32(h[8:], uint32(authority)<<16|uint32(additional))
	return dst
}

// appendSections renders answer, authority and glue; base is where the message begins.
func appendSections(dst []byte, base int, q *query, a *answer) []byte {
	// The last name, uncompressed: where it is in the message and how long.
	at, length := headerLen, len(q.name)
	for i := range a.links {
		r := &a.chain[i]
		if a.isDNAME(i) {
			dst = appendDNAME(dst, r, at+length)
			continue
		}
		next := len(dst) - base + recordFixed
		dst = appendRecords(dst, r, at)
		if i+1 < a.links || a.authority != nil {
			at, length = next, len(cnameTarget(*r))
		}
	}
	if a.authority != nil {
		owner := at + length - len(a.owner)
		dst = appendRecords(dst, &records{a.authority, 0, len(a.authority.Ends)}, owner)
	}
	for _, set := range a.glue {
		dst = appendGlue(dst, set)
	}
	return dst
}

// pointerBits marks a compression pointer (RFC 1035, section 4.1.4).
const pointerBits = 0xc000

// appendRecords copies a window of packed records and points their owners to offset owner of the message.
func appendRecords(dst []byte, r *records, owner int) []byte {
	set, begin := r.set, len(dst)
	last := r.first + r.count
	if last <= len(set.Ends) {
		dst = append(dst, set.Wire[start(set, r.first):set.Ends[last-1]]...)
	} else {
		dst = append(dst, set.Wire[start(set, r.first):]...)
		dst = append(dst, set.Wire[:set.Ends[last-len(set.Ends)-1]]...)
	}
	if owner == headerLen {
		return dst // as it was packed
	}
	for i := range r.count {
		binary.BigEndian.PutUint16(dst[begin:], pointerBits|uint16(owner))
		at := (r.first + i) % len(set.Ends)
		begin += int(set.Ends[at]) - start(set, at)
	}
	return dst
}

// appendDNAME copies a DNAME, whose owner is the end of the name that ends at offset end.
func appendDNAME(dst []byte, r *records, end int) []byte {
	return appendRecords(dst, r, end-nameSize(r.set.Name))
}

// appendGlue copies the address records of a name server, each with its owner in full.
func appendGlue(dst []byte, set *zones.RRset) []byte {
	for i := range set.Ends {
		dst = appendName(dst, set.Name)
		dst = append(dst, set.Wire[start(set, i)+2:set.Ends[i]]...)
	}
	return dst
}

// appendOPT renders the OPT record (RFC 6891, section 6.1.2): client subnet and NSID if they were asked for.
func appendOPT(dst []byte, q *query, a *answer, id *identity) []byte {
	do := byte(0)
	if q.dnssec {
		do = 0x80
	}
	n := optSize(q, id) - optLen
	dst = append(dst, 0, 0, byte(dns.TypeOPT), maxUDP>>8, maxUDP&0xff, byte(a.rcode>>4), 0, do, 0, byte(n>>8), byte(n))
	if q.subnet.present {
		dst = q.subnet.append(dst, a.scope)
	}
	if q.nsid && len(id.nsid) > 0 {
		dst = append(dst, 0, byte(dns.EDNS0NSID), byte(len(id.nsid)>>8), byte(len(id.nsid)))
		dst = append(dst, id.nsid...)
	}
	return dst
}
