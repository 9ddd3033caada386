package geo

import (
	"math"

	"github.com/oschwald/geoip2-golang/v2"
	"github.com/oschwald/maxminddb-golang/v2/mmdbdata"
)

// nested reads a record of MaxMind's schema, part by part, with geoip2's models of the parts.
//
// Decoding whole records into geoip2.City would take most of the time of loading a database, and most of it for
// the same few things over and over, in eight languages: the records of a country share its part in the file.
// So each part is decoded where it is met first, and known by its offset from then on. Parts that say nothing of
// the place (postal code, the country of registration, …) are skipped.
type nested struct {
	place   Place
	withASN bool

	continents, countries, subdivisions, cities parts
}

// parts are the one text that we read of each part already met, by its offset in the file.
type parts map[uint]string

// maxParts bounds the memory of what is met once only.
const maxParts = 1 << 16

func newNested(withASN bool) nested {
	return nested{
		withASN: withASN, continents: make(parts), countries: make(parts), subdivisions: make(parts), cities: make(parts),
	}
}

// UnmarshalMaxMindDBCursor reads one record into n.place, which it clears first.
func (n *nested) UnmarshalMaxMindDBCursor(record mmdbdata.Cursor) (mmdbdata.Cursor, error) {
	n.place = Place{}
	entries, err := record.MapReader()
	if err != nil {
		return mmdbdata.Cursor{}, mmdbdata.NormalizeUnmarshalError[nested](err)
	}
	next := entries.First()
	for range entries.Len() {
		key, value, err := next.ReadMapKey()
		if err != nil {
			return mmdbdata.Cursor{}, err
		}
		if next, err = n.field(string(key), value); err != nil {
			return mmdbdata.Cursor{}, err
		}
	}
	return entries.End(next)
}

// field reads one field of the record and returns the cursor behind it.
func (n *nested) field(key string, value mmdbdata.Cursor) (mmdbdata.Cursor, error) {
	switch key {
	case "continent":
		return n.continents.read(value, &n.place.Continent, func() (string, error) {
			var m geoip2.Continent
			_, err := m.UnmarshalMaxMindDBCursor(value)
			return m.Code, err
		})
	case "country":
		return n.countries.read(value, &n.place.Country, func() (string, error) {
			var m geoip2.CountryRecord
			_, err := m.UnmarshalMaxMindDBCursor(value)
			return m.ISOCode, err
		})
	case "subdivisions":
		return n.subdivisions.read(value, &n.place.Subdivision, func() (string, error) { return largest(value) })
	case "city":
		return n.cities.read(value, &n.place.City, func() (string, error) {
			var m geoip2.CityRecord
			_, err := m.UnmarshalMaxMindDBCursor(value)
			return m.Names.English, err
		})
	case "location":
		var m geoip2.Location
		next, err := m.UnmarshalMaxMindDBCursor(value)
		if m.HasCoordinates() {
			n.place.Coordinates = valid(*m.Latitude, *m.Longitude)
		}
		return next, err
	case "traits":
		if n.withASN {
			var m geoip2.EnterpriseTraits
			next, err := m.UnmarshalMaxMindDBCursor(value)
			n.place.ASN = uint32(min(m.AutonomousSystemNumber, math.MaxUint32))
			return next, err
		}
	}
	return value.Skip()
}

// read puts the text of a part in text; decode is called if the part wasn't met before.
func (p parts) read(value mmdbdata.Cursor, text *string, decode func() (string, error)) (mmdbdata.Cursor, error) {
	offset, err := value.Offset()
	if err != nil {
		return mmdbdata.Cursor{}, err
	}
	known, ok := p[offset]
	if !ok {
		if known, err = decode(); err != nil {
			return mmdbdata.Cursor{}, err
		}
		if len(p) < maxParts {
			p[offset] = known
		}
	}
	*text = known
	return value.Skip()
}

// largest returns the code of the first of a record's subdivisions, which is the largest.
func largest(value mmdbdata.Cursor) (string, error) {
	elements, err := value.Slice()
	if err != nil {
		return "", mmdbdata.NormalizeUnmarshalError[[]geoip2.CitySubdivision](err)
	}
	_, first, ok := elements.Next(mmdbdata.Cursor{})
	if !ok {
		return "", elements.Err()
	}
	var m geoip2.CitySubdivision
	_, err = m.UnmarshalMaxMindDBCursor(first)
	return m.ISOCode, err
}
