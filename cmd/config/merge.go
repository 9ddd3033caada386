package config

// mergeFiles lays the trees of several files over each other: sections that are mappings (regions, services, …) get the
// entries of all files, and whatever is written twice is a mistake that names both places. Neither file wins.
func mergeFiles(r *report, trees []*node) *node {
	all := &node{kind: mapping}
	for i, t := range trees {
		if i == 0 {
			all.at = t.at
		}
		for _, p := range t.pairs {
			section := all.get(p.key)
			switch {
			case section == nil:
				own := *p.value
				if own.kind == mapping { // a copy, because entries of other files will be added
					own.pairs, own.index = nil, nil
					for _, e := range p.value.pairs {
						own.put(e)
					}
				}
				all.put(pair{p.key, p.at, &own})
			case section.kind == mapping && p.value.kind == mapping:
				for _, e := range p.value.pairs {
					if first, twice := section.index[e.key]; twice {
						r.errorf(e.at, "%s.%s is defined twice (first at %s)", p.key, e.key, section.pairs[first].at)
						continue
					}
					section.put(e)
				}
			default:
				r.errorf(p.at, "%s is set twice (first at %s)", p.key, all.pairs[all.index[p.key]].at)
			}
		}
	}
	return all
}
