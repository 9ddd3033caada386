package simulate

import (
	"iter"
	"math"
	"net/netip"

	"meridian/snapshot"
)

// mostPieces is into how many parts, as a power of two, a client network is divided at most.
const mostPieces = 8

// pieces yields the parts of a client network that the services tell apart, with their shares of it. Who in the network
// asked isn't recorded, so that all of its addresses count alike. Most networks are one piece; one that is finer than
// mostPieces allows counts by the first address of each part.
func (p *pair) pieces(client netip.Prefix) iter.Seq2[netip.Prefix, float64] {
	return func(yield func(netip.Prefix, float64) bool) {
		client = client.Masked()
		longest := min(client.Bits()+mostPieces, client.Addr().BitLen())
		for at := client.Addr(); client.Contains(at); {
			bits := min(max(p.alike(at), client.Bits()), longest)
			// It fails only for lengths beyond the family's.
			piece, _ := at.Prefix(bits)
			if !yield(netip.PrefixFrom(at, bits), math.Ldexp(1, client.Bits()-bits)) {
				return
			}
			at = behind(piece)
		}
	}
}

// alike returns the length of the largest network around an address in which both services treat everybody alike.
func (p *pair) alike(at netip.Addr) int {
	longest := 0
	for _, s := range []*snapshot.Service{p.before, p.after} {
		if s != nil {
			longest = max(longest, int(s.Locate(snapshot.Client{ECS: netip.PrefixFrom(at, at.BitLen())}).Scope))
		}
	}
	return longest
}

// behind returns the first address behind a network; the zero Addr behind the last one.
func behind(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := range b {
		if kept := p.Bits() - 8*i; kept < 8 {
			b[i] |= 0xff >> max(kept, 0)
		}
	}
	last, _ := netip.AddrFromSlice(b)
	return last.Next()
}
