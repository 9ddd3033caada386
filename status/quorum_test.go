package status

import (
	"strings"
	"testing"
)

func TestParseNeed(t *testing.T) {
	for word, want := range map[string]Need{
		"majority": {Kind: NeedMajority}, "any": {Kind: NeedAny}, "all": {Kind: NeedAll},
		"1": {NeedNumber, 1}, "7": {NeedNumber, 7}, "1%": {NeedPercent, 1}, "100%": {NeedPercent, 100},
	} {
		got, err := ParseNeed(word)
		if err != nil || got != want {
			t.Errorf("ParseNeed(%q) = %+v, %v; want %+v", word, got, err, want)
		}
		if got.String() != word {
			t.Errorf("%+v.String() = %q, want %q", got, got, word)
		}
	}
	for _, word := range []string{"", "0", "-1", "half", "1.5", "Majority", "0%", "101%", "%"} {
		if _, err := ParseNeed(word); err == nil || !strings.Contains(err.Error(), "majority, any, all, a number") {
			t.Errorf("ParseNeed(%q): error %v doesn't name what is valid", word, err)
		}
	}
	if got := (Quorum{Down: Need{NeedNumber, 2}, Up: Need{Kind: NeedAll}}).String(); got != "down: 2, up: all" {
		t.Errorf("got %q", got)
	}
}

func TestQuorumDecides(t *testing.T) {
	one := func(kind NeedKind, n int) Quorum { return Quorum{Down: Need{kind, n}} }
	twoDownAllUp := Quorum{Down: Need{NeedNumber, 2}, Up: Need{Kind: NeedAll}}
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
		{one(NeedAny, 0), 0, 0, Unknown},
		{one(NeedAny, 0), 5, 1, Down},
		{one(NeedAny, 0), 5, 0, Up},
		{one(NeedAll, 0), 0, 0, Unknown},
		{one(NeedAll, 0), 1, 5, Up},
		{one(NeedAll, 0), 0, 3, Down},
		{one(NeedNumber, 2), 0, 1, Unknown}, // too few voters to know
		{one(NeedNumber, 2), 1, 0, Unknown},
		{one(NeedNumber, 2), 1, 1, Unknown},
		{one(NeedNumber, 2), 2, 1, Up},
		{one(NeedNumber, 2), 0, 2, Down},
		{one(NeedNumber, 2), 3, 2, Down}, // down is asked first
		{one(NeedNumber, 3), 3, 2, Up},
		{one(NeedPercent, 30), 2, 1, Down},
		{one(NeedPercent, 30), 3, 1, Up}, // 25% say down
		{one(NeedPercent, 60), 1, 1, Unknown},
		{one(NeedPercent, 60), 2, 3, Down},
		{one(NeedPercent, 100), 0, 1, Down},
		{twoDownAllUp, 1, 2, Down},
		{twoDownAllUp, 4, 1, Unknown}, // neither: it stays what it was
		{twoDownAllUp, 5, 0, Up},
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
