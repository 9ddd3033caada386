package zones_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"meridian/geo"
	"meridian/zones"
)

func TestServicesAmongRecords(t *testing.T) {
	z := parse(t, "test.", soa+"@ MX 10 mail.example.\nwww TXT x\nwww CAA 0 issue \"ca.example\"\nx.ent A 192.0.2.1\n*.w TXT x\n")
	names := []string{"test.", "www.test.", "ent.test.", "in.w.test.", "*.services.test.", "deep.er.test."}
	var services []*zones.Service
	for _, name := range names {
		services = append(services, &zones.Service{Name: name})
	}
	x, problems := zones.NewIndex([]*zones.Zone{z}, services)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for i, name := range names {
		m := x.Find(wire(t, name), dns.TypeA)
		if m.Kind != zones.Exact || m.Node.Service() != i || m.Node.Name() != name {
			t.Errorf("%s: %v, %+v", name, m.Kind, m.Node)
		}
	}
	if n := x.Find(wire(t, "www.test."), dns.TypeTXT).Node; n.RRset(dns.TypeTXT) == nil || n.RRset(dns.TypeCAA) == nil {
		t.Error("the service's other records are gone")
	}
	if m := x.Find(wire(t, "er.test."), dns.TypeA); m.Kind != zones.Exact || m.Node.Service() != -1 {
		t.Errorf("the empty non-terminal above a service: %+v", m)
	}
	if m := x.Find(wire(t, "a.b.services.test."), dns.TypeA); m.Kind != zones.Wildcard || m.Node.Service() != 4 {
		t.Errorf("a wildcard service: %+v", m)
	}
	if m := x.Find(wire(t, "other.w.test."), dns.TypeA); m.Kind != zones.Wildcard || m.Node.Service() != -1 {
		t.Errorf("beside a service inside a wildcard: %+v", m)
	}
}

