package geo

import (
	"math"
	"net/netip"
)

// Area is all addresses of which two atlases know the same pair of places.
type Area struct {
	Before, After *Place     // as of each atlas; never nil
	V4, V6        float64    // shares of the whole address space of the family, 0..1
	Example4      netip.Addr // one of its addresses of the family; the zero Addr where there is none
	Example6      netip.Addr
}

// Example returns one of the area's addresses.
func (a *Area) Example() netip.Addr {
	if a.Example4.IsValid() {
		return a.Example4
	}
	return a.Example6
}

// Areas divides the address space by what two atlases know of it, exactly: every address is in one area, but for IPv6
// addresses with an IPv4 address embedded, which are looked up as IPv4. Tables compiled from either atlas have one
// locality for all addresses of an area. The two atlases may be the same one.
func Areas(before, after *Atlas) []Area {
	c := carving{before: before, after: after, numbers: map[[2]uint32]uint32{}}
	_ = common(before.v4, after.v4, c.number).blocks(func(p netip.Prefix, id uint32) bool {
		a := &c.areas[id]
		a.V4 += math.Ldexp(1, -p.Bits())
		a.Example4 = p.Addr()
		return true
	})
	_ = common(before.v6, after.v6, c.number).blocks(func(p netip.Prefix, id uint32) bool {
		if a := &c.areas[id]; !c.embedded[id] {
			a.V6 += math.Ldexp(1, -p.Bits())
			a.Example6 = p.Addr()
		}
		return true
	})
	kept := c.areas[:0]
	for _, a := range c.areas {
		if a.V4 > 0 || a.V6 > 0 {
			kept = append(kept, a)
		}
	}
	return kept
}

// carving gives each pair of places its number.
type carving struct {
	before, after *Atlas
	numbers       map[[2]uint32]uint32
	areas         []Area
	embedded      []bool // by number: IPv6 blocks that are looked up as IPv4
}

// number is called with the ids of both places, each plus one.
func (c *carving) number(before, after uint32) uint32 {
	key := [2]uint32{before - 1, after - 1}
	n, known := c.numbers[key]
	if !known {
		n = uint32(len(c.areas))
		c.numbers[key] = n
		b, a := c.before.places.place(key[0]), c.after.places.place(key[1])
		c.areas = append(c.areas, Area{Before: &b, After: &a})
		c.embedded = append(c.embedded, key[0] == embeddedPlace)
	}
	return n
}

// common lays the two step functions over each other.
func common[A address[A]](before, after steps[A], number func(before, after uint32) uint32) steps[A] {
	plusOne := func(id uint32) uint32 { return id + 1 } // 0 is what overlay sees through
	return overlay(melt(before, plusOne), melt(after, plusOne), number)
}
