// Package config turns the operator's files into typed values, or into a list of all that is wrong with them.
//
// [Load] is the one way in: the start, a reload and `meridian config check` all run it, so what the check accepts,
// the start accepts. It binds nothing and writes nothing.
//
//	bytes -> yaml nodes -> tree -> JSON schema -> raw structs -> typed values -> zones.Index
//	          source.go   tree.go   schema.go      raw.go         build_*.go
//	                      env.go    complain.go    decode.go
//	                      merge.go
//
// A tree is YAML with everything clever taken out of it: aliases and merge keys are expanded (boundedly), variables are
// filled in, conf.d is merged, no key occurs twice, and every key and value knows its file, line and column. The schema,
// generated from the raw structs and published as schema.json, finds what has the wrong shape; building finds what
// doesn't make sense. Neither stops at the first mistake: a value that was complained about is left out, and
// whatever depends on it keeps silent, so that each mistake is told once and all of them in one run.
//
// Typed values are valid by construction: nobody behind this package parses a string, looks up a default or checks a
// range again.
package config
