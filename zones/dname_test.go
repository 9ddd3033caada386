package zones_test

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
	"pgregory.net/rapid"

	"meridian/zones"
)

// TestRFC6672Substitution is table 1 of RFC 6672 section 2.2; an empty result is "no match".
func TestRFC6672Substitution(t *testing.T) {
	for _, c := range []struct{ qname, owner, target, result string }{
		{"com.", "example.com.", "example.net.", ""},
		{"example.com.", "example.com.", "example.net.", ""},
		{"a.example.com.", "example.com.", "example.net.", "a.example.net."},
		{"a.b.example.com.", "example.com.", "example.net.", "a.b.example.net."},
		{"ab.example.com.", "b.example.com.", "example.net.", ""},
		{"foo.example.com.", "example.com.", "example.net.", "foo.example.net."},
		{"a.x.example.com.", "x.example.com.", "example.net.", "a.example.net."},
		{"a.example.com.", "example.com.", "y.example.net.", "a.y.example.net."},
		{"cyc.example.com.", "example.com.", "example.com.", "cyc.example.com."},
		{"cyc.example.com.", "example.com.", "c.example.com.", "cyc.c.example.com."},
		{"shortloop.x.x.", "x.", ".", "shortloop.x."},
		{"shortloop.x.", "x.", ".", "shortloop."},
		{`a\.b.x.`, "x.", `\000.y.`, `a\.b.\000.y.`},
	} {
		x := index(t, []*zones.Zone{parse(t, ".", "$TTL 60\n. SOA ns.e. h. 1 2 3 4 5\n. NS ns.e.\nns.e. A 192.0.2.1\n"+c.owner+" 70 DNAME "+c.target+"\n")})
		m := x.Find(wire(t, c.qname), dns.TypeA)
		got := ""
		if m.Kind == zones.Redirection {
			if m.Node.Name() != c.owner {
				t.Errorf("%s: redirected by %s, want %s", c.qname, m.Node.Name(), c.owner)
			}
			cname := m.Node.RRset(dns.TypeDNAME).Redirect(wire(t, c.qname))
			got = cname.RRs[0].(*dns.CNAME).Target
			if cname.Name != c.qname || cname.TTL != 70 || cname.Type != dns.TypeCNAME {
				t.Errorf("%s: %+v", c.qname, cname)
			}
		}
		if got != c.result {
			t.Errorf("%s by %s to %s: got %q, want %q", c.qname, c.owner, c.target, got, c.result)
		}
	}
}

// TestRedirectPacksAsNewRRset: the CNAME that Redirect packs by hand is the one that miekg's packer makes; and it is too
// long exactly when its name is.
func TestRedirectPacksAsNewRRset(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		label := rapid.StringMatching(`[a-c]{1,63}`)
		name := rapid.Custom(func(t *rapid.T) string {
			return strings.Join(rapid.SliceOfN(label, 1, 3).Draw(t, "labels"), ".") + "."
		})
		kept, owner, target := name.Draw(t, "kept"), name.Draw(t, "owner"), name.Draw(t, "target")
		dname, err := zones.NewRRset(owner, []dns.RR{&dns.DNAME{Hdr: dns.RR_Header{Name: owner, Rrtype: dns.TypeDNAME, Class: dns.ClassINET, Ttl: 60}, Target: target}})
		if err != nil {
			t.Fatal(err)
		}
		before, err := zones.WireName(kept + owner)
		if err != nil {
			return // too long itself: it is never asked for
		}
		got := dname.Redirect(before)
		_, err = zones.WireName(kept + target)
		if (got == nil) != (err != nil) {
			t.Fatalf("%s to %s: %v, but the name: %v", kept+owner, target, got, err)
		}
		if got == nil {
			return
		}
		want, err := zones.NewRRset(kept+owner, []dns.RR{&dns.CNAME{
			Hdr: dns.RR_Header{Name: kept + owner, Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: 60}, Target: kept + target}})
		if err != nil {
			t.Fatal(err)
		}
		if got.Name != want.Name || got.TTL != want.TTL || string(got.Wire) != string(want.Wire) || len(got.Ends) != 1 || got.Ends[0] != want.Ends[0] ||
			got.RRs[0].String() != want.RRs[0].String() {
			t.Fatalf("got %+v\nwant %+v", got, want)
		}
	})
}

