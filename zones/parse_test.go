package zones_test

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/miekg/dns"

	"meridian/zones"
)

// TestParse: what a master file can look like, and the records it means.
func TestParse(t *testing.T) {
	for _, c := range []struct{ what, text, want string }{
		{"owner taken over", "$TTL 60\na A 192.0.2.1\n  A 192.0.2.2\n\tTXT x\n", `
a.test.	60	IN	A	192.0.2.1
a.test.	60	IN	A	192.0.2.2
a.test.	60	IN	TXT	"x"`},
		{"origin", "$TTL 60\n$ORIGIN sub\n@ A 192.0.2.1\n$origin deep\na A 192.0.2.2\n$ORIGIN test. ; comment\na A 192.0.2.3\n", `
sub.test.	60	IN	A	192.0.2.1
a.deep.sub.test.	60	IN	A	192.0.2.2
a.test.	60	IN	A	192.0.2.3`},
		{"origins that look like something else", "$TTL 60\n$ORIGIN mx\n@ A 192.0.2.1\n$ORIGIN a;comment\n$ORIGIN @\nx A 192.0.2.2\n$ORIGIN 60.test.\r\n@ A 192.0.2.3\n", `
mx.test.	60	IN	A	192.0.2.1
x.a.mx.test.	60	IN	A	192.0.2.2
60.test.	60	IN	A	192.0.2.3`},
		{"the owner taken over across an origin", "$TTL 60\na A 192.0.2.1\n$ORIGIN sub\n  A 192.0.2.2\n", `
a.test.	60	IN	A	192.0.2.1
a.test.	60	IN	A	192.0.2.2`},
		{"TTL and class in any order", "$TTL 1h30m\na IN A 192.0.2.1\na 60 IN A 192.0.2.2\na IN 61 A 192.0.2.3\na 1d A 192.0.2.4\na A 192.0.2.5\n", `
a.test.	5400	IN	A	192.0.2.1
a.test.	60	IN	A	192.0.2.2
a.test.	61	IN	A	192.0.2.3
a.test.	86400	IN	A	192.0.2.4
a.test.	5400	IN	A	192.0.2.5`},
		{"no $TTL: the last TTL given", "a 60 IN A 192.0.2.1\nb IN A 192.0.2.2\nc 70 A 192.0.2.3\nd A 192.0.2.4\n", `
a.test.	60	IN	A	192.0.2.1
b.test.	60	IN	A	192.0.2.2
c.test.	70	IN	A	192.0.2.3
d.test.	70	IN	A	192.0.2.4`},
		{"parentheses, comments, quotes", "$TTL 60 ; default\n; only this\na TXT ( \"a;b\" ; one\n \"c(d\" ) ; two\n\nb TXT \"say \\\"x\\\"\" ; three\n@ SOA ns h (\n 1\n 2 3 4 5 )\n", `
a.test.	60	IN	TXT	"a;b" "c(d"
b.test.	60	IN	TXT	"say \"x\""
test.	60	IN	SOA	ns.test. h.test. 1 2 3 4 5`},
		{"case and escapes", "$TTL 60\nWWW.Test. A 192.0.2.1\n\\087ww A 192.0.2.2\na\\.b A 192.0.2.3\nx CNAME Target.Example.\n", `
www.test.	60	IN	A	192.0.2.1
www.test.	60	IN	A	192.0.2.2
a\.b.test.	60	IN	A	192.0.2.3
x.test.	60	IN	CNAME	Target.Example.`},
		{"other systems' line ends, byte order mark, no final newline", "\xef\xbb\xbf$TTL 60\r\na A 192.0.2.1\r\n\r\nb A 192.0.2.2", `
a.test.	60	IN	A	192.0.2.1
b.test.	60	IN	A	192.0.2.2`},
		{"a type's name as an owner", "$TTL 60\nmx MX 10 mx\nIN IN A 192.0.2.1\n", `
mx.test.	60	IN	MX	10 mx.test.
in.test.	60	IN	A	192.0.2.1`},
		{"unknown types", "$TTL 60\na TYPE65280 \\# 2 0102\nb TYPE1 \\# 4 c0000201\nc TYPE65281 \\# 0\n", `
a.test.	60	CLASS1	TYPE65280	\# 2 0102
b.test.	60	IN	A	192.0.2.1
c.test.	60	CLASS1	TYPE65281	\# 0 `},
		{"nothing", "", ""},
		{"only comments", "; a\n\n  \n\t; b\n", ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			z, problems := zones.Parse("Test", "f", strings.NewReader(c.text))
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			got := ""
			for _, rr := range z.Records {
				got += "\n" + rr.String()
			}
			if got != c.want {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
			if z.Apex != "test." || z.File != "f" || z.Incomplete || len(z.Lines) != len(z.Records) {
				t.Errorf("%s in %s, incomplete %v, %d lines", z.Apex, z.File, z.Incomplete, len(z.Lines))
			}
		})
	}
}

