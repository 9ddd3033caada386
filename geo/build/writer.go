// Package build makes MaxMind-type databases: of the freely available text files that say in which country (or
// city, or AS) networks are, and of any networks with places. It stands apart from package geo because only the
// command line and the tests write databases; a server only reads them.
package build

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
	"go4.org/netipx"

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
// of the same addresses. It isn't safe
// for concurrent use.
type Writer struct {
	tree    *mmdbwriter.Tree
	records map[geo.Place]mmdbtype.Map
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
	options.KeyGenerator = &identity{}
	if !o.BuildTime.IsZero() {
		options.BuildEpoch = o.BuildTime.Unix()
	}
	tree, err := mmdbwriter.New(options)
	if err != nil {
		return nil, fmt.Errorf("geo build: %w", err)
	}
	return &Writer{tree: tree, records: make(map[geo.Place]mmdbtype.Map)}, nil
}

// ipv4Networks are where the format keeps the IPv4 tree within the IPv6 one: at ::/96, and as aliases.
var ipv4Networks = []netip.Prefix{
	netip.MustParsePrefix("::/96"),
	netip.MustParsePrefix("::ffff:0:0/96"),
	netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("2001::/32"),
	netip.MustParsePrefix("2002::/16"),
}

// Insert says where the addresses from first to last are; both are of one family. It reports whether any of them
// was inserted: IPv6 addresses that stand for IPv4 ones (6to4, Teredo, …) are left out, because readers look them
// up as IPv4.
func (w *Writer) Insert(first, last netip.Addr, place geo.Place) (bool, error) {
	r := netipx.IPRangeFrom(first, last)
	if !r.IsValid() {
		return false, fmt.Errorf("geo build: %s-%s is not a range of addresses", first, last)
	}
	prefixes := r.Prefixes()
	if slices.ContainsFunc(ipv4Networks, func(p netip.Prefix) bool { return r.Overlaps(netipx.RangeOfPrefix(p)) }) {
		var b netipx.IPSetBuilder
		b.AddRange(r)
		for _, p := range ipv4Networks {
			b.RemovePrefix(p)
		}
		set, err := b.IPSet()
		if err != nil {
			return false, fmt.Errorf("geo build: %w", err)
		}
		prefixes = set.Prefixes()
	}
	for _, p := range prefixes {
		if err := w.tree.Insert(netipx.PrefixIPNet(p), w.record(place)); err != nil {
			return false, fmt.Errorf("geo build: %s: %w", p, err)
		}
	}
	return len(prefixes) > 0, nil
}

// InsertPrefix is Insert for a network.
func (w *Writer) InsertPrefix(p netip.Prefix, place geo.Place) error {
	r := netipx.RangeOfPrefix(p.Masked())
	_, err := w.Insert(r.From(), r.To(), place)
	return err
}

// identity tells records apart by the map they are, of which record makes one for each place: hashing what is in
// them again for each of a million networks would take most of the time.
type identity struct{ key [8]byte }

func (k *identity) Key(v mmdbtype.DataType) ([]byte, error) {
	m, ok := v.(mmdbtype.Map)
	if !ok {
		return nil, fmt.Errorf("geo build: a record of type %T", v)
	}
	binary.NativeEndian.PutUint64(k.key[:], uint64(reflect.ValueOf(m).Pointer()))
	return k.key[:], nil
}

// WriteTo writes the database.
func (w *Writer) WriteTo(out io.Writer) (int64, error) { return w.tree.WriteTo(out) }

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
