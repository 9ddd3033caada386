package ledger

import (
	"cmp"
	"container/heap"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"
)

const (
	// MaxEntries bounds a ledger: about 2 MB of memory, and 1 MB on disk.
	MaxEntries = 16384
	// HalfLife is how long it takes for a query to count half.
	HalfLife = 48 * time.Hour
	// Bits4 and Bits6 are the longest client networks: no address is ever kept.
	Bits4 = 28
	Bits6 = 56
)

// Key tells counters apart.
type Key struct {
	Client  netip.Prefix // masked; at most Bits4 or Bits6 long
	Service string       // canonical name
	Type    uint16       // RR type
}

// Entry is one counter.
type Entry struct {
	Key
	Count float64 // queries; old ones count less; above 0
}

// Cut returns a client's network, no longer than ledgers know it.
func Cut(p netip.Prefix) netip.Prefix {
	bits := Bits4
	if p.Addr().Is6() {
		bits = Bits6
	}
	return netip.PrefixFrom(p.Addr(), min(max(p.Bits(), 0), bits)).Masked()
}

// Ledger counts queries. It is not safe for concurrent use. Make one with New.
type Ledger struct {
	most    int
	rand    *rand.Rand
	heap    counters
	index   map[Key]*counter
	watched float64 // seconds, halving like the counts
}

type counter struct {
	Entry
	at int // in the heap
}

// New returns an empty ledger of at most so many entries; draws come from the source.
func New(most int, source rand.Source) *Ledger {
	return &Ledger{most: max(most, 1), rand: rand.New(source), index: map[Key]*counter{}}
}

// Add counts n queries of one kind.
func (l *Ledger) Add(k Key, n float64) {
	if !(n > 0) || math.IsInf(n, 0) || !k.Client.IsValid() {
		return
	}
	if c := l.index[k]; c != nil {
		c.Count += n
		heap.Fix(&l.heap, c.at)
		return
	}
	if len(l.heap) < l.most {
		c := &counter{Entry: Entry{k, n}}
		l.index[k] = c
		heap.Push(&l.heap, c)
		return
	}
	c := l.heap[0]
	c.Count += n
	if l.rand.Float64()*c.Count < n {
		delete(l.index, c.Key)
		c.Key = k
		l.index[k] = c
	}
	heap.Fix(&l.heap, 0)
}

// Watch says that queries were handed in for another d.
func (l *Ledger) Watch(d time.Duration) {
	if d <= 0 {
		return
	}
	f := math.Exp2(-float64(d) / float64(HalfLife))
	l.watched = l.watched*f + d.Seconds()
	for _, c := range l.heap { // their order stays
		c.Count *= f
	}
	for len(l.heap) > 0 && l.heap[0].Count < forgotten {
		delete(l.index, heap.Pop(&l.heap).(*counter).Key)
	}
}

// forgotten is the count below which nothing is known any more.
const forgotten = 1e-3

// Seconds returns the time that the counts stand for: a count by it is a rate. 0: nothing was watched.
func (l *Ledger) Seconds() float64 { return l.watched }

// Len returns the number of entries.
func (l *Ledger) Len() int { return len(l.heap) }

// Entries returns all counters, the largest first.
func (l *Ledger) Entries() []Entry {
	out := make([]Entry, len(l.heap))
	for i, c := range l.heap {
		out[i] = c.Entry
	}
	slices.SortFunc(out, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Service, b.Service),
			a.Client.Addr().Compare(b.Client.Addr()), cmp.Compare(a.Client.Bits(), b.Client.Bits()), cmp.Compare(a.Type, b.Type))
	})
	return out
}

// counters is a heap with the smallest count on top.
type counters []*counter

func (c counters) Len() int           { return len(c) }
func (c counters) Less(i, j int) bool { return c[i].Count < c[j].Count }
func (c counters) Swap(i, j int) {
	c[i], c[j] = c[j], c[i]
	c[i].at, c[j].at = i, j
}
func (c *counters) Push(x any) {
	n := x.(*counter)
	n.at = len(*c)
	*c = append(*c, n)
}
func (c *counters) Pop() any {
	last := (*c)[len(*c)-1]
	*c = (*c)[:len(*c)-1]
	return last
}
