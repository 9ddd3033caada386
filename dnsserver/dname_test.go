package dnsserver

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
	"pgregory.net/rapid"

	"meridian/snapshot"
	"meridian/zones"
)

var (
	longTarget = strings.Repeat(strings.Repeat("t", 60)+".", 3) // "test." makes it 189 octets
	longPrefix = strings.Repeat("p", 60) + "."                  // 61 octets: 5 are left
)

// movedZone has a DNAME of every kind.
var movedZone = `$ORIGIN moved.test.
$TTL 600
@        IN SOA ns1 hostmaster 1 7200 900 1209600 30
@        IN NS  ns1
ns1      IN A   192.0.2.53
old   60 IN DNAME New
old      IN A   192.0.2.1
new      IN A   192.0.2.2
www.new  IN A   192.0.2.3
a.b.new  IN A   192.0.2.4
*.w.new  IN TXT "wildcard"
sub.new  IN NS  ns.sub.new
ns.sub.new IN A 192.0.2.5
alias.new IN CNAME www.old
out      IN DNAME example.net.
twice    IN DNAME old
to-svc   IN DNAME svc
up       IN DNAME .
into     IN CNAME www.old
cat      IN DNAME dog
dog      IN DNAME cat
self     IN DNAME self
grows    IN DNAME g.grows
far      IN DNAME ` + longTarget + `test.
ring     IN CNAME x.back
back     IN DNAME round
x.round  IN CNAME ring
*.any    IN DNAME new
`

// apexZone has all names but its apex elsewhere.
const apexZone = `$ORIGIN renamed.test.
$TTL 600
@ IN SOA ns1.moved.test. hostmaster 1 7200 900 1209600 30
@ IN NS  ns1.moved.test.
@ IN MX  10 mail.example.
@ IN DNAME moved.test.
`

func movedSnapshot(tb testing.TB) *snapshot.Snapshot {
	tb.Helper()
	service := testServices()[0]
	service.Name = "www.svc.moved.test."
	return compile(tb, map[string]string{"moved.test.": movedZone, "renamed.test.": apexZone}, []*zones.Service{service})
}

