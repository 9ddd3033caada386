package geo

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed countries.csv
var countriesCSV string

// Country is one line of the built-in list of countries.
type Country struct {
	Code      string      // ISO 3166-1 alpha-2, or XK
	Name      string      // English
	Continent string      // AF, AN, AS, EU, NA, OC, SA
	Centre    Coordinates // population-weighted
}

// countries parses the built-in list on first use. A test checks the list against ISO 3166-1, so a line that
// doesn't parse can't reach a release.
var countries = sync.OnceValue(func() map[string]*Country {
	list, err := parseCountries(countriesCSV)
	if err != nil {
		panic("geo: built-in countries.csv: " + err.Error())
	}
	return list
})

func parseCountries(text string) (map[string]*Country, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.Comment = '#'
	r.FieldsPerRecord = 5
	records, err := r.ReadAll()
	if err != nil {
		return nil, err
	}
	list := make(map[string]*Country, len(records))
	for _, f := range records[1:] { // the first line names the columns
		lat, errLat := strconv.ParseFloat(f[3], 64)
		lon, errLon := strconv.ParseFloat(f[4], 64)
		if errLat != nil || errLon != nil || list[f[0]] != nil {
			return nil, fmt.Errorf("bad or repeated line for %q", f[0])
		}
		list[f[0]] = &Country{Code: f[0], Name: f[1], Continent: f[2], Centre: At(lat, lon)}
	}
	return list, nil
}

// Countries returns every country that Meridian knows, ordered by code.
func Countries() []Country {
	list := make([]Country, 0, len(countries()))
	for _, c := range countries() {
		list = append(list, *c)
	}
	slices.SortFunc(list, func(a, b Country) int { return strings.Compare(a.Code, b.Code) })
	return list
}

// Continent returns the continent of a country given by its upper-case ISO 3166-1 alpha-2 code; empty if the
// code is not a country's.
func Continent(country string) string {
	if c := countries()[country]; c != nil {
		return c.Continent
	}
	return ""
}

// CountryName returns the English name of a country given by its upper-case ISO 3166-1 alpha-2 code; empty if
// the code is not a country's.
func CountryName(country string) string {
	if c := countries()[country]; c != nil {
		return c.Name
	}
	return ""
}

// Centre returns where a country's people live in the mean. A client of which only the country is known is
// placed there: the geometric centre of Canada or Russia is nearer to the pole than to any user.
func Centre(country string) (Coordinates, bool) {
	if c := countries()[country]; c != nil {
		return c.Centre, true
	}
	return Coordinates{}, false
}

// continents are the codes that Place.Continent may have.
var continents = []string{"AF", "AN", "AS", "EU", "NA", "OC", "SA"}

// canonicalCountry returns the list's own copy of a country code, so that a million places share one string;
// empty for a code of no country ("EU", "AP", "ZZ", "A1": vendors' words for "somewhere").
func canonicalCountry(code string) string {
	if c := countries()[code]; c != nil {
		return c.Code
	}
	switch up := strings.ToUpper(code); {
	case up == "UK":
		return "GB"
	case up != code:
		return canonicalCountry(up)
	}
	return ""
}

// canonicalContinent returns the shared copy of a continent code; empty for anything else.
func canonicalContinent(code string) string {
	for _, c := range continents {
		if strings.EqualFold(c, code) {
			return c
		}
	}
	return ""
}
