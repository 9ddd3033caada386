package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

// TestTreeEqualsYAML compares trees, with aliases and merge keys expanded, with what yaml's own decoder makes of the
// same text.
func TestTreeEqualsYAML(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := document(t)
		r := &report{}
		root := parse(r, "x.yaml", []byte(text))
		if root == nil || r.errors > 0 {
			t.Fatalf("doesn't parse: %v\n%s", r.sorted(), text)
		}
		var want any
		if err := yaml.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(widen(want), instance(root)); diff != "" {
			t.Fatalf("%s\n%s", diff, text)
		}
	})
}

// widen makes int64 of yaml's ints.
func widen(v any) any {
	switch v := v.(type) {
	case int:
		return int64(v)
	case map[string]any:
		for k := range v {
			v[k] = widen(v[k])
		}
		return v
	case []any:
		for i := range v {
			v[i] = widen(v[i])
		}
		return v
	}
	return v
}

// document writes a few anchored mappings, each of which may use those before it, as values and by merging.
func document(t *rapid.T) string {
	var b strings.Builder
	anchors := rapid.IntRange(1, 5).Draw(t, "anchors")
	for i := range anchors {
		fmt.Fprintf(&b, "x-%d: &a%d {", i, i)
		if i > 0 && rapid.Bool().Draw(t, "merge") {
			fmt.Fprintf(&b, "<<: [*a%d, *a%d], ", rapid.IntRange(0, i-1).Draw(t, "from"), rapid.IntRange(0, i-1).Draw(t, "from"))
		}
		for _, key := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 0, 4, rapid.ID[string]).Draw(t, "keys") {
			fmt.Fprintf(&b, "%s: %s, ", key, value(t, i, 0))
		}
		b.WriteString("}\n")
	}
	return b.String()
}

func value(t *rapid.T, anchors, depth int) string {
	kind := rapid.IntRange(0, 5).Draw(t, "kind")
	switch {
	case kind == 0 && depth < 3:
		return "[" + value(t, anchors, depth+1) + ", " + value(t, anchors, depth+1) + "]"
	case kind == 1 && depth < 3:
		return "{k: " + value(t, anchors, depth+1) + "}"
	case kind == 2 && anchors > 0:
		return fmt.Sprintf("*a%d", rapid.IntRange(0, anchors-1).Draw(t, "alias"))
	}
	return rapid.SampledFrom([]string{"1", "-20", "0.5", "1e3", "true", "false", "~", "no", "NO", "text", `"5"`, "'true'", "5s", "192.0.2.1", "2001:db8::1"}).Draw(t, "scalar")
}

// TestScalars: numbers are decimal; everything that YAML reads as something odd is text.
func TestScalars(t *testing.T) {
	for _, tc := range []struct {
		text string
		want any
	}{
		{"12", int64(12)}, {"-3", int64(-3)}, {"0", int64(0)}, {"1.50", 1.5}, {"1e3", 1000.0}, {"true", true}, {"False", false},
		{"", nil}, {"~", nil}, {"null", nil},
		{"010", "010"}, {"0x1F", "0x1F"}, {"0o17", "0o17"}, {"1_000", "1_000"}, {".inf", ".inf"}, {".nan", ".nan"}, {"1e999", "1e999"},
		{"12:30:45", "12:30:45"}, {"2026-01-02", "2026-01-02"}, {"yes", "yes"}, {"NO", "NO"}, {"on", "on"},
		{"::1", "::1"}, {"1.10.2", "1.10.2"}, {`"12"`, "12"}, {"'~'", "~"}, {"99999999999999999999", 1e20},
	} {
		r := &report{}
		root := parse(r, "x.yaml", []byte("k: "+tc.text+"\n"))
		if r.errors > 0 {
			t.Errorf("%s: %v", tc.text, r.sorted())
			continue
		}
		if got := root.get("k").value; got != tc.want {
			t.Errorf("%s is %T %v, want %T %v", tc.text, got, got, tc.want, tc.want)
		}
	}
}
