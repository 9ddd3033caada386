package zones_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"meridian/zones"
)

const soa = "$TTL 3600\n@ SOA ns.example. h 1 2 3 4 300\n@ NS ns.example.\n"

// find is one expected look-up.
type find struct {
	name  string
	qtype uint16
	kind  zones.MatchKind
	zone  string
	node  string
	types []uint16 // at the node
}

func (f find) check(t *testing.T, x *zones.Index) {
	t.Helper()
	m := x.Find(wire(t, f.name), f.qtype)
	got := find{name: f.name, qtype: f.qtype, kind: m.Kind}
	if m.Zone != nil {
		got.zone = m.Zone.Apex
	}
	if m.Node != nil {
		got.node, got.types = m.Node.Name(), m.Node.Types()
	}
	if got.kind != f.kind || got.zone != f.zone || got.node != f.node || !slices.Equal(got.types, f.types) {
		t.Errorf("got  %+v\nwant %+v", got, f)
	}
}

// TestRFC4592 asks the questions of RFC 4592 section 2.2.1 of its example zone.
func TestRFC4592(t *testing.T) {
	x := index(t, []*zones.Zone{parse(t, "example.", `$TTL 3600
example.                 SOA  ns.example.com. h 1 2 3 4 5
example.                 NS   ns.example.com.
example.                 NS   ns.example.net.
*.example.               TXT  "this is a wildcard"
*.example.               MX   10 host1.example.
sub.*.example.           TXT  "this is not a wildcard"
host1.example.           A    192.0.2.1
_ssh._tcp.host1.example. SRV  0 0 22 host1.example.
_ssh._tcp.host2.example. SRV  0 0 22 host2.example.
subdel.example.          NS   ns.example.com.
subdel.example.          NS   ns.example.net.
`)})
	wild := []uint16{dns.TypeMX, dns.TypeTXT}
	ns := []uint16{dns.TypeNS}
	for _, f := range []find{
		// "The following responses would be synthesized from one of the wildcards in the zone":
		{"host3.example.", dns.TypeMX, zones.Wildcard, "example.", "*.example.", wild},
		{"host3.example.", dns.TypeA, zones.Wildcard, "example.", "*.example.", wild},
		{"foo.bar.example.", dns.TypeTXT, zones.Wildcard, "example.", "*.example.", wild},
		// "The following responses would not be synthesized from any of the wildcards in the zone":
		{"host1.example.", dns.TypeMX, zones.Exact, "example.", "host1.example.", []uint16{dns.TypeA}},
		{"sub.*.example.", dns.TypeMX, zones.Exact, "example.", "sub.*.example.", []uint16{dns.TypeTXT}},
		{"_telnet._tcp.host1.example.", dns.TypeSRV, zones.NXDomain, "example.", "", nil},
		{"host.subdel.example.", dns.TypeA, zones.Delegation, "example.", "subdel.example.", ns},
		{"ghost.*.example.", dns.TypeMX, zones.NXDomain, "example.", "", nil},
		// Section 2.2.2: empty non-terminals exist.
		{"_tcp.host1.example.", dns.TypeSRV, zones.Exact, "example.", "_tcp.host1.example.", nil},
		{"host2.example.", dns.TypeMX, zones.Exact, "example.", "host2.example.", nil},
		// Section 2.2: the asterisk in a question is nothing special.
		{"*.example.", dns.TypeTXT, zones.Exact, "example.", "*.example.", wild},
		{"*.host1.example.", dns.TypeA, zones.NXDomain, "example.", "", nil},
		// The apex is never made by a wildcard, nor is anything outside.
		{"example.", dns.TypeTXT, zones.Exact, "example.", "example.", []uint16{dns.TypeNS, dns.TypeSOA}},
		{"host3.xexample.", dns.TypeTXT, zones.Refused, "", "", nil},
	} {
		f.check(t, x)
	}
}

func TestWildcardThatIsAnEmptyNonTerminal(t *testing.T) {
	x := index(t, []*zones.Zone{parse(t, "test.", soa+"a.*.w A 192.0.2.1\n")})
	find{"x.w.test.", dns.TypeA, zones.Wildcard, "test.", "*.w.test.", nil}.check(t, x)
}

