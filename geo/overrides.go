package geo

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
)

// Override is one line of networks.csv: the operator's word about a network.
//
//	prefix,country,subdivision,city,latitude,longitude     where it is; fields may be empty, trailing ones left out
//	prefix,@region                                         which region it belongs to, wherever it is
//
// Overrides are laid on the database from the widest to the narrowest, so the most specific line has the last
// word. What a line means for what is below it:
//
//   - "@region" pins the network to the region; everything else that is known of it stays known.
//   - A line whose names (country, subdivision, city) all agree with what is below adds to it: what the line
//     leaves empty is inherited.
//   - A line with a name that doesn't agree describes the place anew: what it leaves empty is not known, and
//     without coordinates the place is at the country's population-weighted centre.
//   - Coordinates in a line always count. A line with nothing else moves the network and keeps its names.
//   - A line that says where a network is lifts the pin of a wider line.
//   - The AS number is never touched.
type Override struct {
	Prefix netip.Prefix // masked
	Place  Place        // Country, Subdivision (ISO 3166-2), City, Coordinates, or Region alone
	Line   int          // in the file, from 1
}

// apply returns what the line makes of what is known without it.
func (o *Override) apply(below Place) Place {
	said, p := o.Place, below
	p.Override = true
	if said.Region != "" {
		p.Region = said.Region
		return p
	}
	p.Region = ""
	agrees := func(said, below string) bool { return said == "" || said == below }
	if !agrees(said.Country, below.Country) || !agrees(said.Subdivision, below.Subdivision) || !agrees(said.City, below.City) {
		p.Continent = Continent(said.Country)
		p.Country, p.Subdivision, p.City = said.Country, said.Subdivision, said.City
		p.Coordinates, _ = Centre(said.Country)
	}
	if said.Coordinates.Known {
		p.Coordinates = said.Coordinates
	}
	return p
}

// ReadOverrides reads networks.csv. Empty lines, lines that begin with # and a first line of column names are
// left out. Every bad line is an error of the form "name:line:column: text"; the good ones are returned beside
// them. regions are those that a line may name.
func ReadOverrides(name string, r io.Reader, regions []Region) ([]Override, []error) {
	var overrides []Override
	var errs []error
	lines := make(map[netip.Prefix]int)
	scanner := bufio.NewScanner(r)
	n := 0
	for scanner.Scan() {
		n++
		text := strings.TrimSuffix(scanner.Text(), "\r")
		if n == 1 {
			text = strings.TrimPrefix(text, "\ufeff")
		}
		if trimmed := strings.TrimSpace(text); trimmed == "" || trimmed[0] == '#' {
			continue
		}
		fields, problem := splitLine(text)
		if problem == nil && len(overrides) == 0 && len(errs) == 0 && isHeader(fields[0].text) {
			continue
		}
		var o Override
		if problem == nil {
			o, problem = parseOverride(fields, regions)
		}
		if problem == nil && lines[o.Prefix] != 0 {
			problem = &fieldError{1, fmt.Sprintf("network %s is already on line %d", o.Prefix, lines[o.Prefix])}
		}
		if problem != nil {
			errs = append(errs, fmt.Errorf("%s:%d:%d: %s", name, n, problem.column, problem.text))
			continue
		}
		o.Line = n
		lines[o.Prefix] = n
		overrides = append(overrides, o)
	}
	if err := scanner.Err(); err != nil {
		errs = append(errs, fmt.Errorf("%s:%d:1: %w", name, n+1, err))
	}
	return overrides, errs
}

func isHeader(first string) bool {
	return strings.EqualFold(first, "prefix") || strings.EqualFold(first, "network")
}

// field is one value of a line and its column, in bytes from 1.
type field struct {
	text   string
	column int
}

// fieldError is what is wrong with a line, and where in it.
type fieldError struct {
	column int
	text   string
}

// splitLine splits a line at its commas; a field may be quoted as in RFC 4180 (within one line).
func splitLine(line string) ([]field, *fieldError) {
	if !strings.Contains(line, `"`) { // nearly always; and a reader for each of a million lines is dear
		var fields []field
		for start := 0; start <= len(line); {
			value, _, _ := strings.Cut(line[start:], ",")
			indent := len(value) - len(strings.TrimLeft(value, " \t"))
			fields = append(fields, field{strings.TrimSpace(value), start + indent + 1})
			start += len(value) + 1
		}
		return fields, nil
	}
	r := csv.NewReader(strings.NewReader(line))
	r.TrimLeadingSpace = true
	values, err := r.Read()
	if err != nil {
		return nil, &fieldError{1, "a quote is missing or out of place"}
	}
	fields := make([]field, len(values))
	for i, v := range values {
		_, column := r.FieldPos(i)
		fields[i] = field{strings.TrimSpace(v), column}
	}
	return fields, nil
}

