package dnsserver

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// raw builds packets that no library would.
type raw []byte

// header begins a packet with ID 0x1234, these flags and counts.
func header(flags, questions, answers, authority, additional uint16) raw {
	return raw{0x12, 0x34, byte(flags >> 8), byte(flags), byte(questions >> 8), byte(questions), byte(answers >> 8), byte(answers),
		byte(authority >> 8), byte(authority), byte(additional >> 8), byte(additional)}
}

// bytes appends anything.
func (r raw) bytes(b ...byte) raw { return append(r[:len(r):len(r)], b...) }

// name appends a name.
func (r raw) name(s string) raw {
	for label := range strings.SplitSeq(strings.TrimSuffix(s, "."), ".") {
		r = append(r.bytes(byte(len(label))), label...)
	}
	return r.bytes(0)
}

// question appends www.glb.test. with a type and class.
func (r raw) question(qtype, class uint16) raw {
	return r.name("www.glb.test.").bytes(byte(qtype>>8), byte(qtype), byte(class>>8), byte(class))
}

// record appends a record behind its owner.
func (r raw) record(rrtype, class uint16, ttl uint32, rdata ...byte) raw {
	return r.bytes(byte(rrtype>>8), byte(rrtype), byte(class>>8), byte(class), byte(ttl>>24), byte(ttl>>16), byte(ttl>>8), byte(ttl),
		byte(len(rdata)>>8), byte(len(rdata))).bytes(rdata...)
}

// opt appends an OPT with this RDATA.
func (r raw) opt(version byte, rdata ...byte) raw {
	return r.bytes(0).record(dns.TypeOPT, 1232, uint32(version)<<16, rdata...)
}

// tsig appends a TSIG with this algorithm (wire format) and the rest of the RDATA.
func (r raw) tsig(algorithm []byte, rest ...byte) raw {
	return r.name("key.").record(dns.TypeTSIG, dns.ClassANY, 0, append(algorithm, rest...)...)
}

type oddPacket struct {
	class  string // of faults/cve-classes.tsv: what has brought servers down
	name   string
	packet []byte
	want   string // beginning of the answer as describe writes it
}

var (
	hmac    = []byte("\x0bhmac-sha256\x00")
	tsigEnd = []byte{0, 0, 0x65, 0, 0, 0, 1, 44, 0, 2, 0xaa, 0xbb, 0x12, 0x34, 0, 0, 0, 0} // time, fudge, a MAC of two bytes, ID, error, other
)

