package geo

import (
	"hash/maphash"
	"maps"
	"net/netip"
	"slices"
)

// packed is a Place without pointers, 48 bytes instead of 160: an atlas holds up to millions of them, and the
// garbage collector need not look at any. Strings and rules are indexes into the lists of a packer.
type packed struct {
	lat, lon    float64
	asn         uint32
	city        uint32
	subdivision uint32
	region      uint32
	rule        uint32
	country     uint16
	continent   uint16
	flags       uint8
}

const (
	coordinatesKnown uint8 = 1 << iota
	override
	private
)

// packer makes packed places, and places of them. Index 0 of each list is "not known".
type packer struct {
	continents, countries, subdivisions, cities, regions list[string]

	rules   list[netip.Prefix]
	records []packed
	// ids finds a place by its hash, in a fifth of the memory that whole keys would take. Two places with one hash,
	// which may happen to one in 2^64 pairs, only cost a duplicate.
	ids  map[uint64]uint32
	seed maphash.Seed
}

// list gives each distinct value a small number; the zero value 0.
type list[T comparable] struct {
	values []T
	index  map[T]uint32
	last   uint32 // the number given last: neighbours in the file are often neighbours on the globe
}

func newList[T comparable]() list[T] {
	return list[T]{values: make([]T, 1), index: make(map[T]uint32)}
}

func (l *list[T]) id(v T) uint32 {
	if v == l.values[l.last] {
		return l.last
	}
	if v == l.values[0] {
		return 0
	}
	id, ok := l.index[v]
	if !ok {
		id = uint32(len(l.values))
		l.values = append(l.values, v)
		l.index[v] = id
	}
	l.last = id
	return id
}

func newPacker() packer {
	return packer{
		continents: newList[string](), countries: newList[string](), subdivisions: newList[string](),
		cities: newList[string](), regions: newList[string](), rules: newList[netip.Prefix](),
		ids: make(map[uint64]uint32), seed: maphash.MakeSeed(),
	}
}

// id returns the number of a place: one for all that are equal, however many records of a database differ only
// in what we don't read, so that the policies are asked once for all of them.
func (k *packer) id(p *Place) uint32 {
	r := packed{
		lat: p.Coordinates.Lat, lon: p.Coordinates.Lon,
		asn: p.ASN, city: k.cities.id(p.City), subdivision: k.subdivisions.id(p.Subdivision), region: k.regions.id(p.Region),
		rule:    k.rules.id(p.Rule),
		country: uint16(k.countries.id(p.Country)), continent: uint16(k.continents.id(p.Continent)),
	}
	for _, f := range []struct {
		set bool
		bit uint8
	}{{p.Coordinates.Known, coordinatesKnown}, {p.Override, override}, {p.Private, private}} {
		if f.set {
			r.flags |= f.bit
		}
	}
	hash := maphash.Comparable(k.seed, r)
	id, ok := k.ids[hash]
	if !ok || k.records[id] != r {
		id = uint32(len(k.records))
		k.records = append(k.records, r)
		k.ids[hash] = id
	}
	return id
}

// expect makes room for n more places.
func (k *packer) expect(n int) {
	k.records = slices.Grow(k.records, n)
	ids := make(map[uint64]uint32, n+len(k.ids))
	maps.Copy(ids, k.ids)
	k.ids = ids
}

// seal drops what only id needs.
func (k *packer) seal() {
	k.ids, k.rules.index = nil, nil
	for _, l := range []*list[string]{&k.continents, &k.countries, &k.subdivisions, &k.cities, &k.regions} {
		l.index = nil
	}
	k.records = slices.Clip(k.records)
}

// place returns the place with a number.
func (k *packer) place(id uint32) Place {
	r := &k.records[id]
	return Place{
		Continent: k.continents.values[r.continent], Country: k.countries.values[r.country],
		Subdivision: k.subdivisions.values[r.subdivision], City: k.cities.values[r.city],
		Coordinates: Coordinates{Lat: r.lat, Lon: r.lon, Known: r.flags&coordinatesKnown != 0},
		ASN:         r.asn, Region: k.regions.values[r.region],
		Override: r.flags&override != 0, Rule: k.rules.values[r.rule], Private: r.flags&private != 0,
	}
}
