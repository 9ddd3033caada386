package dnsserver

import (
	"encoding/binary"

	"github.com/miekg/dns"
)

// Sizes on the wire (RFC 1035, section 4.1).
const (
	headerLen   = 12
	maxNameLen  = 255
	maxLabelLen = 63
	// optLen is an OPT record without options: root, TYPE, CLASS, TTL, RDLENGTH.
	optLen = 11
)

// query is what one packet asks. It points into the packet and lives as long.
type query struct {
	id       uint16
	opcode   uint8
	recurse  bool   // RD, to be copied
	question []byte // QNAME, QTYPE, QCLASS as they came, to be echoed; nil: there was none that can be
	name     []byte // QNAME in lower case, wire format; in scratch memory of the caller's
	qtype    uint16
	class    uint16

	edns    bool   // there was a well-formed OPT record
	version uint8  // of EDNS
	size    uint16 // of the largest UDP answer the client takes, as it said
	dnssec  bool   // DO
	nsid    bool   // the NSID option was there (RFC 5001)
	subnet  subnet

	malformed bool      // FORMERR, whatever else was understood
	tsig      *dns.TSIG // the last record; nil: none
}

// decline is why the fast path leaves a packet to the slow path, or to nobody.
type decline uint8

const (
	plain              decline = iota // not declined
	declinedShort                     // less than a header: never answered
	declinedResponse                  // QR=1: never answered
	declinedOpcode                    // not QUERY
	declinedSections                  // other than one question and at most one additional record
	declinedQuestion                  // the name is compressed, too long or cut off
	declinedClass                     // not IN
	declinedAdditional                // the additional record isn't an OPT at the root, or bytes follow it
	declinedEDNS                      // EDNS version above 0, or a malformed OPT
	declinedSubnet                    // a client subnet option that isn't valid
	declines
)

func (d decline) String() string {
	return [declines]string{"plain", "short", "response", "opcode", "sections", "question", "class", "additional", "edns", "subnet"}[d]
}

// answerable tells the packets that may be answered at all: those with a whole header and QR clear.
func answerable(packet []byte) decline {
	if len(packet) < headerLen {
		return declinedShort
	}
	if packet[2]&0x80 != 0 {
		return declinedResponse
	}
	return plain
}

// parseQuery reads the one shape of packet that the fast path knows, and declines every other; then q is not to be
// used. scratch holds the lower-cased name.
func parseQuery(packet []byte, scratch *[maxNameLen]byte, q *query) decline {
	if d := answerable(packet); d != plain {
		return d
	}
	if packet[2]&0x78 != 0 {
		return declinedOpcode
	}
	counts := binary.BigEndian.Uint64(packet[4:])
	if counts != 1<<48 && counts != 1<<48|1 {
		return declinedSections
	}
	n := nameLen(packet[headerLen:])
	end := headerLen + n + 4
	if n == 0 || end > len(packet) {
		return declinedQuestion
	}
	q.reset(packet)
	q.question = packet[headerLen:end]
	q.qtype = binary.BigEndian.Uint16(packet[end-4:])
	q.class = binary.BigEndian.Uint16(packet[end-2:])
	if q.class != dns.ClassINET {
		return declinedClass
	}
	q.name = lower(scratch, packet[headerLen:headerLen+n])
	if counts&1 == 0 {
		if end != len(packet) {
			return declinedAdditional
		}
		return plain
	}
	return q.parseOPT(packet[end:])
}

// reset makes q a query of which only the header is known. Field by field costs less than a whole new value.
func (q *query) reset(packet []byte) {
	q.id = binary.BigEndian.Uint16(packet)
	q.opcode = packet[2] >> 3 & 0xf
	q.recurse = packet[2]&1 != 0
	q.question, q.name, q.qtype, q.class = nil, nil, 0, 0
	q.edns, q.version, q.size, q.dnssec, q.nsid, q.subnet.present = false, 0, 0, false, false, false
	q.malformed, q.tsig = false, nil
}

// parseOPT reads an OPT record that is all of b.
func (q *query) parseOPT(b []byte) decline {
	if len(b) < optLen || b[0] != 0 || binary.BigEndian.Uint16(b[1:]) != dns.TypeOPT ||
		int(binary.BigEndian.Uint16(b[9:])) != len(b)-optLen {
		return declinedAdditional
	}
	q.setOPT(binary.BigEndian.Uint16(b[3:]), binary.BigEndian.Uint32(b[5:]))
	if q.version != 0 {
		return declinedEDNS
	}
	return q.parseOptions(b[optLen:])
}

// setOPT takes over the fixed part of an OPT record: its CLASS and TTL (RFC 6891, section 6.1.3).
func (q *query) setOPT(class uint16, ttl uint32) {
	q.edns = true
	q.size = class
	q.version = uint8(ttl >> 16)
	q.dnssec = ttl&0x8000 != 0
}

// parseOptions reads the RDATA of an OPT record.
func (q *query) parseOptions(b []byte) decline {
	for len(b) > 0 {
		if len(b) < 4 {
			return declinedEDNS
		}
		code, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		if n > len(b)-4 {
			return declinedEDNS
		}
		switch code {
		case dns.EDNS0SUBNET:
			if q.subnet.present || !q.subnet.parse(b[4:4+n]) {
				return declinedSubnet
			}
		case dns.EDNS0NSID:
			q.nsid = true
		}
		b = b[4+n:]
	}
	return plain
}

// nameLen returns the length of the uncompressed name that b begins with, its root label included; 0 if there is no
// such name (RFC 1035, section 3.1).
func nameLen(b []byte) int {
	for n := 0; n < len(b) && n < maxNameLen; {
		l := int(b[n])
		if l == 0 {
			return n + 1
		}
		if l > maxLabelLen {
			return 0
		}
		n += 1 + l
	}
	return 0
}

// lower copies a name of wire format in lower case. Lengths of labels are below 'A', so that all bytes can be treated
// alike, eight at a time.
func lower(dst *[maxNameLen]byte, name []byte) []byte {
	to := dst[:len(name)]
	if len(name) < 8 {
		for i, c := range name {
			to[i] = c | byte(upper(uint64(c))>>2)
		}
		return to
	}
	for i := 0; ; i = min(i+8, len(name)-8) { // the last eight may overlap those before
		x := binary.LittleEndian.Uint64(name[i:])
		binary.LittleEndian.PutUint64(to[i:], x|upper(x)>>2)
		if i == len(name)-8 {
			return to
		}
	}
}

// upper returns 0x80 for each byte of x in 'A'..'Z', 0 for every other.
func upper(x uint64) uint64 {
	const every = 0x0101010101010101
	seven := x & (0x7f * every)
	fromA := seven + (0x80-'A')*every   // high bit: at least 'A'
	beyondZ := seven + (0x7f-'Z')*every // high bit: above 'Z'
	return fromA &^ beyondZ &^ x & (0x80 * every)
}
