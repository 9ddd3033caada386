package geo

import "net/netip"

// Coordinates is a point on the globe, WGS 84.
//
// The zero value means "not known": missing coordinates are missing, not (0,0), a point in the Gulf of Guinea.
type Coordinates struct {
	Lat   float64 // degrees north, -90..90
	Lon   float64 // degrees east, -180..180
	Known bool
}

// At returns known coordinates.
func At(lat, lon float64) Coordinates { return Coordinates{Lat: lat, Lon: lon, Known: true} }

// Region is one data centre: what "nearest" measures to.
type Region struct {
	Name        string // as in the configuration
	Coordinates Coordinates
	Country     string // ISO 3166-1 alpha-2, upper case; empty: not given
}

// Place is what the geographic sources know of a network. The zero value is the unknown place.
type Place struct {
	Continent   string // AF, AN, AS, EU, NA, OC, SA; empty: not known
	Country     string // ISO 3166-1 alpha-2; empty: not known
	Subdivision string // ISO 3166-2 with the country, "JP-13"; empty: not known
	City        string // English name; empty: not known
	Coordinates Coordinates
	ASN         uint32 // autonomous system number; 0: not known
	Region      string // pinned to this region by "prefix,@region" in networks.csv; empty: not pinned
	Override    bool   // an entry of networks.csv said (part of) this
	// Rule is the longest network named by a geo rule of any policy that contains the address;
	// the zero prefix when none does. It makes the borders of rules borders of the map.
	Rule netip.Prefix
	// Private marks a private, shared, loopback or link-local network that neither database nor overrides
	// know: a client there is located by the source address of its query instead.
	Private bool
}

// IsUnknown reports whether nothing usable is known of the place.
func (p *Place) IsUnknown() bool {
	return p.Continent == "" && p.Country == "" && p.ASN == 0 && p.Region == "" && !p.Coordinates.Known && !p.Rule.IsValid()
}
