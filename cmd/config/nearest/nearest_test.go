package nearest

import (
	"testing"

	"pgregory.net/rapid"
)

func TestWord(t *testing.T) {
	regions := []string{"us-east", "us-west", "eu-west"}
	for _, tc := range []struct {
		word  string
		known []string
		want  string
	}{
		{"us-eest", regions, "us-east"},
		{"US-EAST", regions, "us-east"},
		{"wieght", []string{"addresses", "cname", "weight"}, "weight"}, // a swap is one edit
		{"ap-south", regions, ""},
		{"UK", []string{"UA", "UG"}, ""}, // two letters: no guess
		{"no", []string{"NA", "NO"}, "NO"},
		{"", regions, ""},
		{"us-east", nil, ""},
		{"aaa", []string{"aab", "aac"}, "aab"}, // the first of equals
	} {
		if got := Word(tc.word, tc.known); got != tc.want {
			t.Errorf("Word(%q, %q) = %q, want %q", tc.word, tc.known, got, tc.want)
		}
	}
}

func TestHint(t *testing.T) {
	if got, want := Hint("wieght", []string{"weight"}), ` (did you mean "weight"?)`; got != want {
		t.Errorf("Hint = %q, want %q", got, want)
	}
	if got := Hint("colour", []string{"weight"}); got != "" {
		t.Errorf("Hint = %q, want none", got)
	}
}

// TestDistance compares with the textbook recursion, which neither keeps rows nor gives up early.
func TestDistance(t *testing.T) {
	word := rapid.StringMatching(`[abc]{0,6}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b, most := word.Draw(t, "a"), word.Draw(t, "b"), rapid.IntRange(0, 7).Draw(t, "most")
		if got, want := distance(a, b, most), min(naive(a, b), most+1); got != want {
			t.Fatalf("distance(%q, %q, %d) = %d, want %d", a, b, most, got, want)
		}
	})
}

func naive(a, b string) int {
	if a == "" || b == "" {
		return len(a) + len(b)
	}
	i, j := len(a)-1, len(b)-1
	cost := 1
	if a[i] == b[j] {
		cost = 0
	}
	d := min(naive(a[:i], b)+1, naive(a, b[:j])+1, naive(a[:i], b[:j])+cost)
	if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
		d = min(d, naive(a[:i-1], b[:j-1])+1)
	}
	return d
}
