package snapshot

import (
	"meridian/geo"
)

// At returns what the snapshot would be if every client were at place p: for a place that is known, when no network of
// it is. Rules that name networks don't apply, and scopes say nothing. It is never published. The error is about a map
// that can't be made, which has no reason that is known.
func (s *Snapshot) At(p *geo.Place) (*Snapshot, error) {
	nowhere, err := geo.NewAtlas(geo.Sources{})
	if err != nil {
		return nil, err
	}
	table := nowhere.Compile(func(*geo.Place) geo.Locality { return geo.Unknown })
	l := *s.layout
	l.services = make([]*declared, len(s.layout.services))
	views := map[*view]*view{}
	for i, d := range s.layout.services {
		there := *d
		if d.view != nil {
			if views[d.view] == nil {
				locator := d.view.tree.Locator()
				// The one locality is that of the unknown place, where everybody is on an empty map.
				views[d.view] = &view{tree: d.view.tree, keys: []string{string(locator.Locate(nil, p))}, table: table}
			}
			there.view = views[d.view]
		}
		l.services[i] = &there
	}
	out := l.Compile(Observed{States: s.states, Loads: s.loads, Terms: s.terms}, nil, nil)
	out.Generation = s.Generation
	return out, nil
}
