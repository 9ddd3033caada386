package dnsserver

import (
	"cmp"
	"slices"
	"time"

	"github.com/miekg/dns"
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
	dns.RcodeRefused, dns.RcodeYXDomain, dns.RcodeNotAuth, dns.RcodeBadVers,
}

func rcodeBucket(rcode uint16) int {
	if rcode <= dns.RcodeYXDomain {
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

// Traffic counts the answered queries of one kind.
type Traffic struct {
	Proto  string // udp, tcp
	Family string // ipv4, ipv6
	Type   string // a QTYPE in capitals, or "other"
	RCode  string // as in RFC 6895: NOERROR, NXDOMAIN, ...
	Zone   uint32 // of the question's name, as snapshot.Counters.Zones names it; 0: none of ours
	Count  uint64 // above 0
}

// Durations is how long a sample of the queries took, from the packet in hand to the answer in hand; over UDP without
// parsing and finding, which are done for all packets of a batch together.
type Durations struct {
	Bounds []time.Duration // upper bounds, ascending
	Counts []uint64        // by the least bound that the duration didn't exceed; the last: those beyond all bounds
	Sum    time.Duration
}

// Stats is what the server has counted since it began to listen, summed over its workers. Counts never fall.
type Stats struct {
	Traffic   []Traffic            // in a fixed order
	Truncated map[string]uint64    // answers with TC, by proto
	Durations map[string]Durations // of one query in sampleEvery, by proto
	Slow      map[string]uint64    // queries that the fast path left to the slow one, by reason
	Dropped   map[string]uint64    // packets, answers and connections that got nothing, by reason
	Located   uint64               // answers of geographic services to clients whose place is known
	Unknown   uint64               // and to clients whose place isn't
	Ranks     []uint64             // Ranks[n]: answers that sent the client to its n-th nearest region, n from 1; the last and farther
	Answers   []uint64             // by snapshot.Outcome.Counter; numbers beyond its end: 0
	Panics    uint64               // mistakes of the server that became a SERVFAIL
	Open      int                  // TCP connections now
}

// kind is what queries are told apart by in Stats.Traffic.
type kind struct {
	proto  proto
	zone   uint32
	family family
	bucket int
	rcode  int
}

// add sums one worker's counters into s.
func (s *Stats) add(c *counters, traffic map[kind]uint64) {
	c.each(func(zone uint32, f family, b *block) {
		for t := range b {
			for r := range b[t] {
				if n := b[t][r].Load(); n > 0 {
					traffic[kind{c.proto, zone, f, t, r}] += n
				}
			}
		}
	})
	s.Truncated[c.proto.String()] += c.cut.Load()
	lasted := s.Durations[c.proto.String()]
	lasted.add(&c.durations)
	s.Durations[c.proto.String()] = lasted
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
	for p := range c.ranks {
		for rank := range c.ranks[p] {
			n := c.ranks[p][rank].Load()
			switch place(p) {
			case placeUnknown:
				s.Unknown += n
			case placeKnown:
				s.Located += n
			}
			if rank > 0 {
				s.Ranks[rank] += n
			}
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
	s := Stats{Truncated: map[string]uint64{}, Durations: map[string]Durations{}, Slow: map[string]uint64{},
		Dropped: map[string]uint64{}, Ranks: make([]uint64, maxRank+1)}
	for p := range protos {
		s.Durations[p.String()] = newDurations()
	}
	traffic := map[kind]uint64{}
	for _, c := range all {
		s.add(c, traffic)
	}
	for k, n := range traffic {
		s.Traffic = append(s.Traffic, Traffic{Proto: k.proto.String(), Family: k.family.String(), Type: bucketName(k.bucket),
			RCode: rcodeName(rcodes[k.rcode]), Zone: k.zone, Count: n})
	}
	slices.SortFunc(s.Traffic, func(a, b Traffic) int {
		return cmp.Or(cmp.Compare(a.Zone, b.Zone), -cmp.Compare(a.Proto, b.Proto), cmp.Compare(a.Family, b.Family),
			cmp.Compare(a.Type, b.Type), cmp.Compare(a.RCode, b.RCode))
	})
	return s
}

// rcodeName returns the RCODE's name in RFC 6895. (16 is BADVERS here; as BADSIG it never leaves a TSIG.)
func rcodeName(rcode uint16) string {
	if rcode == dns.RcodeBadVers {
		return "BADVERS"
	}
	return dns.RcodeToString[int(rcode)]
}
