package geo_test

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/maxmind/mmdbwriter"
	db "github.com/maxmind/mmdbwriter/mmdbtype"
	"go4.org/netipx"

	"meridian/geo"
)

// file makes a database with one record for each network.
func file(t testing.TB, options mmdbwriter.Options, records map[string]db.Map) []byte {
	t.Helper()
	options.IncludeReservedNetworks = true
	options.BuildEpoch = 1_700_000_000
	if options.Description == nil {
		options.Description = map[string]string{"en": "a test"}
	}
	w, err := mmdbwriter.New(options)
	if err != nil {
		t.Fatal(err)
	}
	for network, record := range records {
		if err := w.Insert(netipx.PrefixIPNet(netip.MustParsePrefix(network)), record); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if _, err := w.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func code(c db.String) db.Map { return db.Map{"code": c} }
func iso(c db.String) db.Map  { return db.Map{"iso_code": c} }
func english(n db.String) db.Map {
	return db.Map{"names": db.Map{"en": n, "de": n + " (de)"}}
}

// Records as the vendors write them.
var (
	maxmindCity = db.Map{
		"city": english("Tokyo"), "continent": db.Map{"code": db.String("AS"), "geoname_id": db.Uint32(6255147)},
		"country":            db.Map{"iso_code": db.String("JP"), "names": db.Map{"en": db.String("Japan")}},
		"registered_country": iso("US"), "subdivisions": db.Slice{iso("13"), iso("99")},
		"location": db.Map{"latitude": db.Float64(35.68), "longitude": db.Float64(139.69), "accuracy_radius": db.Uint16(5), "time_zone": db.String("Asia/Tokyo")},
		"postal":   code("100-0001"), "traits": db.Map{"is_anycast": db.Bool(true)},
	}
	tokyo = geo.Place{Continent: "AS", Country: "JP", Subdivision: "JP-13", City: "Tokyo", Coordinates: geo.At(35.68, 139.69)}
)

func TestSchemas(t *testing.T) {
	germany := geo.Place{Continent: "EU", Country: "DE"}
	germany.Coordinates, _ = geo.Centre("DE")
	withASN := func(p geo.Place, asn uint32) geo.Place { p.ASN = asn; return p }
	for _, c := range []struct {
		name, databaseType, schema string
		record                     db.Map
		want                       geo.Place
	}{
		{"MaxMind City", "GeoLite2-City", "maxmind", maxmindCity, tokyo},
		{"MaxMind Country", "GeoIP2-Country", "maxmind", db.Map{"continent": code("EU"), "country": iso("DE"), "registered_country": iso("FR")}, germany},
		{"MaxMind Enterprise", "GeoIP2-Enterprise", "enterprise",
			db.Map{"continent": code("AS"), "country": db.Map{"iso_code": db.String("JP"), "confidence": db.Uint16(99)}, "subdivisions": db.Slice{iso("13")},
				"city": english("Tokyo"), "location": maxmindCity["location"], "traits": db.Map{"autonomous_system_number": db.Uint32(64496)}},
			withASN(tokyo, 64496)},
		{"MaxMind ASN", "GeoLite2-ASN", "asn", db.Map{"autonomous_system_number": db.Uint32(64497), "autonomous_system_organization": db.String("Example")}, geo.Place{ASN: 64497}},
		{"MaxMind ISP", "GeoIP2-ISP", "asn", db.Map{"autonomous_system_number": db.Uint32(64497), "isp": db.String("Example")}, geo.Place{ASN: 64497}},
		{"DB-IP City Lite", "DBIP-City-Lite", "maxmind",
			db.Map{"city": english("Tokyo"), "continent": code("AS"), "country": db.Map{"iso_code": db.String("JP"), "is_in_european_union": db.Bool(false)},
				"subdivisions": db.Slice{english("Tokyo")}, "location": db.Map{"latitude": db.Float64(35.68), "longitude": db.Float64(139.69)}},
			geo.Place{Continent: "AS", Country: "JP", City: "Tokyo", Coordinates: geo.At(35.68, 139.69)}},
		{"DB-IP ISP", "DBIP-Location-ISP (compat=Enterprise)", "enterprise", db.Map{"country": iso("DE"), "traits": db.Map{"autonomous_system_number": db.Uint32(3320)}}, withASN(germany, 3320)},
		{"IPinfo standard location", "ipinfo standard_location.mmdb", "flat",
			db.Map{"city": db.String("Tokyo"), "region": db.String("Tokyo"), "region_code": db.String("13"), "country": db.String("JP"), "lat": db.String("35.68"), "lng": db.String("139.69")}, tokyo},
		{"IPinfo lite", "ipinfo generic_bundle_free.mmdb", "flat",
			db.Map{"country": db.String("Germany"), "country_code": db.String("DE"), "continent": db.String("Europe"), "continent_code": db.String("EU"), "asn": db.String("AS3320")}, withASN(germany, 3320)},
		{"IPinfo country and ASN", "ipinfo generic_country_asn_free.mmdb", "flat",
			db.Map{"country": db.String("DE"), "country_name": db.String("Germany"), "continent": db.String("EU"), "asn": db.String("AS3320")}, withASN(germany, 3320)},
		{"flat with numbers, of no vendor we know", "my-db", "flat",
			db.Map{"country_code": db.String("jp"), "region_code": db.String("JP-13"), "city": db.String("Tokyo"), "latitude": db.Float64(35.68), "longitude": db.Float64(139.69), "asn": db.Uint32(64496)},
			withASN(tokyo, 64496)},
		{"MaxMind's schema under a name of one's own", "my-city-db", "maxmind", maxmindCity, tokyo},
		{"no continent", "GeoLite2-Country", "maxmind", db.Map{"country": iso("DE")}, germany},
		{"a continent alone", "GeoLite2-Country", "maxmind", db.Map{"continent": code("EU")}, geo.Place{Continent: "EU"}},
		{"a country that is none", "GeoLite2-City", "maxmind", db.Map{"country": iso("EU"), "continent": code("EU")}, geo.Place{Continent: "EU"}},
		{"UK", "GeoLite2-City", "maxmind", db.Map{"country": iso("UK"), "location": db.Map{"latitude": db.Float64(51.5), "longitude": db.Float64(-0.1)}},
			geo.Place{Continent: "EU", Country: "GB", Coordinates: geo.At(51.5, -0.1)}},
		{"(0,0) is not a place", "GeoLite2-City", "maxmind", db.Map{"country": iso("DE"), "location": db.Map{"latitude": db.Float64(0), "longitude": db.Float64(0)}}, germany},
		{"coordinates off the globe", "GeoLite2-City", "maxmind", db.Map{"country": iso("DE"), "location": db.Map{"latitude": db.Float64(91), "longitude": db.Float64(0)}}, germany},
		{"half of the coordinates", "GeoLite2-City", "maxmind", db.Map{"country": iso("DE"), "location": db.Map{"latitude": db.Float64(50)}}, germany},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := geo.OpenBytes("x.mmdb", file(t, mmdbwriter.Options{DatabaseType: c.databaseType}, map[string]db.Map{"192.0.2.0/24": c.record}))
			if err != nil {
				t.Fatal(err)
			}
			if got := d.Info(); got.Schema != c.schema || got.Type != c.databaseType || got.Networks != 1 || got.HasASN != (c.want.ASN != 0) {
				t.Errorf("info %+v", got)
			}
			atlas, err := geo.NewAtlas(geo.Sources{Database: d})
			if err != nil {
				t.Fatal(err)
			}
			p, network := atlas.Lookup(netip.MustParseAddr("192.0.2.1"))
			if *p != c.want || network.String() != "192.0.2.0/24" {
				t.Errorf("got  %s %+v\nwant %+v", network, *p, c.want)
			}
		})
	}
}

