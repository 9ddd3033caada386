package geo

import (
	"cmp"
	"net/netip"
	"slices"
)

// steps is a step function over one family's address space: from an edge's first address up to the next edge
// the value is the edge's. The first edge begins at the lowest address, no two edges have the same first
// address, and nothing is left uncovered; the value of "nothing said" is 0. The empty slice is 0 everywhere.
//
// It is the form in which all sources are laid on top of each other: one linear merge, whatever the nesting of
// the networks was.
type steps[A address[A]] []edge[A]

type edge[A address[A]] struct {
	first A
	value uint32
}

// add appends an edge behind the last, or changes nothing if the value goes on.
func (s *steps[A]) add(first A, value uint32) {
	n := len(*s)
	if n > 0 && (*s)[n-1].first == first {
		*s = (*s)[:n-1] // the last one covers nothing
		n--
	}
	if n > 0 && (*s)[n-1].value == value {
		return
	}
	*s = append(*s, edge[A]{first, value})
}

// at returns the index of the edge that covers an address. s must not be empty.
func (s steps[A]) at(a A) int {
	lo, hi := 0, len(s) // s[lo].first <= a < s[hi].first
	for hi-lo > 1 {
		if m := int(uint(lo+hi) / 2); a.less(s[m].first) {
			hi = m
		} else {
			lo = m
		}
	}
	return lo
}

// advance moves on from edge i to the edge that covers address a, which is not below edge i, and reports whether
// yet another one begins within the block of this prefix length at a.
func (s steps[A]) advance(i int, a A, length int) (edge int, more bool) {
	for i+1 < len(s) && !a.less(s[i+1].first) {
		i++
	}
	return i, i+1 < len(s) && !a.end(length).less(s[i+1].first)
}

// certain returns the length of the largest block (aligned to its size) that holds address a and lies within
// edge i, which covers a: the depth at which the answer for a is certain. Such a block must part from the last
// address before the edge and from the first one behind it.
func (s steps[A]) certain(i int, a A) int {
	length := 0
	if i > 0 {
		length = a.common(s[i].first.prev()) + 1
	}
	if i+1 < len(s) {
		length = max(length, a.common(s[i+1].first)+1)
	}
	return length
}

// blocks calls yield with each of the largest aligned blocks that make up s, in the order of their addresses.
func (s steps[A]) blocks(yield func(netip.Prefix, uint32) bool) bool {
	var a A
	for i := range s {
		for {
			length := s.certain(i, a)
			if !yield(netip.PrefixFrom(a.addr(), length), s[i].value) {
				return false
			}
			next, more := a.end(length).next()
			if !more {
				return true
			}
			a = next
			if i+1 < len(s) && a == s[i+1].first {
				break
			}
		}
	}
	return true
}

// overlay lays top on base: where top says nothing (0), base shows through; elsewhere combine decides.
func overlay[A address[A]](base, top steps[A], combine func(below, above uint32) uint32) steps[A] {
	if len(top) == 0 {
		return base
	}
	var zero A
	if len(base) == 0 {
		base = steps[A]{{zero, 0}}
	}
	out := make(steps[A], 0, len(base)+len(top))
	for a, i, j := zero, 0, 0; ; {
		value := base[i].value
		if top[j].value != 0 {
			value = combine(value, top[j].value)
		}
		out.add(a, value)
		moreBase, moreTop := i+1 < len(base), j+1 < len(top)
		switch {
		case !moreBase && !moreTop:
			return out
		case !moreTop || moreBase && base[i+1].first.less(top[j+1].first):
			i++
			a = base[i].first
		case !moreBase || top[j+1].first.less(base[i+1].first):
			j++
			a = top[j].first
		default:
			i, j = i+1, j+1
			a = base[i].first
		}
	}
}

// network is a prefix with what it stands for.
type network[A address[A]] struct {
	first, last A
	length      int
	value       uint32 // not 0
}

// flatten makes a step function of networks that may nest: at each address the value of the longest. outer is
// called with each value and the value of the next longer network around it, 0 if there is none.
func flatten[A address[A]](networks []network[A], outer func(value, around uint32)) steps[A] {
	if len(networks) == 0 {
		return nil
	}
	slices.SortStableFunc(networks, func(a, b network[A]) int {
		switch {
		case a.first.less(b.first):
			return -1
		case b.first.less(a.first):
			return 1
		}
		return cmp.Compare(a.length, b.length)
	})
	var zero A
	out := steps[A]{{zero, 0}}
	var open []network[A] // those around the current address, widest first
	top := func() uint32 {
		if len(open) == 0 {
			return 0
		}
		return open[len(open)-1].value
	}
	closeUntil := func(done func(last A) bool) {
		for len(open) > 0 && done(open[len(open)-1].last) {
			last := open[len(open)-1].last
			open = open[:len(open)-1]
			if next, more := last.next(); more {
				out.add(next, top())
			}
		}
	}
	for _, n := range networks {
		closeUntil(func(last A) bool { return last.less(n.first) })
		outer(n.value, top())
		open = append(open, n)
		out.add(n.first, n.value)
	}
	closeUntil(func(A) bool { return true })
	return out
}

// split sorts prefixes into the networks of the two families; value i+1 stands for the prefix at index i.
func split(prefixes []netip.Prefix) (v4 []network[addr4], v6 []network[addr6]) {
	for i, p := range prefixes {
		value := uint32(i + 1)
		p = p.Masked()
		if p.Addr().Is4() {
			first := from4(p.Addr())
			v4 = append(v4, network[addr4]{first, first.end(p.Bits()), p.Bits(), value})
		} else {
			first := from6(p.Addr())
			v6 = append(v6, network[addr6]{first, first.end(p.Bits()), p.Bits(), value})
		}
	}
	return v4, v6
}
