package dnsserver

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"meridian/snapshot"
)

// describe writes a message as one line: RCODE, flags, the sections that aren't empty, the scope if there is one.
//
//	NOERROR aa | www.glb.test. 30 A 198.18.1.1 | scope 28
func describe(m *dns.Msg) string {
	if m == nil {
		return "nothing"
	}
	s := rcodeName(uint16(m.Rcode))
	for _, f := range []struct {
		name string
		set  bool
	}{{"aa", m.Authoritative}, {"tc", m.Truncated}, {"rd", m.RecursionDesired}, {"ra", m.RecursionAvailable}, {"z", m.Zero}, {"ad", m.AuthenticatedData}, {"cd", m.CheckingDisabled}} {
		if f.set {
			s += " " + f.name
		}
	}
	section := func(name string, rrs []dns.RR) {
		var texts []string
		for _, rr := range rrs {
			if tsig, ok := rr.(*dns.TSIG); ok {
				texts = append(texts, fmt.Sprintf("TSIG %s %s error %d", tsig.Hdr.Name, tsig.Algorithm, tsig.Error))
			} else if rr.Header().Rrtype != dns.TypeOPT {
				text := strings.ReplaceAll(rr.String(), "\tIN\t", "\t")
				texts = append(texts, strings.ReplaceAll(text, "\t", " "))
			}
		}
		if len(texts) > 0 {
			s += " | " + name + strings.Join(texts, ", ")
		}
	}
	section("", m.Answer)
	section("authority ", m.Ns)
	section("additional ", m.Extra)
	if o := m.IsEdns0(); o != nil {
		for _, e := range o.Option {
			switch e := e.(type) {
			case *dns.EDNS0_SUBNET:
				s += fmt.Sprintf(" | scope %d", e.SourceScope)
			case *dns.EDNS0_NSID:
				s += " | nsid " + e.Nsid
			default:
				s += fmt.Sprintf(" | option %d", e.Option())
			}
		}
	}
	return s
}

const (
	soa     = " | authority glb.test. 30 SOA ns1.glb.test. hostmaster.glb.test. 2026112001 7200 900 1209600 30"
	tokyo   = "192.0.2.0/28"
	nowhere = "198.51.100.0/24"
)

