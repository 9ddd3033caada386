package dnsserver

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"meridian/geo"
	"meridian/policy"
	"meridian/snapshot"
	"meridian/status"
	"meridian/zones"
)

// testZone has one of everything that an answer can be made of.
var testZone = `$ORIGIN glb.test.
$TTL 3600
@        IN SOA ns1 hostmaster 2026112001 7200 900 1209600 30
         IN NS  ns1
         IN NS  ns2
         IN MX  10 mail
         IN TXT "v=spf1 mx -all"
ns1      IN A   192.0.2.53
ns1      IN AAAA 2001:db8::53
ns2      IN A   198.51.100.53
mail     IN A   192.0.2.25
static   IN A   192.0.2.80
static   IN A   192.0.2.81
static   IN TXT "beside"
alias    IN CNAME www
twice    IN CNAME AliaS
out      IN CNAME www.example.net.
gone     IN CNAME Nowhere
nodata   IN CNAME mail
below    IN CNAME host.sub
refuge   IN CNAME off
loop     IN CNAME loop
cat      IN CNAME dog
dog      IN CNAME cat
c1       IN CNAME c2
c2       IN CNAME c3
c3       IN CNAME c4
c4       IN CNAME c5
c5       IN CNAME c6
c6       IN CNAME c7
c7       IN CNAME c8
c8       IN CNAME c9
c9       IN CNAME c10
c10      IN A   192.0.2.99
*.wild   IN TXT "wildcard"
*.wild   IN A   192.0.2.90
*.star   IN CNAME www
a.b.ent  IN A   192.0.2.81
sub      IN NS  ns.sub
sub      IN NS  ns1
ns.sub   IN A   192.0.2.54
ns.sub   IN AAAA 2001:db8::54
www      IN TXT "text beside a service"
long     IN TXT "` + filler + `" "` + filler + `" "` + filler + `" "` + filler + `" "` + filler + `" "` + filler + `"
middle   IN TXT "` + filler + `" "` + filler + `" "` + filler + `"
`

var filler = strings.Repeat("x", 250)

// crowdedZone delegates to as many name servers as a delegation may have, half of them outside of it.
func crowdedZone() string {
	var b strings.Builder
	b.WriteString("$ORIGIN crowd.test.\n$TTL 60\n@ IN SOA ns1 h 1 2 3 4 5\n@ IN NS ns1\nns1 IN A 192.0.2.1\n")
	for i := range 6 {
		fmt.Fprintf(&b, "few IN NS in%d.few\nin%d.few IN A 192.0.2.%d\nin%d.few IN AAAA 2001:db8::%d\n", i, i, i+1, i, i+1)
		fmt.Fprintf(&b, "few IN NS a-rather-long-name-for-a-name-server-%d\na-rather-long-name-for-a-name-server-%d IN A 192.0.2.%d\na-rather-long-name-for-a-name-server-%d IN AAAA 2001:db8::%d\n", i, i, i+100, i, i+100)
	}
	for i := range 13 {
		fmt.Fprintf(&b, "many IN NS a-rather-long-name-for-a-name-server-%d.many\na-rather-long-name-for-a-name-server-%d.many IN A 192.0.2.%d\na-rather-long-name-for-a-name-server-%d.many IN AAAA 2001:db8::%d\n", i, i, i+1, i, i+1)
	}
	return b.String()
}

var testRegions = []geo.Region{
	{Name: "us-east", Coordinates: geo.At(39.04, -77.49), Country: "US"},
	{Name: "eu-west", Coordinates: geo.At(53.35, -6.26), Country: "IE"},
	{Name: "ap-northeast", Coordinates: geo.At(35.68, 139.69), Country: "JP"},
}

// testService returns a service with one pool of n IPv4 endpoints in each region: 198.18.<region from 1>.<1..n>.
func testService(name string, n int, node policy.Node) *zones.Service {
	s := &zones.Service{Name: name, TTL: 30, Policy: node}
	for r, region := range testRegions {
		p := zones.Pool{Region: region}
		for i := range n {
			p.Endpoints = append(p.Endpoints, netip.AddrFrom4([4]byte{198, 18, byte(r + 1), byte(i + 1)}))
		}
		s.Pools = append(s.Pools, p)
	}
	return s
}

