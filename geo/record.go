package geo

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/oschwald/geoip2-golang/v2"
	"github.com/oschwald/maxminddb-golang/v2"
)

// schema is the shape of a database's records.
type schema int

const (
	schemaUnknown    schema = iota
	schemaMaxMind           // country.iso_code, location.latitude: MaxMind's City and Country, DB-IP's
	schemaEnterprise        // the same, with traits.autonomous_system_number
	schemaASN               // autonomous_system_number
	schemaFlat              // country, lat, lng, asn side by side: IPinfo's
)

var schemaNames = [...]string{"unknown", "maxmind", "enterprise", "asn", "flat"}

func (s schema) String() string { return schemaNames[s] }

// unsuitable are kinds of database, by a word in their type, that don't say where a network is.
var unsuitable = []string{"Anonymous", "Connection-Type", "Domain", "Residential-Proxy", "User-Count", "Static-IP-Score", "privacy"}

const suitable = "MaxMind or DB-IP City, Country, Enterprise, ASN or ISP; IPinfo's location, country or ASN files"

// typeSchema returns the schema that a database type promises; schemaUnknown: none that we know.
func typeSchema(databaseType string) schema {
	has := func(word string) bool { return strings.Contains(databaseType, word) }
	switch {
	case strings.HasPrefix(databaseType, "ipinfo"):
		return schemaFlat
	case has("Enterprise"):
		return schemaEnterprise
	case has("City"), has("Country"):
		return schemaMaxMind
	case has("ASN"), has("ISP"):
		return schemaASN
	}
	return schemaUnknown
}

// trials is how many records, spread over the file, are decoded before it is accepted.
const trials = 64

// detect settles the schema by the database's type and by trial look-ups, which must agree: the type alone may
// be any vendor's word, the records alone may be of another kind that looks alike.
func (d *Database) detect() error {
	for _, word := range unsuitable {
		if strings.Contains(d.info.Type, word) {
			return fmt.Errorf("database type %q doesn't say where networks are (usable: %s)", d.info.Type, suitable)
		}
	}
	if len(d.offsets) == 0 {
		return errors.New("the database has no networks")
	}
	promised := typeSchema(d.info.Type)
	seen := promised
	useful := false
	step := max(len(d.offsets)/trials, 1)
	for i := 0; i < len(d.offsets); i += step {
		result := d.reader.LookupOffset(uintptr(d.offsets[i]))
		found, err := recordSchema(result)
		if err != nil {
			return fmt.Errorf("trial look-up: %w", err)
		}
		switch {
		case found == schemaUnknown: // {}, or a record of fields that we don't use
			continue
		case seen == schemaUnknown || seen == schemaMaxMind && found == schemaEnterprise:
			seen = found
		case seen != found && !(seen == schemaEnterprise && found == schemaMaxMind):
			return fmt.Errorf("database type %q, but a record of schema %s is in it (usable: %s)", d.info.Type, found, suitable)
		}
		place, err := newDecoder(found).decode(result)
		if err != nil {
			return fmt.Errorf("trial look-up: %w", err)
		}
		useful = useful || !place.IsUnknown()
		d.info.HasCoordinates = d.info.HasCoordinates || place.Coordinates.Known
		d.info.HasASN = d.info.HasASN || place.ASN != 0
	}
	if !useful {
		return fmt.Errorf("database type %q: %d trial look-ups found no country, coordinates or AS number (usable: %s)",
			d.info.Type, min(trials, len(d.offsets)), suitable)
	}
	d.schema = seen
	d.info.Schema = seen.String()
	return nil
}

// recordSchema tells one record's schema by its fields.
func recordSchema(result maxminddb.Result) (schema, error) {
	var record map[string]any
	if err := result.Decode(&record); err != nil {
		return schemaUnknown, err
	}
	if traits, _ := record["traits"].(map[string]any); traits["autonomous_system_number"] != nil {
		return schemaEnterprise, nil
	}
	for _, key := range []string{"country", "continent", "location", "registered_country", "traits"} {
		if _, nested := record[key].(map[string]any); nested {
			return schemaMaxMind, nil
		}
	}
	if _, ok := record["autonomous_system_number"]; ok {
		return schemaASN, nil
	}
	for _, key := range []string{"country", "country_code", "continent", "continent_code", "lat", "latitude", "asn"} {
		if _, ok := record[key]; ok {
			return schemaFlat, nil
		}
	}
	return schemaUnknown, nil
}

