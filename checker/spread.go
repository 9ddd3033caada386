package checker

import (
	"hash/fnv"
	"io"
	"net/netip"
	"slices"
	"time"
)

// chosen reports whether vantage is among the k of vantages that probe what is at addr, by rendezvous hashing: every
// checker draws the same lot for each vantage and address, and the k highest win. A vantage that goes leaves all other
// choices as they were, and one that comes takes over only what it wins. All checks of an address go to the same
// vantages, so that checks can be combined. vantages are distinct; with k or fewer of them all are chosen.
func chosen(vantage string, addr netip.Addr, vantages []string, k int) bool {
	if len(vantages) <= k {
		return true
	}
	mine, better := lot(vantage, addr), 0
	for _, v := range vantages {
		if v == vantage {
			continue
		}
		if l := lot(v, addr); l > mine || l == mine && v < vantage {
			if better++; better == k {
				return false
			}
		}
	}
	return true
}

func lot(vantage string, addr netip.Addr) uint64 { return hashed(vantage, addr.Unmap().String()) }

// hashed hashes a pair of texts.
func hashed(a, b string) uint64 {
	h := fnv.New64a()
	io.WriteString(h, a+"\x00"+b)
	// FNV leaves the upper bits of similar strings similar; mix them (the finalizer of MurmurHash3).
	x := h.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	x ^= x >> 33
	return x
}

// roster is which checkers share the targets. It believes at once in one that comes, and in the loss of one when two looks
// in a row have missed it: a board that was emptied lists nobody for the moment that it takes them all to vote again.
type roster struct {
	vantages []string // sorted; always with the own
	missed   []string // in the latest look
}

// look takes in who is alive, and reports whether the roster has changed. nil means that it isn't known, and changes
// nothing.
func (r *roster) look(own string, live []string) bool {
	if live == nil {
		return false
	}
	next := append([]string{own}, live...)
	var missed []string
	for _, v := range r.vantages {
		if slices.Contains(next, v) {
			continue
		}
		missed = append(missed, v)
		if !slices.Contains(r.missed, v) {
			next = append(next, v)
		}
	}
	r.missed = missed
	slices.Sort(next)
	next = slices.Compact(next)
	changed := !slices.Equal(next, r.vantages)
	r.vantages = next
	return changed
}

// handover is how long a target is still probed after others have taken it over: until they have had the time to come to
// a verdict of their own.
func handover(e *entry) time.Duration {
	c := e.Check
	return time.Duration(max(c.ConsecutiveUp, c.ConsecutiveDown)+1)*c.Interval + 2*c.Timeout
}
