package geo

import (
	"math/bits"
	"slices"
)

// table6 is the IPv6 half of a [Table]: the edges of the map, sorted, and an index that leads to within a few
// edges of any address.
//
//	root: 14 bits ─▶ block: 12 bits ─▶ node: 6 bits ─▶ node … ─▶ edge ─▶ the next few edges
//
// Every entry that isn't a pointer is the number of the edge that covers the first address of its slot; not more
// than nearby edges begin inside the slot, so a short walk finds the right one. The scope is worked out from the
// edges on both sides. A node (after the Poptrie of Asai and Ohara, SIGCOMM 2015) holds of its 64 slots only what
// differs. 14 + 12 + 17·6 = 128.
//
// A plain Poptrie needs a node for every six bits of every /48 and, with the scope in its leaves, twice the
// memory and time; a binary search over all edges, three times the time.
type table6 struct {
	index  []index6 // 1<<14 entries, then blocks of 1<<12
	nodes  []node6
	leaves []uint32 // edge numbers
	edges  steps[addr6]
}

// index6 is the number of an edge, or, with the top bit set, that of a block (in the root) or a node (in a block).
type index6 uint32

const (
	pointer6   index6 = 1 << 31
	rootBits6         = 14
	blockBits6        = 12
	stride6           = 6
	nearby            = 6 // edges that may begin inside a slot
)

// node6 is 64 slots, one for each value of the next 6 bits. Children lie side by side from child on, leaves from
// leaf on; equal leaves side by side are one.
type node6 struct {
	inner uint64 // bit s: slot s is a child
	begin uint64 // bit s: slot s is a leaf that differs from the leaf slot before
	child uint32
	leaf  uint32
}

func (t *table6) lookup(a addr6) (Locality, uint8) {
	e := t.index[a.hi>>(64-rootBits6)]
	if e&pointer6 != 0 {
		e = t.index[uint64(e&^pointer6)<<blockBits6|a.hi>>(64-rootBits6-blockBits6)&(1<<blockBits6-1)]
		if e&pointer6 != 0 {
			e = t.descend(uint32(e&^pointer6), a)
		}
	}
	i := int(e)
	for i+1 < len(t.edges) && !a.less(t.edges[i+1].first) {
		i++
	}
	return Locality(t.edges[i].value), t.scope(i, a)
}

// descend goes from a node, which stands behind the first 26 bits, to the number of an edge.
func (t *table6) descend(number uint32, a addr6) index6 {
	const skip = rootBits6 + blockBits6
	hi, lo := a.hi<<skip|a.lo>>(64-skip), a.lo<<skip
	for {
		n := &t.nodes[number]
		slot := hi >> (64 - stride6)
		if n.inner>>slot&1 == 0 {
			return index6(t.leaves[n.leaf+uint32(bits.OnesCount64(n.begin<<(63-slot)))-1])
		}
		number = n.child + uint32(bits.OnesCount64(n.inner&(1<<slot-1)))
		hi, lo = hi<<stride6|lo>>(64-stride6), lo<<stride6
	}
}

// scope is [steps.certain] for edge i, without its detour by a type parameter.
func (t *table6) scope(i int, a addr6) uint8 {
	length := 0
	if i > 0 {
		length = a.common(t.edges[i].first.prev()) + 1
	}
	if i+1 < len(t.edges) {
		length = max(length, a.common(t.edges[i+1].first)+1)
	}
	return uint8(length)
}

func (t *table6) size() int {
	return 4*(cap(t.index)+cap(t.leaves)) + 24*(cap(t.nodes)+cap(t.edges))
}

// compile makes the table of a step function whose values are localities, and keeps it.
func (t *table6) compile(s steps[addr6]) {
	t.edges = s
	t.index = make([]index6, 1<<rootBits6)
	t.fill(s, 0, addr6{}, 0, rootBits6, func(i int, base addr6) uint32 {
		at := len(t.index)
		t.index = append(t.index, make([]index6, 1<<blockBits6)...)
		t.fill(s, i, base, at, rootBits6+blockBits6, func(i int, base addr6) uint32 {
			t.nodes = append(t.nodes, node6{})
			number := len(t.nodes) - 1
			t.fillNode(s, i, base, number, rootBits6+blockBits6)
			return uint32(number)
		})
		return uint32(at >> blockBits6)
	})
	t.index, t.nodes, t.leaves = slices.Clip(t.index), slices.Clip(t.nodes), slices.Clip(t.leaves)
}

// fill fills the root or a block, from index at on, for the addresses from base on; depth is the prefix length of
// a slot, edge i covers base, deeper makes what a pointer points to.
func (t *table6) fill(s steps[addr6], i int, base addr6, at, depth int, deeper func(i int, base addr6) uint32) {
	n := 1 << rootBits6
	if at > 0 {
		n = 1 << blockBits6
	}
	for slot := range n {
		first := addr6{hi: base.hi | uint64(slot)<<(64-depth)}
		var many bool
		if i, many = crowded(s, i, first, depth); many {
			t.index[at+slot] = pointer6 | index6(deeper(i, first))
		} else {
			t.index[at+slot] = index6(i)
		}
	}
}

// crowded moves on from edge i to the edge that covers a, and reports whether more than nearby edges begin inside
// the block of this prefix length at a.
func crowded(s steps[addr6], i int, a addr6, length int) (edge int, many bool) {
	for i+1 < len(s) && !a.less(s[i+1].first) {
		i++
	}
	return i, i+nearby+1 < len(s) && !a.end(length).less(s[i+nearby+1].first)
}

// fillNode fills a node for the addresses from base on, of which depth bits are settled; edge i covers base. The
// children are made side by side before any of them is filled.
func (t *table6) fillNode(s steps[addr6], i int, base addr6, number, depth int) {
	n := node6{child: uint32(len(t.nodes)), leaf: uint32(len(t.leaves))}
	var edges [1 << stride6]int // where each child begins
	for slot := range 1 << stride6 {
		var many bool
		if i, many = crowded(s, i, slot6(base, depth, slot), depth+stride6); many {
			n.inner |= 1 << slot
			edges[slot] = i
		} else if n.begin == 0 || t.leaves[len(t.leaves)-1] != uint32(i) {
			n.begin |= 1 << slot
			t.leaves = append(t.leaves, uint32(i))
		}
	}
	t.nodes[number] = n
	t.nodes = append(t.nodes, make([]node6, bits.OnesCount64(n.inner))...)
	child := int(n.child)
	for rest := n.inner; rest != 0; rest &= rest - 1 {
		slot := bits.TrailingZeros64(rest)
		t.fillNode(s, edges[slot], slot6(base, depth, slot), child, depth+stride6)
		child++
	}
}

// slot6 returns the first address of a slot of the node at base.
func slot6(base addr6, depth, slot int) addr6 {
	shift := 128 - depth - stride6
	if shift >= 64 {
		return addr6{base.hi | uint64(slot)<<(shift-64), base.lo}
	}
	return addr6{base.hi | uint64(slot)>>(64-shift), base.lo | uint64(slot)<<shift}
}
