package config

import (
	"bytes"
	_ "embed"
)

//go:embed starter.yaml
var starter []byte

// Init returns a commented configuration to begin with. It loads as it stands and needs no other file.
func Init() []byte { return bytes.Clone(starter) }
