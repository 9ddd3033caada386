package geo

import "math"

// Move says which share of the address space changes its region, 0..1.
//
// For each family the share is: addresses that both or either table knows a region for, whose region differs,
// by all addresses that either table knows a region for. Against the whole of IPv6, most of which nobody uses,
// any change would vanish; against what either map knows, "0.2" means that a fifth of the map was redrawn.
// It is 0 if neither knows any.
type Move struct{ V4, V6 float64 }

// Moved compares two tables block by block, exactly. The functions give the region of a locality as a number
// that means the same in both, below 0 for none (Unknown and Private, as a rule). IPv6 blocks with embedded
// IPv4 addresses count as IPv4 only.
func Moved(old, new *Table, oldRegion, newRegion func(Locality) int) Move {
	var v4, v6 tally
	count := func(t *tally, before, after Locality, length int) {
		t.add(oldRegion(before), newRegion(after), math.Ldexp(1, -length))
	}
	for a, more := addr4(0), true; more; {
		before, s1 := old.Lookup4(uint32(a))
		after, s2 := new.Lookup4(uint32(a))
		length := int(max(s1, s2))
		count(&v4, before, after, length)
		a, more = a.end(length).next()
	}
	for a, more := (addr6{}), true; more; {
		if block, ok := embedding(a); ok {
			a, more = a.end(block).next()
			continue
		}
		before, s1 := old.Lookup6(a.hi, a.lo)
		after, s2 := new.Lookup6(a.hi, a.lo)
		length := int(max(s1, s2))
		count(&v6, before, after, length)
		a, more = a.end(length).next()
	}
	return Move{v4.share(), v6.share()}
}

// embedding returns the prefix length of the embedding that an address lies in.
func embedding(a addr6) (int, bool) {
	if _, _, ok := embedded(a.hi, a.lo); !ok {
		return 0, false
	}
	for _, p := range embeddings {
		if p.Contains(a.addr()) {
			return p.Bits(), true
		}
	}
	return 0, false
}

type tally struct{ moved, known float64 }

func (t *tally) add(before, after int, size float64) {
	before, after = max(before, -1), max(after, -1)
	if before == -1 && after == -1 {
		return
	}
	t.known += size
	if before != after {
		t.moved += size
	}
}

func (t *tally) share() float64 {
	if t.known == 0 {
		return 0
	}
	return t.moved / t.known
}
