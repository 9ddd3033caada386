package geo_test

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"meridian/geo"
	"meridian/geo/build"
)

// twin is the slow, obviously right counterpart of Atlas and Table: it scans every network for each address, and
// finds a scope by asking for every point where anything may change.
type twin struct {
	database, asn []entry
	overrides     []geo.Override
	rules         []netip.Prefix
}

type entry struct {
	prefix netip.Prefix
	place  geo.Place
}

var privateNetworks = parsePrefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8",
	"169.254.0.0/16", "fc00::/7", "fe80::/10", "::1/128")

var embeddings = parsePrefixes("::ffff:0:0/96", "64:ff9b::/96", "2001::/32", "2002::/16")

func parsePrefixes(texts ...string) []netip.Prefix {
	var list []netip.Prefix
	for _, t := range texts {
		list = append(list, netip.MustParsePrefix(t))
	}
	return list
}

// unembed returns the IPv4 address in an IPv6 address, and the bits in front of it.
func unembed(a netip.Addr) (netip.Addr, int) {
	b := a.As16()
	switch {
	case a.Is4():
	case embeddings[0].Contains(a), embeddings[1].Contains(a):
		return netip.AddrFrom4([4]byte(b[12:])), 96
	case embeddings[2].Contains(a):
		return netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]}), 96
	case embeddings[3].Contains(a):
		return netip.AddrFrom4([4]byte(b[2:6])), 16
	}
	return a, 0
}

func contains(p netip.Prefix, a netip.Addr) bool { return p.Addr().Is4() == a.Is4() && p.Contains(a) }

// place is what the documentation of Sources and Override says.
func (w *twin) place(a netip.Addr) geo.Place {
	a, _ = unembed(a)
	var p geo.Place
	longest := -1
	for _, e := range w.database {
		if contains(e.prefix, a) && e.prefix.Bits() >= longest {
			p, longest = e.place, e.prefix.Bits()
		}
	}
	longest = -1
	for _, e := range w.asn {
		if contains(e.prefix, a) && e.prefix.Bits() >= longest {
			p.ASN, longest = e.place.ASN, e.prefix.Bits()
		}
	}
	around := slices.DeleteFunc(slices.Clone(w.overrides), func(o geo.Override) bool { return !contains(o.Prefix, a) })
	slices.SortFunc(around, func(a, b geo.Override) int { return a.Prefix.Bits() - b.Prefix.Bits() })
	for _, o := range around {
		p = overridden(p, o.Place)
	}
	if p.IsUnknown() && slices.ContainsFunc(privateNetworks, func(n netip.Prefix) bool { return contains(n, a) }) {
		p.Private = true
	}
	for _, r := range w.rules {
		if contains(r, a) && (!p.Rule.IsValid() || r.Bits() > p.Rule.Bits()) {
			p.Rule = r
		}
	}
	return p
}

func overridden(p, line geo.Place) geo.Place {
	p.Override = true
	if line.Region != "" {
		p.Region = line.Region
		return p
	}
	p.Region = ""
	if line.Country != "" && line.Country != p.Country || line.Subdivision != "" && line.Subdivision != p.Subdivision ||
		line.City != "" && line.City != p.City {
		p = geo.Place{ASN: p.ASN, Override: true, Country: line.Country, Continent: geo.Continent(line.Country),
			Subdivision: line.Subdivision, City: line.City}
		p.Coordinates, _ = geo.Centre(line.Country)
	}
	if line.Coordinates.Known {
		p.Coordinates = line.Coordinates
	}
	return p
}

// points returns every address at which the place may change: the first of each network and the first behind it.
func (w *twin) points() []netip.Addr {
	points := []netip.Addr{netip.MustParseAddr("0.0.0.0"), netip.MustParseAddr("::")}
	add := func(p netip.Prefix) {
		points = append(points, p.Masked().Addr())
		if next := lastOf(p).Next(); next.IsValid() {
			points = append(points, next)
		}
	}
	for _, e := range slices.Concat(w.database, w.asn) {
		add(e.prefix)
	}
	for _, o := range w.overrides {
		add(o.Prefix)
	}
	for _, p := range slices.Concat(w.rules, privateNetworks, embeddings) {
		add(p)
	}
	return points
}

func lastOf(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := range len(b) * 8 {
		if i >= p.Bits() {
			b[i/8] |= 0x80 >> (i % 8)
		}
	}
	last, _ := netip.AddrFromSlice(b)
	return last
}

// scope returns the shortest prefix length of a block around a in which value is the same everywhere.
func (w *twin) scope(a netip.Addr, value func(netip.Addr) geo.Locality) int {
	v4, shift := unembed(a)
	if shift > 0 {
		return shift + w.scope(v4, value)
	}
	points := w.points()
	for length := 0; ; length++ {
		block := netip.PrefixFrom(a, length).Masked()
		same := value(block.Addr()) == value(a) && !slices.ContainsFunc(points, func(p netip.Addr) bool {
			return contains(block, p) && value(p) != value(a)
		})
		whole := !slices.ContainsFunc(embeddings, func(e netip.Prefix) bool { return block.Overlaps(e) })
		if same && (a.Is4() || whole) {
			return length
		}
	}
}

