package config

import (
	"path/filepath"

	"meridian/status"
	"meridian/zones"
)

// builder makes typed values of the raw ones. Its methods report what is wrong and go on; the configuration is
// thrown away at the end if anything was.
type builder struct {
	*report
	raw      *rawConfig
	dir      string // folder of the configuration file
	vantage  string // given elsewhere, before the configuration's; empty: not
	cfg      *Config
	regions  map[string]int          // name -> position in cfg.Regions
	checks   map[string]*zones.Check // those that could be built
	used     map[string]bool         // checks that a service names
	names    map[string]pos          // of services, canonical, with where they are given
	sources  []*source               // the zones that were read
	limit    status.Limit            // of services without one of their own
	measured map[string]string       // region -> a service whose policy measures the distance to it
}

func build(r *report, path, vantage string, root *node) *Config {
	raw := new(rawConfig)
	decode(root, raw)
	b := &builder{
		report: r, raw: raw, dir: filepath.Dir(path), vantage: vantage, cfg: &Config{Path: path},
		regions: map[string]int{}, checks: map[string]*zones.Check{},
		used: map[string]bool{}, names: map[string]pos{}, measured: map[string]string{},
	}
	b.server()
	b.safety()
	b.buildRegions()
	b.buildChecks()
	b.buildServices()
	b.checkRegions()
	b.checkUsed()
	b.buildZones()
	b.buildGeo()
	b.cfg.Hash = fingerprint(root, b.sources)
	return b.cfg
}

// path returns the path of a file that the configuration names; empty for a value that wasn't given.
func (b *builder) path(t text) string {
	if !t.set || t.v == "" || filepath.IsAbs(t.v) {
		return t.v
	}
	return filepath.Join(b.dir, t.v)
}
