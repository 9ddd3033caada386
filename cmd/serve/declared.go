package serve

import (
	"fmt"
	"time"

	"meridian/checker"
	"meridian/cmd/config"
	"meridian/geo"
	"meridian/snapshot"
	"meridian/status"
	"meridian/zones"
)

// declared is a configuration compiled as far as health doesn't matter.
type declared struct {
	config   *config.Config
	atlas    *geo.Atlas
	layout   *snapshot.Layout
	targets  []checker.Target
	holders  map[string][]holder // by target
	loadedAt time.Time
	warnings []zones.Problem
}

// holder is a place where a target serves.
type holder struct {
	service *zones.Service
	region  string
}

// declare loads and compiles the configuration at path. It binds and changes nothing. It returns nil when any
// of the problems is not a warning.
func declare(path string, counters *snapshot.Counters) (*declared, []zones.Problem) {
	cfg, problems := config.Load(path)
	if cfg == nil {
		return nil, problems
	}
	d, err := compile(cfg, counters)
	if err != nil {
		return nil, append(problems, zones.Problem{File: path, Text: err.Error()})
	}
	d.warnings = problems
	return d, problems
}

// compile makes what queries read of a checked configuration.
func compile(cfg *config.Config, counters *snapshot.Counters) (*declared, error) {
	d := &declared{config: cfg, holders: map[string][]holder{}, loadedAt: time.Now()}
	atlas, err := geo.NewAtlas(cfg.Geo.Sources)
	if err != nil {
		return nil, fmt.Errorf("the geographic data can't be compiled: %w", err)
	}
	layout, err := snapshot.NewLayout(cfg.Index, cfg.Services, atlas, counters)
	if err != nil {
		return nil, err
	}
	d.atlas, d.layout = atlas, layout
	for _, s := range cfg.Services {
		if s.Check == nil {
			continue
		}
		for _, p := range s.Pools {
			for _, addr := range p.Endpoints {
				key := s.Check.Target(addr)
				if d.holders[key] == nil {
					d.targets = append(d.targets, checker.Target{Key: key, Check: s.Check, Addr: addr})
				}
				d.holders[key] = append(d.holders[key], holder{s, p.Region.Name})
			}
		}
	}
	return d, nil
}

// probed are the targets that this process probes.
func (d *declared) probed() []checker.Target {
	if !d.config.Checker.Enabled {
		return nil
	}
	return d.targets
}

// rules is how votes become states under this configuration.
func (d *declared) rules() status.Rules {
	r := status.Rules{Quorum: d.config.Quorum, Targets: make(map[string]struct{}, len(d.targets))}
	for _, t := range d.targets {
		r.Targets[t.Key] = struct{}{}
	}
	return r
}