func TestParseLines(t *testing.T) {
	z := parse(t, "test.", "$TTL 60\n\na TXT ( x\n y )\n; comment\n  A 192.0.2.1\n")
	if len(z.Lines) != 2 || z.Lines[0] != 3 || z.Lines[1] != 6 {
		t.Errorf("lines %v, want 3, 6", z.Lines)
	}
}

func TestParseFails(t *testing.T) {
	z, problems := zones.Parse("test.", "f.zone", io.MultiReader(strings.NewReader("a"), iotest.ErrReader(errors.New("disk on fire"))))
	if len(problems) != 1 || problems[0].String() != "f.zone: reading it failed: disk on fire" || !z.Incomplete {
		t.Error(problems)
	}
	if _, problems = zones.Parse("a..b", "f.zone", strings.NewReader("")); len(problems) != 1 || problems[0].String() != `f.zone: zone "a..b": a label is empty` {
		t.Error(problems)
	}
}

// TestMissingData: miekg's parser takes a record without RDATA for a dynamic update.
func TestMissingData(t *testing.T) {
	for _, text := range []string{"a A", "a 60 IN A ; 192.0.2.1", "a SOA", "a MX", "a TXT", "a TYPE1", "a A \\# 0", "a MX \\# 2 000a",
		" (;c\nA )", "a ( A )", "a (\nA;\n)", "a HTTPS", "a DS", "a NAPTR ; \"", "a EUI48", "\\; A"} {
		z, problems := zones.Parse("test.", "f", strings.NewReader("$TTL 60\nx A 192.0.2.1\n"+text+"\n"))
		if len(problems) == 0 || len(z.Records) != 1 {
			t.Errorf("%q: %v", text, z.Records)
		}
	}
	for _, text := range []string{"a APL", "a A 0.0.0.0", "a MX 0 .", "a EUI48 00-00-00-00-00-00", "a TXT \"\"", "a TYPE65280 \\# 0", "a TXT TXT", "a CNAME @"} {
		if _, problems := zones.Parse("test.", "f", strings.NewReader("$TTL 60\n"+text+"\n")); len(problems) > 0 {
			t.Errorf("%q: %v", text, problems)
		}
	}
}

func TestSynthesize(t *testing.T) {
	addr := netip.MustParseAddr
	z, problems := zones.Synthesize("GLB.test", []zones.Nameserver{
		{Name: "ns1.glb.test", Addresses: []netip.Addr{addr("192.0.2.53"), addr("2001:db8::53"), addr("::ffff:192.0.2.54")}},
		{Name: "ns.example."},
	})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	var text bytes.Buffer
	if err := zones.Dump(z, &text); err != nil {
		t.Fatal(err)
	}
	want := `glb.test.	3600	IN	SOA	ns1.glb.test. hostmaster.glb.test. 1 7200 900 1209600 60
glb.test.	3600	IN	NS	ns.example.
glb.test.	3600	IN	NS	ns1.glb.test.
ns1.glb.test.	3600	IN	A	192.0.2.53
ns1.glb.test.	3600	IN	A	192.0.2.54
ns1.glb.test.	3600	IN	AAAA	2001:db8::53
`
	if text.String() != want {
		t.Errorf("got\n%swant\n%s", text.String(), want)
	}
	if x, problems := zones.NewIndex([]*zones.Zone{z}, nil); x == nil || len(problems) > 0 {
		t.Error(problems)
	}
	for _, c := range []struct {
		apex string
		ns   []zones.Nameserver
		want string
	}{
		{"test.", nil, "zone test. has neither a file nor nameservers"},
		{"a..b", nil, `zone "a..b": a label is empty`},
		{"test.", []zones.Nameserver{{Name: "ns.test."}}, "nameserver ns.test. lies in its zone test. and so needs its addresses here"},
		{"test.", []zones.Nameserver{{Name: ""}}, `nameserver "" of zone test.: the name is empty`},
		{"test.", []zones.Nameserver{{Name: "ns.xtest.", Addresses: []netip.Addr{addr("192.0.2.1")}}}, "warning: nameserver ns.xtest. lies outside the zone test.: its addresses here are not used"},
		{"test.", []zones.Nameserver{{Name: "ns.test.", Addresses: []netip.Addr{addr("fe80::1%eth0")}}}, "nameserver ns.test. can't have the address fe80::1%eth0"},
		{"test.", []zones.Nameserver{{Name: "ns.test.", Addresses: []netip.Addr{addr("0.0.0.0")}}}, "nameserver ns.test. can't have the address 0.0.0.0"},
	} {
		_, problems := zones.Synthesize(c.apex, c.ns)
		if len(problems) != 1 || problems[0].String() != c.want {
			t.Errorf("%s %v: %v, want %s", c.apex, c.ns, problems, c.want)
		}
	}
}

