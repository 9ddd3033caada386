package zones_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"meridian/zones"
)

// zoneText is a zone of about 20 records, as the thousands of a hoster look.
func zoneText() string {
	var s strings.Builder
	s.WriteString("$TTL 3600\n@ IN SOA ns1.dns.test. hostmaster 1 7200 900 1209600 300\n" +
		" IN NS ns1.dns.test.\n IN NS ns2.dns.test.\n IN MX 10 mail\n IN TXT \"v=spf1 mx -all\"\n" +
		" IN CAA 0 issue \"letsencrypt.org\"\n IN A 192.0.2.1\nmail IN A 192.0.2.2\n*.wild IN TXT \"x\"\nwww IN CNAME @\n")
	for i := range 10 {
		fmt.Fprintf(&s, "host%d IN A 192.0.2.%d\n", i, i+10)
	}
	return s.String()
}

func BenchmarkLoad5000Files(b *testing.B) {
	text := zoneText()
	b.ReportAllocs()
	for b.Loop() {
		zs := make([]*zones.Zone, 5000)
		for i := range zs {
			apex := fmt.Sprintf("zone%d.test.", i)
			zs[i], _ = zones.Parse(apex, apex+"zone", strings.NewReader(text))
		}
		if x, problems := zones.NewIndex(zs, nil); x == nil {
			b.Fatal(problems)
		}
	}
}

func BenchmarkIndex5000Zones(b *testing.B) {
	zs := hosted(b, 5000)
	b.ReportAllocs()
	for b.Loop() {
		if x, problems := zones.NewIndex(zs, nil); x == nil {
			b.Fatal(problems)
		}
	}
}

// BenchmarkIndexMillion builds one zone of a million names, and reports what the index holds.
func BenchmarkIndexMillion(b *testing.B) {
	var s strings.Builder
	s.WriteString("$TTL 3600\n@ IN SOA ns1 hostmaster 1 7200 900 1209600 300\n IN NS ns1\nns1 IN A 192.0.2.1\n")
	for i := range 1_000_000 {
		fmt.Fprintf(&s, "host%d A 192.0.2.1\n", i)
	}
	z := parse(b, "big.test.", s.String())
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		x, _ := zones.NewIndex([]*zones.Zone{z}, nil)
		if x == nil {
			b.Fatal("no index")
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(x.Len()), "B/name")
	}
	runtime.KeepAlive(z)
}

func hosted(tb testing.TB, n int) []*zones.Zone {
	zs := make([]*zones.Zone, n)
	text := zoneText()
	for i := range zs {
		zs[i] = parse(tb, fmt.Sprintf("zone%d.test.", i), text)
	}
	return zs
}

func BenchmarkFind(b *testing.B) {
	x := index(b, hosted(b, 5000))
	for _, c := range []struct{ what, prefix string }{
		{"exact", ""},
		{"exact2", "host3."},
		{"wildcard", "a.b.wild."},
		{"nxdomain", "nope."},
		{"nxdomain120", strings.Repeat("a.", 110)},
	} {
		b.Run(c.what, func(b *testing.B) {
			var names [1024][]byte
			for i := range names {
				names[i] = wire(b, fmt.Sprintf("%szone%d.test.", c.prefix, i*4))
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				x.Find(names[i&1023], dns.TypeA)
				i++
			}
		})
	}
}

func BenchmarkRRset(b *testing.B) {
	n := index(b, hosted(b, 1)).Find(wire(b, "zone0.test."), dns.TypeCAA).Node
	for b.Loop() {
		n.RRset(dns.TypeCAA)
	}
}
