package config

import (
	"math"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"
)

const (
	maxDepth   = 100     // nesting of mappings and lists
	maxAliased = 100_000 // nodes that aliases may add to a file, which bounds "billion laughs"
)

type shape uint8

const (
	scalar shape = iota
	mapping
	sequence
)

// node is one value of the configuration, with its place.
type node struct {
	kind  shape
	at    pos
	value any // scalar: string, int64, float64, bool, or nil for nothing
	pairs []pair
	items []*node
	index map[string]int // key -> position in pairs
	bad   bool           // the schema complained about this very value
}

// pair is one entry of a mapping. Mappings keep the order of the file.
type pair struct {
	key   string
	at    pos // of the key
	value *node
}

// get returns the value under key, nil when there is none.
func (n *node) get(key string) *node {
	if n == nil || n.kind != mapping {
		return nil
	}
	if i, ok := n.index[key]; ok {
		return n.pairs[i].value
	}
	return nil
}

// sound reports whether nobody complained about any part of n.
func (n *node) sound() bool {
	ok := !n.bad
	for i := 0; ok && i < len(n.pairs); i++ {
		ok = n.pairs[i].value.sound()
	}
	for i := 0; ok && i < len(n.items); i++ {
		ok = n.items[i].sound()
	}
	return ok
}

// put appends an entry; the caller has made sure that the key is new.
func (n *node) put(p pair) {
	if n.index == nil {
		n.index = map[string]int{}
	}
	n.index[p.key] = len(n.pairs)
	n.pairs = append(n.pairs, p)
}

// grower makes trees of the yaml nodes of one file.
type grower struct {
	*report
	file    string
	open    map[*yaml.Node]bool // the anchors that are being expanded
	aliased int                 // nodes made by aliases so far
	depth   int
	gaveUp  bool // a bound was met and reported
}

func (g *grower) at(y *yaml.Node) pos { return pos{g.file, y.Line, y.Column} }

// grow returns the tree of y. path is where it hangs, for messages.
func (g *grower) grow(y *yaml.Node, path string) *node {
	if g.depth++; g.depth > maxDepth {
		g.giveUp(y, "nested more than %d levels deep", maxDepth)
	}
	defer func() { g.depth-- }()
	if len(g.open) > 0 {
		if g.aliased++; g.aliased > maxAliased {
			g.giveUp(y, "aliases expand to more than %d values", maxAliased)
		}
	}
	n := &node{at: g.at(y)}
	if g.gaveUp {
		n.bad = true
		return n
	}
	if y.Style&yaml.TaggedStyle != 0 {
		g.errorf(n.at, "the tag %s is not supported: write the plain value", y.Tag)
		n.bad = true
		return n
	}
	switch y.Kind {
	case yaml.AliasNode:
		if g.open[y.Alias] {
			g.errorf(n.at, "alias *%s stands inside of what it refers to", y.Value)
			n.bad = true
			return n
		}
		g.open[y.Alias] = true
		defer delete(g.open, y.Alias)
		return g.grow(y.Alias, path)
	case yaml.MappingNode:
		n.kind = mapping
		g.entries(n, y, path)
	case yaml.SequenceNode:
		n.kind = sequence
		for i, item := range y.Content {
			n.items = append(n.items, g.grow(item, path+"["+strconv.Itoa(i)+"]"))
		}
	default:
		g.scalar(n, y)
	}
	return n
}

func (g *grower) giveUp(y *yaml.Node, format string, args ...any) {
	if !g.gaveUp {
		g.gaveUp = true
		g.errorf(g.at(y), format, args...)
	}
}

// entries fills the mapping n, explicit keys before those of merge keys ("<<"), which never override them.
func (g *grower) entries(n *node, y *yaml.Node, path string) {
	var merges []*yaml.Node
	for i := 0; i+1 < len(y.Content); i += 2 {
		k, v := y.Content[i], y.Content[i+1]
		if k.Kind == yaml.AliasNode {
			k = k.Alias
		}
		switch {
		case k.Kind != yaml.ScalarNode:
			g.errorf(g.at(k), "a key must be a word%s", in(path))
		case k.ShortTag() == "!!merge":
			merges = append(merges, v)
		default:
			if first, twice := n.index[k.Value]; twice {
				g.errorf(g.at(k), "key %q is written twice%s (first at %s)", k.Value, in(path), n.pairs[first].at)
				continue
			}
			n.put(pair{k.Value, g.at(k), g.grow(v, join(path, k.Value))})
		}
	}
	for _, m := range merges {
		g.merge(n, m, path)
	}
}

func (g *grower) merge(n *node, from *yaml.Node, path string) {
	src := g.grow(from, path)
	sources := []*node{src}
	if src.kind == sequence {
		sources = src.items
	}
	for _, s := range sources {
		if s.kind != mapping {
			if !s.bad {
				g.errorf(g.at(from), "<< wants a mapping, or a list of mappings, to merge%s", in(path))
			}
			continue
		}
		for _, p := range s.pairs {
			if _, ok := n.index[p.key]; !ok {
				n.put(p)
			}
		}
	}
}

// scalar gives n its value. Numbers are decimal: what YAML 1.1 reads as octal, hexadecimal, grouped, infinite or a date
// is text here, and the schema says so where a number is wanted.
func (g *grower) scalar(n *node, y *yaml.Node) {
	text := y.Value
	quoted := y.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
	tag := y.ShortTag()
	if expanded, changed := g.expand(n, text); changed {
		text = expanded
		tag = (&yaml.Node{Kind: yaml.ScalarNode, Value: text}).ShortTag()
	}
	n.value = text
	if !quoted {
		n.value = resolve(text, tag)
	}
}

var decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)

func resolve(text, tag string) any {
	switch tag {
	case "!!null":
		return nil
	case "!!bool":
		return text == "true" || text == "True" || text == "TRUE"
	case "!!int", "!!float":
		if !decimal.MatchString(text) {
			return text
		}
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return i
		}
		if f, err := strconv.ParseFloat(text, 64); err == nil && !math.IsInf(f, 0) {
			return f
		}
	}
	return text
}

// in returns " in path", or nothing at the top.
func in(path string) string {
	if path == "" {
		return ""
	}
	return " in " + path
}

// join appends a key to a path. Keys are the operator's own words, so they are quoted where they wouldn't show.
func join(path, key string) string {
	key = shown(key)
	if path == "" {
		return key
	}
	return path + "." + key
}

// shown returns a name as it is, or quoted if it has characters that a terminal would act upon.
func shown(name string) string {
	if quoted := strconv.Quote(name); quoted[1:len(quoted)-1] != name {
		return quoted
	}
	return name
}