func TestNestedZones(t *testing.T) {
	parent := parse(t, "test.", soa+`
child NS ns.child
child DS 1 13 2 0000000000000000000000000000000000000000000000000000000000000000
ns.child A 192.0.2.1
other.child TXT "the parent has no say here"
away NS ns.example.
deeper.away NS ns.example.
`)
	child := parse(t, "child.test.", soa+"ns A 192.0.2.1\n* TXT \"child's wildcard\"\n")
	below := parse(t, "x.deeper.away.test.", soa)         // below two cuts of the parent, the lower one hidden
	undelegated := parse(t, "far.undelegated.test.", soa) // its parent has nothing for it
	x := index(t, []*zones.Zone{child, parent, below, undelegated})
	apex := []uint16{dns.TypeNS, dns.TypeSOA}
	for _, f := range []find{
		{"child.test.", dns.TypeNS, zones.Exact, "child.test.", "child.test.", apex},
		{"child.test.", dns.TypeDS, zones.Exact, "test.", "child.test.", []uint16{dns.TypeNS, dns.TypeDS}},
		{"other.child.test.", dns.TypeTXT, zones.Wildcard, "child.test.", "*.child.test.", []uint16{dns.TypeTXT}},
		{"other.child.test.", dns.TypeDS, zones.Wildcard, "child.test.", "*.child.test.", []uint16{dns.TypeTXT}},
		{"ns.child.test.", dns.TypeA, zones.Exact, "child.test.", "ns.child.test.", []uint16{dns.TypeA}},
		{"away.test.", dns.TypeA, zones.Delegation, "test.", "away.test.", []uint16{dns.TypeNS}},
		{"away.test.", dns.TypeDS, zones.Exact, "test.", "away.test.", []uint16{dns.TypeNS}},
		{"deeper.away.test.", dns.TypeDS, zones.Delegation, "test.", "away.test.", []uint16{dns.TypeNS}},
		{"x.deeper.away.test.", dns.TypeSOA, zones.Exact, "x.deeper.away.test.", "x.deeper.away.test.", apex},
		{"x.deeper.away.test.", dns.TypeDS, zones.Delegation, "test.", "away.test.", []uint16{dns.TypeNS}},
		{"y.x.deeper.away.test.", dns.TypeA, zones.NXDomain, "x.deeper.away.test.", "", nil},
		// A zone of ours exists, whether its parent knows of it or not.
		{"far.undelegated.test.", dns.TypeSOA, zones.Exact, "far.undelegated.test.", "far.undelegated.test.", apex},
		{"far.undelegated.test.", dns.TypeDS, zones.Exact, "test.", "far.undelegated.test.", nil},
		{"undelegated.test.", dns.TypeA, zones.Exact, "test.", "undelegated.test.", nil},
		// Without a parent of ours, DS at the apex is the zone's own.
		{"test.", dns.TypeDS, zones.Exact, "test.", "test.", apex},
	} {
		f.check(t, x)
	}
	if z := x.Zone(wire(t, "child.test.")); z == nil || z.Apex != "child.test." || z.Number != 2 {
		t.Errorf("zone child.test.: %+v", z)
	}
	if z := x.Zone(wire(t, "ns.child.test.")); z != nil {
		t.Errorf("ns.child.test. is the zone %s", z.Apex)
	}
	for i, z := range x.Zones() {
		if want := []string{"test.", "x.deeper.away.test.", "child.test.", "far.undelegated.test."}[i]; z.Apex != want || z.Number != i {
			t.Errorf("zone %d is %s, number %d; want %s", i, z.Apex, z.Number, want)
		}
	}
}

func TestRootZone(t *testing.T) {
	x := index(t, []*zones.Zone{parse(t, ".", "$TTL 60\n. SOA ns. h. 1 2 3 4 5\n. NS ns.\nns. A 192.0.2.1\ntest. NS ns.test.\nns.test. A 192.0.2.2\n")})
	find{".", dns.TypeNS, zones.Exact, ".", ".", []uint16{dns.TypeNS, dns.TypeSOA}}.check(t, x)
	find{"a.b.", dns.TypeNS, zones.NXDomain, ".", "", nil}.check(t, x)
	find{"a.test.", dns.TypeA, zones.Delegation, ".", "test.", []uint16{dns.TypeNS}}.check(t, x)
}

