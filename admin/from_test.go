package admin

import (
	"errors"
	"iter"
	"net/netip"
	"strings"
	"testing"

	"meridian/geo"
)

func someNetworks() iter.Seq2[netip.Prefix, *geo.Place] {
	return func(yield func(netip.Prefix, *geo.Place) bool) {
		for _, n := range []struct {
			prefix string
			place  geo.Place
		}{
			{"192.0.2.0/28", geo.Place{Country: "JP", City: "Sapporo", Coordinates: geo.At(43.06, 141.35)}},
			{"192.0.2.16/28", geo.Place{Country: "JP", City: "Tokyo", Coordinates: geo.At(35.68, 139.69)}},
			{"2001:db8::/48", geo.Place{Country: "DE", City: "Frankfurt am Main"}},
			{"203.0.113.0/28", geo.Place{Country: "BR", City: "São Paulo"}},
			{"203.0.113.16/28", geo.Place{Country: "BR", City: "São Paulo de Olivença"}},
		} {
			if !yield(netip.MustParsePrefix(n.prefix), &n.place) {
				return
			}
		}
	}
}

func TestParseFrom(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.1":        "192.0.2.1/32",
		" 192.0.2.1 ":      "192.0.2.1/32",
		"::ffff:192.0.2.1": "192.0.2.1/32",
		"fe80::1%eth0":     "fe80::1/128",
		"192.0.2.99/24":    "192.0.2.0/24",
		"2001:db8::/32":    "2001:db8::/32",
		"JP":               "192.0.2.16/28", // Tokyo is nearer to where the Japanese are than Sapporo
		"de":               "2001:db8::/48", // a network without coordinates is better than none
		"tokyo":            "192.0.2.16/28",
		"Frankfurt":        "2001:db8::/48",
		"sao paulo":        "203.0.113.0/28",
		"São Paulo de":     "203.0.113.16/28",
	} {
		got, err := ParseFrom(text, someNetworks())
		if err != nil || got.Prefix.String() != want || got.Place != nil {
			t.Errorf("ParseFrom(%q) = %v, %v; want %s", text, got, err, want)
		}
	}
}

// TestParseFromACountryWithoutNetworks: there is still a place to measure from.
func TestParseFromACountryWithoutNetworks(t *testing.T) {
	got, err := ParseFrom("NG", someNetworks())
	if err != nil || got.Prefix.IsValid() || got.Place == nil {
		t.Fatalf("got %v, %v", got, err)
	}
	if p := got.Place; p.Country != "NG" || p.Continent != "AF" || !p.Coordinates.Known {
		t.Errorf("got %+v", *p)
	}
}

func TestParseFromMistakes(t *testing.T) {
	for _, text := range []string{"", "192.0.2.256", "192.0.2.0/33", "2001:db8::g", "Atlantis", "ZZ", "Frank"} {
		_, err := ParseFrom(text, someNetworks())
		var mistake *RequestError
		if !errors.As(err, &mistake) || mistake.Hint == "" {
			t.Errorf("ParseFrom(%q): %v, want a RequestError with a hint", text, err)
		}
	}
	if _, err := ParseFrom("Tokio", someNetworks()); !strings.Contains(err.Error(), "Frankfurt am Main, Sapporo, São Paulo, São Paulo de Olivença, Tokyo") {
		t.Errorf("a small database's cities aren't listed: %v", err)
	}
}
