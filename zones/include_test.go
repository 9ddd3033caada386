package zones_test

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"

	"meridian/zones"
)

// folder makes a folder in memory.
func folder(files map[string]string) fstest.MapFS {
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

// TestInclude: what a file brings along, what it leaves behind, and where its records stand.
func TestInclude(t *testing.T) {
	files := folder(map[string]string{
		"hosts":        "a A 192.0.2.1\n$ORIGIN deep\nb A 192.0.2.2\n",
		"sub/a b":      "\tTXT \"the owner is taken over\"\n$INCLUDE more x\n$INCLUDE \"../hosts\"\n",
		"sub/more":     "@ A 192.0.2.3\n",
		"ttl":          "$TTL 90\n",
		"no-newline":   "c A 192.0.2.4",
		"only-a-blank": " ",
	})
	text := `$TTL 60
$INCLUDE hosts
w A 192.0.2.9
$include "sub/a b" Y.test. ; a comment
  A 192.0.2.10
$INCLUDE ttl
v A 192.0.2.11
$INCLUDE no-newline
$INCLUDE only-a-blank z
	A 192.0.2.12
`
	z, problems := zones.Parse("test.", "dir/test.zone", strings.NewReader(text), zones.IncludeFrom(files))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	var got []string
	for i, rr := range z.Records {
		got = append(got, fmt.Sprintf("%s %d", strings.ReplaceAll(rr.String(), "\t", " "), z.Lines[i]))
	}
	want := []string{
		"a.test. 60 IN A 192.0.2.1 1",
		"b.deep.test. 60 IN A 192.0.2.2 3",
		"w.test. 60 IN A 192.0.2.9 3",
		`w.test. 60 IN TXT "the owner is taken over" 1`,
		"x.y.test. 60 IN A 192.0.2.3 1",
		"a.y.test. 60 IN A 192.0.2.1 1",
		"b.deep.y.test. 60 IN A 192.0.2.2 3",
		"w.test. 60 IN A 192.0.2.10 5",
		"v.test. 90 IN A 192.0.2.11 7",
		"c.test. 90 IN A 192.0.2.4 1",
		"v.test. 90 IN A 192.0.2.12 10",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestIncludedProblems: NewIndex too names the included file.
func TestIncludedProblems(t *testing.T) {
	files := folder(map[string]string{
		"a/one": "x A 192.0.2.1\n",
		"a/two": "x CNAME y\n\n@ MX 10 nowhere\n",
	})
	z, problems := zones.Parse("test.", "dir/test.zone", strings.NewReader(soa+"$INCLUDE a/one\n$INCLUDE a/two\n@ MX 20 nowhere\n"), zones.IncludeFrom(files))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	_, problems = zones.NewIndex([]*zones.Zone{z}, []*zones.Service{{Name: "x.test."}})
	var got []string
	for _, p := range problems {
		got = append(got, p.String())
	}
	want := []string{
		`dir/a/one:1: service "x.test" has a static A record in zone test.; one of the two has to go`,
		`dir/a/two:1: x.test. has a CNAME beside A at dir/a/one:1 (RFC 1034 section 3.6.2)`,
		`dir/a/two:1: service "x.test" has a static CNAME record in zone test.; one of the two has to go`,
		"dir/a/two:3: warning: mail server nowhere.test. of test. doesn't exist in zone test.",
		"dir/test.zone:6: warning: mail server nowhere.test. of test. doesn't exist in zone test.",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestIncludeNeedsAFolder: without one nothing is opened; what is asked of one is always a path inside of it.
func TestIncludeNeedsAFolder(t *testing.T) {
	_, problems := zones.Parse("test.", "-", strings.NewReader("$INCLUDE /etc/passwd\n"))
	want := `-:1:10: $INCLUDE "/etc/passwd": this text doesn't come from a folder that files could be included from`
	if len(problems) != 1 || problems[0].String() != want {
		t.Errorf("%v, want %s", problems, want)
	}
	var asked asking
	for _, name := range []string{"a", "./b", "c/../d", "c/./e", "../f", "c/../../g", "/h", "..", "c/..", `\..\i`} {
		zones.Parse("test.", "f", strings.NewReader("$INCLUDE "+name+"\n"), zones.IncludeFrom(&asked))
	}
	if want := []string{"a", "b", "d", "c/e", ".", `\..\i`}; !slices.Equal(asked, want) {
		t.Errorf("asked for %q, want %q", asked, want)
	}
}

// asking is a folder that remembers what it was asked for, and has none of it.
type asking []string

func (a *asking) Open(name string) (fs.File, error) {
	*a = append(*a, name)
	return nil, errors.New("nothing here")
}

// TestSum: equal text has an equal sum, and every octet of every file counts, as does where one file ends.
func TestSum(t *testing.T) {
	sum := func(text string, files map[string]string) string {
		z, _ := zones.Parse("test.", "f", strings.NewReader(text), zones.IncludeFrom(folder(files)))
		return fmt.Sprintf("%x", z.Sum)
	}
	text := soa + "$INCLUDE a\n$INCLUDE b\n"
	first := sum(text, map[string]string{"a": "x A 192.0.2.1\n", "b": "y A 192.0.2.1\n"})
	if first != sum(text, map[string]string{"a": "x A 192.0.2.1\n", "b": "y A 192.0.2.1\n"}) {
		t.Error("the same files have another sum")
	}
	for what, other := range map[string]string{
		"an octet":       sum(text, map[string]string{"a": "x A 192.0.2.1\n", "b": "y A 192.0.2.2\n"}),
		"order":          sum(text, map[string]string{"b": "x A 192.0.2.1\n", "a": "y A 192.0.2.1\n"}),
		"the border":     sum(text, map[string]string{"a": "x A 192.0.2.1\ny A 192.0.2.1\n", "b": ""}),
		"the zone's own": sum(text+"\n", map[string]string{"a": "x A 192.0.2.1\n", "b": "y A 192.0.2.1\n"}),
		"one file":       sum(text+"x A 192.0.2.1\ny A 192.0.2.1\n", nil),
	} {
		if other == first {
			t.Errorf("%s doesn't count", what)
		}
	}
}

// script writes a random zone as a tree of files, and at once, as its slow twin, which records it means: a stack of
// origins, walked as RFC 1035 section 5.1 says.
type script struct {
	t       *rapid.T
	files   map[string]string
	records []string // "owner address line"
	count   int      // of records
}

// write makes one file, read with an origin and a last owner, and returns its name.
func (s *script) write(depth int, origin, owner string) string {
	name := fmt.Sprintf("%s/f%d", strings.Repeat("d/", depth)+"x", len(s.files))
	s.files[name] = "" // taken
	var text strings.Builder
	label := rapid.SampledFrom([]string{"a", "b", "c", "@"})
	absolute := func(label string) string {
		if label == "@" {
			return origin
		}
		return label + "." + origin
	}
	for line := range rapid.IntRange(0, 5).Draw(s.t, "lines") {
		switch kind := rapid.IntRange(0, 5).Draw(s.t, "kind"); {
		case kind == 0:
			l := label.Draw(s.t, "origin")
			fmt.Fprintf(&text, "$ORIGIN %s\n", l)
			origin = absolute(l)
		case kind == 1 && depth < 4:
			inner, argument := origin, ""
			if rapid.Bool().Draw(s.t, "other origin") {
				l := label.Draw(s.t, "include origin")
				inner, argument = absolute(l), " "+l
			}
			// From x/ in one folder to x/ in the one below it.
			child := s.write(depth+1, inner, owner)
			fmt.Fprintf(&text, "$INCLUDE ../d/%s%s\n", strings.TrimPrefix(child, strings.Repeat("d/", depth+1)), argument)
		default:
			l := ""
			if kind > 2 || owner == "" {
				l = label.Draw(s.t, "owner")
				owner = absolute(l)
			}
			s.count++
			fmt.Fprintf(&text, "%s A 192.0.%d.%d\n", l, s.count>>8, s.count&255)
			s.records = append(s.records, fmt.Sprintf("%s 192.0.%d.%d %d", owner, s.count>>8, s.count&255, line+1))
		}
	}
	s.files[name] = text.String()
	return name
}

func TestIncludeEqualsItsTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &script{t: t, files: map[string]string{}}
		main := s.write(0, "test.", "")
		files := folder(s.files)
		z, problems := zones.Parse("test.", "main", strings.NewReader("$TTL 60\n$INCLUDE "+main+"\n"), zones.IncludeFrom(files))
		if len(problems) > 0 {
			t.Fatal(problems, s.files)
		}
		var got []string
		for i, rr := range z.Records {
			fields := strings.Fields(rr.String())
			got = append(got, fmt.Sprintf("%s %s %d", fields[0], fields[4], z.Lines[i]))
		}
		if !slices.Equal(got, s.records) {
			t.Fatalf("got %q\nwant %q\n%q", got, s.records, s.files)
		}
	})
}

// FuzzInclude: any two texts that may include each other end, with problems at places that there are.
func FuzzInclude(f *testing.F) {
	f.Add("$TTL 60\n$INCLUDE b x\n", "a A 192.0.2.1\n$ORIGIN y\n")
	f.Add("$INCLUDE b\n$INCLUDE b\n", "$INCLUDE \"a\" ; again\n")
	f.Add("$INCLUDE ../b\n", "(\n")
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a)+len(b) > 2000 {
			return
		}
		z, problems := zones.Parse("test.", "a", strings.NewReader(a), zones.IncludeFrom(folder(map[string]string{"a": a, "b": b})))
		lines := map[string]int{"a": strings.Count(a, "\n") + 2, "b": strings.Count(b, "\n") + 2}
		_, more := zones.NewIndex([]*zones.Zone{z}, nil)
		for _, p := range append(problems, more...) {
			if lines[p.File] == 0 || p.Line < 0 || p.Line > lines[p.File] || p.Col < 0 || p.Text == "" {
				t.Errorf("%s: %d lines", p, lines[p.File])
			}
		}
		if len(z.Lines) != len(z.Records) {
			t.Errorf("%d lines of %d records", len(z.Lines), len(z.Records))
		}
	})
}