func TestAnswers(t *testing.T) {
	r := testResponder(t, udp)
	for _, c := range []struct {
		name  string
		qtype uint16
		want  string
	}{
		// static names
		{"mail.glb.test.", dns.TypeA, "NOERROR aa | mail.glb.test. 3600 A 192.0.2.25"},
		{"static.glb.test.", dns.TypeA, "NOERROR aa | static.glb.test. 3600 A 192.0.2.80, static.glb.test. 3600 A 192.0.2.81"},
		{"StAtIc.GLB.test.", dns.TypeTXT, `NOERROR aa | StAtIc.GLB.test. 3600 TXT "beside"`},
		{"glb.test.", dns.TypeMX, "NOERROR aa | glb.test. 3600 MX 10 mail.glb.test."},
		{"glb.test.", dns.TypeNS, "NOERROR aa | glb.test. 3600 NS ns1.glb.test., glb.test. 3600 NS ns2.glb.test."},
		{"glb.test.", dns.TypeSOA, "NOERROR aa | glb.test. 3600 SOA ns1.glb.test. hostmaster.glb.test. 2026112001 7200 900 1209600 30"},

		// negative answers: the SOA is the apex's, with the least of TTL and MINIMUM
		{"static.glb.test.", dns.TypeAAAA, "NOERROR aa" + soa},
		{"static.glb.test.", dns.TypeHTTPS, "NOERROR aa" + soa},
		{"static.glb.test.", 65280, "NOERROR aa" + soa},
		{"StAtIc.gLB.test.", dns.TypeAAAA, "NOERROR aa" + strings.Replace(soa, "glb", "gLB", 1)},
		{"ent.glb.test.", dns.TypeA, "NOERROR aa" + soa},
		{"b.ent.glb.test.", dns.TypeA, "NOERROR aa" + soa},
		{"nowhere.glb.test.", dns.TypeA, "NXDOMAIN aa" + soa},
		{"x.static.glb.test.", dns.TypeA, "NXDOMAIN aa" + soa},
		{"static.xglb.test.", dns.TypeA, "REFUSED"},
		{"example.net.", dns.TypeA, "REFUSED"},
		{".", dns.TypeNS, "REFUSED"},

		// wildcards
		{"x.wild.glb.test.", dns.TypeA, "NOERROR aa | x.wild.glb.test. 3600 A 192.0.2.90"},
		{"X.y.Wild.glb.test.", dns.TypeTXT, `NOERROR aa | X.y.Wild.glb.test. 3600 TXT "wildcard"`},
		{"x.wild.glb.test.", dns.TypeMX, "NOERROR aa" + soa},
		{"wild.glb.test.", dns.TypeA, "NOERROR aa" + soa},

		// CNAMEs: within our zones they are followed
		{"out.glb.test.", dns.TypeA, "NOERROR aa | out.glb.test. 3600 CNAME www.example.net."},
		{"out.glb.test.", dns.TypeCNAME, "NOERROR aa | out.glb.test. 3600 CNAME www.example.net."},
		{"nodata.glb.test.", dns.TypeA, "NOERROR aa | nodata.glb.test. 3600 CNAME mail.glb.test., mail.glb.test. 3600 A 192.0.2.25"},
		{"nodata.glb.test.", dns.TypeAAAA, "NOERROR aa | nodata.glb.test. 3600 CNAME mail.glb.test." + soa},
		{"gone.glb.test.", dns.TypeA, "NXDOMAIN aa | gone.glb.test. 3600 CNAME Nowhere.glb.test." + soa},
		{"below.glb.test.", dns.TypeA, "NOERROR aa | below.glb.test. 3600 CNAME host.sub.glb.test."},
		{"loop.glb.test.", dns.TypeA, "NOERROR aa | loop.glb.test. 3600 CNAME loop.glb.test."},
		{"cat.glb.test.", dns.TypeA, "NOERROR aa | cat.glb.test. 3600 CNAME dog.glb.test., dog.glb.test. 3600 CNAME cat.glb.test."},
		{"c2.glb.test.", dns.TypeA, "NOERROR aa | c2.glb.test. 3600 CNAME c3.glb.test., c3.glb.test. 3600 CNAME c4.glb.test., c4.glb.test. 3600 CNAME c5.glb.test., c5.glb.test. 3600 CNAME c6.glb.test., c6.glb.test. 3600 CNAME c7.glb.test., c7.glb.test. 3600 CNAME c8.glb.test., c8.glb.test. 3600 CNAME c9.glb.test., c9.glb.test. 3600 CNAME c10.glb.test., c10.glb.test. 3600 A 192.0.2.99"},
		{"c1.glb.test.", dns.TypeA, "NOERROR aa | c1.glb.test. 3600 CNAME c2.glb.test., c2.glb.test. 3600 CNAME c3.glb.test., c3.glb.test. 3600 CNAME c4.glb.test., c4.glb.test. 3600 CNAME c5.glb.test., c5.glb.test. 3600 CNAME c6.glb.test., c6.glb.test. 3600 CNAME c7.glb.test., c7.glb.test. 3600 CNAME c8.glb.test., c8.glb.test. 3600 CNAME c9.glb.test., c9.glb.test. 3600 CNAME c10.glb.test."},

		// delegations: no AA, and glue
		{"sub.glb.test.", dns.TypeA, "NOERROR | authority sub.glb.test. 3600 NS ns.sub.glb.test., sub.glb.test. 3600 NS ns1.glb.test. | additional ns.sub.glb.test. 3600 A 192.0.2.54, ns.sub.glb.test. 3600 AAAA 2001:db8::54, ns1.glb.test. 3600 A 192.0.2.53, ns1.glb.test. 3600 AAAA 2001:db8::53"},
		{"host.SUB.glb.test.", dns.TypeMX, "NOERROR | authority SUB.glb.test. 3600 NS ns.sub.glb.test., SUB.glb.test. 3600 NS ns1.glb.test. | additional ns.sub.glb.test. 3600 A 192.0.2.54, ns.sub.glb.test. 3600 AAAA 2001:db8::54, ns1.glb.test. 3600 A 192.0.2.53, ns1.glb.test. 3600 AAAA 2001:db8::53"},
		{"sub.glb.test.", dns.TypeDS, "NOERROR aa" + soa},

		// services beside static data, from an address in Europe
		{"www.glb.test.", dns.TypeTXT, `NOERROR aa | www.glb.test. 3600 TXT "text beside a service"`},
		{"www.glb.test.", dns.TypeHTTPS, "NOERROR aa" + soa},
		{"www.glb.test.", dns.TypeAAAA, "NOERROR aa" + soa},
		{"x.y.svc.glb.test.", dns.TypeA, "NOERROR aa | x.y.svc.glb.test. 30 A 198.18.2.1"},
		{"off.glb.test.", dns.TypeA, "SERVFAIL"},
		{"refuge.glb.test.", dns.TypeA, "SERVFAIL"},

		// ANY, RFC 8482
		{"static.glb.test.", dns.TypeANY, `NOERROR aa | static.glb.test. 3789 HINFO "RFC8482" ""`},
		{"x.wild.glb.test.", dns.TypeANY, `NOERROR aa | x.wild.glb.test. 3789 HINFO "RFC8482" ""`},
		{"w.glb.test.", dns.TypeANY, `NOERROR aa | w.glb.test. 3789 HINFO "RFC8482" ""`},
		{"alias.glb.test.", dns.TypeANY, "NOERROR aa | alias.glb.test. 3600 CNAME www.glb.test."},
		{"ent.glb.test.", dns.TypeANY, "NOERROR aa" + soa},
		{"nowhere.glb.test.", dns.TypeANY, "NXDOMAIN aa" + soa},
		{"example.net.", dns.TypeANY, "REFUSED"},

		// types that are no types of data
		{"glb.test.", dns.TypeAXFR, "REFUSED"},
		{"glb.test.", dns.TypeIXFR, "REFUSED"},
		{"glb.test.", dns.TypeTKEY, "NOTIMP"},
		{"glb.test.", dns.TypeMAILB, "NOTIMP"},
		{"glb.test.", dns.TypeOPT, "FORMERR"},
		{"glb.test.", dns.TypeNXNAME, "FORMERR"},
		{"glb.test.", 0, "FORMERR"},
		{"glb.test.", 255 - 6, "NOTIMP"},
		{"glb.test.", 65535, "NOERROR aa" + soa},
	} {
		got := exchange(t, r, pack(t, ask(c.name, c.qtype)))
		if describe(got) != c.want {
			t.Errorf("%s %s\n got %s\nwant %s", c.name, dns.Type(c.qtype), describe(got), c.want)
		}
		if got.Question[0].Name != c.name {
			t.Errorf("the question %s came back as %s", c.name, got.Question[0].Name)
		}
	}
}

