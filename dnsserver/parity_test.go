package dnsserver

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"pgregory.net/rapid"

	"meridian/snapshot"
)

// parity renders the answer to a packet twice and demands equal messages. It returns the answer, nil if there is none.
func parity(t interface {
	Helper()
	Fatalf(string, ...any)
}, id *identity, snap *snapshot.Snapshot, packet []byte, limit int, source netip.Addr, random uint64) *dns.Msg {
	t.Helper()
	var k asked
	var a answer
	if answerable(packet) != plain {
		return nil
	}
	k.take(packet, source)
	if k.parse(); k.why != plain {
		k.parseSlow()
	}
	k.findAnyway(snap)
	k.finding.fetch(snap, k.query.qtype)
	q := &k.query
	id.decide(snap, q, &k.finding, random, &a)
	if limit == 0 {
		limit = udpLimit(q)
	}
	a.fit(q, id, limit)
	slow, err := appendSlow(nil, q, &a, id)
	if err != nil {
		t.Fatalf("slow: %v", err)
	}
	one := checked(t, q, slow, limit)
	if q.tsig != nil {
		return one // a TSIG is the slow renderer's alone
	}
	fast := appendFast(nil, q, &a, id)
	if size := a.size(q, id); !a.truncated && size != len(fast) {
		t.Fatalf("%d bytes, but the answer's size is %d", len(fast), size)
	}
	other := checked(t, q, fast, limit)
	if !reflect.DeepEqual(one, other) {
		t.Fatalf("two renderers, two messages:\n%v\n%v", one, other)
	}
	return one
}

// checked unpacks a message, after a look at what holds for every answer.
func checked(t interface{ Fatalf(string, ...any) }, q *query, packet []byte, limit int) *dns.Msg {
	m := new(dns.Msg)
	if err := m.Unpack(packet); err != nil {
		t.Fatalf("the answer can't be read: %v\n%x", err, packet)
	}
	if len(packet) > limit || !m.Response || m.Id != q.id || m.Opcode != int(q.opcode) || m.RecursionAvailable || m.Zero ||
		m.AuthenticatedData || m.CheckingDisabled || (q.question != nil) != (len(m.Question) == 1) {
		t.Fatalf("%d bytes of %d, question %x:\n%v", len(packet), limit, q.question, m)
	}
	for _, section := range [][]dns.RR{m.Answer, m.Ns, m.Extra} {
		for _, rr := range section {
			rr.Header().Rdlength = 0 // compressed in one, not in the other
		}
	}
	m.Compress = false
	return m
}

// FuzzParity: any packet, both renderers.
func FuzzParity(f *testing.F) {
	for i, p := range packets(f) {
		f.Add(p, uint64(i)<<61, i%2 == 0)
	}
	snap, id := testSnapshot(f), testIdentity(f)
	f.Fuzz(func(t *testing.T, packet []byte, random uint64, overTCP bool) {
		limit := 0
		if overTCP {
			limit = maxTCP
		}
		parity(t, &id, snap, packet, limit, resolver, random)
	})
}

