package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"testing"
)

const torText = "# Last updated\n16777216,16777471,AU\n3221225984,3221226239,JP\n3325256704,3325256959,??\n"

func TestGeoBuild(t *testing.T) {
	in := file(t, "geoip", torText)
	out := filepath.Join(t.TempDir(), "country.mmdb")
	meridian(t, "geo", "build", "--source", "tor", "--out", out, in).is(t, exitDone, out+": 2 networks, ", "")
	meridian(t, "geo", "lookup", "192.0.2.1", "1.0.0.1", "--database", out).is(t, exitDone, "JP, AS", "")
	meridian(t, "geo", "verify", out).is(t, exitDone, "Good.", "")
	meridian(t, "geo", "info", out).is(t, exitDone, "country.mmdb", "")

	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	if _, err := w.Write([]byte("192.0.2.0\t192.0.2.255\t64496\tDE\tEXAMPLE\n")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	meridianIn(t, zipped.String(), nil, "geo", "build", "-", "--source", "ip2asn", "--out", out).is(t, exitDone, "1 network, ", "")
	meridian(t, "geo", "lookup", "192.0.2.1", "-d", out).is(t, exitDone, "AS64496", "")
}

// TestGeoBuildLeavesWhatIsThere: a bad input, and a missing one, change nothing and leave nothing behind.
func TestGeoBuildLeavesWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "country.mmdb")
	if err := os.WriteFile(out, []byte("in use"), 0o600); err != nil {
		t.Fatal(err)
	}
	bad := file(t, "geoip", torText+"nonsense\n")
	meridian(t, "geo", "build", "--source", "tor", "--out", out, bad).is(t, exitBadConfig, "", bad+":5: ")
	meridian(t, "geo", "build", "--source", "csv", "--out", out, "/nowhere.csv").is(t, exitFailed, "", "/nowhere.csv")
	meridian(t, "geo", "build", "--source", "tro", "--out", out, bad).is(t, exitUsage, "", `(did you mean "tor"?)`)
	meridian(t, "geo", "build", "--source", "csv", bad).is(t, exitUsage, "", "--out")
	meridian(t, "geo", "build", "--source", "csv", "--out", out).is(t, exitUsage, "", "which FILE?")
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
	if text, err := os.ReadFile(out); err != nil || string(text) != "in use" {
		t.Errorf("%q, %v", text, err)
	}
}
