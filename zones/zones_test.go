package zones_test

import (
	"os"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"meridian/zones"
)

// parse reads a zone that has no problems.
func parse(t testing.TB, apex, text string) *zones.Zone {
	t.Helper()
	z, problems := zones.Parse(apex, apex+"zone", strings.NewReader(text))
	for _, p := range problems {
		t.Fatal(p)
	}
	return z
}

// index builds an index that has no errors; warnings pass.
func index(t testing.TB, zs []*zones.Zone, services ...*zones.Service) *zones.Index {
	t.Helper()
	x, problems := zones.NewIndex(zs, services)
	if x == nil {
		t.Fatal(problems)
	}
	return x
}

func wire(t testing.TB, name string) []byte {
	t.Helper()
	w, err := zones.WireName(name)
	if err != nil {
		t.Fatalf("%q: %v", name, err)
	}
	return w
}

func TestContractZone(t *testing.T) {
	f, err := os.Open("testdata/glb.test.zone")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, problems := zones.Parse("glb.test", f.Name(), f)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	x, problems := zones.NewIndex([]*zones.Zone{z}, []*zones.Service{{Name: "www.glb.test."}})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for _, c := range []struct {
		name  string
		qtype uint16
		kind  zones.MatchKind
		node  string
		count int // records of the type
	}{
		{"glb.test.", dns.TypeNS, zones.Exact, "glb.test.", 2},
		{"glb.test.", dns.TypeCAA, zones.Exact, "glb.test.", 1},
		{"ns1.glb.test.", dns.TypeAAAA, zones.Exact, "ns1.glb.test.", 1},
		{"ns2.glb.test.", dns.TypeAAAA, zones.Exact, "ns2.glb.test.", 0},
		{"alias.glb.test.", dns.TypeCNAME, zones.Exact, "alias.glb.test.", 1},
		{"www.glb.test.", dns.TypeA, zones.Exact, "www.glb.test.", 0},
		{"b.ent.glb.test.", dns.TypeA, zones.Exact, "b.ent.glb.test.", 0},
		{"ent.glb.test.", dns.TypeA, zones.Exact, "ent.glb.test.", 0},
		{"x.ent.glb.test.", dns.TypeA, zones.NXDomain, "", 0},
		{"x.y.wild.glb.test.", dns.TypeTXT, zones.Wildcard, "*.wild.glb.test.", 1},
		{"wild.glb.test.", dns.TypeTXT, zones.Exact, "wild.glb.test.", 0},
		{"sub.glb.test.", dns.TypeA, zones.Delegation, "sub.glb.test.", 0},
		{"sub.glb.test.", dns.TypeDS, zones.Exact, "sub.glb.test.", 0},
		{"x.sub.glb.test.", dns.TypeA, zones.Delegation, "sub.glb.test.", 0},
		{"nope.glb.test.", dns.TypeA, zones.NXDomain, "", 0},
		{"xglb.test.", dns.TypeA, zones.Refused, "", 0},
		{"test.", dns.TypeA, zones.Refused, "", 0},
		{".", dns.TypeNS, zones.Refused, "", 0},
	} {
		m := x.Find(wire(t, c.name), c.qtype)
		if m.Kind != c.kind {
			t.Errorf("%s %s: %v, want %v", c.name, dns.Type(c.qtype), m.Kind, c.kind)
			continue
		}
		if (m.Node == nil) != (c.node == "") || m.Node != nil && m.Node.Name() != c.node {
			t.Errorf("%s: node %v, want %q", c.name, m.Node, c.node)
			continue
		}
		if m.Node != nil && m.Kind != zones.Delegation {
			count := 0
			if set := m.Node.RRset(c.qtype); set != nil {
				count = len(set.RRs)
			}
			if count != c.count {
				t.Errorf("%s %s: %d records, want %d", c.name, dns.Type(c.qtype), count, c.count)
			}
		}
	}
	if s := x.Find(wire(t, "www.glb.test."), dns.TypeA).Node.Service(); s != 0 {
		t.Errorf("www is service %d, want 0", s)
	}
	zd := x.Zones()[0]
	if zd.Negative.TTL != 30 || zd.SOA.TTL != 3600 || zd.Negative.RRs[0].Header().Ttl != 30 {
		t.Errorf("SOA TTL %d, negative TTL %d; want 3600, 30", zd.SOA.TTL, zd.Negative.TTL)
	}
	glue := x.Find(wire(t, "sub.glb.test."), dns.TypeA).Node.Glue()
	if len(glue) != 1 || glue[0].Name != "ns.sub.glb.test." {
		t.Errorf("glue of sub: %v", glue)
	}
}