// TestServiceFollowsTheClient checks regions and scopes; two endpoints come in either order.
func TestServiceFollowsTheClient(t *testing.T) {
	r := testResponder(t, udp)
	for _, c := range []struct {
		name   string
		qtype  uint16
		subnet string
		want   string
	}{
		{"www.glb.test.", dns.TypeA, "192.0.2.0/28", "198.18.3. | scope 28"},
		{"www.glb.test.", dns.TypeA, "192.0.2.64/32", "198.18.2. | scope 28"},
		{"www.glb.test.", dns.TypeA, "192.0.2.128/32", "198.18.1. | scope 25"}, // beyond is unknown, with the same first choice
		{"www.glb.test.", dns.TypeA, "192.0.2.0/24", "198.18.3. | scope 28"},   // looked up as it was sent
		{"www.glb.test.", dns.TypeA, "2001:db8:1::/56", "198.18.3. | scope 48"},
		{"www.glb.test.", dns.TypeA, "0.0.0.0/0", "198.18.2. | scope 0"}, // by the resolver's own address
		{"www.glb.test.", dns.TypeA, "::/0", "198.18.2. | scope 0"},
		{"alias.glb.test.", dns.TypeA, "192.0.2.64/32", "198.18.2. | scope 28"},
		{"twice.glb.test.", dns.TypeA, "192.0.2.64/32", "198.18.2. | scope 28"},
		{"x.star.glb.test.", dns.TypeA, "192.0.2.64/32", "198.18.2. | scope 28"},
		{"cdn.glb.test.", dns.TypeA, "192.0.2.128/32", "us.cdn.example.net. | scope 25"},
		{"cdn.glb.test.", dns.TypeA, "192.0.2.64/32", "198.18.2. | scope 28"}, // a pool that is a name of ours
		{"cdn.glb.test.", dns.TypeA, "192.0.2.0/32", "198.18.3. | scope 28"},
	} {
		m := exchange(t, r, pack(t, ask(c.name, c.qtype, clientSubnet(c.subnet))))
		want, scope, _ := strings.Cut(c.want, " | ")
		last := ""
		if len(m.Answer) > 0 {
			last = m.Answer[len(m.Answer)-1].String()
		}
		if !strings.Contains(last, want) || !strings.HasSuffix(describe(m), scope) {
			t.Errorf("%s %s from %s\n got %s\nwant %s", c.name, dns.Type(c.qtype), c.subnet, describe(m), c.want)
		}
	}
}

