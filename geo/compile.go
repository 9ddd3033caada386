package geo

import (
	"math/bits"
	"slices"
)

// Compile makes the table for one way of locating. locate is called once for each distinct place that an
// address has, but not for the unknown place (Unknown) and for private networks (Private). A private network
// that a geo rule names is passed to locate; if that answers Unknown, it stays Private. A locality above
// MaxLocality counts as Unknown.
func (a *Atlas) Compile(locate func(*Place) Locality) *Table {
	l := localizer{a.places, locate, make([]uint32, len(a.places))}
	l.localities[unknownPlace] = uint32(Unknown)
	for id := firstPlace; id < len(a.places); id++ {
		l.localities[id] = unasked
	}
	l.localities[embeddedPlace] = hole
	v4, v6 := melt(a.v4, l.of), melt(a.v6, l.of)
	t := &Table{}
	t.compile4(v4)
	t.compile6(v6)
	return t
}

const (
	unasked = ^uint32(0)
	// hole is the value of the embeddings: like no locality, so that none grows over them. Nobody sees it: a
	// look-up goes to IPv4 before it gets there.
	hole = uint32(MaxLocality) + 1
)

// localizer remembers what locate said of each place.
type localizer struct {
	places     []Place
	locate     func(*Place) Locality
	localities []uint32 // by place id
}

func (l *localizer) of(id uint32) uint32 {
	if l.localities[id] == unasked {
		l.localities[id] = uint32(l.ask(&l.places[id]))
	}
	return l.localities[id]
}

func (l *localizer) ask(p *Place) Locality {
	if p.Private && !p.Rule.IsValid() {
		return Private
	}
	locality := l.locate(p)
	if locality > MaxLocality {
		locality = Unknown
	}
	if locality == Unknown && p.Private {
		return Private
	}
	return locality
}

// melt maps the values of a step function; neighbours that become equal become one.
func melt[A address[A]](s steps[A], of func(uint32) uint32) steps[A] {
	out := make(steps[A], 0, len(s))
	for _, e := range s {
		out.add(e.first, of(e.value))
	}
	return slices.Clip(out)
}

// leafAt returns the leaf for the block at address a that edge i covers as a whole.
func leafAt[A address[A]](s steps[A], i int, a A) entry {
	if s[i].value == hole {
		return 0
	}
	return leaf(Locality(s[i].value), s.certain(i, a))
}

// compile4 fills the IPv4 trie, a block of slots at a time.
func (t *Table) compile4(s steps[addr4]) {
	t.v4 = make([]entry, 1<<rootBits4, 1<<rootBits4+len(s)*4)
	t.fill4(s, 0, 0, 0, 32-rootBits4, 1<<rootBits4)
	t.v4 = slices.Clip(t.v4)
}

// fill4 fills the n entries from index at on, of which the first stands for the 1<<shift addresses from base on;
// edge i covers base.
func (t *Table) fill4(s steps[addr4], i int, base addr4, at int, shift int, n int) {
	for slot := range n {
		first := base + addr4(slot)<<shift
		last := first.end(32 - shift)
		for i+1 < len(s) && !first.less(s[i+1].first) {
			i++
		}
		if i+1 == len(s) || last.less(s[i+1].first) {
			t.v4[at+slot] = leafAt(s, i, first)
			continue
		}
		block := len(t.v4)
		t.v4 = append(t.v4, make([]entry, 1<<stride4)...)
		t.v4[at+slot] = pointer | entry(block>>stride4)
		t.fill4(s, i, first, block, shift-stride4, 1<<stride4)
	}
}

// compile6 fills the IPv6 trie.
func (t *Table) compile6(s steps[addr6]) {
	t.v6 = make([]entry, 1<<rootBits6)
	i := 0
	for slot := range t.v6 {
		first := addr6{hi: uint64(slot) << (64 - rootBits6)}
		var inner bool
		if i, inner = advance6(s, i, first, rootBits6); !inner {
			t.v6[slot] = leafAt(s, i, first)
			continue
		}
		t.v6[slot] = pointer | entry(len(t.nodes))
		t.nodes = append(t.nodes, node{})
		t.fill6(s, i, first, len(t.nodes)-1, rootBits6)
	}
	t.nodes, t.leaves = slices.Clip(t.nodes), slices.Clip(t.leaves)
}

// advance6 moves i on to the edge that covers first, and reports whether another one begins within the block of
// this prefix length.
func advance6(s steps[addr6], i int, first addr6, length int) (int, bool) {
	for i+1 < len(s) && !first.less(s[i+1].first) {
		i++
	}
	return i, i+1 < len(s) && !first.end(length).less(s[i+1].first)
}

// fill6 fills the node at index at for the block of depth bits that begins at base; edge i covers base. The
// children are made side by side before any of them is filled.
func (t *Table) fill6(s steps[addr6], i int, base addr6, at int, depth int) {
	n := node{child: uint32(len(t.nodes)), leaf: uint32(len(t.leaves))}
	var edges [1 << stride6]int // where each child begins to read
	var last entry
	for slot := range 1 << stride6 {
		var inner bool
		first := slot6(base, depth, slot)
		if i, inner = advance6(s, i, first, depth+stride6); inner {
			n.inner |= 1 << slot
			edges[slot] = i
			continue
		}
		if e := leafAt(s, i, first); n.begin == 0 || e != last {
			n.begin |= 1 << slot
			t.leaves = append(t.leaves, e)
			last = e
		}
	}
	t.nodes[at] = n
	t.nodes = append(t.nodes, make([]node, bits.OnesCount64(n.inner))...)
	child := int(n.child)
	for rest := n.inner; rest != 0; rest &= rest - 1 {
		slot := bits.TrailingZeros64(rest)
		t.fill6(s, edges[slot], slot6(base, depth, slot), child, depth+stride6)
		child++
	}
}

// slot6 returns the first address of a slot of the node at base.
func slot6(base addr6, depth, slot int) addr6 {
	if shift := 128 - depth - stride6; shift < 64 {
		return addr6{base.hi | uint64(slot)>>(64-shift), base.lo | uint64(slot)<<shift}
	} else {
		return addr6{base.hi | uint64(slot)<<(shift-64), base.lo}
	}
}