// oddPackets are queries that aren't plain, with the RFC's answer, by the class of fault that each has been in some
// server.
func oddPackets(tb testing.TB) []oddPacket {
	tb.Helper()
	const in, a = dns.ClassINET, dns.TypeA
	plain := header(0, 1, 0, 0, 0).question(a, in)
	long := header(0, 1, 0, 0, 0)
	for range 4 {
		long = long.bytes(63).bytes(bytes.Repeat([]byte{'a'}, 63)...)
	}
	updated := header(0x2800, 1, 1, 1, 0).name("glb.test.").bytes(0, 6, 0, 254).bytes(0xc0, 12).record(a, 254, 0).bytes(0xc0, 12).record(a, 255, 0)
	return []oddPacket{
		{"compression", "pointer to itself in the question", header(0, 1, 0, 0, 0).bytes(0xc0, 12, 0, 1, 0, 1), "FORMERR"},
		{"compression", "pointer to the header in the question", header(0, 1, 0, 0, 0).bytes(0xc0, 4, 0, 1, 0, 1), "FORMERR"},
		{"compression", "pointer forward in the question", header(0, 1, 0, 0, 0).bytes(0xc0, 18, 0, 1, 0, 1).name("x.").bytes(0), "FORMERR"},
		{"compression", "two pointers in a circle", header(0, 1, 0, 0, 0).bytes(0xc0, 14, 0xc0, 12, 0, 1, 0, 1), "FORMERR"},
		{"compression", "pointer behind a label", header(0, 1, 0, 0, 0).bytes(1, 'x', 0xc0, 12, 0, 1, 0, 1), "FORMERR"},
		{"compression", "pointer to itself in an additional record", header(0, 1, 0, 0, 1).question(a, in).bytes(0xc0, 30).record(a, in, 0, 1, 2, 3, 4), "FORMERR"},
		{"compression", "fine pointer in an additional record", header(0, 1, 0, 0, 1).question(a, in).bytes(0xc0, 12).record(a, in, 0, 1, 2, 3, 4), "NOERROR aa | www"},
		{"compression", "reserved label type", header(0, 1, 0, 0, 0).bytes(0x40, 0, 0, 1, 0, 1), "FORMERR"},

		{"parse abort", "no question", header(0, 0, 0, 0, 0), "FORMERR"},
		{"parse abort", "question announced, none there", header(0, 1, 0, 0, 0), "FORMERR"},
		{"parse abort", "name without end", header(0, 1, 0, 0, 0).bytes(3, 'w', 'w'), "FORMERR"},
		{"parse abort", "name of 256 octets", long.bytes(0, 0, 1, 0, 1), "FORMERR"},
		{"parse abort", "question without class", plain[:len(plain)-2], "FORMERR"},
		{"parse abort", "two questions", header(0, 2, 0, 0, 0).question(a, in).question(a, in), "FORMERR"},
		{"parse abort", "65,535 questions", patched(plain, 4, 65535), "FORMERR"},
		{"parse abort", "record in the answer section", header(0, 1, 1, 0, 0).question(a, in).bytes(0xc0, 12).record(a, in, 0, 1, 2, 3, 4), "FORMERR"},
		{"parse abort", "record in the authority section", header(0, 1, 0, 1, 0).question(a, in).bytes(0xc0, 12).record(a, in, 0, 1, 2, 3, 4), "FORMERR"},
		{"parse abort", "65,535 additional records announced", patched(plain, 10, 65535), "FORMERR"},
		{"parse abort", "additional record cut off", header(0, 1, 0, 0, 1).question(a, in).bytes(0, 0, 1, 0), "FORMERR"},
		{"parse abort", "RDATA cut off", header(0, 1, 0, 0, 1).question(a, in).bytes(0).bytes(0, 1, 0, 1, 0, 0, 0, 0, 0, 9, 1), "FORMERR"},
		{"parse abort", "bytes behind the question", plain.bytes(0), "FORMERR"},
		{"parse abort", "bytes behind the OPT", header(0, 1, 0, 0, 1).question(a, in).opt(0).bytes(0), "FORMERR"},
		{"parse abort", "IXFR with the SOA it must have", header(0, 1, 0, 1, 0).question(dns.TypeIXFR, in).bytes(0xc0, 12).record(dns.TypeSOA, in, 0), "REFUSED"},
		{"parse abort", "additional record of a class of its own", header(0, 1, 0, 0, 1).question(a, in).bytes(0).record(99, 99, 0, 1), "NOERROR aa | www"},

		{"odd class", "CHAOS without anything to say", header(0, 1, 0, 0, 0).question(a, 3), "REFUSED"},
		{"odd class", "HESIOD", header(0, 1, 0, 0, 0).question(a, 4), "REFUSED"},
		{"odd class", "NONE", header(0, 1, 0, 0, 0).question(a, 254), "REFUSED"},
		{"odd class", "ANY", header(0, 1, 0, 0, 0).question(a, 255), "REFUSED"},
		{"odd class", "0", header(0, 1, 0, 0, 0).question(a, 0), "REFUSED"},

		{"TSIG", "TKEY question", header(0, 1, 0, 0, 0).question(dns.TypeTKEY, in), "NOTIMP"},
		{"TSIG", "key that isn't known", header(0, 1, 0, 0, 1).question(a, in).tsig(hmac, tsigEnd...), "NOTAUTH | additional TSIG key. hmac-sha256. error 17"},
		{"TSIG", "algorithm that isn't known", header(0, 1, 0, 0, 1).question(a, in).tsig([]byte("\x03foo\x00"), tsigEnd...), "NOTAUTH"},
		{"TSIG", "algorithm as a pointer into itself", header(0, 1, 0, 0, 1).question(a, in).tsig([]byte{0xc0, 45}, tsigEnd...), "FORMERR"},
		{"TSIG", "MAC longer than the record", header(0, 1, 0, 0, 1).question(a, in).tsig(hmac, 0, 0, 0, 0, 0, 0, 1, 44, 255, 255), "FORMERR"},
		{"TSIG", "empty", header(0, 1, 0, 0, 1).question(a, in).tsig(nil), "FORMERR"},
		{"TSIG", "not the last record", header(0, 1, 0, 0, 2).question(a, in).tsig(hmac, tsigEnd...).opt(0), "FORMERR"},
		{"TSIG", "two of them", header(0, 1, 0, 0, 2).question(a, in).tsig(hmac, tsigEnd...).tsig(hmac, tsigEnd...), "FORMERR"},
		{"TSIG", "behind an OPT", header(0, 1, 0, 0, 2).question(a, in).opt(0).tsig(hmac, tsigEnd...), "NOTAUTH | additional TSIG key. hmac-sha256. error 17"},
		{"TSIG", "SIG(0) is passed over", header(0, 1, 0, 0, 1).question(a, in).bytes(0).record(dns.TypeSIG, dns.ClassANY, 0, make([]byte, 18)...), "NOERROR aa | www"},

		{"OPT", "two of them", header(0, 1, 0, 0, 2).question(a, in).opt(0).opt(0), "FORMERR"},
		{"OPT", "in the answer section", header(0, 1, 1, 0, 0).question(a, in).opt(0), "FORMERR"},
		{"OPT", "in the authority section", header(0, 1, 0, 1, 0).question(a, in).opt(0), "FORMERR"},
		{"OPT", "with an owner", header(0, 1, 0, 0, 1).question(a, in).name("x.").record(dns.TypeOPT, 1232, 0), "FORMERR"},
		{"OPT", "option longer than the RDATA", header(0, 1, 0, 0, 1).question(a, in).opt(0, 0, 3, 0, 9, 1), "FORMERR"},
		{"OPT", "option without length", header(0, 1, 0, 0, 1).question(a, in).opt(0, 0, 3, 0), "FORMERR"},
		{"OPT", "version 1", header(0, 1, 0, 0, 1).question(a, in).opt(1), "BADVERS"},
		{"OPT", "version 255 with options of its own", header(0, 1, 0, 0, 1).question(a, in).opt(255, 1, 2, 3), "BADVERS"},
		{"OPT", "behind another record", header(0, 1, 0, 0, 2).question(a, in).bytes(0).record(a, in, 0, 1, 2, 3, 4).opt(0, 0, 3, 0, 0), "NOERROR aa | www"},
		{"OPT", "client subnet of family 3", header(0, 1, 0, 0, 1).question(a, in).opt(0, 0, 8, 0, 4, 0, 3, 0, 0), "FORMERR"},
		{"OPT", "client subnet twice", header(0, 1, 0, 0, 1).question(a, in).opt(0, 0, 8, 0, 4, 0, 1, 0, 0, 0, 8, 0, 4, 0, 1, 0, 0), "FORMERR"},

		{"response loop", "a response", header(0x8000, 1, 0, 0, 0).question(a, in), "nothing"},
		{"response loop", "an error", header(0x8001, 0, 0, 0, 0), "nothing"},
		{"response loop", "a NOTIFY response", header(0xa000, 1, 0, 0, 0).question(dns.TypeSOA, in), "nothing"},
		{"response loop", "half a header", plain[:11], "nothing"},
		{"response loop", "nothing at all", nil, "nothing"},

		{"NOTIFY and UPDATE", "NOTIFY", header(0x2000, 1, 0, 0, 0).question(dns.TypeSOA, in), "NOTIMP"},
		{"NOTIFY and UPDATE", "NOTIFY with an SOA", header(0x2400, 1, 1, 0, 0).question(dns.TypeSOA, in).bytes(0xc0, 12).record(dns.TypeSOA, in, 0), "NOTIMP"},
		{"NOTIFY and UPDATE", "UPDATE of class NONE", updated, "NOTIMP"},
		{"NOTIFY and UPDATE", "UPDATE with nothing", header(0x2800, 0, 0, 0, 0), "NOTIMP"},
		{"NOTIFY and UPDATE", "UPDATE with records announced", header(0x2800, 1, 9, 9, 9).question(dns.TypeSOA, 255), "NOTIMP"},
		{"opcode", "IQUERY", header(0x0800, 0, 1, 0, 0).bytes(0).record(a, in, 0, 1, 2, 3, 4), "NOTIMP"},
		{"opcode", "STATUS", header(0x1000, 0, 0, 0, 0), "NOTIMP"},
		{"opcode", "DSO", header(0x3000, 0, 0, 0, 0), "NOTIMP"},
		{"opcode", "15", header(0x7800, 1, 0, 0, 0).question(a, in), "NOTIMP"},
	}
}

