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
	source  uint8 // source prefix length
	address [16]byte
}

// parse reads the body of the option. It is false for all that section 7.1.2 of RFC 7871 answers with FORMERR: another
// family, a prefix longer than its addresses, a scope in a query, more or fewer bytes than the prefix needs, bits
// set behind the prefix. (dig +subnet=0 sends family 0; dig +subnet=0.0.0.0/0 is right.)
func (s *subnet) parse(b []byte) bool {
	if len(b) < 4 {
		return false
	}
	*s = subnet{present: true, family: binary.BigEndian.Uint16(b), source: b[2]}
	most := 32
	switch s.family {
	case familyIPv4:
	case familyIPv6:
		most = 128
	default:
		return false
	}
	n := s.bytes()
	if int(s.source) > most || b[3] != 0 || len(b) != 4+n {
		return false
	}
	copy(s.address[:], b[4:])
	return s.source&7 == 0 || s.address[n-1]<<(s.source&7) == 0
}

// bytes is how many bytes of the address the option carries.
func (s *subnet) bytes() int { return (int(s.source) + 7) / 8 }

// prefix returns the network of the client; the zero prefix if the query didn't say. Length 0 is "don't use my
// address" (section 7.1.2).
func (s *subnet) prefix() netip.Prefix {
	switch {
	case !s.present:
		return netip.Prefix{}
	case s.family == familyIPv4:
		return netip.PrefixFrom(netip.AddrFrom4([4]byte(s.address[:4])), int(s.source))
	}
	return netip.PrefixFrom(netip.AddrFrom16(s.address), int(s.source))
}

// len is the length of the option in an answer.
func (s *subnet) len() int { return 8 + s.bytes() }

// append writes the option of an answer.
func (s *subnet) append(b []byte, scope uint8) []byte {
	n := s.bytes()
	b = append(b, 0, dns.EDNS0SUBNET, 0, byte(4+n), 0, byte(s.family), s.source, scope)
	return append(b, s.address[:n]...)
}
