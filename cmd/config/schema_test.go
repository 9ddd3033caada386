package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"reflect"

	"github.com/invopop/jsonschema"
)

var update = flag.Bool("update", false, "write schema.json and the golden files anew")

// TestSchema keeps the committed schema equal to what the raw structs say. The reflector and the methods below are in
// test files so that the binary carries the schema and not its maker.
func TestSchema(t *testing.T) {
	got := generate(t)
	if *update {
		if err := os.WriteFile("schema.json", got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(got, Schema()) {
		t.Error("schema.json is out of date: go test ./cmd/config -run TestSchema -update")
	}
}

func generate(t *testing.T) []byte {
	r := jsonschema.Reflector{
		RequiredFromJSONSchemaTags: true,
		ExpandedStruct:             true,
		Namer: func(t reflect.Type) string {
			name := strings.TrimPrefix(t.Name(), "raw")
			if name == "" || strings.Contains(name, "[") {
				return ""
			}
			return strings.ToUpper(name[:1]) + name[1:]
		},
	}
	s := r.Reflect(&rawConfig{})
	s.ID = schemaID
	s.Title = "Meridian configuration"
	s.PatternProperties = map[string]*jsonschema.Schema{"^x-": {Description: "Yours: a place for YAML anchors."}}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

func (leaf[T]) JSONSchemaAlias() any { var v T; return v }
func (dict[T]) JSONSchemaAlias() any { return map[string]T{} }

func (duration) JSONSchemaExtend(s *jsonschema.Schema) {
	*s = jsonschema.Schema{
		Type: "string", Pattern: `^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`,
		Title: "a duration with its unit, such as 5s or 500ms",
	}
}

func (distance) JSONSchemaExtend(s *jsonschema.Schema) {
	*s = jsonschema.Schema{
		Type: "string", Pattern: `^[0-9]{1,5}(\.[0-9]{1,3})?km$`,
		Title: "a distance in kilometres, such as 3000km",
	}
}

func (rawSpread) JSONSchemaExtend(s *jsonschema.Schema) {
	*s = jsonschema.Schema{
		Type: "string", Pattern: `^([1-9][0-9]?|100)%$|^[0-9]{1,5}(\.[0-9]{1,3})?km$`,
		Title: "a percentage from 1% to 100%, or a distance such as 300km",
	}
}

var addresses = &jsonschema.Schema{Type: "array", Items: &jsonschema.Schema{Type: "string"}, MinItems: new(uint64(1))}

// either makes s a choice between other and what it is.
func either(s *jsonschema.Schema, title string, other *jsonschema.Schema) {
	self := *s
	*s = jsonschema.Schema{Title: title, AnyOf: []*jsonschema.Schema{other, &self}}
}

func (rawPool) JSONSchemaExtend(s *jsonschema.Schema) {
	s.MinProperties = new(uint64(1))
	either(s, `a list of addresses, or a mapping such as {cname: name}`, addresses)
}

func (rawUse) JSONSchemaExtend(s *jsonschema.Schema) {
	s.MinProperties = new(uint64(1))
	either(s, "the name of a check, or a mapping with all or any, critical, observe", &jsonschema.Schema{Type: "string"})
}

func (rawSource) JSONSchemaExtend(s *jsonschema.Schema) {
	s.MinProperties = new(uint64(1))
	either(s, "a JSONPath such as $.load, or a mapping with prometheus and query", &jsonschema.Schema{Type: "string"})
}

func (anything) JSONSchemaExtend(s *jsonschema.Schema) {
	*s = jsonschema.Schema{Title: "text, a number, true, false or null", AnyOf: []*jsonschema.Schema{
		{Type: "string"}, {Type: "number"}, {Type: "boolean"}, {Type: "null"},
	}}
}

func (rawPolicy) JSONSchemaExtend(s *jsonschema.Schema) {
	s.MinProperties, s.MaxProperties = new(uint64(1)), new(uint64(2)) // a kind, and min_healthy
	either(s, "nearest, all, weighted, round-robin, least-loaded, a region, or a mapping with one of nearest, failover, weighted, round-robin, least-loaded, geo, all",
		&jsonschema.Schema{Type: "string"})
}

func (rawWeighted) JSONSchemaExtend(s *jsonschema.Schema) {
	*s = jsonschema.Schema{Title: "a mapping of regions to weights, or a list of {policy, weight}", AnyOf: []*jsonschema.Schema{
		{Type: "object", MinProperties: new(uint64(1)), AdditionalProperties: &jsonschema.Schema{Type: "number", Minimum: "0"}},
		{Type: "array", MinItems: new(uint64(1)), Items: &jsonschema.Schema{Ref: "#/$defs/Share"}},
	}}
}

func (rawMinHealthy) JSONSchemaExtend(s *jsonschema.Schema) {
	*s = jsonschema.Schema{Title: "a number, or a percentage from 1% to 100%", AnyOf: []*jsonschema.Schema{
		{Type: "integer", Minimum: "1", Maximum: "1000"},
		{Type: "string", Pattern: "^([1-9][0-9]?|100)%$"},
	}}
}

func (rawFallback) JSONSchemaExtend(s *jsonschema.Schema) {
	*s = jsonschema.Schema{Title: "all, servfail, or a list of addresses", AnyOf: []*jsonschema.Schema{
		{Type: "string", Enum: []any{"all", "servfail"}},
		addresses,
	}}
}
