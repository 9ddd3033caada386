package geo_test

import (
	"slices"
	"strings"
	"testing"

	"meridian/geo"
)

// iso3166 is ISO 3166-1 alpha-2 as of 2025: the officially assigned codes.
const iso3166 = `
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ
CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO
FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE
JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO
MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW
PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM
TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW`

func TestCountriesAreComplete(t *testing.T) {
	want := append(strings.Fields(iso3166), "XK") // Kosovo: user-assigned, and in every vendor's data
	slices.Sort(want)
	var got []string
	for _, c := range geo.Countries() {
		got = append(got, c.Code)
		if c.Name == "" {
			t.Errorf("%s has no name", c.Code)
		}
		if !slices.Contains([]string{"AF", "AN", "AS", "EU", "NA", "OC", "SA"}, c.Continent) {
			t.Errorf("%s is on continent %q", c.Code, c.Continent)
		}
		if p := c.Centre; !p.Known || p.Lat < -90 || p.Lat > 90 || p.Lon < -180 || p.Lon > 180 {
			t.Errorf("%s has its centre at %+v", c.Code, p)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("countries %v, want %v", got, want)
	}
}

// The people of large countries live far from the geometric centre; a client of which only the country is known
// must be sent to where they are.
func TestCentresAreWherePeopleLive(t *testing.T) {
	for _, c := range []struct {
		country string
		near    geo.Coordinates
		within  float64 // km
	}{
		{"US", geo.At(37.3, -92.5), 200},    // Missouri, the Census Bureau's mean centre
		{"CA", geo.At(45.4, -75.7), 800},    // Ottawa
		{"RU", geo.At(55.76, 37.62), 800},   // Moscow
		{"AU", geo.At(-33.87, 151.21), 600}, // Sydney
		{"BR", geo.At(-19.9, -43.9), 400},   // Belo Horizonte
		{"CN", geo.At(30.6, 114.3), 300},    // Wuhan
		{"JP", geo.At(35.68, 139.69), 300},
		{"IN", geo.At(23.2, 79.9), 150},
		{"FI", geo.At(60.17, 24.94), 200},
		{"NO", geo.At(59.9, 10.75), 200},
		{"EG", geo.At(30.04, 31.24), 100},
		{"DZ", geo.At(36.75, 3.06), 200},
		{"ID", geo.At(-6.2, 106.8), 400}, // Jakarta
		{"CL", geo.At(-33.4, -70.6), 150},
	} {
		centre, ok := geo.Centre(c.country)
		if d := geo.Distance(centre, c.near); !ok || d > c.within {
			t.Errorf("%s: centre %+v is %.0f km from %+v, want at most %.0f", c.country, centre, d, c.near, c.within)
		}
	}
}

func TestUnknownCountry(t *testing.T) {
	for _, code := range []string{"", "ZZ", "EU", "jp", "JPN"} {
		if _, ok := geo.Centre(code); ok || geo.Continent(code) != "" || geo.CountryName(code) != "" {
			t.Errorf("%q passes for a country", code)
		}
	}
	if geo.Continent("JP") != "AS" || geo.CountryName("JP") != "Japan" {
		t.Errorf("JP: %s on %s", geo.CountryName("JP"), geo.Continent("JP"))
	}
}
