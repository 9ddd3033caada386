package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"meridian/cmd/config/nearest"
)

// complainer translates the validator's findings into sentences at places of the operator's files.
type complainer struct {
	*report
	schema *schema
	root   *node
}

// complain reports the finding e. wants is how an enclosing choice calls what it wants; empty: there is none.
func (c *complainer) complain(e *jsonschema.ValidationError, wants string) {
	if _, choice := e.ErrorKind.(*kind.AnyOf); choice {
		wants = c.schema.title(e.SchemaURL)
		for _, branch := range e.Causes {
			if !wrongShape(branch, len(e.InstanceLocation)) {
				c.complain(branch, wants)
				return
			}
		}
		c.value(e, wants)
		return
	}
	if len(e.Causes) > 0 {
		for _, cause := range e.Causes {
			c.complain(cause, wants)
		}
		return
	}
	c.finding(e, wants)
}

// wrongShape reports whether e says that the value at this depth isn't of the wanted type at all, so that the author
// must have meant another branch of a choice.
func wrongShape(e *jsonschema.ValidationError, depth int) bool {
	if len(e.InstanceLocation) != depth {
		return false
	}
	switch e.ErrorKind.(type) {
	case *kind.Type:
		return true
	case *kind.AnyOf:
		return !slices.ContainsFunc(e.Causes, func(b *jsonschema.ValidationError) bool { return !wrongShape(b, depth) })
	}
	return slices.ContainsFunc(e.Causes, func(b *jsonschema.ValidationError) bool { return wrongShape(b, depth) })
}

// finding reports a single finding.
func (c *complainer) finding(e *jsonschema.ValidationError, wants string) {
	n, key, path := c.find(e.InstanceLocation)
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		known := c.schema.properties(e.SchemaURL)
		slices.Sort(known)
		for _, p := range n.pairs {
			if slices.Contains(k.Properties, p.key) {
				c.mark(n).errorf(p.at, "unknown key %q%s%s", p.key, in(path), offer(p.key, "known", known))
			}
		}
	case *kind.Required:
		for _, name := range k.Missing {
			c.mark(n).errorf(key, "%s: the key %q is missing", path, name)
		}
	case *kind.Type:
		if wants = c.schema.title(e.SchemaURL); wants == "" {
			wants = words[k.Want[0]]
		}
		c.value(e, wants)
	case *kind.Enum:
		known := make([]string, len(k.Want))
		for i, w := range k.Want {
			known[i] = fmt.Sprint(w)
		}
		if wants == "" {
			wants = "one of " + strings.Join(known, ", ")
		}
		c.mark(n).errorf(n.at, "%s must be %s, not %s%s", path, wants, describe(n), nearest.Hint(fmt.Sprint(k.Got), known))
	case *kind.Minimum:
		c.mark(n).errorf(n.at, "%s must be at least %s, not %s", path, k.Want.RatString(), describe(n))
	case *kind.Maximum:
		c.mark(n).errorf(n.at, "%s must be at most %s, not %s", path, k.Want.RatString(), describe(n))
	case *kind.MaxLength:
		c.mark(n).errorf(n.at, "%s must not be longer than %d characters", path, k.Want)
	case *kind.MinProperties, *kind.MinItems, *kind.MaxProperties, *kind.MaxItems:
		if t := c.schema.title(e.SchemaURL); t != "" {
			wants = t
		}
		c.size(n, path, wants)
	default: // a pattern
		if t := c.schema.title(e.SchemaURL); t != "" {
			wants = t
		}
		c.value(e, wants)
	}
}

// size reports a mapping or list with too few or too many entries.
func (c *complainer) size(n *node, path, wants string) {
	c.mark(n)
	if len(n.pairs)+len(n.items) == 0 {
		c.errorf(n.at, "%s must not be empty", path)
		return
	}
	got := fmt.Sprintf("%d of them", len(n.pairs))
	if n.kind == sequence {
		got = fmt.Sprintf("a list of %d", len(n.items))
	}
	c.errorf(n.at, "%s must be %s, not %s", path, wants, got)
}

// value reports that the value at e's place isn't what is wanted.
func (c *complainer) value(e *jsonschema.ValidationError, wants string) {
	n, key, path := c.find(e.InstanceLocation)
	if n.bad { // an earlier step said why
		return
	}
	c.mark(n)
	if n.kind == scalar && n.value == nil {
		c.errorf(key, "%s has no value", path)
		return
	}
	hint := ""
	if _, isText := n.value.(string); wants == words["string"] && n.kind == scalar && !isText {
		hint = " (put it in quotes)"
	}
	c.errorf(n.at, "%s must be %s, not %s%s", path, wants, describe(n), hint)
}

// mark notes that n was complained about: it will be left out.
func (c *complainer) mark(n *node) *report {
	n.bad = true
	return c.report
}

// find returns the value at location, the place of its key or item, and how it is called in messages.
func (c *complainer) find(location []string) (n *node, key pos, path string) {
	n, key = c.root, c.root.at
	for _, token := range location {
		switch n.kind {
		case mapping:
			p := n.pairs[n.index[token]]
			n, key, path = p.value, p.at, join(path, token)
		case sequence:
			i, _ := strconv.Atoi(token)
			n = n.items[i]
			key, path = n.at, fmt.Sprintf("%s[%d]", path, i)
		}
	}
	return n, key, path
}

// words calls JSON's types by names that operators use.
var words = map[string]string{
	"string":  "text",
	"integer": "a whole number",
	"number":  "a number",
	"boolean": "true or false",
	"object":  "a mapping (key: value)",
	"array":   "a list",
}

// describe returns what a value is, as it was written.
func describe(n *node) string {
	switch n.kind {
	case mapping:
		return "a mapping"
	case sequence:
		return "a list"
	}
	switch v := n.value.(type) {
	case string:
		return quote(v)
	case nil:
		return "nothing"
	default:
		return fmt.Sprint(v)
	}
}

// quote quotes an operator's text for a message, shortened where it is long.
func quote(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return strconv.Quote(s)
}

// offer returns the nearest valid word, or all of them when none is near and they are few: a hint in parentheses with a
// leading space.
func offer(word, label string, known []string) string {
	if hint := nearest.Hint(word, known); hint != "" {
		return hint
	}
	return list(label, known)
}

// list returns the valid words, the first of them when they are many.
func list(label string, known []string) string {
	const most = 16
	if len(known) == 0 {
		return fmt.Sprintf(" (%s: none)", label)
	}
	var names []string
	for _, k := range known[:min(len(known), most)] {
		names = append(names, shown(k))
	}
	if rest := len(known) - most; rest > 0 {
		names = append(names, fmt.Sprintf("and %d more", rest))
	}
	return fmt.Sprintf(" (%s: %s)", label, strings.Join(names, ", "))
}
