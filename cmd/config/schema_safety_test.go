package config

import "github.com/invopop/jsonschema"

var needs = []*jsonschema.Schema{
	{Type: "string", Pattern: "^(majority|any|all|([1-9][0-9]?|100)%)$"},
	{Type: "integer", Minimum: "1"},
}

func (rawNeed) JSONSchemaExtend(s *jsonschema.Schema) {
	*s = jsonschema.Schema{Title: "majority, any, all, a number of checkers, or a percentage of them", AnyOf: needs}
}

func (rawQuorum) JSONSchemaExtend(s *jsonschema.Schema) {
	s.MinProperties = new(uint64(1))
	self := *s
	*s = jsonschema.Schema{
		Title: "majority, any, all, a number of checkers, a percentage of them, or a mapping with down and up",
		AnyOf: append(needs[:2:2], &self),
	}
}

func (rawFailback) JSONSchemaExtend(s *jsonschema.Schema) {
	s.MinProperties, s.MaxProperties = new(uint64(1)), new(uint64(1))
	either(s, "auto, manual, or a mapping with one of delayed and ramp",
		&jsonschema.Schema{Type: "string", Enum: []any{"auto", "manual"}})
}