// TestNegativeTTL is RFC 2308 section 5: the lesser of the SOA's TTL and its minimum.
func TestNegativeTTL(t *testing.T) {
	for _, c := range []struct{ ttl, minimum string }{{"60", "300"}, {"300", "60"}, {"60", "60"}} {
		x := index(t, []*zones.Zone{parse(t, "test.", "@ "+c.ttl+" SOA ns.example. h 1 2 3 4 "+c.minimum+"\n@ 9 NS ns.example.\n")})
		z := x.Zones()[0]
		if z.Negative.TTL != 60 || z.Negative.RRs[0].Header().Ttl != 60 || z.Negative.Name != "test." {
			t.Errorf("SOA TTL %s, minimum %s: negative TTL %d at %s, want 60", c.ttl, c.minimum, z.Negative.TTL, z.Negative.Name)
		}
		if soa := z.SOA.RRs[0].(*dns.SOA); z.SOA.TTL != soa.Hdr.Ttl || dns.TypeToString[z.SOA.Type] != "SOA" {
			t.Errorf("the SOA itself was changed: %v", soa)
		}
	}
}

func TestGlue(t *testing.T) {
	z := parse(t, "test.", soa+`
ns A 192.0.2.1
sub NS ns
sub NS a.sub
sub NS ns.sibling
sub NS ns.example.
a.sub A 192.0.2.2
a.sub AAAA 2001:db8::2
sibling NS ns.sibling
ns.sibling A 192.0.2.3
self NS self
self A 192.0.2.4
`)
	x := index(t, []*zones.Zone{z})
	for cut, want := range map[string]string{
		"sub.test.":     "a.sub.test. A, a.sub.test. AAAA, ns.test. A, ns.sibling.test. A",
		"sibling.test.": "ns.sibling.test. A",
		"self.test.":    "self.test. A",
	} {
		m := x.Find(wire(t, "www."+cut), dns.TypeA)
		var got []string
		for _, set := range m.Node.Glue() {
			got = append(got, set.Name+" "+dns.Type(set.Type).String())
		}
		if m.Kind != zones.Delegation || strings.Join(got, ", ") != want {
			t.Errorf("%s: %v with glue %q, want %q", cut, m.Kind, got, want)
		}
	}
}

func TestFindTakesAnything(t *testing.T) {
	x := index(t, []*zones.Zone{parse(t, "test.", soa)})
	long := append(slices.Repeat([]byte{1, 'a'}, 200), wire(t, "test.")...)
	for _, name := range [][]byte{nil, {}, {5}, {63, 'a', 0}, {0xC0, 0x0C}, {4, 't', 'e', 's', 't'}, long, {0, 0}, slices.Repeat([]byte{0xFF}, 300)} {
		if m := x.Find(name, dns.TypeA); m.Kind != zones.Refused {
			t.Errorf("%v: %v", name, m.Kind)
		}
	}
}

func TestFindDoesNotAllocate(t *testing.T) {
	x := index(t, []*zones.Zone{parse(t, "test.", soa+"www A 192.0.2.1\n*.w TXT x\nsub NS ns.example.\n"), parse(t, "child.test.", soa)})
	for _, name := range []string{"www.test.", "a.b.c.w.test.", "nope.test.", "a.sub.test.", "child.test.", "elsewhere.", strings.Repeat("a.", 120) + "test."} {
		w := wire(t, name)
		for _, qtype := range []uint16{dns.TypeA, dns.TypeDS} {
			if n := testing.AllocsPerRun(100, func() {
				if m := x.Find(w, qtype); m.Node != nil {
					m.Node.RRset(qtype)
					m.Node.Glue()
				}
			}); n != 0 {
				t.Errorf("%s: %v allocations", name, n)
			}
		}
	}
}
