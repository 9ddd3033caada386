package config

import (
	"meridian/zones"
)

// Load reads the configuration at path, the conf.d folder beside it, and every file that they name. It returns all
// problems of one run, ordered by file, line and column; the configuration is nil when one of them is more than a
// warning.
//
// Load opens files and nothing else: no socket is bound, nothing is written or looked up in DNS.
func Load(path string) (*Config, []zones.Problem) { return LoadAs(path, "") }

// LoadAs is Load for a checker that was given its name elsewhere, on the command line for instance: vantage goes before
// what the configuration says. Empty: the configuration's.
func LoadAs(path, vantage string) (*Config, []zones.Problem) {
	r := &report{}
	root := readAll(r, path)
	if root == nil {
		return nil, r.sorted()
	}
	validate(r, root)
	cfg := build(r, path, vantage, root)
	if r.errors > 0 {
		return nil, r.sorted()
	}
	return cfg, r.sorted()
}