// Generators. Networks crowd in a few corners, so that they nest, touch and repeat.
var corners = []string{"0.0.0.0", "10.1.2.0", "192.0.2.0", "127.0.0.0", "255.255.255.0", "172.16.0.0",
	"::", "::1", "2001:db8::", "2001:db8:0:1::", "2001:1::", "2000:ffff::", "2002:c000:200::", "2003::", "64:ff9b::",
	"64:ff9b::1:0:0", "fc00::", "fe80::", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff0", "::ffff:192.0.2.0", "2001::"}

var anyPrefix = rapid.Custom(func(t *rapid.T) netip.Prefix {
	a := netip.MustParseAddr(rapid.SampledFrom(corners).Draw(t, "corner"))
	b := a.AsSlice()
	for range rapid.IntRange(0, 3).Draw(t, "flips") {
		bit := rapid.IntRange(0, len(b)*8-1).Draw(t, "bit")
		b[bit/8] ^= 0x80 >> (bit % 8)
	}
	a, _ = netip.AddrFromSlice(b)
	return netip.PrefixFrom(a, rapid.IntRange(0, a.BitLen()).Draw(t, "length")).Masked()
})

// inTree tells whether a database can hold a network: not where the IPv4 tree hangs (as ::/96 or an alias).
func inTree(p netip.Prefix) bool {
	return p.Addr().Is4() || !slices.ContainsFunc(append(parsePrefixes("::/96"), embeddings...), p.Overlaps)
}

var anyPlace = rapid.SampledFrom([]geo.Place{
	{Continent: "AS", Country: "JP", Subdivision: "JP-13", City: "Tokyo", Coordinates: geo.At(35.68, 139.69)},
	{Continent: "AS", Country: "JP", Subdivision: "JP-13", City: "Hachioji", Coordinates: geo.At(35.66, 139.32)},
	{Continent: "EU", Country: "DE", Subdivision: "DE-HE", Coordinates: geo.At(50.11, 8.68)},
	{Continent: "NA", Country: "US", City: "New York", Coordinates: geo.At(40.71, -74.01)},
})

var anyLine = rapid.SampledFrom([]geo.Place{
	{Country: "JP"}, {Country: "US", Subdivision: "US-NY"}, {Country: "DE", Coordinates: geo.At(52.5, 13.4)},
	{Coordinates: geo.At(1, 2)}, {Region: "eu-west"}, {Region: "us-east"}, {Country: "JP", City: "Tokyo"},
})

func database(t *rapid.T, networks []entry) *geo.Database {
	w, err := build.NewWriter(build.Options{Type: build.TypeEnterprise})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range networks { // widest first: a later one replaces
		if err := w.InsertPrefix(e.prefix, e.place); err != nil {
			t.Fatal(e.prefix, err)
		}
	}
	var file bytes.Buffer
	if _, err := w.WriteTo(&file); err != nil {
		t.Fatal(err)
	}
	d, err := geo.OpenBytes("random", file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func byLength(a, b entry) int { return a.prefix.Bits() - b.prefix.Bits() }

func randomTwin(t *rapid.T) (*twin, *geo.Atlas) {
	w := &twin{}
	var s geo.Sources
	for _, p := range rapid.SliceOfN(anyPrefix.Filter(inTree), 0, 12).Draw(t, "database") {
		w.database = append(w.database, entry{p, anyPlace.Draw(t, "place")})
	}
	for i, p := range rapid.SliceOfN(anyPrefix.Filter(inTree), 0, 4).Draw(t, "asn") {
		w.asn = append(w.asn, entry{p, geo.Place{ASN: uint32(64496 + i%2)}})
	}
	distinct := func(p netip.Prefix) netip.Prefix { return p }
	for i, p := range rapid.SliceOfNDistinct(anyPrefix, 0, 8, distinct).Draw(t, "overrides") {
		w.overrides = append(w.overrides, geo.Override{Prefix: p, Place: anyLine.Draw(t, "line"), Line: i + 1})
	}
	w.rules = rapid.SliceOfN(anyPrefix, 0, 4).Draw(t, "rules")
	slices.SortStableFunc(w.database, byLength)
	slices.SortStableFunc(w.asn, byLength)
	if len(w.database) > 0 {
		s.Database = database(t, w.database)
	}
	if len(w.asn) > 0 {
		s.ASN = database(t, w.asn)
	}
	s.Overrides, s.Rules = w.overrides, w.rules
	atlas, err := geo.NewAtlas(s)
	if err != nil {
		t.Fatal(err)
	}
	return w, atlas
}

// addresses are those where something happens, their neighbours, and any others.
func (w *twin) addresses(t *rapid.T) []netip.Addr {
	var list []netip.Addr
	for _, p := range w.points() {
		list = append(list, p)
		if before := p.Prev(); before.IsValid() {
			list = append(list, before)
		}
	}
	for _, p := range rapid.SliceOfN(anyPrefix, 5, 5).Draw(t, "elsewhere") {
		list = append(list, p.Addr(), lastOf(p))
	}
	list = append(list, embed(list)...)
	return list
}

// embed returns the addresses in all of the forms in which IPv6 carries them.
func embed(list []netip.Addr) []netip.Addr {
	var out []netip.Addr
	for _, a := range list {
		if a.Is4() {
			b := a.As4()
			out = append(out, netip.AddrFrom16(a.As16()),
				netip.AddrFrom16([16]byte{0, 0x64, 0xff, 0x9b, 12: b[0], b[1], b[2], b[3]}),
				netip.AddrFrom16([16]byte{0x20, 2, b[0], b[1], b[2], b[3], 15: 9}),
				netip.AddrFrom16([16]byte{0x20, 1, 0, 0, 192, 0, 2, 1, 12: ^b[0], ^b[1], ^b[2], ^b[3]}))
		}
	}
	return out
}

func TestAtlasAndTableEqualLinearScan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, atlas := randomTwin(t)
		asked := map[geo.Place]int{}
		numbers := map[geo.Place]geo.Locality{{}: geo.Unknown}
		merge := rapid.IntRange(1, 5).Draw(t, "localities")
		number := func(p geo.Place) geo.Locality { // several places share a locality
			if _, ok := numbers[p]; !ok {
				numbers[p] = geo.Locality(len(numbers) % merge)
			}
			return numbers[p]
		}
		table := atlas.Compile(func(p *geo.Place) geo.Locality { asked[*p]++; return number(*p) })
		for p, times := range asked {
			if times != 1 || p.IsUnknown() {
				t.Fatalf("locate was called %d times for %+v", times, p)
			}
		}
		locality := func(a netip.Addr) geo.Locality {
			p := w.place(a)
			l := number(p)
			if p.Private && (!p.Rule.IsValid() || l == geo.Unknown) {
				return geo.Private
			}
			return l
		}
		identities := map[geo.Place]geo.Locality{}
		identity := func(a netip.Addr) geo.Locality { // tells all places apart
			p := w.place(a)
			id, ok := identities[p]
			if !ok {
				id = geo.Locality(len(identities) + 1)
				identities[p] = id
			}
			return id
		}
		for _, a := range w.addresses(t) {
			want := w.place(a)
			got, prefix := atlas.Lookup(a)
			if *got != want {
				t.Fatalf("%s: place %+v, want %+v", a, *got, want)
			}
			if scope := w.scope(a, identity); prefix != netip.PrefixFrom(a, scope).Masked() {
				t.Fatalf("%s: network %s, want length %d", a, prefix, scope)
			}
			l, scope := table.Lookup(a)
			if wantL, wantS := locality(a), w.scope(a, locality); l != wantL || int(scope) != wantS {
				t.Fatalf("%s: locality %d scope %d, want %d scope %d", a, l, scope, wantL, wantS)
			}
			// Whoever is in the same scope block gets the same: a resolver's cache relies on it.
			block := netip.PrefixFrom(a, int(scope)).Masked()
			for _, b := range []netip.Addr{block.Addr(), lastOf(block)} {
				if other, s := table.Lookup(b); other != l || s != scope {
					t.Fatalf("%s and %s are in %s, but differ: %d/%d, %d/%d", a, b, block, l, scope, other, s)
				}
			}
		}
	})
}

func TestNetworksTileWhatIsKnown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, atlas := randomTwin(t)
		var last netip.Addr
		var networks []netip.Prefix
		for p, place := range atlas.Networks() {
			if last.IsValid() && last.BitLen() == p.Addr().BitLen() && !last.Less(p.Addr()) {
				t.Fatalf("%s overlaps what came before it, or is out of order", p)
			}
			last = lastOf(p)
			networks = append(networks, p)
			for _, a := range []netip.Addr{p.Addr(), last} {
				if want := w.place(a); *place != want {
					t.Fatalf("%s in %s: %+v, want %+v", a, p, *place, want)
				}
			}
			if *place == (geo.Place{}) {
				t.Fatalf("%s: nothing is known of it", p)
			}
		}
		for _, a := range w.points() {
			_, shift := unembed(a)
			covered := slices.ContainsFunc(networks, func(p netip.Prefix) bool { return contains(p, a) })
			if known := shift == 0 && w.place(a) != (geo.Place{}); known != covered {
				t.Fatalf("%s: known is %t, covered is %t", a, known, covered)
			}
		}
	})
}
