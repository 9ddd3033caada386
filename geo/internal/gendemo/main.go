// Command gendemo writes Meridian's built-in demo database: networks that the RFCs keep for documentation stand
// for cities, so that anybody can ask "from" anywhere and nobody's real address is in it.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"time"

	"meridian/geo"
	"meridian/geo/build"
)

// city is one demo city. Its IPv4 network is the next /28, its IPv6 network the next /48 of 2001:db8::/32.
type city struct {
	name, subdivision string // ISO 3166-2
	lat, lon          float64
}

// blocks are the networks of RFC 5737, each cut in 16 /28s: .0, .16, .32, … .240.
var blocks = []struct {
	prefix netip.Prefix
	cities [16]city
}{
	{netip.MustParsePrefix("192.0.2.0/24"), [16]city{
		{"Tokyo", "JP-13", 35.68, 139.69}, // 192.0.2.0/28, 2001:db8:1::/48
		{"Osaka", "JP-27", 34.69, 135.50},
		{"Seoul", "KR-11", 37.57, 126.98},
		{"Taipei", "TW-TPE", 25.03, 121.57},
		{"Frankfurt am Main", "DE-HE", 50.11, 8.68}, // 192.0.2.64/28, 2001:db8:5::/48
		{"London", "GB-ENG", 51.51, -0.13},
		{"Paris", "FR-IDF", 48.86, 2.35},
		{"Amsterdam", "NL-NH", 52.37, 4.90},
		{"New York", "US-NY", 40.71, -74.01}, // 192.0.2.128/28, 2001:db8:9::/48
		{"Toronto", "CA-ON", 43.65, -79.38},
		{"Chicago", "US-IL", 41.88, -87.63},
		{"Dallas", "US-TX", 32.78, -96.80},
		{"Dublin", "IE-L", 53.35, -6.26},
		{"Madrid", "ES-MD", 40.42, -3.70},
		{"Stockholm", "SE-AB", 59.33, 18.07},
		{"Warsaw", "PL-14", 52.23, 21.01},
	}},
	{netip.MustParsePrefix("198.51.100.0/24"), [16]city{
		{"San Francisco", "US-CA", 37.77, -122.42}, // 198.51.100.0/28, 2001:db8:11::/48
		{"Seattle", "US-WA", 47.61, -122.33},
		{"Los Angeles", "US-CA", 34.05, -118.24},
		{"Denver", "US-CO", 39.74, -104.99},
		{"Mexico City", "MX-CMX", 19.43, -99.13},
		{"Miami", "US-FL", 25.76, -80.19},
		{"Montreal", "CA-QC", 45.50, -73.57},
		{"Vancouver", "CA-BC", 49.28, -123.12},
		{"Sydney", "AU-NSW", -33.87, 151.21}, // 198.51.100.128/28, 2001:db8:19::/48
		{"Melbourne", "AU-VIC", -37.81, 144.96},
		{"Auckland", "NZ-AUK", -36.85, 174.76},
		{"Jakarta", "ID-JK", -6.21, 106.85},
		{"Singapore", "", 1.35, 103.82},
		{"Hong Kong", "", 22.32, 114.17},
		{"Bangkok", "TH-10", 13.76, 100.50},
		{"Manila", "PH-00", 14.60, 120.98},
	}},
	{netip.MustParsePrefix("203.0.113.0/24"), [16]city{
		{"São Paulo", "BR-SP", -23.55, -46.63}, // 203.0.113.0/28, 2001:db8:21::/48
		{"Buenos Aires", "AR-C", -34.60, -58.38},
		{"Santiago", "CL-RM", -33.45, -70.67},
		{"Bogotá", "CO-DC", 4.71, -74.07},
		{"Lima", "PE-LIM", -12.05, -77.04},
		{"Cairo", "EG-C", 30.04, 31.24},
		{"Lagos", "NG-LA", 6.52, 3.38},
		{"Nairobi", "KE-30", -1.29, 36.82},
		{"Mumbai", "IN-MH", 19.08, 72.88}, // 203.0.113.128/28, 2001:db8:29::/48
		{"Delhi", "IN-DL", 28.61, 77.21},
		{"Bengaluru", "IN-KA", 12.97, 77.59},
		{"Dubai", "AE-DU", 25.20, 55.27},
		{"Johannesburg", "ZA-GP", -26.20, 28.05},
		{"Istanbul", "TR-34", 41.01, 28.98},
		{"Karachi", "PK-SD", 24.86, 67.01},
		{"Reykjavik", "IS-1", 64.15, -21.94},
	}},
}

// countryOf is for cities whose country has no subdivisions in the list.
var countryOf = map[string]string{"Singapore": "SG", "Hong Kong": "HK"}

// buildTime is fixed, so that the file is the same wherever and whenever it is made.
var buildTime = time.Date(2026, time.November, 20, 0, 0, 0, 0, time.UTC)

func main() {
	out := flag.String("out", "demo.mmdb", "file to write")
	flag.Parse()
	data, err := generate()
	if err == nil {
		err = os.WriteFile(*out, data, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gendemo:", err)
		os.Exit(1)
	}
}

func generate() ([]byte, error) {
	w, err := build.NewWriter(build.Options{
		Type:        build.TypeCity,
		Description: "Meridian demo: documentation networks (RFC 5737, RFC 3849) stand for cities",
		BuildTime:   buildTime,
	})
	if err != nil {
		return nil, err
	}
	number := 0
	for _, b := range blocks {
		for i, c := range b.cities {
			number++
			base := b.prefix.Addr().As4()
			base[3] = byte(16 * i)
			site := netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0, byte(number)})
			for _, p := range []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4(base), 28), netip.PrefixFrom(site, 48)} {
				if err := w.InsertPrefix(p, c.place()); err != nil {
					return nil, err
				}
			}
		}
	}
	var data bytes.Buffer
	if _, err := w.WriteTo(&data); err != nil {
		return nil, err
	}
	return data.Bytes(), nil
}

func (c city) place() geo.Place {
	country := countryOf[c.name]
	if country == "" {
		country = c.subdivision[:2]
	}
	return geo.Place{
		Continent: geo.Continent(country), Country: country, Subdivision: c.subdivision, City: c.name,
		Coordinates: geo.At(c.lat, c.lon),
	}
}
