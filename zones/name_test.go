package zones_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"pgregory.net/rapid"

	"meridian/zones"
)

func TestAppendWireName(t *testing.T) {
	for _, c := range []struct{ name, wire, wrong string }{
		{".", "\x00", ""},
		{"test.", "\x04test\x00", ""},
		{"test", "\x04test\x00", ""},
		{"WwW.Test.", "\x03WwW\x04Test\x00", ""},
		{`a\.b.test.`, "\x03a.b\x04test\x00", ""},
		{`\097\\.`, "\x02a\\\x00", ""},
		{`\255.`, "\x01\xff\x00", ""},
		{`a\.`, "\x02a.\x00", ""},
		{"", "", "the name is empty"},
		{"a..b.", "", "a label is empty"},
		{".a.", "", "a label is empty"},
		{"..", "", "a label is empty"},
		{`a\`, "", `a \ escapes nothing`},
		{`a\1.`, "", `a \ escapes nothing`},
		{`\256.`, "", `\256 is above \255`},
		{strings.Repeat("a", 63) + ".", "\x3f" + strings.Repeat("a", 63) + "\x00", ""},
		{strings.Repeat("a", 64) + ".", "", "a label is longer than 63 octets"},
		{strings.Repeat("a.", 127), strings.Repeat("\x01a", 127) + "\x00", ""},
		{strings.Repeat("a.", 128), "", "the name is longer than 255 octets"},
	} {
		got, err := zones.AppendWireName([]byte("x"), c.name)
		if string(got) != "x"+c.wire {
			t.Errorf("%q: %q, want %q", c.name, got, c.wire)
		}
		if (err == nil) != (c.wrong == "") || err != nil && err.Error() != c.wrong {
			t.Errorf("%q: error %v, want %q", c.name, err, c.wrong)
		}
	}
}

func TestCanonicalName(t *testing.T) {
	for name, want := range map[string]string{
		"WWW.Glb.TEST": "www.glb.test.", "www.test.": "www.test.", `\087ww.test.`: "www.test.", "A b.test": `a\ b.test.`, "*.": "*.", ".": ".",
	} {
		if got, err := zones.CanonicalName(name); got != want || err != nil {
			t.Errorf("%q: %q, %v; want %q", name, got, err, want)
		}
	}
	for _, name := range []string{"", "a..", strings.Repeat("a", 64) + ".", strings.Repeat("a.", 128), "A..b."} {
		if got, err := zones.CanonicalName(name); err == nil {
			t.Errorf("%q: %q, want an error", name, got)
		}
	}
}

func TestIsSubdomain(t *testing.T) {
	for _, c := range []struct {
		child, parent string
		want          bool
	}{
		{"a.test.", "test.", true},
		{"test.", "test.", true},
		{"xtest.", "test.", false},
		{"test.", "a.test.", false},
		{"a.test.", ".", true},
		{".", ".", true},
		{".", "test.", false},
		{`a\004test.`, "test.", false}, // one label whose octets look like two
	} {
		if got := zones.IsSubdomain(wire(t, c.child), wire(t, c.parent)); got != c.want {
			t.Errorf("%s in %s: %v", c.child, c.parent, got)
		}
	}
}

func TestParent(t *testing.T) {
	name := wire(t, "a.b.")
	for _, want := range []string{"\x01b\x00", "\x00"} {
		if name = zones.Parent(name); string(name) != want {
			t.Errorf("parent %q, want %q", name, want)
		}
	}
	for _, end := range [][]byte{name, nil, {5, 'a'}, {1, 'a'}} {
		if p := zones.Parent(end); p != nil {
			t.Errorf("parent of %q: %q", end, p)
		}
	}
}

// TestCompareNames has the order of RFC 4034 section 6.1.
func TestCompareNames(t *testing.T) {
	ordered := []string{"example.", "a.example.", "yljkjljk.a.example.", "z.a.example.", "zabc.a.example.", "z.example.", `\001.z.example.`, "*.z.example.", `\200.z.example.`}
	for i, a := range ordered {
		for j, b := range ordered {
			c := zones.CompareNames(wire(t, a), wire(t, b))
			if (c < 0) != (i < j) || (c > 0) != (i > j) {
				t.Errorf("%s, %s: %d", a, b, c)
			}
		}
	}
}

// wireNames draws names as wire labels of any octets.
func wireNames() *rapid.Generator[[]byte] {
	return rapid.Custom(func(t *rapid.T) []byte {
		var name []byte
		for _, label := range rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 1, 12), 0, 8).Draw(t, "labels") {
			name = append(append(name, byte(len(label))), label...)
		}
		return append(name, 0)
	})
}

func TestNamesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := wireNames().Draw(t, "name")
		text := zones.NameString(name)
		back, err := zones.AppendWireName(nil, text)
		if err != nil || !bytes.Equal(back, name) {
			t.Fatalf("%q -> %q -> %q, %v", name, text, back, err)
		}
		packed := make([]byte, 300)
		end, err := dns.PackDomainName(text, packed, 0, nil, false)
		if err != nil || !bytes.Equal(packed[:end], name) {
			t.Fatalf("miekg: %q -> %q, %v", text, packed[:end], err)
		}
		zones.LowerName(name)
		canonical, err := zones.CanonicalName(text)
		if err != nil || canonical != zones.NameString(name) {
			t.Fatalf("canonical %q, %v; want %q", canonical, err, zones.NameString(name))
		}
	})
}

func TestNameStringRefusesJunk(t *testing.T) {
	for _, junk := range [][]byte{nil, {1}, {1, 'a'}, {0, 0}, {0xC0, 0}, labelsOf(128)} {
		if s := zones.NameString(junk); s != "" {
			t.Errorf("%v: %q", junk, s)
		}
	}
}

// labelsOf returns a wire name of n one-octet labels.
func labelsOf(n int) []byte { return append(bytes.Repeat([]byte{1, 'a'}, n), 0) }
