package config

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schemaID is what an editor's "$schema" or yaml-language-server comment refers to.
const schemaID = "https://meridian.example/schema/config.json"

//go:embed schema.json
var schemaJSON []byte

// Schema returns the JSON schema (draft 2020-12) of the configuration.
func Schema() []byte { return bytes.Clone(schemaJSON) }

// schema is the compiled schema together with its document, in which titles and valid keys are looked up.
type schema struct {
	compiled *jsonschema.Schema
	document any
}

var loadSchema = sync.OnceValue(func() *schema {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemaJSON))
	if err != nil {
		panic(fmt.Sprintf("schema.json, which is part of this program: %v", err))
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(schemaID, doc); err != nil {
		panic(fmt.Sprintf("schema.json, which is part of this program: %v", err))
	}
	return &schema{c.MustCompile(schemaID), doc}
})

// at returns the part of the schema that url points to, following references; nil when there is none.
func (s *schema) at(url string) map[string]any {
	_, pointer, _ := strings.Cut(url, "#")
	var here = s.document
	for token := range strings.SplitSeq(strings.Trim(pointer, "/"), "/") {
		if token == "" {
			continue
		}
		switch v := here.(type) {
		case map[string]any:
			here = v[token]
		case []any:
			if i, err := strconv.Atoi(token); err == nil && i < len(v) {
				here = v[i]
			}
		}
	}
	m, _ := here.(map[string]any)
	return m
}

// title returns how the schema at url calls what it wants: "a duration with its unit, …"; empty: it doesn't say.
func (s *schema) title(url string) string {
	t, _ := s.at(url)["title"].(string)
	return t
}

// properties returns the keys that the object schema at url knows.
func (s *schema) properties(url string) []string {
	props, _ := s.at(url)["properties"].(map[string]any)
	names := make([]string, 0, len(props))
	for name := range props {
		names = append(names, name)
	}
	return names
}

// validate reports everything in the tree that has the wrong shape, and marks the values concerned as bad.
func validate(r *report, root *node) {
	// A section with nothing in it ("services:" and only comments below) is one that was left out.
	dropEmpty(root)
	s := loadSchema()
	err := s.compiled.Validate(instance(root))
	var ve *jsonschema.ValidationError
	if errors.As(err, &ve) {
		(&complainer{report: r, schema: s, root: root}).complain(ve, "")
	}
}

func dropEmpty(root *node) {
	kept := &node{kind: mapping}
	for _, p := range root.pairs {
		if p.value.kind != scalar || p.value.value != nil || p.value.bad {
			kept.put(p)
		}
	}
	root.pairs, root.index = kept.pairs, kept.index
}

// instance returns the tree as the validator wants it. What was complained about already is left out of mappings, so
// that it isn't complained about again.
func instance(n *node) any {
	switch n.kind {
	case mapping:
		m := make(map[string]any, len(n.pairs))
		for _, p := range n.pairs {
			m[p.key] = instance(p.value)
		}
		return m
	case sequence:
		items := make([]any, len(n.items))
		for i, item := range n.items {
			items[i] = instance(item)
		}
		return items
	}
	return n.value
}