// TestParity draws questions that the fixture has answers for.
func TestParity(t *testing.T) {
	snap, id := testSnapshot(t), testIdentity(t)
	labels := rapid.SampledFrom([]string{"www", "w", "many", "multi", "cdn", "off", "static", "alias", "twice", "out", "gone", "nodata", "below", "refuge",
		"loop", "cat", "c1", "c2", "x.wild", "y.x.wild", "x.star", "a.b.ent", "b.ent", "sub", "x.sub", "x.svc", "long", "middle", "nowhere", "ns1", "X.wWw"})
	apexes := rapid.SampledFrom([]string{"glb.test.", "GLB.test.", "few.crowd.test.", "many.crowd.test.", "crowd.test.", "example.net.", "."})
	types := rapid.SampledFrom([]uint16{dns.TypeA, dns.TypeA, dns.TypeAAAA, dns.TypeTXT, dns.TypeNS, dns.TypeSOA, dns.TypeMX, dns.TypeCNAME, dns.TypeANY,
		dns.TypeDS, dns.TypeHTTPS, dns.TypeAXFR, dns.TypeOPT, 0, 65535})
	subnets := rapid.SampledFrom([]string{"", "192.0.2.0/24", "192.0.2.64/32", "192.0.2.128/26", "198.51.100.0/24", "0.0.0.0/0", "::/0", "2001:db8:1::/56", "10.1.2.0/24"})
	rcodes := map[string]bool{}
	rapid.Check(t, func(t *rapid.T) {
		for range 20 {
			name := apexes.Draw(t, "apex")
			if rapid.IntRange(0, 9).Draw(t, "below") > 0 && name != "." {
				name = labels.Draw(t, "label") + "." + name
			}
			m := ask(name, types.Draw(t, "type"))
			m.Id, m.RecursionDesired = rapid.Uint16().Draw(t, "id"), rapid.Bool().Draw(t, "rd")
			o := m.IsEdns0()
			o.SetUDPSize(rapid.SampledFrom([]uint16{0, 512, 600, 900, 1232, 4096}).Draw(t, "size"))
			o.SetVersion(rapid.SampledFrom([]uint8{0, 0, 0, 0, 0, 1}).Draw(t, "version"))
			if rapid.Bool().Draw(t, "do") {
				o.SetDo()
			}
			if rapid.Bool().Draw(t, "nsid") {
				o.Option = append(o.Option, &dns.EDNS0_NSID{Code: dns.EDNS0NSID})
			}
			if s := subnets.Draw(t, "subnet"); s != "" {
				o.Option = append(o.Option, clientSubnet(s))
			}
			if rapid.IntRange(0, 4).Draw(t, "edns") == 0 {
				m.Extra = nil
			}
			m.Question[0].Qclass = rapid.SampledFrom([]uint16{dns.ClassINET, dns.ClassINET, dns.ClassINET, dns.ClassINET, dns.ClassCHAOS, dns.ClassANY}).Draw(t, "class")
			packet, err := m.Pack()
			if err != nil {
				t.Fatal(err)
			}
			limit := rapid.SampledFrom([]int{0, maxTCP}).Draw(t, "limit")
			got := parity(t, &id, snap, packet, limit, resolver, rapid.Uint64().Draw(t, "random"))
			rcodes[rcodeName(uint16(got.Rcode))] = true
		}
	})
	for _, want := range []string{"NOERROR", "NXDOMAIN", "REFUSED", "SERVFAIL", "FORMERR", "BADVERS"} {
		if !rcodes[want] {
			t.Errorf("no question was answered %s", want)
		}
	}
}

// TestParityAtTheRoot: a zone whose apex is a suffix without labels, and names that need escapes.
func TestParityAtTheRoot(t *testing.T) {
	const root = `$ORIGIN .
$TTL 60
@        IN SOA a h 1 2 3 4 5
@        IN NS  a
a        IN A   192.0.2.1
cut      IN NS  n\.s.cut
n\.s.cut IN A   192.0.2.2
n\.s.cut IN A   192.0.2.3
r\\\032t IN CNAME \000
\000     IN TXT "\255"
`
	snap, id := compile(t, map[string]string{".": root}, nil), testIdentity(t)
	for _, c := range []struct {
		name  string
		qtype uint16
		want  string
	}{
		{".", dns.TypeNS, "NOERROR aa | . 60 NS a."},
		{".", dns.TypeA, "NOERROR aa | authority . 5 SOA a. h. 1 2 3 4 5"},
		{"nowhere.", dns.TypeA, "NXDOMAIN aa | authority . 5 SOA a. h. 1 2 3 4 5"},
		{"x.cut.", dns.TypeA, `NOERROR | authority cut. 60 NS n\.s.cut. | additional n\.s.cut. 60 A 192.0.2.2, n\.s.cut. 60 A 192.0.2.3`},
		{`r\\\032t.`, dns.TypeTXT, `NOERROR aa | r\\\ t. 60 CNAME \000., \000. 60 TXT "\255"`},
		{`r\\\032t.`, dns.TypeMX, `NOERROR aa | r\\\ t. 60 CNAME \000. | authority . 5 SOA a. h. 1 2 3 4 5`},
	} {
		m := parity(t, &id, snap, pack(t, ask(c.name, c.qtype)), 0, resolver, 0)
		if got := describe(m); got != c.want {
			t.Errorf("%s %s\n got %s\nwant %s", c.name, dns.Type(c.qtype), got, c.want)
		}
	}
}