// TestMultivalue: an answer of several addresses, no more than the policy allows, and over time all of them.
func TestMultivalue(t *testing.T) {
	r := testResponder(t, udp)
	packet := pack(t, ask("multi.glb.test.", dns.TypeA))
	seen := map[string]int{}
	for range 400 {
		m := exchange(t, r, packet)
		if len(m.Answer) != 3 {
			t.Fatalf("%d addresses, want 3: %s", len(m.Answer), describe(m))
		}
		for _, rr := range m.Answer {
			seen[rr.(*dns.A).A.String()]++
		}
	}
	if len(seen) != 8 {
		t.Errorf("%d of 8 addresses were answered: %v", len(seen), seen)
	}
}

// TestScope: every answer of a name and type that depends on the client has a scope, and no other.
func TestScope(t *testing.T) {
	r := testResponder(t, udp)
	for _, c := range []struct {
		name   string
		qtype  uint16
		subnet string
		scoped bool
	}{
		{"www.glb.test.", dns.TypeA, tokyo, true},
		{"www.glb.test.", dns.TypeA, nowhere, true},    // the default answer
		{"www.glb.test.", dns.TypeAAAA, tokyo, true},   // NODATA
		{"www.glb.test.", dns.TypeAAAA, nowhere, true}, // NODATA
		{"alias.glb.test.", dns.TypeAAAA, tokyo, true}, // NODATA behind a CNAME
		{"off.glb.test.", dns.TypeA, tokyo, true},      // SERVFAIL
		{"many.glb.test.", dns.TypeA, "10.0.0.0/8", true},
		{"www.glb.test.", dns.TypeA, "0.0.0.0/0", false},
		{"www.glb.test.", dns.TypeTXT, tokyo, false},
		{"www.glb.test.", dns.TypeHTTPS, tokyo, false},
		{"www.glb.test.", dns.TypeANY, tokyo, false},
		{"w.glb.test.", dns.TypeA, tokyo, false}, // by weight alone
		{"static.glb.test.", dns.TypeA, tokyo, false},
		{"static.glb.test.", dns.TypeAAAA, tokyo, false},
		{"nowhere.glb.test.", dns.TypeA, tokyo, false},
		{"glb.test.", dns.TypeSOA, tokyo, false},
		{"glb.test.", dns.TypeNS, tokyo, false},
		{"host.sub.glb.test.", dns.TypeA, tokyo, false},
		{"sub.glb.test.", dns.TypeDS, tokyo, false},
		{"example.net.", dns.TypeA, tokyo, false},
	} {
		sent := clientSubnet(c.subnet)
		m := exchange(t, r, pack(t, ask(c.name, c.qtype, sent)))
		got, ok := m.IsEdns0().Option[0].(*dns.EDNS0_SUBNET)
		if !ok {
			t.Errorf("%s %s: no client subnet in the answer", c.name, dns.Type(c.qtype))
			continue
		}
		if got.Family != sent.Family || got.SourceNetmask != sent.SourceNetmask || !got.Address.Equal(sent.Address) {
			t.Errorf("%s: client subnet %v came back as %v", c.name, sent, got)
		}
		if c.scoped != (got.SourceScope > 0) {
			t.Errorf("%s %s from %s has scope %d", c.name, dns.Type(c.qtype), c.subnet, got.SourceScope)
		}
	}
}