// TestDNAME: each answer is rendered twice, and its records are in the order in which a resolver follows them.
func TestDNAME(t *testing.T) {
	snap, id := movedSnapshot(t), testIdentity(t)
	const (
		soa = " | authority moved.test. 30 SOA ns1.moved.test. hostmaster.moved.test. 1 7200 900 1209600 30"
		old = "old.moved.test. 60 DNAME New.moved.test., "
	)
	grown := "x"
	var growth []string
	for range 4 {
		growth = append(growth, "grows.moved.test. 600 DNAME g.grows.moved.test., "+grown+".grows.moved.test. 600 CNAME "+grown+".g.grows.moved.test.")
		grown += ".g"
	}
	far := "far.moved.test. 600 DNAME " + longTarget + "test."
	for _, c := range []struct {
		name  string
		qtype uint16
		want  string
	}{
		// The owner itself isn't redirected; what stands beside the DNAME is answered.
		{"old.moved.test.", dns.TypeA, "NOERROR aa | old.moved.test. 600 A 192.0.2.1"},
		{"old.moved.test.", dns.TypeDNAME, "NOERROR aa | old.moved.test. 60 DNAME New.moved.test."},
		{"old.moved.test.", dns.TypeCNAME, "NOERROR aa" + soa},
		{"old.moved.test.", dns.TypeTXT, "NOERROR aa" + soa},
		{"old.moved.test.", dns.TypeANY, `NOERROR aa | old.moved.test. 3789 HINFO "RFC8482" ""`},
		{"xold.moved.test.", dns.TypeA, "NXDOMAIN aa" + soa},

		// Below it: DNAME, CNAME with the DNAME's TTL, and what they lead to.
		{"www.old.moved.test.", dns.TypeA, "NOERROR aa | " + old + "www.old.moved.test. 60 CNAME www.New.moved.test., www.New.moved.test. 600 A 192.0.2.3"},
		{"wWw.OLD.moved.TEST.", dns.TypeA, "NOERROR aa | OLD.moved.TEST. 60 DNAME New.moved.test., wWw.OLD.moved.TEST. 60 CNAME www.New.moved.test., www.New.moved.test. 600 A 192.0.2.3"},
		{"a.b.old.moved.test.", dns.TypeA, "NOERROR aa | " + old + "a.b.old.moved.test. 60 CNAME a.b.New.moved.test., a.b.New.moved.test. 600 A 192.0.2.4"},
		{"x.w.old.moved.test.", dns.TypeTXT, "NOERROR aa | " + old + `x.w.old.moved.test. 60 CNAME x.w.New.moved.test., x.w.New.moved.test. 600 TXT "wildcard"`},
		{"www.old.moved.test.", dns.TypeAAAA, "NOERROR aa | " + old + "www.old.moved.test. 60 CNAME www.New.moved.test." + soa},
		{"b.old.moved.test.", dns.TypeA, "NOERROR aa | " + old + "b.old.moved.test. 60 CNAME b.New.moved.test." + soa},
		{"nope.old.moved.test.", dns.TypeA, "NXDOMAIN aa | " + old + "nope.old.moved.test. 60 CNAME nope.New.moved.test." + soa},
		{"www.old.moved.test.", dns.TypeDNAME, "NOERROR aa | " + old + "www.old.moved.test. 60 CNAME www.New.moved.test." + soa},
		{"www.old.moved.test.", dns.TypeANY, "NOERROR aa | " + old + `www.old.moved.test. 60 CNAME www.New.moved.test., www.New.moved.test. 3789 HINFO "RFC8482" ""`},
		{"x.sub.old.moved.test.", dns.TypeA, "NOERROR aa | " + old + "x.sub.old.moved.test. 60 CNAME x.sub.New.moved.test."},
		{"x.out.moved.test.", dns.TypeA, "NOERROR aa | out.moved.test. 600 DNAME example.net., x.out.moved.test. 600 CNAME x.example.net."},
		{"x.up.moved.test.", dns.TypeA, "NOERROR aa | up.moved.test. 600 DNAME ., x.up.moved.test. 600 CNAME x."},

		// Chains of them, with CNAMEs between.
		{"www.twice.moved.test.", dns.TypeA, "NOERROR aa | twice.moved.test. 600 DNAME old.moved.test., www.twice.moved.test. 600 CNAME www.old.moved.test., " + old + "www.old.moved.test. 60 CNAME www.New.moved.test., www.New.moved.test. 600 A 192.0.2.3"},
		{"into.moved.test.", dns.TypeA, "NOERROR aa | into.moved.test. 600 CNAME www.old.moved.test., " + old + "www.old.moved.test. 60 CNAME www.New.moved.test., www.New.moved.test. 600 A 192.0.2.3"},
		{"alias.old.moved.test.", dns.TypeA, "NOERROR aa | " + old + "alias.old.moved.test. 60 CNAME alias.New.moved.test., alias.New.moved.test. 600 CNAME www.old.moved.test., " + old + "www.old.moved.test. 60 CNAME www.New.moved.test., www.New.moved.test. 600 A 192.0.2.3"},

		// At the apex of another zone.
		{"renamed.test.", dns.TypeMX, "NOERROR aa | renamed.test. 600 MX 10 mail.example."},
		{"renamed.test.", dns.TypeA, "NOERROR aa" + strings.NewReplacer(" moved", " renamed", "hostmaster.moved", "hostmaster.renamed").Replace(soa)},
		{"new.renamed.test.", dns.TypeA, "NOERROR aa | renamed.test. 600 DNAME moved.test., new.renamed.test. 600 CNAME new.moved.test., new.moved.test. 600 A 192.0.2.2"},
		{"nope.renamed.test.", dns.TypeA, "NXDOMAIN aa | renamed.test. 600 DNAME moved.test., nope.renamed.test. 600 CNAME nope.moved.test." + soa},

		// Circles end where they begin, and chains at nine links.
		{"x.self.moved.test.", dns.TypeA, "NOERROR aa | self.moved.test. 600 DNAME self.moved.test., x.self.moved.test. 600 CNAME x.self.moved.test."},
		{"x.cat.moved.test.", dns.TypeA, "NOERROR aa | cat.moved.test. 600 DNAME dog.moved.test., x.cat.moved.test. 600 CNAME x.dog.moved.test., dog.moved.test. 600 DNAME cat.moved.test., x.dog.moved.test. 600 CNAME x.cat.moved.test."},
		{"ring.moved.test.", dns.TypeA, "NOERROR aa | ring.moved.test. 600 CNAME x.back.moved.test., back.moved.test. 600 DNAME round.moved.test., x.back.moved.test. 600 CNAME x.round.moved.test., x.round.moved.test. 600 CNAME ring.moved.test."},
		{"x.grows.moved.test.", dns.TypeA, "NOERROR aa | " + strings.Join(growth, ", ")},

		// Too long for a name.
		{longPrefix + "far.moved.test.", dns.TypeA, "NOERROR aa | " + far + ", " + longPrefix + "far.moved.test. 600 CNAME " + longPrefix + longTarget + "test."},
		{"xxxxx." + longPrefix + "far.moved.test.", dns.TypeA, "YXDOMAIN aa | " + far},
		{"xxxx." + longPrefix + "far.moved.test.", dns.TypeA, "NOERROR aa | " + far + ", xxxx." + longPrefix + "far.moved.test. 600 CNAME xxxx." + longPrefix + longTarget + "test."},

		// At a wildcard it is data; only who spells the asterisk is redirected.
		{"x.any.moved.test.", dns.TypeDNAME, "NOERROR aa | x.any.moved.test. 600 DNAME new.moved.test."},
		{"x.any.moved.test.", dns.TypeA, "NOERROR aa" + soa},
		{"www.*.any.moved.test.", dns.TypeA, "NOERROR aa | *.any.moved.test. 600 DNAME new.moved.test., www.*.any.moved.test. 600 CNAME www.new.moved.test., www.new.moved.test. 600 A 192.0.2.3"},
	} {
		m := parity(t, &id, snap, pack(t, ask(c.name, c.qtype)), maxTCP, resolver, 0)
		if got := describe(m); got != c.want {
			t.Errorf("%s %s\n got %s\nwant %s", c.name, dns.Type(c.qtype), got, c.want)
		}
	}
}

