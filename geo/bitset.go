package geo

import "math/bits"

// bitset is a set of numbers that lie close together: the offsets of a database's records, to number them densely
// and in the order of the file. A map of them would be the slowest part of loading.
type bitset []uint64

func (s *bitset) set(n uint32) {
	if word := int(n / 64); word >= len(*s) {
		*s = append(*s, make([]uint64, word+1-len(*s)+len(*s)/4)...)
	}
	(*s)[n/64] |= 1 << (n % 64)
}

// members returns the numbers in the set, ascending.
func (s bitset) members() []uint32 {
	count := 0
	for _, word := range s {
		count += bits.OnesCount64(word)
	}
	members := make([]uint32, 0, count)
	for i, word := range s {
		for ; word != 0; word &= word - 1 {
			members = append(members, uint32(i*64+bits.TrailingZeros64(word)))
		}
	}
	return members
}

// rank returns a function that says how many numbers of the set are below n.
func (s bitset) rank() func(n uint32) uint32 {
	before := make([]uint32, len(s)) // members in the words before each
	count := 0
	for i, word := range s {
		before[i] = uint32(count)
		count += bits.OnesCount64(word)
	}
	return func(n uint32) uint32 {
		return before[n/64] + uint32(bits.OnesCount64(s[n/64]&(1<<(n%64)-1)))
	}
}
