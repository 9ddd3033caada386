package dnsserver

import (
	"slices"
	"sync/atomic"

	"github.com/miekg/dns"

	"meridian/geo"
)

type proto uint8

const (
	udp proto = iota
	tcp
	protos
)

func (p proto) String() string { return [protos]string{"udp", "tcp"}[p] }

type family uint8

const (
	ipv4 family = iota
	ipv6
	families
)

func (f family) String() string { return [families]string{"ipv4", "ipv6"}[f] }

// knownTypes are the QTYPEs that are counted apart; all others are "other", or a client could make labels at will.
var knownTypes = [...]uint16{
	dns.TypeA, dns.TypeAAAA, dns.TypeCNAME, dns.TypeNS, dns.TypeSOA, dns.TypeMX, dns.TypeTXT, dns.TypePTR, dns.TypeSRV,
	dns.TypeDS, dns.TypeDNSKEY, dns.TypeHTTPS, dns.TypeSVCB, dns.TypeCAA, dns.TypeANY,
}

// typeBuckets counts knownTypes and "other", which is the number 0.
const typeBuckets = len(knownTypes) + 1

// buckets maps QTYPEs to the number of their counter.
var buckets = func() (b [dns.TypeCAA + 1]uint8) {
	for i, t := range knownTypes {
		b[t] = uint8(i + 1)
	}
	return b
}()

func typeBucket(qtype uint16) int {
	if int(qtype) < len(buckets) {
		return int(buckets[qtype])
	}
	return 0
}

func bucketName(i int) string {
	if i == 0 {
		return "other"
	}
	return dns.TypeToString[knownTypes[i-1]]
}

// rcodes are all the RCODEs that the server sends.
var rcodes = [...]uint16{
	dns.RcodeSuccess, dns.RcodeFormatError, dns.RcodeServerFailure, dns.RcodeNameError, dns.RcodeNotImplemented,
	dns.RcodeRefused, dns.RcodeNotAuth, dns.RcodeBadVers,
}

func rcodeBucket(rcode uint16) int {
	if rcode <= dns.RcodeRefused {
		return int(rcode)
	}
	return slices.Index(rcodes[:], rcode)
}

// Reasons to drop what is no query, or an answer that can't be sent.
type drop uint8

const (
	dropSend       drop = iota // the system refused to send the answer
	dropPerSource              // TCP: the source has all the connections that it may have
	dropEvicted                // TCP: the server was full, and this connection had been idle the longest
	dropTooLong                // TCP: a message longer than any query is
	dropUnfinished             // TCP: a message that didn't arrive in time
	drops
)

func (d drop) String() string {
	return [drops]string{"send", "source_limit", "evicted", "too_long", "unfinished"}[d]
}

// maxRank is the highest rank that is counted apart; farther ones are counted with it.
const maxRank = 8

// Answers are counted in chunks that appear when their numbers are first used.
const (
	answerChunk  = 1024
	answerChunks = 1024
)

// counters belong to one worker, on cache lines of its own; TCP connections share one. Readers sum them up.
type counters struct {
	_        [64]byte
	traffic  [protos][families][typeBuckets][len(rcodes)]atomic.Uint64
	declined [declines]atomic.Uint64
	dropped  [drops]atomic.Uint64
	cut      [protos]atomic.Uint64
	panics   atomic.Uint64
	services [2][maxRank + 1]atomic.Uint64 // answers of services: place unknown or known, rank (0: none)
	answers  [answerChunks]atomic.Pointer[[answerChunk]atomic.Uint64]
	_        [64]byte
}

// countService counts what a service answered.
func (c *counters) countService(a *answer) {
	o, known := &a.outcome, 0
	if a.location.Locality != geo.Unknown {
		known = 1
	}
	c.services[known][min(o.Rank, maxRank)].Add(1)
	if o.Set == nil && !o.Servfail {
		return
	}
	if n := o.Counter; n < answerChunk*answerChunks {
		c.chunk(n / answerChunk)[n%answerChunk].Add(1)
	}
}

