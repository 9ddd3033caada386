// Package build makes MaxMind-type databases: of the freely available text files that say in which country (or
// city, or AS) networks are, and of any networks with places. It stands apart from package geo because only the
// command line and the tests write databases; a server only reads them.
package build

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"meridian/geo"
)

// Database types. Readers that want a vendor's schema find its name behind "compat=".
const (
	TypeCountry    = "Meridian-Country (compat=GeoLite2-Country)"
	TypeCity       = "Meridian-City (compat=GeoLite2-City)"
	TypeEnterprise = "Meridian-City-ASN (compat=Enterprise)" // countries or cities, with AS numbers
)

// Options describe a database to write.
type Options struct {
	Type        string
	Description string    // English
	BuildTime   time.Time // the zero time: now, as mmdbwriter sees it
}

// Writer collects networks and writes them as one database. A later network replaces what an earlier one said
// of the same addresses. It isn't safe for concurrent use.
type Writer struct {
	tree    *mmdbwriter.Tree
	records map[geo.Place]mmdbtype.Map
	aliased int
}

// NewWriter begins a database.
func NewWriter(o Options) (*Writer, error) {
	options := mmdbwriter.Options{
		DatabaseType:            o.Type,
		Description:             map[string]string{"en": o.Description},
		Languages:               []string{"en"},
		IPVersion:               6,
		RecordSize:              28,
		IncludeReservedNetworks: true, // an operator's private networks, and the demo's documentation networks
	}
	if !o.BuildTime.IsZero() {
		options.BuildEpoch = o.BuildTime.Unix()
	}
	tree, err := mmdbwriter.New(options)
	if err != nil {
		return nil, fmt.Errorf("geo build: %w", err)
	}
	return &Writer{tree: tree, records: make(map[geo.Place]mmdbtype.Map)}, nil
}

// Insert says where the addresses from first to last are; both are of one family.
//
// A range among the IPv6 addresses that stand for IPv4 ones (6to4, Teredo, …) is left out and counted: the
// format keeps the IPv4 tree there, and readers look such addresses up in it.
func (w *Writer) Insert(first, last netip.Addr, place geo.Place) error {
	err := w.tree.InsertRange(first.AsSlice(), last.AsSlice(), w.record(place))
	if alias := (*mmdbwriter.AliasedNetworkError)(nil); errors.As(err, &alias) {
		w.aliased++
		return nil
	}
	return err
}

// InsertPrefix is Insert for a network.
func (w *Writer) InsertPrefix(p netip.Prefix, place geo.Place) error {
	first, last := bounds(p)
	return w.Insert(first, last, place)
}

// WriteTo writes the database.
func (w *Writer) WriteTo(out io.Writer) (int64, error) { return w.tree.WriteTo(out) }

// bounds returns the first and the last address of a network.
func bounds(p netip.Prefix) (first, last netip.Addr) {
	p = p.Masked()
	b := p.Addr().AsSlice()
	for i := range b {
		if bit := p.Bits() - 8*i; bit < 8 {
			b[i] |= 0xff >> max(bit, 0)
		}
	}
	last, _ = netip.AddrFromSlice(b)
	return p.Addr(), last
}

// record returns a place in MaxMind's schema; one map for all networks of the place.
func (w *Writer) record(p geo.Place) mmdbtype.Map {
	if m, ok := w.records[p]; ok {
		return m
	}
	m := mmdbtype.Map{}
	if p.Continent != "" {
		m["continent"] = mmdbtype.Map{"code": mmdbtype.String(p.Continent)}
	}
	if p.Country != "" {
		m["country"] = mmdbtype.Map{"iso_code": mmdbtype.String(p.Country), "names": names(geo.CountryName(p.Country))}
	}
	if len(p.Subdivision) > 3 { // "JP-13": the format has "13"
		m["subdivisions"] = mmdbtype.Slice{mmdbtype.Map{"iso_code": mmdbtype.String(p.Subdivision[3:])}}
	}
	if p.City != "" {
		m["city"] = mmdbtype.Map{"names": names(p.City)}
	}
	if p.Coordinates.Known {
		m["location"] = mmdbtype.Map{
			"latitude":  mmdbtype.Float64(p.Coordinates.Lat),
			"longitude": mmdbtype.Float64(p.Coordinates.Lon),
		}
	}
	if p.ASN != 0 {
		m["traits"] = mmdbtype.Map{"autonomous_system_number": mmdbtype.Uint32(p.ASN)}
	}
	w.records[p] = m
	return m
}

func names(english string) mmdbtype.Map { return mmdbtype.Map{"en": mmdbtype.String(english)} }
