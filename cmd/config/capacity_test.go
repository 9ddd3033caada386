package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCapacityLedgerThreshold: what simulate and reload go by, written and left out; and shown so that it loads again.
func TestCapacityLedgerThreshold(t *testing.T) {
	const rest = `
regions: {eu-west: {coordinates: [53, -6]}}
zones: {glb.test: {nameservers: {ns1.glb.test: [192.0.2.53]}}}
services: {www.glb.test: {pools: {eu-west: POOL}}}
`
	for text, want := range map[string]struct {
		pool      string
		capacity  float64
		ledger    bool
		threshold float64
	}{
		"":                                 {"[192.0.2.1]", 0, true, .3},
		"dns: {ledger: on}":                {"{addresses: [192.0.2.1], capacity: 0.5}", .5, true, .3},
		"dns: {ledger: off}":               {"{addresses: [192.0.2.1], capacity: 12000}", 12000, false, .3},
		"dns: {ledger: \"off\"}":           {"{cname: a.example.net., capacity: 1000000}", 1e6, false, .3},
		"safety: {reload_threshold: 100%}": {"[192.0.2.1]", 0, true, 1},
		"safety: {reload_threshold: 0%, max_unavailable: 50%}": {"[192.0.2.1]", 0, true, 0},
	} {
		written := text + "\n" + strings.ReplaceAll(rest, "POOL", want.pool)
		for range 2 { // as it is, and as it is shown
			path := filepath.Join(t.TempDir(), "meridian.yaml")
			if err := os.WriteFile(path, []byte(written), 0o600); err != nil {
				t.Fatal(err)
			}
			cfg, problems := Load(path)
			if cfg == nil {
				t.Fatalf("%s: %v", written, problems)
			}
			if got := cfg.Services[0].Pools[0].Capacity; got != want.capacity || cfg.DNS.Ledger != want.ledger || cfg.ReloadThreshold != want.threshold {
				t.Errorf("%s: capacity %g, ledger %v, threshold %g; want %+v", written, got, cfg.DNS.Ledger, cfg.ReloadThreshold, want)
			}
			written = string(Show(cfg))
		}
	}
}