// decode reads one record as it stands: no coordinates of a country's centre yet, see [decoder.place].
//
// A country in which a network is only registered isn't used: it says where a holder's papers are. An anycast
// resolver would be sent to its owner's seat.
func (d *decoder) decode(result maxminddb.Result) (Place, error) {
	switch d.schema {
	case schemaMaxMind, schemaEnterprise:
		err := result.Decode(&d.nested)
		return d.nested.place, err
	case schemaASN:
		var r geoip2.ASN
		if err := result.Decode(&r); err != nil {
			return Place{}, err
		}
		return Place{ASN: uint32(min(r.AutonomousSystemNumber, math.MaxUint32))}, nil
	case schemaFlat:
		var r flatRecord
		if err := result.Decode(&r); err != nil {
			return Place{}, err
		}
		return r.place(), nil
	}
	return Place{}, fmt.Errorf("no decoder for schema %s", d.schema)
}

// valid drops what is no point on the globe, and (0,0), which vendors write for "not known".
func valid(lat, lon float64) Coordinates {
	if !inRange(lat, lon) || lat == 0 && lon == 0 {
		return Coordinates{}
	}
	return At(lat, lon)
}

func inRange(lat, lon float64) bool {
	return lat >= -90 && lat <= 90 && lon >= -180 && lon <= 180 // false for NaN
}

// flatRecord is a record of IPinfo's kinds. Their files differ: country is a code in some and a name in others,
// numbers are strings in some.
type flatRecord struct {
	Country       string `maxminddb:"country"`
	CountryCode   string `maxminddb:"country_code"`
	Continent     string `maxminddb:"continent"`
	ContinentCode string `maxminddb:"continent_code"`
	RegionCode    string `maxminddb:"region_code"`
	City          string `maxminddb:"city"`
	Lat           any    `maxminddb:"lat"`
	Lng           any    `maxminddb:"lng"`
	Latitude      any    `maxminddb:"latitude"`
	Longitude     any    `maxminddb:"longitude"`
	ASN           any    `maxminddb:"asn"`
}

func (r *flatRecord) place() Place {
	p := Place{City: r.City, Subdivision: r.RegionCode, Country: r.CountryCode, Continent: r.ContinentCode}
	if p.Country == "" && len(r.Country) == 2 {
		p.Country = r.Country
	}
	if p.Continent == "" && len(r.Continent) == 2 {
		p.Continent = r.Continent
	}
	lat, okLat := firstNumber(r.Lat, r.Latitude)
	lon, okLon := firstNumber(r.Lng, r.Longitude)
	if okLat && okLon {
		p.Coordinates = valid(lat, lon)
	}
	switch asn := r.ASN.(type) {
	case string:
		digits := strings.TrimPrefix(strings.ToUpper(asn), "AS")
		if n, err := strconv.ParseUint(digits, 10, 32); err == nil {
			p.ASN = uint32(n)
		}
	default:
		if n, ok := number(asn); ok && n >= 0 && n <= math.MaxUint32 {
			p.ASN = uint32(n)
		}
	}
	return p
}

func firstNumber(values ...any) (float64, bool) {
	for _, v := range values {
		if n, ok := number(v); ok {
			return n, true
		}
	}
	return 0, false
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case float32:
		return float64(v), true
	case uint64:
		return float64(v), true
	case int:
		return float64(v), true
	case string:
		n, err := strconv.ParseFloat(v, 64)
		return n, err == nil
	}
	return 0, false
}

// decoder turns records into finished places.
type decoder struct {
	schema schema
	codes  map[[2]string]string // country, subdivision as in the record → ISO 3166-2
	nested nested
}

func newDecoder(s schema) *decoder {
	return &decoder{schema: s, codes: make(map[[2]string]string), nested: newNested(s == schemaEnterprise)}
}

// place decodes a record and finishes it: canonical codes, the continent of the country, its centre if there are
// no coordinates.
func (d *decoder) place(result maxminddb.Result) (Place, error) {
	p, err := d.decode(result)
	if err != nil {
		return Place{}, err
	}
	p.Country = canonicalCountry(p.Country)
	p.Continent = canonicalContinent(p.Continent)
	if p.Continent == "" {
		p.Continent = Continent(p.Country)
	}
	p.Subdivision = d.subdivision(p.Country, p.Subdivision)
	if !p.Coordinates.Known {
		p.Coordinates, _ = Centre(p.Country)
	}
	return p, nil
}

func (d *decoder) subdivision(country, code string) string {
	if country == "" || code == "" {
		return ""
	}
	key := [2]string{country, code}
	full, ok := d.codes[key]
	if !ok {
		full, _ = Subdivision(country, code)
		d.codes[key] = full
	}
	return full
}

// Subdivision returns the ISO 3166-2 code, "JP-13", for "13" or "JP-13" of a country; false if code is neither.
func Subdivision(country, code string) (string, bool) {
	code = strings.ToUpper(code)
	if head, tail, ok := strings.Cut(code, "-"); ok {
		if head != country {
			return "", false
		}
		code = tail
	}
	if len(code) < 1 || len(code) > 3 || slices.ContainsFunc([]byte(code), func(c byte) bool {
		return (c < 'A' || c > 'Z') && (c < '0' || c > '9')
	}) {
		return "", false
	}
	return country + "-" + code, true
}
