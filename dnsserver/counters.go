package dnsserver

import (
	"sync/atomic"
	"time"

	"meridian/geo"
	"meridian/snapshot"
)

// Answers are counted in chunks that appear when their numbers are first used.
const (
	answerChunk  = 1024
	answerChunks = 1024
)

// place is what a geographic service knew of where a client is.
type place uint8

const (
	placeless place = iota // the service treats all clients alike
	placeUnknown
	placeKnown
	places
)

// counters belong to one goroutine, on cache lines of their own: it alone writes traffic and answers, by way of a
// tally. Readers sum all counters up.
type counters struct {
	_         [64]byte
	proto     proto
	samples   *samples                                // for whoever takes them; nil: nobody does
	blocks    atomic.Pointer[[]atomic.Pointer[block]] // by zone*families + family; grows
	declined  [declines]atomic.Uint64
	dropped   [drops]atomic.Uint64
	cut       atomic.Uint64
	panics    atomic.Uint64
	ranks     [places][maxRank + 1]atomic.Uint64 // answers of services; rank 0: not a matter of nearness
	durations durations
	answers   [answerChunks]atomic.Pointer[[answerChunk]atomic.Uint64]
	_         [64]byte
}

// block counts the traffic of one zone from one address family. Most servers see a few of them, a server of 10,000
// zones 20 MB for each worker.
type block [typeBuckets][len(rcodes)]atomic.Uint64

// block returns the counters of a zone, new ones the first time. It is the owner's alone.
func (c *counters) block(zone uint32, f family) *block {
	i := int(zone)*int(families) + int(f)
	blocks := c.blocks.Load()
	if blocks == nil || i >= len(*blocks) {
		grown := make([]atomic.Pointer[block], max(2*i, 16))
		if blocks != nil {
			for j := range *blocks {
				grown[j].Store((*blocks)[j].Load())
			}
		}
		blocks = &grown
		c.blocks.Store(blocks)
	}
	b := (*blocks)[i].Load()
	if b == nil {
		b = new(block)
		(*blocks)[i].Store(b)
	}
	return b
}

// each calls f for every block.
func (c *counters) each(f func(zone uint32, fam family, b *block)) {
	blocks := c.blocks.Load()
	if blocks == nil {
		return
	}
	for i := range *blocks {
		if b := (*blocks)[i].Load(); b != nil {
			f(uint32(i/int(families)), family(i%int(families)), b)
		}
	}
}

// answer returns the counter of an outcome; nil if its number is beyond all bounds. It is the owner's alone.
func (c *counters) answer(n uint32) *atomic.Uint64 {
	if n >= answerChunk*answerChunks {
		return nil
	}
	at := &c.answers[n/answerChunk]
	chunk := at.Load()
	if chunk == nil {
		chunk = new([answerChunk]atomic.Uint64)
		at.Store(chunk)
	}
	return &chunk[n%answerChunk]
}

// tally is what a worker has counted since its last flush. An atomic addition costs as much as parsing a name, so
// that what is mostly the same for the packets of a batch is added once for all of them.
type tally struct {
	kind    uint64         // of the last answers: zone, family, type, RCODE
	traffic *atomic.Uint64 // the counter of that kind
	answers uint64         // how many
	ranks   [places][maxRank + 1]uint32
	ranked  bool // there are any in ranks
	sampler sampler
}

// count counts the answer in a.
func (t *tally) count(c *counters, snap *snapshot.Snapshot, q *query, a *answer, f family) {
	zone := uint32(0)
	if a.zone != nil {
		zone = snap.ZoneCounter(a.zone)
	}
	bucket, rcode := typeBucket(q.qtype), rcodeBucket(a.rcode)
	if kind := uint64(zone)<<32 | uint64(f)<<16 | uint64(bucket)<<8 | uint64(rcode); kind != t.kind || t.traffic == nil {
		t.flushTraffic()
		t.kind, t.traffic = kind, &c.block(zone, f)[bucket][rcode]
	}
	t.answers++
	if a.truncated {
		c.cut.Add(1)
	}
	if a.service >= 0 {
		s := snap.Service(a.service)
		t.countService(c, s, a)
		if t.sampler.left--; t.sampler.left < 0 {
			t.sampler.sample(c, s, q, a)
		}
	}
}

// countService counts what a service answered.
func (t *tally) countService(c *counters, s *snapshot.Service, a *answer) {
	o, p := &a.outcome, placeless
	switch {
	case !s.Geographic():
	case a.location.Locality == geo.Unknown:
		p = placeUnknown
	default:
		p = placeKnown
	}
	t.ranks[p][min(o.Rank, maxRank)]++
	t.ranked = true
	if o.Set == nil && !o.Servfail {
		return
	}
	if counter := c.answer(o.Counter); counter != nil {
		counter.Add(1)
	}
}

// flush adds everything to c. A worker flushes before it sends, so that whoever has the answer finds it counted.
func (t *tally) flush(c *counters) {
	t.flushTraffic()
	if !t.ranked {
		return
	}
	for p := range t.ranks {
		for rank, n := range t.ranks[p] {
			if n > 0 {
				c.ranks[p][rank].Add(uint64(n))
			}
		}
	}
	t.ranks, t.ranked = [places][maxRank + 1]uint32{}, false
}

func (t *tally) flushTraffic() {
	if t.answers > 0 {
		t.traffic.Add(t.answers)
		t.answers = 0
	}
}

// sampleEvery is of how many queries one is timed: asking the clock twice for each would cost as much as parsing it.
const sampleEvery = 1024

// durationBounds are the bounds of the histogram of durations.
var durationBounds = [...]time.Duration{
	100, 250, 500, 1 * time.Microsecond, 2500, 5 * time.Microsecond, 10 * time.Microsecond, 25 * time.Microsecond,
	100 * time.Microsecond, time.Millisecond, 10 * time.Millisecond,
}

// durations is a histogram.
type durations struct {
	counts [len(durationBounds) + 1]atomic.Uint64
	sum    atomic.Int64 // nanoseconds
}

func (d *durations) observe(took time.Duration) {
	i := 0
	for i < len(durationBounds) && took > durationBounds[i] {
		i++
	}
	d.counts[i].Add(1)
	d.sum.Add(int64(took))
}

func newDurations() Durations {
	return Durations{Bounds: durationBounds[:], Counts: make([]uint64, len(durationBounds)+1)}
}

// add sums d into s.
func (s *Durations) add(d *durations) {
	for i := range d.counts {
		s.Counts[i] += d.counts[i].Load()
	}
	s.Sum += time.Duration(d.sum.Load())
}