// TestProblemsAcrossZones has the mistakes that no zone file shows by itself.
func TestProblemsAcrossZones(t *testing.T) {
	alias := []zones.Pool{
		{Region: geo.Region{Name: "eu"}, Endpoints: []netip.Addr{netip.MustParseAddr("192.0.2.1")}},
		{Region: geo.Region{Name: "us"}, CNAME: "www.test."},
	}
	zone := func(apex, text string) *zones.Zone { return parse(t, apex, text) }
	for _, c := range []struct {
		what     string
		zones    []*zones.Zone
		services []*zones.Service
		want     string
	}{
		{"service outside", []*zones.Zone{zone("glb.test.", soa)}, []*zones.Service{{Name: "www.xglb.test."}},
			`service "www.xglb.test" lies outside every zone (zones: glb.test)`},
		{"no zone", nil, []*zones.Service{{Name: "www.test."}},
			`service "www.test" lies outside every zone (there is no zone)`},
		{"static A, AAAA", []*zones.Zone{zone("test.", soa+"www A 192.0.2.1\nwww AAAA 2001:db8::1\n")}, []*zones.Service{{Name: "www.test."}},
			`test.zone:4: service "www.test" has a static A record in zone test.; one of the two has to go
test.zone:5: service "www.test" has a static AAAA record in zone test.; one of the two has to go`},
		{"static CNAME", []*zones.Zone{zone("test.", soa+"www CNAME x.example.\n")}, []*zones.Service{{Name: "www.test."}},
			`test.zone:4: service "www.test" has a static CNAME record in zone test.; one of the two has to go`},
		{"below a cut", []*zones.Zone{zone("test.", soa+"sub NS ns.example.\n")}, []*zones.Service{{Name: "www.sub.test."}, {Name: "sub.test."}},
			`service "sub.test" lies at or below the delegation of sub.test. in zone test., so nobody would ask for it here
service "www.sub.test" lies at or below the delegation of sub.test. in zone test., so nobody would ask for it here`},
		{"twice", []*zones.Zone{zone("test.", soa)}, []*zones.Service{{Name: "www.test."}, {Name: "www.test."}},
			`service "www.test" is defined twice`},
		{"bad name", []*zones.Zone{zone("test.", soa)}, []*zones.Service{{Name: "a..test."}},
			`service "a..test" has no valid name: a label is empty`},
		{"CNAME pool at the apex", []*zones.Zone{zone("test.", soa)}, []*zones.Service{{Name: "test.", Pools: alias}},
			`service "test" can't have a CNAME pool (us): it is the apex of its zone (RFC 1034 section 3.6.2)`},
		{"CNAME pool beside data", []*zones.Zone{zone("test.", soa+"cdn MX 10 mail.example.\n")}, []*zones.Service{{Name: "cdn.test.", Pools: alias}},
			`test.zone:4: service "cdn.test" has a CNAME pool (us), and a CNAME can't stand beside its MX record in zone test. (RFC 1034 section 3.6.2)`},
		{"loop through a pool", []*zones.Zone{zone("test.", soa+"www CNAME cdn\n")}, []*zones.Service{{Name: "cdn.test.", Pools: alias}},
			`test.zone:4: warning: aliases lead in a circle: www.test. -> cdn.test. -> www.test.`},
		{"zone twice", []*zones.Zone{zone("a.test.", soa), {Apex: "a.test.", File: "b.zone"}}, nil,
			`b.zone: zone a.test. is defined twice, here and in a.test.zone`},
		{"undelegated child", []*zones.Zone{zone("test.", soa), zone("a.test.", soa)}, nil,
			`test.zone: warning: zone test. has no NS records for a.test., which is a zone of its own here`},
		{"hidden by a child", []*zones.Zone{zone("test.", soa+"a NS ns.example.\nx.a TXT x\n"), zone("a.test.", soa)}, nil,
			`test.zone:5: warning: x.a.test. TXT lies below the delegation of a.test. and is not answered`},
		{"TsuNAME", []*zones.Zone{
			zone("a.test.", "$TTL 60\n@ SOA ns.b.test. h 1 2 3 4 5\n@ NS ns.b.test.\nns A 192.0.2.1\n"),
			zone("b.test.", "$TTL 60\n@ SOA ns.a.test. h 1 2 3 4 5\n@ NS ns.a.test.\nns A 192.0.2.1\n")}, nil,
			`a.test.zone:3: warning: the name servers depend on one another in a circle, so resolvers may never find them (TsuNAME): a.test. -> b.test. -> a.test.`},
		{"one way out", []*zones.Zone{
			zone("a.test.", "$TTL 60\n@ SOA ns.b.test. h 1 2 3 4 5\n@ NS ns.b.test.\nns A 192.0.2.1\n"),
			zone("b.test.", "$TTL 60\n@ SOA ns.a.test. h 1 2 3 4 5\n@ NS ns.a.test.\n@ NS ns\nns A 192.0.2.1\n")}, nil, ``},
	} {
		t.Run(c.what, func(t *testing.T) {
			x, problems := zones.NewIndex(c.zones, c.services)
			var got []string
			for _, p := range problems {
				got = append(got, p.String())
			}
			if strings.Join(got, "\n") != c.want {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), c.want)
			}
			if (x == nil) != zones.HasErrors(problems) {
				t.Errorf("index %v with problems %v", x, problems)
			}
			for _, p := range problems {
				if strings.HasPrefix(p.Text, "service") && p.Service == "" {
					t.Errorf("%v doesn't say which service", p)
				}
			}
		})
	}
}

// TestManyAlike: a file full of one mistake gives a few warnings and a count.
func TestManyAlike(t *testing.T) {
	z := parse(t, "test.", soa+strings.Repeat("www.other. A 192.0.2.1\n", 1000))
	_, problems := zones.NewIndex([]*zones.Zone{z}, nil)
	if len(problems) != 11 {
		t.Fatalf("%d problems", len(problems))
	}
	if got, want := problems[0].String(), `test.zone: warning: zone test.: 990 more warnings of the kind "outside" are not shown`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestIncompleteZone: what may be missing because a line was bad is not held against the zone.
func TestIncompleteZone(t *testing.T) {
	z, problems := zones.Parse("test.", "test.zone", strings.NewReader("$TTL 60\n@ SOAP x\n@ NS ns\n@ MX 10 mail\nns AA 192.0.2.1\n"))
	if len(problems) != 2 || !z.Incomplete {
		t.Fatal(problems)
	}
	x, more := zones.NewIndex([]*zones.Zone{z}, []*zones.Service{{Name: "www.test."}})
	if len(more) > 0 || x == nil {
		t.Error(more)
	}
}