// TestDecideEqualsThePacket: what explain shows is what the socket sends.
func TestDecideEqualsThePacket(t *testing.T) {
	snap, id := testSnapshot(t), testIdentity(t)
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]string{"www", "w", "many", "cdn", "off", "twice", "gone", "x.wild", "x.sub", "nowhere"}).Draw(t, "label") + ".glb.test."
		qtype := rapid.SampledFrom([]uint16{dns.TypeA, dns.TypeAAAA, dns.TypeTXT, dns.TypeANY, dns.TypeAXFR}).Draw(t, "type")
		subnet := netip.MustParsePrefix(rapid.SampledFrom([]string{"192.0.2.0/24", "192.0.2.64/32", "198.51.100.0/24", "0.0.0.0/0", "2001:db8:1::/56"}).Draw(t, "subnet"))
		random := rapid.Uint64().Draw(t, "random")
		packet, err := ask(name, qtype, clientSubnet(subnet.String())).Pack()
		if err != nil {
			t.Fatal(err)
		}
		m := parity(t, &id, snap, packet, maxTCP, resolver, random)
		a, err := Decide(snap, Question{Name: name, Type: qtype, Client: snapshot.Client{ECS: subnet, Source: resolver}, Random: random})
		if err != nil {
			t.Fatal(err)
		}
		scope := m.IsEdns0().Option[0].(*dns.EDNS0_SUBNET).SourceScope
		got := fmt.Sprint(a.RCode, a.Authoritative, a.Records, a.Authority, a.Scope)
		want := fmt.Sprint(rcodeName(uint16(m.Rcode)), m.Authoritative, m.Answer, m.Ns, scope)
		if got != want {
			t.Fatalf("explained: %s\n    sent: %s", got, want)
		}
	})
}

func TestDecideRefusesWhatIsNoName(t *testing.T) {
	for _, name := range []string{"", "a..b", strings.Repeat("a", 64) + ".test.", `a\256.test.`} {
		if _, err := Decide(nil, Question{Name: name, Type: dns.TypeA}); err == nil {
			t.Errorf("%q was taken for a name", name)
		}
	}
	// The final dot is optional, and case doesn't count.
	a, err := Decide(testSnapshot(t), Question{Name: "WWW.glb.TEST", Type: dns.TypeA, Client: tokyoClient})
	if err != nil || a.Name != "www.glb.test." || len(a.Records) != 2 || a.TTL != 30 || a.Scope != 28 || a.Service != 0 || !a.Location.FromECS || a.Outcome.Rank != 1 {
		t.Errorf("%+v, %v", a, err)
	}
}

// packets are the seeds of the fuzz tests: good and bad queries of every kind.
func packets(tb testing.TB) (all [][]byte) {
	tb.Helper()
	for _, c := range typical() {
		all = append(all, pack(tb, c.query))
	}
	for _, p := range oddPackets(tb) {
		all = append(all, p.packet)
	}
	return all
}

// patched returns a copy of a packet with a 16-bit number of its header replaced.
func patched(packet []byte, offset int, value uint16) []byte {
	p := append([]byte{}, packet...)
	binary.BigEndian.PutUint16(p[offset:], value)
	return p
}
