package serve

import (
	"fmt"
	"slices"
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
	atlas    *geo.Atlas       // nil for a checker alone
	layout   *snapshot.Layout // nil for a checker alone
	targets  []checker.Target
	states   map[string]stated // by state key
	loadedAt time.Time
	warnings []zones.Problem
}

// stated is what a state is about.
type stated struct {
	target  checker.Target
	rules   string   // zones.Service.StateRules
	regions []string // where it serves, each once
	places  []string // the same with the services: "www.example.com.@eu-west"
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
	d := aim(cfg)
	var err error
	if d.atlas, err = geo.NewAtlas(cfg.Geo.Sources); err != nil {
		return nil, fmt.Errorf("the geographic data can't be compiled: %w", err)
	}
	if d.layout, err = snapshot.NewLayout(cfg.Index, cfg.Services, d.atlas, counters); err != nil {
		return nil, err
	}
	return d, nil
}

// aim finds what is probed under a checked configuration, and what the states are about.
func aim(cfg *config.Config) *declared {
	d := &declared{config: cfg, states: map[string]stated{}, loadedAt: time.Now()}
	probed := map[string]bool{}
	for _, s := range cfg.Services {
		if s.Check == nil || s.Of != nil {
			continue // nothing to probe, or nothing that isn't probed for the service itself
		}
		for _, p := range s.Pools {
			for _, addr := range p.Endpoints {
				t := checker.Target{Key: s.Check.Target(addr), Check: s.Check, Addr: addr}
				if !probed[t.Key] {
					probed[t.Key] = true
					d.targets = append(d.targets, t)
				}
				key := s.StateKey(addr)
				st := d.states[key]
				st.target, st.rules = t, s.StateRules
				if !slices.Contains(st.regions, p.Region.Name) {
					st.regions = append(st.regions, p.Region.Name)
				}
				st.places = append(st.places, s.Name+"@"+p.Region.Name)
				d.states[key] = st
			}
		}
	}
	return d
}

// vantage is under which name this process votes; empty: it doesn't.
func (d *declared) vantage() string {
	if !d.config.Checker.Enabled {
		return ""
	}
	return d.config.Checker.Vantage
}

// duties are what this process's checker has to do: nothing where it is not enabled.
func (d *declared) duties() checker.Duties {
	cfg := &d.config.Checker
	if !cfg.Enabled {
		return checker.Duties{}
	}
	duties := checker.Duties{Targets: d.targets, Vantages: cfg.Vantages}
	for _, r := range cfg.References {
		duties.References = append(duties.References, checker.Target{Key: r.Check.Target(r.Addr), Check: r.Check, Addr: r.Addr})
	}
	return duties
}

// rules is how votes become states under this configuration.
func (d *declared) rules() status.Rules {
	cfg := &d.config.States
	r := status.Rules{
		Targets: make(map[string]status.Rule, len(d.states)), Frozen: cfg.Frozen,
		Guard: status.NewGuard(groups(d.config.Services, cfg.Limits)), Loads: loadRules(d.config.Services, cfg.Loads),
	}
	for key, s := range d.states {
		rule := cfg.Rules[s.rules]
		rule.Target = s.target.Key
		r.Targets[key] = rule
	}
	for _, l := range r.Loads {
		for _, key := range l.Keys {
			rule := r.Targets[key]
			rule.Load = true
			r.Targets[key] = rule
		}
	}
	return r
}

// groups are the pools that safety limits count, by service and address family.
func groups(services []*zones.Service, limits map[string]status.Limit) []status.Group {
	var all []status.Group
	for _, s := range services {
		limit := limits[s.Name]
		if s.Check == nil || limit.Share <= 0 {
			continue
		}
		v4, v6 := status.Group{Service: s.Name, Family: "IPv4", Limit: limit}, status.Group{Service: s.Name, Family: "IPv6", Limit: limit}
		for _, p := range s.Pools {
			var keys4, keys6 []string
			for _, addr := range p.Endpoints {
				if addr.Is4() {
					keys4 = append(keys4, s.StateKey(addr))
				} else {
					keys6 = append(keys6, s.StateKey(addr))
				}
			}
			if len(keys4) > 0 {
				v4.Pools = append(v4.Pools, status.Pool{Region: p.Region.Name, Keys: keys4, Need: s.MinHealthy.Of(len(keys4))})
			}
			if len(keys6) > 0 {
				v6.Pools = append(v6.Pools, status.Pool{Region: p.Region.Name, Keys: keys6, Need: s.MinHealthy.Of(len(keys6))})
			}
		}
		all = append(all, v4, v6)
	}
	return all
}
