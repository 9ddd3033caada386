package config

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"meridian/cmd/config/nearest"
	"meridian/geo"
)

var (
	// regionName is what fits into metrics, commands and networks.csv without quotes.
	regionName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)
	// policyWords mean something else where a region could be named.
	policyWords = []string{"nearest", "all", "weighted", "failover", "geo"}

	continents = []string{"AF", "AN", "AS", "EU", "NA", "OC", "SA"}

	countryCodes = sync.OnceValue(func() []string {
		var codes []string
		for _, c := range geo.Countries() {
			codes = append(codes, c.Code)
		}
		return codes
	})
)

func (b *builder) buildRegions() {
	for i := range b.raw.Regions {
		e := &b.raw.Regions[i]
		path := "regions." + e.name
		if !regionName.MatchString(e.name) {
			b.errorf(e.at, "%s is no name for a region: letters, digits, dots, hyphens and underscores, at most 63", quote(e.name))
		} else if slices.Contains(policyWords, e.name) {
			b.errorf(e.at, "%q can't be the name of a region: it is a word of policies", e.name)
		}
		region := geo.Region{Name: e.name}
		if e.v.Country.set && b.country(e.v.Country, path+".country") {
			region.Country = e.v.Country.v
		}
		if c := e.v.Coordinates; len(c) == 2 && c[0].set && c[1].set {
			region.Coordinates = b.coordinates(c[0], c[1], path+".coordinates")
		}
		b.regions[e.name] = len(b.cfg.Regions)
		b.cfg.Regions = append(b.cfg.Regions, region)
	}
}

func (b *builder) coordinates(lat, lon number, path string) geo.Coordinates {
	fits := func(v, most float64) bool { return v >= -most && v <= most }
	switch {
	case fits(lat.v, 90) && fits(lon.v, 180):
	case fits(lon.v, 90) && fits(lat.v, 180):
		b.errorf(lat.at, "%s: latitude %v is beyond 90 degrees (latitude comes first: did you mean [%v, %v]?)", path, lat.v, lon.v, lat.v)
	case !fits(lat.v, 90):
		b.errorf(lat.at, "%s: latitude %v is beyond 90 degrees", path, lat.v)
	default:
		b.errorf(lon.at, "%s: longitude %v is beyond 180 degrees", path, lon.v)
	}
	return geo.At(lat.v, lon.v)
}

// checkRegions reports regions that a policy measures the distance to but that have no coordinates.
func (b *builder) checkRegions() {
	for i := range b.raw.Regions {
		e := &b.raw.Regions[i]
		if service, ok := b.measured[e.name]; ok && e.v.Coordinates == nil {
			b.errorf(e.at, "region %q has no coordinates, but the policy of service %q measures the distance to it (add coordinates: [latitude, longitude])", e.name, service)
		}
	}
}

// country reports whether t is the code of a country, and complains if it isn't.
func (b *builder) country(t text, path string) bool {
	if geo.Continent(t.v) != "" {
		return true
	}
	hint := nearest.Hint(t.v, countryCodes())
	switch strings.ToUpper(t.v) {
	case "UK":
		hint = ` (did you mean "GB"?)`
	case "EL":
		hint = ` (did you mean "GR"?)`
	default:
		for _, c := range geo.Countries() {
			if strings.EqualFold(c.Name, t.v) {
				hint = ` (did you mean "` + c.Code + `"?)`
			}
		}
	}
	b.errorf(t.at, "%s: %s is no ISO 3166-1 country code%s", path, quote(t.v), hint)
	return false
}

// continentNames are the names that people write instead of the codes, for hints.
var continentNames = map[string]string{
	"africa": "AF", "antarctica": "AN", "asia": "AS", "europe": "EU",
	"north america": "NA", "oceania": "OC", "australia": "OC", "south america": "SA",
}

// continent reports whether t is the code of a continent, and complains if it isn't.
func (b *builder) continent(t text, path string) bool {
	if slices.Contains(continents, t.v) {
		return true
	}
	word := t.v
	if code, ok := continentNames[strings.ToLower(word)]; ok {
		word = strings.ToLower(code) // as if the code had been written in the wrong case
	}
	b.errorf(t.at, "%s: %s is no continent%s", path, quote(t.v), offer(word, "there are", continents))
	return false
}

var subdivisionForm = regexp.MustCompile(`^[A-Z]{2}-[A-Z0-9]{1,3}$`)

// subdivision reports whether t can be an ISO 3166-2 code, and complains if it can't.
func (b *builder) subdivision(t text, path string) bool {
	if !subdivisionForm.MatchString(t.v) {
		hint := ""
		if up := strings.ToUpper(t.v); subdivisionForm.MatchString(up) {
			hint = " (did you mean " + strconv.Quote(up) + "?)"
		}
		b.errorf(t.at, "%s: %s is no ISO 3166-2 code such as US-CA%s", path, quote(t.v), hint)
		return false
	}
	return b.country(text{v: t.v[:2], at: t.at, set: true}, path)
}
