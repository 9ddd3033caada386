package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"meridian/zones"
)

// Change is one difference between two configurations, in the words of the effective configuration (Show). Secrets
// aren't shown, and not compared.
type Change struct {
	What          string   // added, removed, changed
	Path          []string // keys from the top: services, www.glb.test, pools, eu-west
	Before, After string   // in YAML; empty where there is nothing
}

// Diff returns what differs between two configurations, in the order of the file; zone files are compared by their
// records. Files in a configuration's own folder are called by their names, so that a copy beside it is no difference.
func Diff(before, after *Config) []Change {
	var d differ
	d.mapping(nil, effective(before), effective(after))
	old := map[string]*zones.Zone{}
	for _, z := range before.Zones {
		old[z.Apex] = z
	}
	for _, z := range after.Zones {
		if was := old[z.Apex]; was != nil {
			d.records(was, z)
		}
	}
	return d.changes
}

// effective returns the effective configuration as a mapping.
func effective(cfg *Config) *yaml.Node {
	text := string(Show(cfg))
	if dir, err := filepath.Abs(filepath.Dir(cfg.Path)); err == nil {
		text = strings.ReplaceAll(text, strings.TrimSuffix(dir, "/")+"/", "")
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil || len(doc.Content) == 0 {
		return fields()
	}
	return doc.Content[0]
}

type differ struct{ changes []Change }

func (d *differ) add(path []string, before, after *yaml.Node) {
	c := Change{What: "changed", Path: slices.Clone(path), Before: oneLine(before), After: oneLine(after)}
	switch {
	case before == nil:
		c.What = "added"
	case after == nil:
		c.What = "removed"
	}
	d.changes = append(d.changes, c)
}

// mapping compares two mappings key by key.
func (d *differ) mapping(path []string, before, after *yaml.Node) {
	keys := keysOf(before)
	both := slices.Clone(keys)
	for _, key := range keysOf(after) {
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	for _, key := range keys {
		b, a := valueOf(before, key), valueOf(after, key)
		at := append(slices.Clone(path), key)
		switch {
		case b != nil && a != nil && b.Kind == yaml.MappingNode && a.Kind == yaml.MappingNode:
			d.mapping(at, b, a)
		case (b == nil || a == nil) && len(path) == 0 && mappingOf(b, a):
			d.mapping(at, b, a) // a whole section: entry by entry
		case oneLine(b) != oneLine(a) || (b == nil) != (a == nil):
			d.add(at, b, a)
		}
	}
	// Regions and pools are in an order that counts: it is the one for clients at an unknown place.
	ordered := len(path) > 0 && (path[len(path)-1] == "regions" || path[len(path)-1] == "pools")
	if now := keysOf(after); ordered && len(now) == len(both) && !slices.Equal(now, both) && slices.Equal(slices.Sorted(slices.Values(now)), slices.Sorted(slices.Values(both))) {
		d.changes = append(d.changes, Change{"changed", append(slices.Clone(path), "(order)"), strings.Join(both, ", "), strings.Join(now, ", ")})
	}
}

func mappingOf(nodes ...*yaml.Node) bool {
	return slices.ContainsFunc(nodes, func(n *yaml.Node) bool { return n != nil && n.Kind == yaml.MappingNode })
}

func keysOf(y *yaml.Node) []string {
	var keys []string
	for i := 0; y != nil && i+1 < len(y.Content); i += 2 {
		keys = append(keys, y.Content[i].Value)
	}
	return keys
}

func valueOf(y *yaml.Node, key string) *yaml.Node {
	for i := 0; y != nil && i+1 < len(y.Content); i += 2 {
		if y.Content[i].Value == key {
			return y.Content[i+1]
		}
	}
	return nil
}

// oneLine writes a value in one line; empty for nil.
func oneLine(y *yaml.Node) string {
	if y == nil {
		return ""
	}
	switch y.Kind {
	case yaml.MappingNode:
		var parts []string
		for i := 0; i+1 < len(y.Content); i += 2 {
			parts = append(parts, y.Content[i].Value+": "+oneLine(y.Content[i+1]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case yaml.SequenceNode:
		parts := make([]string, len(y.Content))
		for i, c := range y.Content {
			parts[i] = oneLine(c)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return y.Value
}

// records compares what is in two zones of the same name.
func (d *differ) records(before, after *zones.Zone) {
	count := map[string]int{}
	for _, rr := range before.Records {
		count[rr.String()]--
	}
	for _, rr := range after.Records {
		count[rr.String()]++
	}
	added, removed := 0, 0
	for _, n := range count {
		added += max(n, 0)
		removed += max(-n, 0)
	}
	if added+removed > 0 {
		d.changes = append(d.changes, Change{
			What: "changed", Path: []string{"zones", strings.TrimSuffix(after.Apex, "."), "(records)"},
			Before: fmt.Sprintf("%d, of which %d go", len(before.Records), removed), After: fmt.Sprintf("%d, of which %d are new", len(after.Records), added),
		})
	}
}