func parseOverride(fields []field, regions []Region) (Override, *fieldError) {
	var o Override
	var problem *fieldError
	if o.Prefix, problem = parseNetwork(fields[0]); problem != nil {
		return o, problem
	}
	if len(fields) < 2 {
		return o, &fieldError{fields[0].column, "the line says nothing about the network: add country,subdivision,city,latitude,longitude or @region"}
	}
	if name, pinned := strings.CutPrefix(fields[1].text, "@"); pinned {
		o.Place.Region = name
		return o, checkPin(name, fields, regions)
	}
	if len(fields) > 6 {
		return o, &fieldError{fields[6].column, fmt.Sprintf("%d fields; a line has at most 6: prefix,country,subdivision,city,latitude,longitude", len(fields))}
	}
	for len(fields) < 6 {
		fields = append(fields, field{})
	}
	o.Place, problem = parsePlace(fields[1:])
	return o, problem
}

func parseNetwork(f field) (netip.Prefix, *fieldError) {
	p, err := netip.ParsePrefix(f.text)
	if err != nil {
		hint := ""
		if a, err := netip.ParseAddr(f.text); err == nil && a.Zone() == "" {
			hint = fmt.Sprintf(" (a single address is %s/%d)", a, a.BitLen())
		}
		return p, &fieldError{f.column, fmt.Sprintf("%q is not a network such as 192.0.2.0/24 or 2001:db8::/32%s", f.text, hint)}
	}
	if p != p.Masked() {
		return p, &fieldError{f.column, fmt.Sprintf("network %s has bits set behind its prefix length (did you mean %s?)", p, p.Masked())}
	}
	if v4, ok := unembed(p); ok {
		return p, &fieldError{f.column, fmt.Sprintf("network %s is looked up as the IPv4 network inside it: write %s", p, v4)}
	}
	return p, nil
}

func checkPin(name string, fields []field, regions []Region) *fieldError {
	for _, f := range fields[2:] {
		if f.text != "" {
			return &fieldError{f.column, "nothing may follow @region: the network belongs to that region wherever it is"}
		}
	}
	names := make([]string, len(regions))
	for i, r := range regions {
		if r.Name == name {
			return nil
		}
		names[i] = r.Name
	}
	return &fieldError{fields[1].column, fmt.Sprintf("region %q is not defined%s", name, suggest(name, names))}
}

// parsePlace reads country, subdivision, city, latitude, longitude.
func parsePlace(f []field) (Place, *fieldError) {
	var p Place
	country, sub := f[0], f[1]
	if head, _, ok := strings.Cut(sub.text, "-"); ok && country.text == "" {
		country = field{head, sub.column}
	}
	if country.text != "" {
		if p.Country = strings.ToUpper(country.text); CountryName(p.Country) == "" {
			return p, &fieldError{country.column, unknownCountry(country.text)}
		}
		p.Continent = Continent(p.Country)
	}
	if sub.text != "" {
		if p.Country == "" {
			return p, &fieldError{sub.column, fmt.Sprintf("subdivision %q needs its country", sub.text)}
		}
		var ok bool
		if p.Subdivision, ok = Subdivision(p.Country, sub.text); !ok {
			return p, &fieldError{sub.column, fmt.Sprintf("subdivision %q is not an ISO 3166-2 code of %s, such as %s-13 or 13", sub.text, p.Country, p.Country)}
		}
	}
	if p.City = f[2].text; p.City != "" && p.Country == "" {
		return p, &fieldError{f[2].column, fmt.Sprintf("city %q needs its country", p.City)}
	}
	var problem *fieldError
	if p.Coordinates, problem = parseCoordinates(f[3], f[4]); problem != nil {
		return p, problem
	}
	if p.Country == "" && !p.Coordinates.Known {
		return p, &fieldError{max(f[0].column, 1), "the line says nothing about the network: give a country, coordinates or @region"}
	}
	return p, nil
}

func parseCoordinates(lat, lon field) (Coordinates, *fieldError) {
	if lat.text == "" && lon.text == "" {
		return Coordinates{}, nil
	}
	if lat.text == "" || lon.text == "" {
		return Coordinates{}, &fieldError{max(lat.column, lon.column, 1), "latitude and longitude go together"}
	}
	var degrees [2]float64
	for i, f := range []struct {
		field
		name  string
		limit float64
	}{{lat, "latitude", 90}, {lon, "longitude", 180}} {
		v, err := strconv.ParseFloat(f.text, 64)
		if err != nil || !(v >= -f.limit && v <= f.limit) {
			return Coordinates{}, &fieldError{f.column, fmt.Sprintf("%s %q is not a number of degrees from %g to %g", f.name, f.text, -f.limit, f.limit)}
		}
		degrees[i] = v
	}
	return At(degrees[0], degrees[1]), nil
}