// TestDump: the canonical order, and that the text means the same zone.
func TestDump(t *testing.T) {
	z := parse(t, "test.", `$TTL 60
b A 192.0.2.2
b A 192.0.2.1
b A 192.0.2.2
z.a TXT "x y" \"
* TXT x
@ A 192.0.2.1
@ NS ns.example.
@ SOA ns.example. h 1 2 3 4 5
www.other. A 192.0.2.1
`)
	var got bytes.Buffer
	if err := zones.Dump(z, &got); err != nil {
		t.Fatal(err)
	}
	want := `test.	60	IN	SOA	ns.example. h.test. 1 2 3 4 5
test.	60	IN	A	192.0.2.1
test.	60	IN	NS	ns.example.
*.test.	60	IN	TXT	"x"
z.a.test.	60	IN	TXT	"x y" "\""
b.test.	60	IN	A	192.0.2.1
b.test.	60	IN	A	192.0.2.2
`
	if got.String() != want {
		t.Errorf("got\n%swant\n%s", got.String(), want)
	}
	var again bytes.Buffer
	if err := zones.Dump(parse(t, "test.", got.String()), &again); err != nil || again.String() != want {
		t.Errorf("%v, again\n%s", err, again.String())
	}
}

// TestCheckZone finds the apex by itself where it isn't given.
func TestCheckZone(t *testing.T) {
	for _, c := range []struct{ file, text, want string }{
		{"dir/glb.test.zone", "$TTL 60\n@ SOA ns.example. h 1 2 3 4 5\n@ NS ns.example.\n", "glb.test."},
		{"glb.test.db", "$TTL 60\n@ SOA ns.example. h 1 2 3 4 5\n@ NS ns.example.\n", "glb.test."},
		{"zonefile", "$TTL 60\n$ORIGIN glb.test.\n@ SOA ns.example. h 1 2 3 4 5\n@ NS ns.example.\n", "glb.test."},
		{"/dev/stdin", "$TTL 60\nglb.test. SOA ns.example. h.example. 1 2 3 4 5\nglb.test. NS ns.example.\n", "glb.test."},
		{"a..b", "$TTL 60\nglb.test. SOA ns.example. h.example. 1 2 3 4 5\nglb.test. NS ns.example.\n", "glb.test."},
	} {
		z, problems := zones.CheckZone("", c.file, strings.NewReader(c.text))
		if z.Apex != c.want || len(problems) > 0 {
			t.Errorf("%s: %s, %v", c.file, z.Apex, problems)
		}
	}
	_, problems := zones.CheckZone("other.test.", "f", strings.NewReader("$TTL 60\nglb.test. SOA ns.example. h.example. 1 2 3 4 5\n"))
	want := []string{
		"f: zone other.test. has no SOA record at its apex",
		"f: zone other.test. has no NS record at its apex",
		"f:2: warning: glb.test. lies outside the zone other.test. and is left out",
	}
	for i, p := range problems {
		if len(problems) != len(want) || p.String() != want[i] {
			t.Errorf("problem %d: %s", i, p)
		}
	}
}

// FuzzParse: any text gives records that can be served, or problems at lines that it has; and what was read without a
// mistake can be dumped and read again.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/bad/*.zone")
	for _, file := range append(files, "testdata/glb.test.zone") {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		if len(text) < 1000 {
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 10_000 {
			return
		}
		z, problems := zones.Parse("test.", "f", bytes.NewReader(text))
		lines := bytes.Count(text, []byte{'\n'}) + 2 // "read no further" may name the line behind the last
		for _, p := range problems {
			if p.Line < 0 || p.Line > lines || p.Col < 0 || p.Text == "" {
				t.Errorf("%s: line %d of %d", p, p.Line, lines)
			}
		}
		if len(problems) > 3*lines || len(z.Records) > lines || len(z.Lines) != len(z.Records) {
			t.Errorf("%d problems, %d records, %d line numbers in %d lines", len(problems), len(z.Records), len(z.Lines), lines)
		}
		for _, rr := range z.Records {
			set, err := zones.NewRRset(rr.Header().Name, []dns.RR{rr})
			if err != nil {
				t.Fatalf("%s: %v", rr, err)
			}
			if len(unpack(t, set)) != 1 {
				t.Errorf("%s can't be unpacked", rr)
			}
		}
		x, more := zones.NewIndex([]*zones.Zone{z}, nil)
		if (x == nil) != zones.HasErrors(more) {
			t.Errorf("index %v, problems %v", x, more)
		}
		var first, second bytes.Buffer
		if err := zones.Dump(z, &first); err != nil {
			t.Fatal(err)
		}
		again, problems := zones.Parse("test.", "f", bytes.NewReader(first.Bytes()))
		if len(problems) > 0 {
			t.Fatalf("dumped:\n%s\n%v", first.String(), problems)
		}
		if err := zones.Dump(again, &second); err != nil || first.String() != second.String() {
			t.Errorf("dumped:\n%s\nagain:\n%s\n%v", first.String(), second.String(), err)
		}
	})
}
