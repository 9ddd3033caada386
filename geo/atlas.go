package geo

import (
	"iter"
	"net/netip"
)

// Sources are what an [Atlas] is made of, the lowest layer first. Any of them may be missing.
type Sources struct {
	Database  *Database      // where networks are
	ASN       *Database      // AS numbers beside it; its numbers count more than the database's own
	Overrides []Override     // the operator's word: see ReadOverrides
	Rules     []netip.Prefix // every network named in a geo rule of any policy
}

// Atlas gives every address a [Place]. It is immutable.
type Atlas struct {
	v4     steps[addr4] // values index places
	v6     steps[addr6]
	places packer
}

// The first places of every atlas.
const (
	unknownPlace  = 0 // nothing is known of it
	embeddedPlace = 1 // an IPv6 block that is looked up as IPv4
	firstPlace    = 2
)

// NewAtlas decodes each distinct record of the databases once and lays the sources on top of each other. It
// fails on a record that can't be decoded.
func NewAtlas(s Sources) (a *Atlas, err error) {
	defer recoverDamage(&err)
	b := newAtlasBuilder()
	if s.Database != nil {
		if err := b.layBottom(s.Database); err != nil {
			return nil, err
		}
	}
	if s.ASN != nil {
		if err := b.layASN(s.ASN); err != nil {
			return nil, err
		}
	}
	b.layOverrides(s.Overrides)
	b.layPrivate()
	b.layRules(s.Rules)
	b.cutEmbeddings()
	b.places.seal()
	return &Atlas{v4: b.v4, v6: b.v6, places: b.places}, nil
}

// Lookup returns what is known of an address, and the largest network around it of which the same is known. The
// place is never nil; one of which nothing is known IsUnknown. An IPv6 address with an IPv4 address embedded is
// looked up by that, and the network is of the address's own family.
func (a *Atlas) Lookup(addr netip.Addr) (*Place, netip.Prefix) {
	addr = addr.WithZone("")
	if !addr.IsValid() {
		return new(Place), netip.Prefix{}
	}
	id, length := a.find(addr)
	place := a.places.place(id)
	return &place, netip.PrefixFrom(addr, length).Masked()
}

func (a *Atlas) find(addr netip.Addr) (id uint32, length int) {
	if addr.Is4() {
		return find(a.v4, from4(addr))
	}
	a6 := from6(addr)
	if v4, shift, ok := embedded(a6.hi, a6.lo); ok {
		id, length = find(a.v4, addr4(v4))
		return id, length + int(shift)
	}
	return find(a.v6, a6)
}

func find[A address[A]](s steps[A], a A) (id uint32, length int) {
	i := s.at(a)
	return s[i].value, s.certain(i, a)
}

// Networks yields every network of which something is known, IPv4 first, in the order of addresses. A stretch
// that is no one network comes as the largest networks that make it up.
func (a *Atlas) Networks() iter.Seq2[netip.Prefix, *Place] {
	return func(yield func(netip.Prefix, *Place) bool) {
		last, place := uint32(unknownPlace), new(Place)
		each := func(p netip.Prefix, id uint32) bool {
			if id < firstPlace {
				return true
			}
			if id != last { // a new one: the caller may have kept the last
				known := a.places.place(id)
				last, place = id, &known
			}
			return yield(p, place)
		}
		_ = a.v4.blocks(each) && a.v6.blocks(each)
	}
}

// Places returns the number of distinct places, the unknown one not counted.
func (a *Atlas) Places() int { return len(a.places.records) - firstPlace }

// atlasBuilder is an atlas in the making: each layer is a step function whose values index the layer's own
// things, and apply says what a place becomes under one of them.
type atlasBuilder struct {
	v4     steps[addr4]
	v6     steps[addr6]
	places packer
}

func newAtlasBuilder() *atlasBuilder {
	b := &atlasBuilder{v4: steps[addr4]{{}}, v6: steps[addr6]{{}}, places: newPacker()}
	b.places.id(new(Place)) // unknownPlace
	b.places.records = append(b.places.records, packed{})
	return b
}

