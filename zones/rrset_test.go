package zones_test

import (
	"strings"
	"testing"

	"github.com/miekg/dns"

	"meridian/zones"
)

func records(t testing.TB, texts ...string) []dns.RR {
	t.Helper()
	var rrs []dns.RR
	for _, text := range texts {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		rrs = append(rrs, rr)
	}
	return rrs
}

// unpack reads Wire as a client would: behind a question with the owner's name, to which the pointers lead.
func unpack(t testing.TB, set *zones.RRset) []dns.RR {
	t.Helper()
	q := new(dns.Msg)
	q.SetQuestion(set.Name, set.Type)
	msg, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	var rrs []dns.RR
	start := 0
	for _, end := range set.Ends {
		rr, off, err := dns.UnpackRR(append(msg[:len(msg):len(msg)], set.Wire[start:end]...), len(msg))
		if err != nil || off != len(msg)+int(end)-start {
			t.Fatalf("%s: record ends at %d, %v", set.Name, off, err)
		}
		rrs = append(rrs, rr)
		start = int(end)
	}
	if start != len(set.Wire) {
		t.Errorf("%s: %d octets behind the last record", set.Name, len(set.Wire)-start)
	}
	return rrs
}

// compare demands that Wire and RRs say the same.
func compare(t testing.TB, set *zones.RRset) {
	t.Helper()
	rrs := unpack(t, set)
	if len(rrs) != len(set.RRs) {
		t.Fatalf("%s: %d records packed, %d kept", set.Name, len(rrs), len(set.RRs))
	}
	for i, rr := range rrs {
		if got, want := rr.String(), set.RRs[i].String(); got != want {
			t.Errorf("packed %s\nkept   %s", got, want)
		}
		if h := set.RRs[i].Header(); h.Name != set.Name || h.Ttl != set.TTL || h.Rrtype != set.Type {
			t.Errorf("%v in the set %s %d %d", h, set.Name, set.TTL, set.Type)
		}
	}
}

func TestNewRRset(t *testing.T) {
	for _, texts := range [][]string{
		{"www.test. 60 IN A 192.0.2.1"},
		{"www.test. 60 IN A 192.0.2.1", "www.test. 30 IN A 192.0.2.2"},
		{"WWW.test. 60 IN MX 10 Mail.test.", "other.test. 60 IN MX 20 mail.test."},
		{"www.test. 60 IN CNAME www.test."},
		{"www.test. 60 IN SOA ns.test. h.test. 1 2 3 4 5"},
		{`www.test. 60 IN TXT "a" "b" ""`},
		{`www.test. 60 IN HTTPS 1 . alpn="h2,h3" ipv4hint="192.0.2.1"`},
		{`www.test. 60 IN TYPE65280 \# 4 0a000001`},
		{`www.test. 60 IN TYPE1 \# 4 0a000001`},
		{"www.test. 60 IN LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m"},
		{". 60 IN NS a.test.", ". 60 IN NS b.test.", ". 60 IN NS c.test."},
	} {
		rrs := records(t, texts...)
		owner := "www.test."
		if strings.HasPrefix(texts[0], ". ") {
			owner = "."
		}
		before := rrs[0].String()
		set, err := zones.NewRRset(strings.ToUpper(owner), rrs)
		if err != nil {
			t.Fatalf("%s: %v", texts, err)
		}
		if set.Name != owner {
			t.Errorf("owner %s, want %s", set.Name, owner)
		}
		if set.Wire[0] != 0xC0 || set.Wire[1] != 0x0C {
			t.Errorf("owner in wire: % x", set.Wire[:2])
		}
		compare(t, set)
		if rrs[0].String() != before {
			t.Errorf("the caller's record was changed to %s", rrs[0])
		}
	}
}

func TestNewRRsetTakesTheLeastTTL(t *testing.T) {
	set, err := zones.NewRRset("a.test.", records(t, "a.test. 60 A 192.0.2.1", "a.test. 30 A 192.0.2.2", "a.test. 90 A 192.0.2.3"))
	if err != nil || set.TTL != 30 {
		t.Fatalf("%+v, %v", set, err)
	}
	compare(t, set)
}

func TestNewRRsetRefuses(t *testing.T) {
	var many []dns.RR
	for range 5000 {
		many = append(many, records(t, "a.test. 60 A 192.0.2.1")...)
	}
	for what, c := range map[string]struct {
		name string
		rrs  []dns.RR
		want string
	}{
		"nothing":   {"a.test.", nil, "an RRset needs a record"},
		"mixed":     {"a.test.", records(t, "a.test. A 192.0.2.1", "a.test. TXT x"), "an RRset of type A can't hold TXT"},
		"too large": {"a.test.", many, "a.test. A can't be packed: it is larger than 64000 octets, more than one answer can hold"},
		"bad name":  {"a..test.", records(t, "a.test. A 192.0.2.1"), "a label is empty"},
		"bad data":  {"a.test.", []dns.RR{&dns.NS{Hdr: dns.RR_Header{Name: "a.test.", Rrtype: dns.TypeNS, Class: 1}, Ns: "not-qualified"}}, "a.test. NS can't be packed: dns: domain must be fully qualified"},
	} {
		if set, err := zones.NewRRset(c.name, c.rrs); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, %v; want %s", what, set, err, c.want)
		}
	}
}

// TestIndexedSetsArePacked compares the packed and the kept records of a whole index.
func TestIndexedSetsArePacked(t *testing.T) {
	x := index(t, hosted(t, 3))
	for _, name := range []string{"zone0.test.", "mail.zone1.test.", "*.wild.zone2.test.", "www.zone0.test."} {
		n := x.Find(wire(t, name), dns.TypeA).Node
		for _, qtype := range n.Types() {
			compare(t, n.RRset(qtype))
		}
	}
	for _, z := range x.Zones() {
		compare(t, z.SOA)
		compare(t, z.Negative)
		compare(t, z.NS)
	}
}
