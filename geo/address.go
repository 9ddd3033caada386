package geo

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// address is what the sweep and the table need of an address: the same code serves both families, each at its
// own width (a million IPv4 edges cost 8 MB, not 24).
type address[A any] interface {
	comparable
	less(A) bool
	prev() A          // the address before; of the lowest: the highest
	common(A) int     // number of leading bits that two addresses share
	end(length int) A // the last address of the block of this prefix length that holds the address
	next() (A, bool)  // the address after; false at the highest
	addr() netip.Addr
}

// addr4 is an IPv4 address.
type addr4 uint32

func (a addr4) less(b addr4) bool  { return a < b }
func (a addr4) prev() addr4        { return a - 1 }
func (a addr4) common(b addr4) int { return bits.LeadingZeros32(uint32(a ^ b)) }
func (a addr4) end(length int) addr4 {
	return a | addr4(^uint32(0)>>length) // a shift by 32 gives 0
}
func (a addr4) next() (addr4, bool) { return a + 1, a != ^addr4(0) }
func (a addr4) addr() netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(a))
	return netip.AddrFrom4(b)
}

// addr6 is an IPv6 address.
type addr6 struct{ hi, lo uint64 }

func (a addr6) less(b addr6) bool { return a.hi < b.hi || a.hi == b.hi && a.lo < b.lo }
func (a addr6) prev() addr6 {
	lo, borrow := bits.Sub64(a.lo, 1, 0)
	return addr6{a.hi - borrow, lo}
}

func (a addr6) common(b addr6) int {
	if x := a.hi ^ b.hi; x != 0 {
		return bits.LeadingZeros64(x)
	}
	return 64 + bits.LeadingZeros64(a.lo^b.lo)
}

func (a addr6) end(length int) addr6 {
	if length >= 64 {
		return addr6{a.hi, a.lo | ^uint64(0)>>(length-64)}
	}
	return addr6{a.hi | ^uint64(0)>>length, ^uint64(0)}
}

func (a addr6) next() (addr6, bool) {
	lo, carry := bits.Add64(a.lo, 1, 0)
	return addr6{a.hi + carry, lo}, a != addr6{^uint64(0), ^uint64(0)}
}

func (a addr6) addr() netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], a.hi)
	binary.BigEndian.PutUint64(b[8:], a.lo)
	return netip.AddrFrom16(b)
}

// from4 and from6 convert; the address must be of the family.
func from4(a netip.Addr) addr4 {
	b := a.As4()
	return addr4(binary.BigEndian.Uint32(b[:]))
}

func from6(a netip.Addr) addr6 {
	b := a.As16()
	return addr6{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// embeddings are the blocks of the IPv6 space whose addresses carry an IPv4 address. The table has a hole for
// each, so that no block of their neighbours' reaches into them.
var embeddings = [...]netip.Prefix{
	netip.MustParsePrefix("::ffff:0:0/96"), // mapped, RFC 4291 section 2.5.5.2
	netip.MustParsePrefix("64:ff9b::/96"),  // NAT64, RFC 6052 section 2.1
	netip.MustParsePrefix("2001::/32"),     // Teredo, RFC 4380 section 4
	netip.MustParsePrefix("2002::/16"),     // 6to4, RFC 3056 section 2
}

// embedded returns the IPv4 address that an IPv6 address carries, and the number of bits in front of it: a
// scope of s bits in IPv4 is one of shift+s bits here. A Teredo client's address is the inverted low 32 bits,
// so the whole of the higher bits (server, flags, port) is in front of it.
func embedded(hi, lo uint64) (v4 uint32, shift uint8, ok bool) {
	switch hi >> 48 {
	case 0x2002:
		return uint32(hi >> 16), 16, true
	case 0x2001:
		return ^uint32(lo), 96, hi>>32 == 0x2001_0000
	case 0x0064:
		return uint32(lo), 96, hi == 0x0064_ff9b_0000_0000 && lo>>32 == 0
	case 0:
		return uint32(lo), 96, hi == 0 && lo>>32 == 0xffff
	}
	return 0, 0, false
}

// unembed returns the IPv4 network that an IPv6 prefix within one of the embeddings stands for.
func unembed(p netip.Prefix) (netip.Prefix, bool) {
	if p.Addr().Is4() {
		return netip.Prefix{}, false
	}
	a := from6(p.Addr())
	v4, shift, ok := embedded(a.hi, a.lo)
	if !ok || p.Bits() < int(shift) {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(addr4(v4).addr(), min(p.Bits()-int(shift), 32)).Masked(), true
}
