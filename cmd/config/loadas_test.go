package config

import (
	"os"
	"path/filepath"
	"testing"
)

// A checker that was named on the command line needs no name in the configuration, and keeps the one it was given.
func TestLoadAsNamesTheChecker(t *testing.T) {
	for _, checker := range []string{"", "checker: {vantages: 2}\n", "checker: {vantage: fra}\n"} {
		path := filepath.Join(t.TempDir(), "meridian.yaml")
		text := "board: {redis: {addresses: [\"127.0.0.1:6379\"]}}\n" + checker +
			"zones: {glb.test: {nameservers: {ns1.glb.test: [192.0.2.53]}}}\n"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, problems := LoadAs(path, "nyc")
		if cfg == nil {
			t.Errorf("%q doesn't load: %v", checker, problems)
			continue
		}
		if cfg.Checker.Vantage != "nyc" {
			t.Errorf("%q: the checker is named %q", checker, cfg.Checker.Vantage)
		}
	}
}
