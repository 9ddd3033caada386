package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// FuzzLoad: whatever the bytes, Load returns, soon, either a configuration or an error that has a place.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.yaml", "../../docs/*.yaml", "starter.yaml", "../../test/contract/meridian.yaml"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			f.Fatal(pattern, err)
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			if len(data) < 10_000 {
				f.Add(data)
			}
		}
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(dir, "meridian.yaml")
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		cfg, problems := Load(path)
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%d bytes took %v", len(data), took)
		}
		errors := 0
		for _, p := range problems {
			if !p.Warning {
				errors++
			}
			if p.File == "" || strings.ContainsAny(p.Text, "\n\x1b") {
				t.Errorf("problem %q", p)
			}
		}
		switch {
		case (cfg == nil) != (errors > 0):
			t.Errorf("configuration: %v, %d errors", cfg != nil, errors)
		case cfg != nil:
			if cfg.Index == nil || len(Show(cfg)) == 0 {
				t.Error("half a configuration")
			}
		}
	})
}

// BenchmarkLoadZonesDir loads 5,000 zone files of 20 records each.
func BenchmarkLoadZonesDir(b *testing.B) {
	contents := map[string]string{"meridian.yaml": "zones_dir: zones\n"}
	var zone strings.Builder
	zone.WriteString("$TTL 300\n@ IN SOA ns hostmaster 1 7200 900 1209600 30\n@ IN NS ns\nns IN A 192.0.2.53\n")
	for i := range 17 {
		fmt.Fprintf(&zone, "h%d IN A 192.0.2.%d\n", i, i+1)
	}
	for i := range 5000 {
		contents[fmt.Sprintf("zones/z%d.test.zone", i)] = zone.String()
	}
	path := filepath.Join(files(b, contents), "meridian.yaml")
	for b.Loop() {
		if cfg, problems := Load(path); cfg == nil || len(cfg.Zones) != 5000 {
			b.Fatal(lines(problems[:1]))
		}
	}
}

// BenchmarkLoadServices loads 10,000 services of 5 pools each in 20,000 zones.
func BenchmarkLoadServices(b *testing.B) {
	var text strings.Builder
	text.WriteString("regions:\n")
	for r := range 5 {
		fmt.Fprintf(&text, "  r%d: {coordinates: [%d, %d]}\n", r, r, r)
	}
	text.WriteString("zones:\n")
	for z := range 20000 {
		fmt.Fprintf(&text, "  z%d.test: {nameservers: {ns1.z%d.test: [192.0.2.53]}}\n", z, z)
	}
	text.WriteString("services:\n")
	for s := range 10000 {
		fmt.Fprintf(&text, "  www.z%d.test:\n    pools: {r0: [192.0.2.1], r1: [192.0.2.2], r2: [192.0.2.3], r3: [192.0.2.4], r4: [192.0.2.5]}\n", s)
	}
	path := filepath.Join(files(b, map[string]string{"meridian.yaml": text.String()}), "meridian.yaml")
	for b.Loop() {
		if cfg, problems := Load(path); cfg == nil || len(cfg.Services) != 10000 {
			b.Fatal(lines(problems[:1]))
		}
	}
}
