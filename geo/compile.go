package geo

import "slices"

// Compile makes the table for one way of locating. locate is called once for each distinct place that an
// address has (which it must not keep), but not for the unknown place (Unknown) and for private networks (Private). A private network
// that a geo rule names is passed to locate; if that answers Unknown, it stays Private. A locality above
// MaxLocality counts as Unknown.
func (a *Atlas) Compile(locate func(*Place) Locality) *Table {
	l := localizer{&a.places, locate, make([]uint32, len(a.places.records)), new(Place)}
	l.localities[unknownPlace] = uint32(Unknown)
	for id := firstPlace; id < len(l.localities); id++ {
		l.localities[id] = unasked
	}
	l.localities[embeddedPlace] = hole
	v4, v6 := melt(a.v4, l.of), melt(a.v6, l.of)
	t := &Table{}
	t.compile4(v4)
	t.v6.compile(v6)
	return t
}

const (
	unasked = ^uint32(0)
	// hole is the value of the embeddings: like no locality, so that none grows over them. Nobody sees it: a
	// look-up goes to IPv4 before it gets there.
	hole = uint32(MaxLocality) + 1
)

// localizer remembers what locate said of each place.
type localizer struct {
	places     *packer
	locate     func(*Place) Locality
	localities []uint32 // by place id
	place      *Place   // the one being asked for
}

func (l *localizer) of(id uint32) uint32 {
	if l.localities[id] == unasked {
		*l.place = l.places.place(id)
		l.localities[id] = uint32(l.ask(l.place))
	}
	return l.localities[id]
}

func (l *localizer) ask(p *Place) Locality {
	if p.Private && !p.Rule.IsValid() {
		return Private
	}
	locality := l.locate(p)
	if locality > MaxLocality {
		locality = Unknown
	}
	if locality == Unknown && p.Private {
		return Private
	}
	return locality
}

// melt maps the values of a step function; neighbours that become equal become one.
func melt[A address[A]](s steps[A], of func(uint32) uint32) steps[A] {
	out := make(steps[A], 0, len(s))
	for _, e := range s {
		out.add(e.first, of(e.value))
	}
	return slices.Clip(out)
}

// compile4 fills the IPv4 trie, a block of slots at a time.
func (t *Table) compile4(s steps[addr4]) {
	t.v4 = make([]entry, 1<<rootBits4, 1<<rootBits4+len(s)*4)
	t.fill4(s, 0, 0, 0, 32-rootBits4, 1<<rootBits4)
	t.v4 = slices.Clip(t.v4)
}

// fill4 fills the n entries from index at on, of which the first stands for the 1<<shift addresses from base on;
// edge i covers base.
func (t *Table) fill4(s steps[addr4], i int, base addr4, at int, shift int, n int) {
	for slot := 0; slot < n; slot++ {
		first := base + addr4(slot)<<shift
		var inner bool
		if i, inner = s.advance(i, first, 32-shift); !inner {
			// The block for which the answer is certain begins here, or an earlier slot would have filled this one.
			scope := s.certain(i, first)
			e := leaf(Locality(s[i].value), scope)
			last := slot + 1<<(32-shift-min(scope, 32-shift)) - 1
			for ; slot < last; slot++ {
				t.v4[at+slot] = e
			}
			t.v4[at+slot] = e
			continue
		}
		block := len(t.v4)
		t.v4 = append(t.v4, make([]entry, 1<<stride4)...)
		t.v4[at+slot] = pointer | entry(block>>stride4)
		t.fill4(s, i, first, block, shift-stride4, 1<<stride4)
	}
}