// TestOptionsComeBackOnlyIfAsked: OPT, client subnet and NSID are the client's to ask for.
func TestOptionsComeBackOnlyIfAsked(t *testing.T) {
	r := testResponder(t, udp)
	none := ask("static.glb.test.", dns.TypeAAAA)
	none.Extra = nil
	do := ask("static.glb.test.", dns.TypeAAAA)
	do.IsEdns0().SetDo()
	for _, c := range []struct {
		name    string
		query   *dns.Msg
		edns    bool
		do      bool
		options string
	}{
		{"no OPT", none, false, false, ""},
		{"OPT alone", ask("static.glb.test.", dns.TypeAAAA), true, false, ""},
		{"DO", do, true, true, ""},
		{"NSID", ask("static.glb.test.", dns.TypeAAAA, &dns.EDNS0_NSID{Code: dns.EDNS0NSID}), true, false, " | nsid 6e73312e667261"},
		{"unknown options", ask("static.glb.test.", dns.TypeAAAA,
			&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "24a5ac1234567890"}, &dns.EDNS0_LOCAL{Code: 65001, Data: []byte{1}}), true, false, ""},
	} {
		m := exchange(t, r, pack(t, c.query))
		o := m.IsEdns0()
		if want := "NOERROR aa" + soa + c.options; describe(m) != want || (o != nil) != c.edns {
			t.Errorf("%s:\n got %s\nwant %s", c.name, describe(m), want)
			continue
		}
		if o != nil && (o.Do() != c.do || o.UDPSize() != maxUDP || o.Version() != 0) {
			t.Errorf("%s: OPT %v", c.name, o)
		}
	}
	r.id.nsid = nil
	m := exchange(t, r, pack(t, ask("static.glb.test.", dns.TypeA, &dns.EDNS0_NSID{Code: dns.EDNS0NSID})))
	if len(m.IsEdns0().Option) != 0 {
		t.Errorf("without a node name NSID was answered: %s", describe(m))
	}
}