// TestDNAMELeadsToAService: the scope is the service's, and explain sees which it was.
func TestDNAMELeadsToAService(t *testing.T) {
	snap, id := movedSnapshot(t), testIdentity(t)
	m := parity(t, &id, snap, pack(t, ask("www.to-svc.moved.test.", dns.TypeA, clientSubnet(tokyo))), 0, resolver, 0)
	got := describe(m)
	if !strings.HasPrefix(got, "NOERROR aa | to-svc.moved.test. 600 DNAME svc.moved.test., www.to-svc.moved.test. 600 CNAME www.svc.moved.test., www.svc.moved.test. 30 A 198.18.3.") ||
		!strings.HasSuffix(got, " | scope 28") {
		t.Error(got)
	}
	a, err := Decide(snap, Question{Name: "www.to-svc.moved.test", Type: dns.TypeA, Client: tokyoClient})
	if err != nil || a.Service != 0 || a.RCode != "NOERROR" || len(a.Records) != 4 || a.TTL != 30 || a.Scope != 28 {
		t.Errorf("%+v, %v", a, err)
	}
}

// TestDNAMECountsAndTruncates: the responder counts YXDOMAIN, and truncates what doesn't fit.
func TestDNAMECountsAndTruncates(t *testing.T) {
	r := testResponder(t, udp)
	r.current.Publish(movedSnapshot(t))
	if got := exchange(t, r, pack(t, ask("xxxxx."+longPrefix+"far.moved.test.", dns.TypeA))); got.Rcode != dns.RcodeYXDomain {
		t.Error(describe(got))
	}
	plain := ask(longPrefix+"far.moved.test.", dns.TypeA)
	plain.Extra = nil
	if got := exchange(t, r, pack(t, plain)); !got.Truncated || len(got.Answer) > 0 {
		t.Error(describe(got))
	}
	if r.counts.panics.Load() != 0 {
		t.Error("something panicked")
	}
}

