package snapshot

import (
	"fmt"
	"net/netip"

	"meridian/geo"
	"meridian/policy"
)

// view is how services of one geographic shape see the map. Services with equal trees, or trees that differ in
// weights only, share it.
type view struct {
	tree     policy.Tree // one of them
	keys     []string    // locality key (policy.Locator) by locality; keys[geo.Unknown] is the unknown place
	table    *geo.Table
	narrowed []geo.Locality // locality by what the table says; nil: the table speaks of this view's own localities
}

// lookup returns the locality of this view and the scope for an address; geo.Private for a network that the map
// leaves to the query's source.
func (v *view) lookup(a netip.Addr) (geo.Locality, uint8) {
	l, scope := v.table.Lookup(a)
	return v.locality(l), scope
}

// locality translates what the table says into a locality of this view.
func (v *view) locality(l geo.Locality) geo.Locality {
	if v.narrowed == nil || l == geo.Private {
		return l
	}
	return v.narrowed[l]
}

// ownTables is how many views get a table of their own, with the shortest scopes that they allow. A table costs
// some megabytes, so the views beyond share one: its localities are the combinations of theirs, its scopes as long
// as the pickiest of them needs.
const ownTables = 15

// compileViews fills in keys and table of every view.
func compileViews(views []*view, atlas *geo.Atlas) error {
	own := views[:min(len(views), ownTables)]
	for _, v := range own {
		in := newInterner(v)
		v.table = atlas.Compile(in.locate)
		if in.full() {
			return fmt.Errorf("the geographic policies tell more than %d kinds of clients apart", geo.MaxLocality-1)
		}
	}
	rest := views[len(own):]
	if len(rest) == 0 {
		return nil
	}
	ins := make([]*interner, len(rest))
	for i, v := range rest {
		ins[i] = newInterner(v)
		v.narrowed = []geo.Locality{geo.Unknown}
	}
	combinations := map[string]geo.Locality{}
	var key []byte
	table := atlas.Compile(func(p *geo.Place) geo.Locality {
		key = key[:0]
		told := false
		for _, in := range ins {
			l := in.locate(p)
			if l == geo.Unknown && p.Private {
				l = geo.Private // a rule of another view names this network
			}
			told = told || l != geo.Private
			key = append(key, byte(l), byte(l>>8), byte(l>>16), byte(l>>24))
		}
		if !told {
			return geo.Unknown // which leaves a private network private
		}
		if l, ok := combinations[string(key)]; ok {
			return l
		}
		l := geo.Locality(len(combinations) + 1)
		combinations[string(key)] = l
		for i, v := range rest {
			b := key[4*i:]
			v.narrowed = append(v.narrowed, geo.Locality(b[0])|geo.Locality(b[1])<<8|geo.Locality(b[2])<<16|geo.Locality(b[3])<<24)
		}
		return l
	})
	if len(combinations) >= int(geo.MaxLocality) {
		return fmt.Errorf("the geographic policies together tell more than %d kinds of clients apart", geo.MaxLocality-1)
	}
	for _, v := range rest {
		v.table = table
	}
	return nil
}

// interner numbers the locality keys of one view, in the order in which they are met.
type interner struct {
	view    *view
	locator policy.Locator
	ids     map[string]geo.Locality
	key     []byte
}

func newInterner(v *view) *interner {
	in := &interner{view: v, locator: v.tree.Locator(), ids: map[string]geo.Locality{}}
	in.locate(&geo.Place{}) // becomes geo.Unknown, which is 0
	return in
}

func (in *interner) full() bool { return len(in.ids) >= int(geo.MaxLocality) }

func (in *interner) locate(p *geo.Place) geo.Locality {
	in.key = in.locator.Locate(in.key[:0], p)
	l, ok := in.ids[string(in.key)]
	if !ok && !in.full() {
		l = geo.Locality(len(in.ids))
		in.ids[string(in.key)] = l
		in.view.keys = append(in.view.keys, string(in.key))
	}
	return l
}