// TestFlags: RD is copied; RA, Z, AD, CD, and AA and TC of the query, aren't.
func TestFlags(t *testing.T) {
	r := testResponder(t, udp)
	packet := pack(t, ask("mail.glb.test.", dns.TypeA))
	packet[2], packet[3] = 0x07, 0xff // AA, TC, RD; RA, Z, AD, CD, RCODE 15
	if got, want := describe(exchange(t, r, packet)), "NOERROR aa rd | mail.glb.test. 3600 A 192.0.2.25"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTruncation(t *testing.T) {
	for _, c := range []struct {
		name  string
		qtype uint16
		proto proto
		size  int // of the OPT; 0: none
		tc    bool
	}{
		{"middle.glb.test.", dns.TypeTXT, udp, 0, true}, // about 800 bytes
		{"middle.glb.test.", dns.TypeTXT, udp, 512, true},
		{"middle.glb.test.", dns.TypeTXT, udp, 100, true},
		{"middle.glb.test.", dns.TypeTXT, udp, 1232, false},
		{"middle.glb.test.", dns.TypeTXT, udp, 65535, false},
		{"long.glb.test.", dns.TypeTXT, udp, 1232, true}, // about 1,550
		{"long.glb.test.", dns.TypeTXT, udp, 65535, true},
		{"long.glb.test.", dns.TypeTXT, tcp, 0, false},
		{"long.glb.test.", dns.TypeTXT, tcp, 512, false},
		{"static.glb.test.", dns.TypeA, udp, 1, false}, // below 512 counts as 512
		{"x.many.crowd.test.", dns.TypeA, udp, 512, true},
		{"x.many.crowd.test.", dns.TypeA, tcp, 512, false},
	} {
		q := ask(c.name, c.qtype)
		if q.IsEdns0().SetUDPSize(uint16(c.size)); c.size == 0 {
			q.Extra = nil
		}
		out := testResponder(t, c.proto).respond(nil, pack(t, q), resolver)
		m := new(dns.Msg)
		if err := m.Unpack(out); err != nil {
			t.Fatal(err)
		}
		if m.Truncated != c.tc {
			t.Errorf("%s over %s with size %d: TC %v, %d bytes", c.name, c.proto, c.size, m.Truncated, len(out))
		}
		if c.tc && (len(m.Answer) > 0 || len(m.Ns) > 0 || (m.IsEdns0() == nil) != (c.size == 0)) {
			t.Errorf("%s: a truncated answer is empty but for its OPT, got %s", c.name, describe(m))
		}
		if limit := min(max(c.size, 512), 1232); c.proto == udp && len(out) > limit {
			t.Errorf("%s: %d bytes, more than %d", c.name, len(out), limit)
		}
	}
}

// TestReferralDropsWhatItCanSpare: glue outside of the delegation goes before the answer is truncated.
func TestReferralDropsWhatItCanSpare(t *testing.T) {
	q := ask("x.few.crowd.test.", dns.TypeA)
	whole := exchange(t, testResponder(t, tcp), pack(t, q))
	q.IsEdns0().SetUDPSize(1100)
	part := exchange(t, testResponder(t, udp), pack(t, q))
	if part.Truncated || len(part.Ns) != 12 || len(part.Extra) >= len(whole.Extra) {
		t.Fatalf("tc %v, %d name servers, %d of %d additional records", part.Truncated, len(part.Ns), len(part.Extra), len(whole.Extra))
	}
	inside := 0
	for _, rr := range part.Extra {
		if dns.IsSubDomain("few.crowd.test.", rr.Header().Name) {
			inside++
		}
	}
	if inside != 12 {
		t.Errorf("%d of 12 addresses inside of the delegation are left", inside)
	}
}

func TestChaos(t *testing.T) {
	r := testResponder(t, udp)
	chaos := func(name string, qtype uint16) *dns.Msg {
		q := ask(name, qtype)
		q.Question[0].Qclass = dns.ClassCHAOS
		return exchange(t, r, pack(t, q))
	}
	for _, c := range []struct{ name, want string }{
		{"id.server.", `NOERROR aa | id.server. 0 CH TXT "ns1.fra"`},
		{"Hostname.Bind.", `NOERROR aa | Hostname.Bind. 0 CH TXT "ns1.fra"`},
		{"version.bind.", `NOERROR aa | version.bind. 0 CH TXT "Meridian"`},
		{"version.server.", `NOERROR aa | version.server. 0 CH TXT "Meridian"`},
		{"authors.bind.", "REFUSED"},
		{"www.glb.test.", "REFUSED"},
	} {
		if got := describe(chaos(c.name, dns.TypeTXT)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
	if got := describe(chaos("id.server.", dns.TypeA)); got != "REFUSED" {
		t.Errorf("id.server A: got %s", got)
	}
	id, err := newIdentity("", Chaos{})
	if err != nil {
		t.Fatal(err)
	}
	r.id = &id
	if got := describe(chaos("version.bind.", dns.TypeTXT)); got != "REFUSED" {
		t.Errorf("not configured: got %s", got)
	}
}

// TestBeforeTheFirstSnapshot: there is nothing to answer from, and nothing breaks.
func TestBeforeTheFirstSnapshot(t *testing.T) {
	r := testResponder(t, udp)
	r.current = new(snapshot.Current)
	if got := describe(exchange(t, r, pack(t, ask("www.glb.test.", dns.TypeA)))); got != "SERVFAIL" {
		t.Errorf("got %s", got)
	}
}