// TestFaultClasses sends what has brought other servers down. Each gets the RFC's answer or none.
func TestFaultClasses(t *testing.T) {
	for _, p := range []proto{udp, tcp} {
		r := testResponder(t, p)
		for _, c := range oddPackets(t) {
			t.Run(fmt.Sprintf("%s/%s/%s", p, c.class, c.name), func(t *testing.T) {
				m := exchange(t, r, c.packet)
				if got := describe(m); !strings.HasPrefix(got, c.want) {
					t.Errorf("got %s, want %s", got, c.want)
				}
				if m != nil && (m.Id != 0x1234 || m.Opcode != int(c.packet[2]>>3&0xf)) {
					t.Errorf("ID %x, opcode %d", m.Id, m.Opcode)
				}
				if n := r.counts.panics.Load(); n > 0 {
					t.Errorf("%d panics", n)
				}
			})
		}
	}
}

// TestFaultClassOddTypes asks for every type, at names of every kind.
func TestFaultClassOddTypes(t *testing.T) {
	r := testResponder(t, udp)
	var buffer [maxUDP]byte
	for _, name := range []string{"www.glb.test.", "alias.glb.test.", "sub.glb.test."} {
		packet := pack(t, ask(name, 0))
		at := headerLen + len(appendName(nil, name))
		for qtype := range 1 << 16 {
			packet[at], packet[at+1] = byte(qtype>>8), byte(qtype)
			out := r.respond(buffer[:0], packet, resolver)
			switch rcode := out[3] & 0xf; rcode {
			case dns.RcodeSuccess, dns.RcodeFormatError, dns.RcodeNameError, dns.RcodeNotImplemented, dns.RcodeRefused:
			default:
				t.Fatalf("%s TYPE%d: RCODE %d", name, qtype, rcode)
			}
		}
	}
	if n := r.counts.panics.Load(); n > 0 {
		t.Errorf("%d panics", n)
	}
}