func testServices() []*zones.Service {
	nearest := &policy.Nearest{Pools: []int{0, 1, 2}}
	weights := &policy.Weighted{Shares: []policy.Share{{Weight: 1, Node: &policy.Region{Pool: 0}}, {Weight: 2, Node: &policy.Region{Pool: 1}}, {Weight: 3, Node: &policy.Region{Pool: 2}}}}
	names := testService("cdn.glb.test.", 1, nearest)
	names.Pools[0] = zones.Pool{Region: testRegions[0], CNAME: "us.cdn.example.net."}
	names.Pools[1] = zones.Pool{Region: testRegions[1], CNAME: "www.glb.test."}
	off := testService("off.glb.test.", 1, nearest)
	off.Fallback.Kind = zones.FallbackServfail
	off.Check = &zones.Check{Name: "web", Type: zones.CheckTCP, Port: 80}
	return []*zones.Service{
		testService("www.glb.test.", 2, nearest),
		testService("w.glb.test.", 1, weights),
		testService("many.glb.test.", 8, nearest),
		testService("*.svc.glb.test.", 1, nearest),
		names,
		off,
		testService("multi.glb.test.", 4, &policy.All{Children: []policy.Node{&policy.Region{Pool: 0}, &policy.Region{Pool: 1}}, Max: 3}),
	}
}

// networks places a few documentation prefixes; 10.0.0.0/8 and its like are private, and all else is unknown.
const networks = `192.0.2.0/28,@ap-northeast
192.0.2.64/28,@eu-west
192.0.2.128/28,@us-east
203.0.113.0/24,@eu-west
2001:db8:1::/48,@ap-northeast
2001:db8:2::/48,@eu-west
`

// testSnapshot compiles the fixture.
func testSnapshot(tb testing.TB) *snapshot.Snapshot {
	tb.Helper()
	return compile(tb, map[string]string{"glb.test.": testZone, "crowd.test.": crowdedZone()}, testServices())
}

func compile(tb testing.TB, texts map[string]string, services []*zones.Service) *snapshot.Snapshot {
	tb.Helper()
	var zs []*zones.Zone
	for apex, text := range texts {
		z, problems := zones.Parse(apex, apex+"zone", strings.NewReader(text))
		if z == nil {
			tb.Fatal(problems)
		}
		zs = append(zs, z)
	}
	index, problems := zones.NewIndex(zs, services)
	if index == nil {
		tb.Fatal(problems)
	}
	overrides, errs := geo.ReadOverrides("networks.csv", strings.NewReader(networks), testRegions)
	if len(errs) > 0 {
		tb.Fatal(errs)
	}
	atlas, err := geo.NewAtlas(geo.Sources{Overrides: overrides})
	if err != nil {
		tb.Fatal(err)
	}
	layout, err := snapshot.NewLayout(index, services, atlas, new(snapshot.Counters))
	if err != nil {
		tb.Fatal(err)
	}
	states := status.Table{}
	for _, s := range services {
		for _, p := range s.Pools {
			for _, a := range p.Endpoints {
				if s.Name == "off.glb.test." {
					states[s.Check.Target(a)] = status.State{Health: status.Down}
				}
			}
		}
	}
	return layout.Snapshot(states, nil, nil)
}

func published(tb testing.TB) *snapshot.Current {
	c := new(snapshot.Current)
	c.Publish(testSnapshot(tb))
	return c
}

// testIdentity is what the servers of the tests say of themselves.
func testIdentity(tb testing.TB) identity {
	tb.Helper()
	id, err := newIdentity("ns1.fra", Chaos{ID: "ns1.fra", Version: "Meridian"})
	if err != nil {
		tb.Fatal(err)
	}
	return id
}

// testResponder returns a responder over the fixture.
func testResponder(tb testing.TB, p proto) *responder {
	tb.Helper()
	id := testIdentity(tb)
	return newResponder(published(tb), &id, &counters{proto: p}, slog.New(slog.DiscardHandler))
}

var tokyoClient = snapshot.Client{ECS: netip.MustParsePrefix("192.0.2.0/28"), Source: resolver}

var resolver = netip.MustParseAddr("203.0.113.7") // an address in eu-west's network

// ask packs a query with an OPT of size 1232 and options.
func ask(name string, qtype uint16, options ...dns.EDNS0) *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion(name, qtype)
	m.RecursionDesired = false
	m.SetEdns0(1232, false)
	m.IsEdns0().Option = options
	return m
}

func clientSubnet(prefix string) *dns.EDNS0_SUBNET {
	p := netip.MustParsePrefix(prefix)
	e := &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: uint8(p.Bits()), Address: p.Addr().AsSlice()}
	if p.Addr().Is6() {
		e.Family = 2
	}
	return e
}

func pack(tb testing.TB, m *dns.Msg) []byte {
	tb.Helper()
	b, err := m.Pack()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// exchange answers a packet, and returns nil if there is no answer.
func exchange(tb testing.TB, r *responder, packet []byte) *dns.Msg {
	tb.Helper()
	out := r.respond(nil, packet, resolver)
	if len(out) == 0 {
		return nil
	}
	m := new(dns.Msg)
	if err := m.Unpack(out); err != nil {
		tb.Fatalf("answer to %x can't be read: %v\n%x", packet, err, out)
	}
	return m
}