// TestDNAMEParity draws names below DNAMEs, and holds what RFC 6672 says of every answer: behind each DNAME stands the
// CNAME that it makes of the name so far.
func TestDNAMEParity(t *testing.T) {
	snap, id := movedSnapshot(t), testIdentity(t)
	owners := rapid.SampledFrom([]string{"old", "out", "twice", "to-svc", "up", "cat", "dog", "self", "grows", "far", "back", "round", "*.any", "new", "ring"})
	prefix := rapid.SliceOfN(rapid.SampledFrom([]string{"www", "a", "b", "x", "w", "sub", "alias", "*", strings.Repeat("q", 63), `\000`, `\.`, "WwW"}), 0, 4)
	types := rapid.SampledFrom([]uint16{dns.TypeA, dns.TypeAAAA, dns.TypeTXT, dns.TypeCNAME, dns.TypeDNAME, dns.TypeANY, dns.TypeDS, dns.TypeNS})
	apexes := rapid.SampledFrom([]string{"moved.test.", "renamed.test.", "MOVED.test."})
	rapid.Check(t, func(t *rapid.T) {
		labels := append(prefix.Draw(t, "prefix"), owners.Draw(t, "owner"))
		name := strings.Join(labels, ".") + "." + apexes.Draw(t, "apex")
		if _, err := zones.WireName(name); err != nil {
			return
		}
		packet, err := ask(name, types.Draw(t, "type")).Pack()
		if err != nil {
			t.Fatal(err)
		}
		m := parity(t, &id, snap, packet, rapid.SampledFrom([]int{0, maxTCP}).Draw(t, "limit"), resolver, rapid.Uint64().Draw(t, "random"))
		at := m.Question[0].Name
		for i := 0; i < len(m.Answer); i++ {
			dname, ok := m.Answer[i].(*dns.DNAME)
			if !ok || strings.EqualFold(dname.Hdr.Name, at) {
				if c, ok := m.Answer[i].(*dns.CNAME); ok {
					at = c.Target
				}
				continue
			}
			labels := dns.SplitDomainName(at)
			kept := labels[:len(labels)-dns.CountLabel(dname.Hdr.Name)]
			want := strings.Join(kept, ".") + "." + strings.TrimPrefix(dname.Target, ".")
			if i+1 == len(m.Answer) {
				if _, err := zones.WireName(want); m.Rcode != dns.RcodeYXDomain || err == nil {
					t.Fatalf("no CNAME to %s behind the last DNAME:\n%v", want, m)
				}
				continue
			}
			c, ok := m.Answer[i+1].(*dns.CNAME)
			if !ok || !strings.EqualFold(c.Hdr.Name, at) || !strings.EqualFold(c.Target, want) || c.Hdr.Ttl != dname.Hdr.Ttl || len(kept) == 0 {
				t.Fatalf("behind %v stands %v, want a CNAME to %s", dname, m.Answer[i+1], want)
			}
		}
	})
}

// BenchmarkDNAME is what a name that has moved costs: a few allocations, unlike the answers of BenchmarkRespond.
func BenchmarkDNAME(b *testing.B) {
	r := testResponder(b, udp)
	r.current.Publish(movedSnapshot(b))
	packet := pack(b, ask("www.old.moved.test.", dns.TypeA))
	var out [maxUDP]byte
	b.ReportAllocs()
	for b.Loop() {
		r.respond(out[:0], packet, resolver)
	}
}