// TestFaultClassNameExplosion bounds the work for the most names that fit into a packet, each a chain of pointers.
func TestFaultClassNameExplosion(t *testing.T) {
	r := testResponder(t, tcp)
	packet := header(0, 1, 0, 0, 0).question(dns.TypeA, dns.ClassINET)
	n := uint16(0)
	for at := headerLen; len(packet)+12 <= maxQuery; n++ {
		next := len(packet)
		packet = packet.bytes(0xc0|byte(at>>8), byte(at)).record(dns.TypeA, dns.ClassINET, 0)
		if n%100 != 99 {
			at = next
		} else {
			at = headerLen
		}
	}
	packet = patched(packet, 10, n)
	begin := time.Now()
	m := exchange(t, r, packet)
	if took := time.Since(begin); took > 50*time.Millisecond {
		t.Errorf("%d records took %v", n, took)
	}
	if got := describe(m); !strings.HasPrefix(got, "NOERROR aa | www") && got != "FORMERR" {
		t.Errorf("got %s", got)
	}
}

// TestFaultClassCachePollution: whatever changes an answer is asked in turn, and no answer depends on the one before.
func TestFaultClassCachePollution(t *testing.T) {
	r := testResponder(t, udp)
	var want []string
	queries := typical()
	for _, c := range queries {
		fresh := testResponder(t, udp)
		want = append(want, describe(exchange(t, fresh, pack(t, c.query))))
	}
	for round := range 3 {
		for i, c := range queries {
			c.query.Id = uint16(round)
			m := exchange(t, r, pack(t, c.query))
			if got := describe(m); c.name != "weighted" && len(m.Answer) < 2 && got != want[i] {
				t.Errorf("%s: got %s, want %s", c.name, got, want[i])
			}
			if m.Id != uint16(round) || m.Question[0] != c.query.Question[0] {
				t.Errorf("%s: the answer is to another question", c.name)
			}
		}
	}
}

// TestPanicBecomesServfail: a mistake of ours costs one answer.
func TestPanicBecomesServfail(t *testing.T) {
	r := testResponder(t, udp)
	broken := *r.current.Load()
	broken.Index = nil
	r.current.Publish(&broken)
	q := ask("wWw.glb.test.", dns.TypeA)
	q.RecursionDesired = true
	m := exchange(t, r, pack(t, q))
	if got := describe(m); got != "SERVFAIL rd" || m.Question[0].Name != "wWw.glb.test." {
		t.Errorf("got %s", got)
	}
	if n := sum([]*counters{r.counts}).Panics; n != 1 {
		t.Errorf("%d panics counted", n)
	}
}