func TestUnsuitableDatabases(t *testing.T) {
	for _, c := range []struct {
		name, databaseType string
		record             db.Map
		message            string
	}{
		{"anonymous", "GeoIP2-Anonymous-IP", db.Map{"is_anonymous": db.Bool(true)}, `database type "GeoIP2-Anonymous-IP" doesn't say where networks are`},
		{"connection type", "GeoIP2-Connection-Type", db.Map{"connection_type": db.String("Cable/DSL")}, "doesn't say where networks are"},
		{"unknown", "my-db", db.Map{"colour": db.String("blue")}, `database type "my-db": 1 trial look-ups found no country, coordinates or AS number`},
		{"not what it says", "GeoLite2-City", db.Map{"country": db.String("DE"), "lat": db.String("1"), "lng": db.String("2")}, `database type "GeoLite2-City", but a record of schema flat is in it`},
		{"empty records", "GeoLite2-City", db.Map{}, "found no country"},
		{"wrong types", "GeoLite2-City", db.Map{"country": db.Map{"iso_code": db.Uint32(3)}}, "trial look-up"},
	} {
		_, err := geo.OpenBytes("x.mmdb", file(t, mmdbwriter.Options{DatabaseType: c.databaseType}, map[string]db.Map{"192.0.2.0/24": c.record}))
		if err == nil || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%s: %v, want %q", c.name, err, c.message)
		}
	}
	if _, err := geo.OpenBytes("x.mmdb", file(t, mmdbwriter.Options{DatabaseType: "GeoLite2-City"}, nil)); err == nil || !strings.Contains(err.Error(), "no networks") {
		t.Errorf("empty: %v", err)
	}
}

func TestOpenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "city.mmdb")
	if _, err := geo.Open(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("no file: %v", err)
	}
	data := file(t, mmdbwriter.Options{DatabaseType: "GeoLite2-City"}, map[string]db.Map{"192.0.2.0/24": maxmindCity})
	for name, broken := range map[string][]byte{"empty": nil, "text": []byte("not a database"), "cut short": data[:len(data)/2], "begins later": data[len(data)/2:]} {
		if err := os.WriteFile(path, broken, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := geo.Open(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := geo.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	want := geo.Info{Name: "city.mmdb", Type: "GeoLite2-City", Schema: "maxmind", Description: "a test", BuildTime: time.Unix(1_700_000_000, 0).UTC(),
		IPVersion: 6, Networks: 1, Records: 1, HasCoordinates: true}
	if d.Info() != want {
		t.Errorf("got  %+v\nwant %+v", d.Info(), want)
	}
	// The file may now be replaced, or cut under our feet: it was read whole.
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	if r := d.Verify(); len(r.Problems) > 0 {
		t.Errorf("after truncation: %v", r.Problems)
	}
}

func TestIPv4Only(t *testing.T) {
	d, err := geo.OpenBytes("x", file(t, mmdbwriter.Options{DatabaseType: "GeoLite2-City", IPVersion: 4}, map[string]db.Map{"192.0.2.0/24": maxmindCity}))
	if err != nil {
		t.Fatal(err)
	}
	atlas, err := geo.NewAtlas(geo.Sources{Database: d})
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{"192.0.2.1": "192.0.2.0/24", "::ffff:192.0.2.1": "::ffff:192.0.2.0/120"} {
		if p, network := atlas.Lookup(netip.MustParseAddr(address)); *p != tokyo || network.String() != want {
			t.Errorf("%s: %s %+v", address, network, *p)
		}
	}
}

// A leaf above ::/96 holds the whole of IPv4.
func TestIPv4InsideAWideLeaf(t *testing.T) {
	d, err := geo.OpenBytes("x", file(t, mmdbwriter.Options{DatabaseType: "GeoLite2-City", DisableIPv4Aliasing: true}, map[string]db.Map{"::/64": maxmindCity}))
	if err != nil {
		t.Fatal(err)
	}
	atlas, err := geo.NewAtlas(geo.Sources{Database: d})
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"1.2.3.4", "255.255.255.255", "::2:3:4"} {
		if p, _ := atlas.Lookup(netip.MustParseAddr(address)); *p != tokyo {
			t.Errorf("%s: %+v", address, *p)
		}
	}
}

func TestVerify(t *testing.T) {
	d, err := geo.OpenBytes("x", file(t, mmdbwriter.Options{DatabaseType: "GeoLite2-City"}, map[string]db.Map{
		"192.0.2.0/24":     maxmindCity,
		"198.51.100.0/24":  {"country": iso("DE")},
		"203.0.113.0/24":   {"country": iso("ZZ"), "location": maxmindCity["location"]},
		"10.0.0.0/8":       {},
		"2001:db8::/32":    maxmindCity,
		"2001:db9::/32":    {"continent": code("EU")},
		"2001:dba:1::/128": maxmindCity,
	}))
	if err != nil {
		t.Fatal(err)
	}
	r := d.Verify()
	if len(r.Problems) > 0 {
		t.Errorf("problems: %v", r.Problems)
	}
	r.Info, r.Problems = geo.Info{}, nil
	want := geo.Report{Networks4: 4, Networks6: 3, NoCountry: 3, NoCoordinates: 3, CountryCentre: 1, Nothing: 1, BadCountryCodes: 1}
	if got := r; got.Networks4 != want.Networks4 || got.Networks6 != want.Networks6 || got.NoCountry != want.NoCountry ||
		got.NoCoordinates != want.NoCoordinates || got.CountryCentre != want.CountryCentre || got.Nothing != want.Nothing || got.BadCountryCodes != want.BadCountryCodes {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestVerifyFindsDamage(t *testing.T) {
	data := file(t, mmdbwriter.Options{DatabaseType: "GeoLite2-City"}, map[string]db.Map{"192.0.2.0/24": maxmindCity, "198.51.100.0/24": {"country": iso("DE")}})
	i := bytes.LastIndex(data, []byte("time_zone"))
	data[i-1] = 0xff // the key's type and length
	d, err := geo.OpenBytes("x", data)
	if err != nil {
		return // the trial look-up met it first
	}
	if r := d.Verify(); len(r.Problems) == 0 {
		t.Error("the damage was not found")
	}
}

// A damaged tree in which nodes share children has 2^127 leaves; the walk must not visit them all.
func TestTreeThatIsNone(t *testing.T) {
	data := file(t, mmdbwriter.Options{DatabaseType: "GeoLite2-City", RecordSize: 24, DisableIPv4Aliasing: true}, map[string]db.Map{"ffff::/128": maxmindCity})
	for node := range 127 { // each has one child so far, 3 bytes for the left and 3 for the right
		child := []byte{0, 0, byte(node + 1)}
		copy(data[6*node:], append(child, child...))
	}
	if _, err := geo.OpenBytes("x", data); err == nil || !strings.Contains(err.Error(), "not a tree") {
		t.Errorf("%v", err)
	}
}

func FuzzOpen(f *testing.F) {
	for _, options := range []mmdbwriter.Options{{DatabaseType: "GeoLite2-City"}, {DatabaseType: "GeoLite2-City", IPVersion: 4, RecordSize: 24}} {
		f.Add(file(f, options, map[string]db.Map{"192.0.2.0/24": maxmindCity, "10.0.0.0/8": {"country": iso("DE")}}))
	}
	f.Add([]byte("\xab\xcd\xefMaxMind.com"))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := geo.OpenBytes("fuzz", data)
		if err != nil {
			return
		}
		d.Verify()
		atlas, err := geo.NewAtlas(geo.Sources{Database: d})
		if err != nil {
			return
		}
		table := atlas.Compile(func(p *geo.Place) geo.Locality { return geo.Locality(len(p.Country)) + 1 })
		for _, a := range []string{"0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "2001:db8::1", "ffff::"} {
			addr := netip.MustParseAddr(a)
			p, network := atlas.Lookup(addr)
			if l, scope := table.Lookup(addr); l == geo.Unknown && !p.IsUnknown() || int(scope) > addr.BitLen() || !network.Contains(addr) {
				t.Errorf("%s: %+v in %s, locality %d, scope %d", addr, *p, network, l, scope)
			}
		}
	})
}
