package dnsserver

import (
	"encoding/binary"
	"net/netip"

	"github.com/miekg/dns"
)

// Address families of the client subnet option (RFC 7871, section 6, after the IANA registry).
const (
	familyIPv4 = 1
	familyIPv6 = 2
)

// subnet is the client subnet option of a query (RFC 7871), exactly as it came: family, source prefix length and
// address go back unchanged, only the scope is ours.
type subnet struct {
	present bool
	family  uint16
	source  uint8  // source prefix length
	address []byte // no more of it than the prefix needs; in the packet
}

// parse reads the body of the option. It is false for all that section 7.1.2 of RFC 7871 answers with FORMERR: another
// family, a prefix longer than its addresses, a scope in a query, more or fewer bytes than the prefix needs, bits
// set behind the prefix. (dig +subnet=0 sends family 0; dig +subnet=0.0.0.0/0 is right.)
func (s *subnet) parse(b []byte) bool {
	if len(b) < 4 {
		return false
	}
	s.present, s.family, s.source, s.address = true, binary.BigEndian.Uint16(b), b[2], b[4:]
	most := 32
	switch s.family {
	case familyIPv4:
	case familyIPv6:
		most = 128
	default:
		return false
	}
	n := (int(s.source) + 7) / 8
	if int(s.source) > most || b[3] != 0 || len(s.address) != n {
		return false
	}
	return s.source&7 == 0 || s.address[n-1]<<(s.source&7) == 0
}

// prefix returns the network of the client; the zero prefix if the query didn't say. Length 0 is "don't use my
// address" (section 7.1.2).
func (s *subnet) prefix() netip.Prefix {
	if !s.present {
		return netip.Prefix{}
	}
	// Shifted together, because what was just copied byte by byte is slow to be read as a whole.
	var words [2]uint64
	for i, c := range s.address {
		words[i/8] |= uint64(c) << (56 - 8*(i%8))
	}
	if s.family == familyIPv4 {
		v := uint32(words[0] >> 32)
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}), int(s.source))
	}
	var a [16]byte
	binary.BigEndian.PutUint64(a[:8], words[0])
	binary.BigEndian.PutUint64(a[8:], words[1])
	return netip.PrefixFrom(netip.AddrFrom16(a), int(s.source))
}

// len is the length of the option in an answer.
func (s *subnet) len() int { return 8 + len(s.address) }

// append writes the option of an answer.
func (s *subnet) append(b []byte, scope uint8) []byte {
	b = append(b, 0, dns.EDNS0SUBNET, 0, byte(4+len(s.address)), 0, byte(s.family), s.source, scope)
	return append(b, s.address...)
}