// lay puts a layer on top. apply is called once for each pair of a place below and a value (never 0) above it.
func (b *atlasBuilder) lay(v4 steps[addr4], v6 steps[addr6], apply func(below Place, above uint32) Place) {
	made := make(map[[2]uint32]uint32)
	combine := func(below, above uint32) uint32 {
		key := [2]uint32{below, above}
		id, ok := made[key]
		if !ok {
			place := apply(b.places.place(below), above)
			id = b.places.id(&place)
			made[key] = id
		}
		return id
	}
	b.v4 = overlay(b.v4, v4, combine)
	b.v6 = overlay(b.v6, v6, combine)
}

// layBottom makes the first layer, under which there is nothing.
func (b *atlasBuilder) layBottom(d *Database) error {
	b.places.expect(len(d.offsets))
	ids := make([]uint32, 1, len(d.offsets)+1) // place by the database's value; 0: unknownPlace
	err := d.records(func(p *Place) { ids = append(ids, b.places.id(p)) })
	if err != nil {
		return err
	}
	of := func(value uint32) uint32 { return ids[value] }
	b.v4, b.v6 = melt(d.v4, of), melt(d.v6, of)
	return nil
}

// layASN puts a database's AS numbers on top.
func (b *atlasBuilder) layASN(d *Database) error {
	numbers := make([]uint32, 1, len(d.offsets)+1)
	err := d.records(func(p *Place) { numbers = append(numbers, p.ASN) })
	if err != nil {
		return err
	}
	b.lay(d.v4, d.v6, func(below Place, above uint32) Place {
		if numbers[above] != 0 {
			below.ASN = numbers[above]
		}
		return below
	})
	return nil
}

func (b *atlasBuilder) layOverrides(overrides []Override) {
	prefixes := make([]netip.Prefix, len(overrides))
	for i, o := range overrides {
		prefixes[i] = o.Prefix
	}
	around := make([]uint32, len(overrides)+1) // value of the next wider line around each
	outer := func(value, wider uint32) { around[value] = wider }
	n4, n6 := split(prefixes)
	v4, v6 := flatten(n4, outer), flatten(n6, outer)
	b.lay(v4, v6, func(p Place, above uint32) Place {
		var lines []uint32 // narrowest first
		for ; above != 0; above = around[above] {
			lines = append(lines, above)
		}
		for i := len(lines) - 1; i >= 0; i-- {
			p = overrides[lines[i]-1].apply(p)
		}
		return p
	})
}

// privateNetworks have no place on the globe, unless an operator says where they are used.
var privateNetworks = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"),     // RFC 1918
	netip.MustParsePrefix("100.64.0.0/10"),  // shared by carriers' NAT, RFC 6598
	netip.MustParsePrefix("127.0.0.0/8"),    // loopback
	netip.MustParsePrefix("169.254.0.0/16"), // link-local, RFC 3927
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("::1/128"),
	netip.MustParsePrefix("fc00::/7"), // unique local, RFC 4193
	netip.MustParsePrefix("fe80::/10"),
}

func (b *atlasBuilder) layPrivate() {
	n4, n6 := split(privateNetworks)
	ignore := func(uint32, uint32) {}
	b.lay(flatten(n4, ignore), flatten(n6, ignore), func(p Place, _ uint32) Place {
		p.Private = p.IsUnknown()
		return p
	})
}

func (b *atlasBuilder) layRules(rules []netip.Prefix) {
	n4, n6 := split(rules)
	ignore := func(uint32, uint32) {}
	b.lay(flatten(n4, ignore), flatten(n6, ignore), func(p Place, above uint32) Place {
		p.Rule = rules[above-1].Masked()
		return p
	})
}

// cutEmbeddings makes each IPv6 block that is looked up as IPv4 a stretch of its own, so that nothing around it
// grows over it.
func (b *atlasBuilder) cutEmbeddings() {
	_, n6 := split(embeddings[:])
	holes := flatten(n6, func(uint32, uint32) {})
	b.v6 = overlay(b.v6, holes, func(_, _ uint32) uint32 { return embeddedPlace })
}
