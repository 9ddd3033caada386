package admin

import (
	"iter"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"meridian/geo"
)

// From is the client of an explanation.
type From struct {
	// Prefix is the client's network; a single address has its full length.
	Prefix netip.Prefix
	// Place is set, and Prefix isn't, when a country was named of which no network is known: the place of its
	// population-weighted centre.
	Place *geo.Place
}

// ParseFrom reads what stands behind --from: an address, a network, an ISO 3166-1 country code or an English city
// name. For a country it picks the network nearest to the country's centre, for a city the first of its networks.
// networks is what geo.Atlas.Networks returns; it is only walked for a country or a city. A mistake is a *RequestError.
func ParseFrom(text string, networks iter.Seq2[netip.Prefix, *geo.Place]) (From, error) {
	text = strings.TrimSpace(text)
	if addr, err := netip.ParseAddr(text); err == nil {
		addr = addr.WithZone("").Unmap()
		return From{Prefix: netip.PrefixFrom(addr, addr.BitLen())}, nil
	}
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return From{Prefix: prefix.Masked()}, nil
	}
	if text == "" || strings.ContainsAny(text, "/:") || strings.Count(text, ".") == 3 {
		return From{}, notAPlace(text, nil)
	}
	if country := strings.ToUpper(text); len(country) == 2 && geo.Continent(country) != "" {
		return fromCountry(country, networks), nil
	}
	return fromCity(text, networks)
}

func fromCountry(country string, networks iter.Seq2[netip.Prefix, *geo.Place]) From {
	centre, known := geo.Centre(country)
	best, bestDistance := From{}, math.Inf(1)
	for prefix, place := range networks {
		if place.Country != country {
			continue
		}
		distance := math.MaxFloat64
		if known && place.Coordinates.Known {
			distance = geo.Distance(centre, place.Coordinates)
		}
		if distance < bestDistance {
			best, bestDistance = From{Prefix: prefix}, distance
		}
	}
	if !best.Prefix.IsValid() {
		best.Place = &geo.Place{Country: country, Continent: geo.Continent(country), Coordinates: centre}
	}
	return best
}

func fromCity(city string, networks iter.Seq2[netip.Prefix, *geo.Place]) (From, error) {
	wanted := plainName(city)
	cities := make(map[string]bool)
	var longer From // of a city whose name begins with the wanted word: "Frankfurt" for "Frankfurt am Main"
	for prefix, place := range networks {
		if place.City == "" {
			continue
		}
		name := plainName(place.City)
		if name == wanted {
			return From{Prefix: prefix}, nil
		}
		if !longer.Prefix.IsValid() && strings.HasPrefix(name, wanted+" ") {
			longer.Prefix = prefix
		}
		cities[place.City] = true
	}
	if longer.Prefix.IsValid() {
		return longer, nil
	}
	return From{}, notAPlace(city, cities)
}

// plainName folds what people leave out when they type a city: case and accents ("Sao Paulo").
func plainName(city string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFD.String(city))
}

// listedCities is how many cities of a small database a hint lists.
const listedCities = 64

// notAPlace says what would have been understood; a small database's cities are listed.
func notAPlace(text string, cities map[string]bool) error {
	hint := `give an address ("192.0.2.1"), a network ("192.0.2.0/24"), a country code ("JP") or a city of the database`
	if len(cities) > 0 && len(cities) <= listedCities {
		hint += ": " + strings.Join(slices.Sorted(maps.Keys(cities)), ", ")
	}
	if text == "" {
		return &RequestError{Text: "no client given", Hint: hint}
	}
	return &RequestError{Text: `client "` + text + `" isn't an address, a network, a country or a known city`, Hint: hint}
}
