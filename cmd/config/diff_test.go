package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const diffBase = `
dns: {listen: ["127.0.0.1:0"]}
regions:
  eu-west: {coordinates: [53, -6]}
  us-east: {coordinates: [39, -77]}
zones:
  glb.test: {file: glb.test.zone}
services:
  www.glb.test: {pools: {eu-west: [192.0.2.1], us-east: [192.0.2.2]}}
  api.glb.test: {pools: {eu-west: [192.0.2.3]}, policy: all}
`

const diffZone = "$TTL 60\n@ IN SOA ns1 h 1 2 3 4 5\n@ IN NS ns1\nns1 IN A 192.0.2.53\n"

// TestDiff: each kind of change, in the words of the configuration; a copy in another folder is none.
func TestDiff(t *testing.T) {
	load := func(text, zone string) *Config {
		t.Helper()
		dir := t.TempDir()
		for name, content := range map[string]string{"meridian.yaml": text, "glb.test.zone": zone} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cfg, problems := Load(filepath.Join(dir, "meridian.yaml"))
		if cfg == nil {
			t.Fatal(problems)
		}
		return cfg
	}
	base := load(diffBase, diffZone)
	for name, tc := range map[string]struct {
		change []string // from, to by turns; "ZONE" changes the zone file
		want   []string
	}{
		"nothing": {nil, nil},
		"a pool": {[]string{"eu-west: [192.0.2.1]", "eu-west: [192.0.2.9]"},
			[]string{"changed services/www.glb.test/pools/eu-west [192.0.2.1] -> [192.0.2.9]"}},
		"a pool more and one less": {[]string{"{eu-west: [192.0.2.3]}", "{us-east: [192.0.2.3]}"},
			[]string{"removed services/api.glb.test/pools/eu-west [192.0.2.3] -> ", "added services/api.glb.test/pools/us-east  -> [192.0.2.3]",
				"changed services/api.glb.test/policy/all/of [eu-west] -> [us-east]"}},
		"a service": {[]string{"  api.glb.test: {pools: {eu-west: [192.0.2.3]}, policy: all}\n", ""},
			[]string{"removed services/api.glb.test {"}},
		"a region": {[]string{"zones:", "  ap-south: {country: IN}\nzones:"},
			[]string{"added regions/ap-south  -> {country: IN}"}},
		"the order of pools": {[]string{"{eu-west: [192.0.2.1], us-east: [192.0.2.2]}", "{us-east: [192.0.2.2], eu-west: [192.0.2.1]}"},
			[]string{"changed services/www.glb.test/pools/(order) eu-west, us-east -> us-east, eu-west"}},
		"a capacity": {[]string{"[192.0.2.1]", "{addresses: [192.0.2.1], capacity: 5}"},
			[]string{"changed services/www.glb.test/pools/eu-west [192.0.2.1] -> {addresses: [192.0.2.1], capacity: 5}"}},
		"a policy": {[]string{"policy: all", "policy: nearest"},
			[]string{"changed services/api.glb.test/policy"}},
		"an option": {[]string{"{listen: [", "{ledger: off, listen: ["},
			[]string{"changed dns/ledger on -> off"}},
		"a record": {[]string{"ZONE", "www2 IN A 192.0.2.77\n"},
			[]string{"changed zones/glb.test/(records) 3, of which 0 go -> 4, of which 1 are new"}},
	} {
		text, zone := diffBase, diffZone
		for i := 0; i+1 < len(tc.change); i += 2 {
			if tc.change[i] == "ZONE" {
				zone += tc.change[i+1]
			} else if !strings.Contains(text, tc.change[i]) {
				t.Fatalf("%s: no %q", name, tc.change[i])
			} else {
				text = strings.Replace(text, tc.change[i], tc.change[i+1], 1)
			}
		}
		got := Diff(base, load(text, zone))
		if len(got) != len(tc.want) {
			t.Errorf("%s: %d changes, want %d: %+v", name, len(got), len(tc.want), got)
			continue
		}
		for i, c := range got {
			line := fmt.Sprintf("%s %s %s -> %s", c.What, strings.Join(c.Path, "/"), c.Before, c.After)
			if !strings.HasPrefix(line, tc.want[i]) {
				t.Errorf("%s: %q, want %q", name, line, tc.want[i])
			}
		}
	}
}
