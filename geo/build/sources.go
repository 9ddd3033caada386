package build

import (
	"encoding/csv"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"go4.org/netipx"

	"meridian/geo"
)

// torLine reads a line of tor-geoipdb: "16777216,16777471,AU" in geoip, "2001:200::,2001:200:ff…,JP" in geoip6.
func torLine(text string) (line, error) {
	f := strings.Split(text, ",")
	if len(f) != 3 {
		return line{}, fmt.Errorf("%d fields, want first,last,country", len(f))
	}
	first, err := torAddress(f[0])
	if err != nil {
		return line{}, err
	}
	last, err := torAddress(f[1])
	if err != nil {
		return line{}, err
	}
	place, err := country(f[2])
	return line{first, last, place}, err
}

func torAddress(text string) (netip.Addr, error) {
	if strings.Contains(text, ":") {
		return address(text)
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("%q is not an IPv4 address as a number, nor an IPv6 address", text)
	}
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}), nil
}

func address(text string) (netip.Addr, error) {
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return a, fmt.Errorf("%q is not an IP address", text)
	}
	return a, nil
}

// country returns the place of a country code, the zero place for a code that says "nowhere", and an error for
// what can't be a code.
func country(code string) (geo.Place, error) {
	switch code {
	case "", "??", "None", "-", "ZZ":
		return geo.Place{}, nil
	case "UK":
		code = "GB"
	case "EU":
		return geo.Place{Continent: "EU"}, nil
	}
	if len(code) != 2 || code != strings.ToUpper(code) {
		return geo.Place{}, fmt.Errorf("%q is not a two-letter country code", code)
	}
	if geo.CountryName(code) == "" { // a registry's or a vendor's own: AP, A1, T1, XX
		return geo.Place{}, nil
	}
	return geo.Place{Continent: geo.Continent(code), Country: code}, nil
}

// ip2asnLine reads a line of ip2asn: first, last, AS number, country and description, with tabs between.
func ip2asnLine(text string) (line, error) {
	f := strings.Split(text, "\t")
	if len(f) < 4 {
		return line{}, fmt.Errorf("%d fields, want first, last, AS number, country, description with tabs between", len(f))
	}
	first, err := address(f[0])
	if err != nil {
		return line{}, err
	}
	last, err := address(f[1])
	if err != nil {
		return line{}, err
	}
	place, err := country(f[3])
	if err != nil {
		return line{}, err
	}
	asn, err := strconv.ParseUint(f[2], 10, 32)
	if err != nil {
		return line{}, fmt.Errorf("%q is not an AS number", f[2])
	}
	place.ASN = uint32(asn)
	return line{first, last, place}, nil
}

// geofeedLine reads a line of RFC 8805, section 2.1: prefix,country,subdivision,city,postal code. Of the fields
// behind the prefix any may be empty; all empty means "don't place this network".
func geofeedLine(text string) (line, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.TrimLeadingSpace = true
	f, err := r.Read()
	if err != nil {
		return line{}, fmt.Errorf("a quote is missing or out of place")
	}
	for len(f) < 5 {
		f = append(f, "")
	}
	prefix, err := network(strings.TrimSpace(f[0]))
	if err != nil {
		return line{}, err
	}
	place, err := country(strings.ToUpper(strings.TrimSpace(f[1])))
	if err != nil {
		return line{}, err
	}
	if place.Country != "" {
		if code := strings.TrimSpace(f[2]); code != "" {
			var ok bool
			if place.Subdivision, ok = geo.Subdivision(place.Country, code); !ok {
				return line{}, fmt.Errorf("subdivision %q is not an ISO 3166-2 code of %s", code, place.Country)
			}
		}
		place.City = strings.TrimSpace(f[3])
	}
	span := netipx.RangeOfPrefix(prefix)
	return line{span.From(), span.To(), place}, nil
}

// network reads a prefix, or an address that stands for itself.
func network(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return p, fmt.Errorf("%q is not a network such as 192.0.2.0/24 or 2001:db8::/32", text)
	}
	if p != p.Masked() {
		return p, fmt.Errorf("network %s has bits set behind its prefix length (did you mean %s?)", p, p.Masked())
	}
	return p, nil
}

// readCSV reads network,country,subdivision,city,latitude,longitude: the format of networks.csv, in which a
// region can't be named here.
func readCSV(in Input, add func(line)) []error {
	networks, errs := geo.ReadOverrides(in.Name, in.Reader, nil)
	for _, n := range networks {
		span := netipx.RangeOfPrefix(n.Prefix)
		add(line{span.From(), span.To(), n.Place})
	}
	return errs
}