func TestFindDNAME(t *testing.T) {
	x := index(t, []*zones.Zone{
		parse(t, "test.", soa+`
old DNAME new
old A 192.0.2.1
www.old A 192.0.2.2
*.old TXT x
sub.old NS ns.example.
*.w DNAME new
cut NS ns.x.old
cut NS ns.deep.cut
deep.cut DNAME new
ns.deep.cut A 192.0.2.3
ns.x.old A 192.0.2.4
`),
		parse(t, "apex.test.", "$TTL 60\n@ SOA ns.example. h 1 2 3 4 5\n@ NS ns.example.\n@ DNAME test.\nwww A 192.0.2.1\n"),
		parse(t, "child.old.test.", soa),
	})
	d := []uint16{dns.TypeDNAME}
	old := []uint16{dns.TypeA, dns.TypeDNAME}
	for _, f := range []find{
		{"old.test.", dns.TypeA, zones.Exact, "test.", "old.test.", old},
		{"old.test.", dns.TypeCNAME, zones.Exact, "test.", "old.test.", old},
		{"www.old.test.", dns.TypeA, zones.Redirection, "test.", "old.test.", old},
		{"a.b.old.test.", dns.TypeTXT, zones.Redirection, "test.", "old.test.", old},
		{"x.sub.old.test.", dns.TypeA, zones.Redirection, "test.", "old.test.", old},
		{"xold.test.", dns.TypeA, zones.NXDomain, "test.", "", nil},
		// A DNAME at a wildcard is data like any other, but for those who spell the asterisk.
		{"x.w.test.", dns.TypeA, zones.Wildcard, "test.", "*.w.test.", d},
		{"x.*.w.test.", dns.TypeA, zones.Redirection, "test.", "*.w.test.", d},
		// At the apex, beside SOA and NS.
		{"apex.test.", dns.TypeNS, zones.Exact, "apex.test.", "apex.test.", []uint16{dns.TypeNS, dns.TypeSOA, dns.TypeDNAME}},
		{"www.apex.test.", dns.TypeA, zones.Redirection, "apex.test.", "apex.test.", []uint16{dns.TypeNS, dns.TypeSOA, dns.TypeDNAME}},
		// A zone of ours below is nearer, but its parent's side of the border has moved.
		{"child.old.test.", dns.TypeSOA, zones.Exact, "child.old.test.", "child.old.test.", []uint16{dns.TypeNS, dns.TypeSOA}},
		{"x.child.old.test.", dns.TypeA, zones.NXDomain, "child.old.test.", "", nil},
		{"child.old.test.", dns.TypeDS, zones.Redirection, "test.", "old.test.", old},
		// Behind a cut, the DNAME is the child's.
		{"x.deep.cut.test.", dns.TypeA, zones.Delegation, "test.", "cut.test.", []uint16{dns.TypeNS}},
	} {
		f.check(t, x)
	}
	glue := x.Find(wire(t, "cut.test."), dns.TypeA).Node.Glue()
	if len(glue) != 1 || glue[0].Name != "ns.deep.cut.test." {
		t.Errorf("glue %v: of names that have moved there is none", glue)
	}
	w := wire(t, "a.b.old.test.")
	if n := testing.AllocsPerRun(100, func() { x.Find(w, dns.TypeA) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestServicesAndDNAMEs: a service may stand at a DNAME, but not below it.
func TestServicesAndDNAMEs(t *testing.T) {
	z := parse(t, "test.", soa+"old DNAME new\n")
	index(t, []*zones.Zone{z}, &zones.Service{Name: "old.test."})
	for name, want := range map[string]string{
		"www.old.test.":   `service "www.old.test" lies below the DNAME of old.test. in zone test., so it would never be answered`,
		"*.x.old.test.":   `service "*.x.old.test" lies below the DNAME of old.test. in zone test., so it would never be answered`,
		"alias.old.test.": `service "alias.old.test" lies below the DNAME of old.test. in zone test., so it would never be answered`,
	} {
		x, problems := zones.NewIndex([]*zones.Zone{z}, []*zones.Service{{Name: name}})
		if x != nil || len(problems) != 1 || problems[0].String() != want {
			t.Errorf("%s: %v", name, problems)
		}
	}
	x, problems := zones.NewIndex([]*zones.Zone{z}, []*zones.Service{{Name: "old.test.", Pools: []zones.Pool{{CNAME: "www.test."}}}})
	if x != nil || len(problems) != 1 || !strings.Contains(problems[0].Text, "a CNAME can't stand beside its DNAME record") {
		t.Error(problems)
	}
	child := parse(t, "child.old.test.", soa)
	_, problems = zones.NewIndex([]*zones.Zone{z, child}, nil)
	want := "test.zone: warning: zone test. redirects the names below old.test. (DNAME), so nobody is led to child.old.test., which is a zone of its own here"
	if len(problems) != 1 || problems[0].String() != want {
		t.Error(problems)
	}
}