// chunk returns the i-th chunk of answers, a new one the first time.
func (c *counters) chunk(i uint32) *[answerChunk]atomic.Uint64 {
	if p := c.answers[i].Load(); p != nil {
		return p
	}
	c.answers[i].CompareAndSwap(nil, new([answerChunk]atomic.Uint64))
	return c.answers[i].Load()
}

// Traffic counts the answered queries of one kind.
type Traffic struct {
	Proto  string // udp, tcp
	Family string // ipv4, ipv6
	Type   string // a QTYPE in capitals, or "other"
	RCode  string // as in RFC 6895: NOERROR, NXDOMAIN, ...
	Count  uint64 // above 0
}

// Stats is what the server has counted since it began to listen, summed over its workers. Counts never fall.
type Stats struct {
	Traffic   []Traffic         // in a fixed order
	Truncated map[string]uint64 // answers with TC, by proto
	Slow      map[string]uint64 // queries that the fast path left to the slow one, by reason
	Dropped   map[string]uint64 // packets, answers and connections that got nothing, by reason
	Located   uint64            // answers of services to clients whose place is known
	Unknown   uint64            // and to clients whose place isn't, or doesn't matter to the service
	Ranks     []uint64          // Ranks[n]: answers that sent the client to its n-th nearest region, n from 1; the last and farther
	Answers   []uint64          // by snapshot.Outcome.Counter; numbers beyond its end: 0
	Panics    uint64            // mistakes of the server that became a SERVFAIL
	Open      int               // TCP connections now
}

// add sums one worker's counters into s.
func (s *Stats) add(c *counters, traffic *[protos][families][typeBuckets][len(rcodes)]uint64) {
	for p := range c.traffic {
		for f := range c.traffic[p] {
			for t := range c.traffic[p][f] {
				for r := range c.traffic[p][f][t] {
					traffic[p][f][t][r] += c.traffic[p][f][t][r].Load()
				}
			}
		}
		s.Truncated[proto(p).String()] += c.cut[p].Load()
	}
	for d := declinedShort; d < declines; d++ {
		into := s.Slow
		if d == declinedShort || d == declinedResponse {
			into = s.Dropped
		}
		into[d.String()] += c.declined[d].Load()
	}
	for d := range drops {
		s.Dropped[d.String()] += c.dropped[d].Load()
	}
	for rank := range c.services[0] {
		unknown, known := c.services[0][rank].Load(), c.services[1][rank].Load()
		s.Unknown += unknown
		s.Located += known
		if rank > 0 {
			s.Ranks[rank] += unknown + known
		}
	}
	s.Panics += c.panics.Load()
	for i := range c.answers {
		chunk := c.answers[i].Load()
		if chunk == nil {
			continue
		}
		if need := (i + 1) * answerChunk; len(s.Answers) < need {
			s.Answers = append(s.Answers, make([]uint64, need-len(s.Answers))...)
		}
		for j := range chunk {
			s.Answers[i*answerChunk+j] += chunk[j].Load()
		}
	}
}

// sum adds up the counters of all workers.
func sum(all []*counters) Stats {
	s := Stats{Truncated: map[string]uint64{}, Slow: map[string]uint64{}, Dropped: map[string]uint64{}, Ranks: make([]uint64, maxRank+1)}
	var traffic [protos][families][typeBuckets][len(rcodes)]uint64
	for _, c := range all {
		s.add(c, &traffic)
	}
	for p := range traffic {
		for f := range traffic[p] {
			for t := range traffic[p][f] {
				for r, n := range traffic[p][f][t] {
					if n > 0 {
						s.Traffic = append(s.Traffic, Traffic{proto(p).String(), family(f).String(), bucketName(t), rcodeName(rcodes[r]), n})
					}
				}
			}
		}
	}
	return s
}

// rcodeName returns the RCODE's name in RFC 6895. (16 is BADVERS here; as BADSIG it never leaves a TSIG.)
func rcodeName(rcode uint16) string {
	if rcode == dns.RcodeBadVers {
		return "BADVERS"
	}
	return dns.RcodeToString[int(rcode)]
}
