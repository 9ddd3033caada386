package config

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const including = "@ 300 IN SOA ns hostmaster 1 2 3 4 5\n@ 300 IN NS ns\nns 300 IN A 192.0.2.53\n$INCLUDE "

// TestIncludedFile: it is read, beside its zone file, and counts in the hash.
func TestIncludedFile(t *testing.T) {
	load := func(included string) *Config {
		cfg, _ := loads(t, filepath.Join(files(t, map[string]string{
			"meridian.yaml": "zones: {a.test: {file: zones/a.zone}}\n",
			"zones/a.zone":  including + "parts/hosts\n", "zones/parts/hosts": included,
		}), "meridian.yaml"))
		return cfg
	}
	one, two := load("www 300 IN A 192.0.2.1\n"), load("www 300 IN A 192.0.2.2\n")
	if n := len(one.Zones[0].Records); n != 4 {
		t.Errorf("%d records, want 4", n)
	}
	if one.Hash == two.Hash {
		t.Error("the included file doesn't count in the hash")
	}
	if again := load("www 300 IN A 192.0.2.1\n"); one.Hash != again.Hash {
		t.Error("the same files in another folder have another hash")
	}
}

// TestZoneFolderIsABorder: neither paths nor links lead out of it, and what isn't a file isn't opened. Links within it are
// fine: Kubernetes mounts are made of them.
func TestZoneFolderIsABorder(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, err := range []error{
		os.WriteFile("secret", []byte("secret 300 IN A 192.0.2.1\n"), 0o600),
		os.MkdirAll("zones/..data", 0o755),
		os.WriteFile("zones/..data/hosts", []byte("www 300 IN A 192.0.2.1\n"), 0o600),
		os.Symlink("..data/hosts", "zones/hosts"),
		os.Symlink("../secret", "zones/out"),
		os.Symlink("..", "zones/up"),
		os.Symlink(filepath.Join(dir, "zones/..data/hosts"), "zones/absolute"),
		syscall.Mkfifo("zones/pipe", 0o600), // opening it would block
		os.WriteFile("meridian.yaml", []byte("zones: {a.test: {file: zones/a.zone}}\n"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for file, want := range map[string]string{
		"hosts":     "",
		"out":       `$INCLUDE "out": can't be read: path escapes from parent`,
		"up/secret": `$INCLUDE "up/secret": can't be read: path escapes from parent`,
		"../secret": `$INCLUDE "../secret": the path leads out of the folder`,
		"absolute":  `$INCLUDE "absolute": can't be read: path escapes from parent`,
		"pipe":      `$INCLUDE "pipe": can't be read: not a regular file`,
		"none":      `$INCLUDE "none": can't be read: no such file or directory`,
	} {
		if err := os.WriteFile("zones/a.zone", []byte(including+file+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, problems := Load("meridian.yaml")
		got := lines(problems)
		if (cfg != nil) != (want == "") || !strings.Contains(got, want) || want != "" && !strings.HasPrefix(got, "zones/a.zone:4:10: ") {
			t.Errorf("%s: got %q, want %q", file, got, want)
		}
	}
}
