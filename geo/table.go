package geo

import "net/netip"

// Locality stands for all clients that are treated alike: what a locate function makes of a [Place].
type Locality uint32

const (
	// Unknown is the locality of addresses of which nothing is known.
	Unknown Locality = 0
	// MaxLocality is the largest locality; it is Private.
	MaxLocality Locality = 1<<23 - 1
	// Private is the locality of private, shared, loopback and link-local networks that nothing else is known
	// of. A client there is located by the source address of its query instead.
	Private = MaxLocality
)

// Table gives every address its locality and the scope of the answer. It is immutable; a look-up takes no lock
// and allocates nothing.
//
// IPv4 is a multi-bit trie of strides 16, 8 and 8 in one array: at most three loads, and one for nearly all of
// the address space. IPv6 is in table6.
type Table struct {
	v4 []entry // 1<<16 entries, then blocks of 1<<8
	v6 table6
}

// entry is an entry of the IPv4 trie: a leaf (the locality in bits 8..30, the scope in 0..7), or, with the top
// bit set, the index of the block of 256 entries where to go on.
type entry uint32

const (
	pointer   entry = 1 << 31
	rootBits4       = 16
	stride4         = 8
)

func leaf(l Locality, scope int) entry { return entry(l)<<8 | entry(scope) }

func (e entry) result() (Locality, uint8) { return Locality(e >> 8), uint8(e) }

// Lookup returns the locality of an address, and the scope: the prefix length, in the address's own family, of
// the network around it for which the answer is the same. An IPv6 address with an IPv4 address embedded is
// looked up by that. An invalid address is Unknown, with scope 0.
func (t *Table) Lookup(addr netip.Addr) (Locality, uint8) {
	switch {
	case addr.Is4():
		return t.Lookup4(uint32(from4(addr)))
	case addr.IsValid():
		a := from6(addr)
		return t.Lookup6(a.hi, a.lo)
	}
	return Unknown, 0
}

// Lookup4 is [Table.Lookup] for an IPv4 address as a number. The scope is 0..32.
func (t *Table) Lookup4(v uint32) (Locality, uint8) {
	e := t.v4[v>>16]
	if e&pointer != 0 {
		e = t.v4[uint32(e&^pointer)<<stride4|v>>8&0xff]
		if e&pointer != 0 {
			e = t.v4[uint32(e&^pointer)<<stride4|v&0xff]
		}
	}
	return e.result()
}

// Lookup6 is [Table.Lookup] for an IPv6 address as two numbers. The scope is 0..128.
func (t *Table) Lookup6(hi, lo uint64) (Locality, uint8) {
	if v4, shift, ok := embedded(hi, lo); ok {
		locality, scope := t.Lookup4(v4)
		return locality, scope + shift
	}
	return t.v6.lookup(addr6{hi, lo})
}

// Size returns the memory that the table takes, in bytes.
func (t *Table) Size() int { return 4*cap(t.v4) + t.v6.size() }
