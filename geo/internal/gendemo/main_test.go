package main

import (
	"bytes"
	"os"
	"testing"
)

func TestDemoFileIsWhatTheGeneratorMakes(t *testing.T) {
	made, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile("../../demo.mmdb")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(made, kept) {
		t.Errorf("geo/demo.mmdb (%d bytes) isn't what the generator makes (%d bytes): run `go generate ./geo`", len(kept), len(made))
	}
}
