package status

import (
	"strings"
	"testing"
)

func TestParseQuorum(t *testing.T) {
	for word, want := range map[string]Quorum{
		"majority": {}, "any": {Kind: QuorumAny}, "all": {Kind: QuorumAll},
		"1": {QuorumNumber, 1}, "7": {QuorumNumber, 7},
	} {
		got, err := ParseQuorum(word)
		if err != nil || got != want {
			t.Errorf("ParseQuorum(%q) = %+v, %v; want %+v", word, got, err, want)
		}
		if got.String() != word {
			t.Errorf("%+v.String() = %q, want %q", got, got, word)
		}
	}
	for _, word := range []string{"", "0", "-1", "half", "1.5", "Majority"} {
		if _, err := ParseQuorum(word); err == nil || !strings.Contains(err.Error(), "majority, any, all, or a number") {
			t.Errorf("ParseQuorum(%q): error %v doesn't name what is valid", word, err)
		}
	}
}

func TestQuorumDecides(t *testing.T) {
	two, three := Quorum{QuorumNumber, 2}, Quorum{QuorumNumber, 3}
	for _, tt := range []struct {
		quorum     Quorum
		ups, downs int
		want       Health
	}{
		{Quorum{}, 0, 0, Unknown},
		{Quorum{}, 1, 0, Up},
		{Quorum{}, 0, 1, Down},
		{Quorum{}, 1, 1, Unknown}, // a tie holds
		{Quorum{}, 2, 1, Up},
		{Quorum{}, 1, 2, Down},
		{Quorum{}, 2, 2, Unknown},
		{Quorum{Kind: QuorumAny}, 0, 0, Unknown},
		{Quorum{Kind: QuorumAny}, 5, 1, Down},
		{Quorum{Kind: QuorumAny}, 5, 0, Up},
		{Quorum{Kind: QuorumAll}, 0, 0, Unknown},
		{Quorum{Kind: QuorumAll}, 1, 5, Up},
		{Quorum{Kind: QuorumAll}, 0, 3, Down},
		{two, 0, 1, Unknown}, // too few voters to know
		{two, 1, 0, Unknown},
		{two, 1, 1, Up},
		{two, 0, 2, Down},
		{two, 3, 2, Down},
		{three, 3, 2, Up},
	} {
		if got := tt.quorum.decide(tt.ups, tt.downs); got != tt.want {
			t.Errorf("quorum %v, %d up, %d down: %v, want %v", tt.quorum, tt.ups, tt.downs, got, tt.want)
		}
	}
}

func TestHealthText(t *testing.T) {
	for _, h := range []Health{Unknown, Up, Down} {
		text, err := h.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var back Health
		if err := back.UnmarshalText(text); err != nil || back != h {
			t.Errorf("%v came back from %q as %v, %v", h, text, back, err)
		}
	}
	var h Health
	if err := h.UnmarshalText([]byte("UP")); err == nil {
		t.Error(`"UP" was taken for a health`)
	}
	if _, err := Health(9).MarshalText(); err == nil || Health(9).String() != "health(9)" {
		t.Error("a health that is none was written")
	}
}
