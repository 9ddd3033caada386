package config

import (
	"strings"

	"meridian/policy"
	"meridian/zones"
)

// secondLabel is what stands before the name of a service in the name of its second choices.
const secondLabel = "second"

// otherNames adds the pinned and second-choice names of the services that have some.
func (b *builder) otherNames() {
	at := make(map[string]*entry[rawService], len(b.raw.Services))
	for i := range b.raw.Services {
		if name, err := zones.CanonicalName(b.raw.Services[i].name); err == nil && at[name] == nil {
			at[name] = &b.raw.Services[i]
		}
	}
	for _, s := range b.cfg.Services {
		e := at[s.Name]
		if e.v.Pins.v {
			for i := range s.Pools {
				b.otherName(e, s, e.v.Pins, s.Pools[i].Region.Name, pinned(s, i))
			}
		}
		if e.v.Second.v {
			if len(s.Pools) == 1 {
				b.errorf(e.v.Second.at, "service %q has one pool, so there is no second choice", e.name)
				continue
			}
			next := *s
			next.Of, next.Second = s, true
			b.otherName(e, s, e.v.Second, secondLabel, &next)
		}
	}
}

// otherName adds the service under the label before the name of s, which the option asks for.
func (b *builder) otherName(e *entry[rawService], s *zones.Service, option boolean, label string, other *zones.Service) {
	if strings.HasPrefix(s.Name, "*.") {
		b.errorf(option.at, "service %q is a wildcard, which can have no names below it", e.name)
		return
	}
	name, err := zones.CanonicalName(label + "." + e.name)
	if err != nil {
		b.errorf(option.at, "service %q: %s is not a domain name: %v", e.name, quote(label+"."+e.name), err)
		return
	}
	if there, taken := b.names[name]; taken {
		b.errorf(option.at, "service %q: the name %s is taken (at %s)", e.name, strings.TrimSuffix(name, "."), there)
		return
	}
	b.names[name] = option.at
	other.Name = name
	b.cfg.Services = append(b.cfg.Services, other)
}

// pinned returns the service that answers with one pool of s, wherever the client is: if all of it is down, with all of
// it.
func pinned(s *zones.Service, pool int) *zones.Service {
	p := *s
	p.Of, p.Pools, p.Policy = s, s.Pools[pool:pool+1:pool+1], &policy.Region{}
	p.Sticky, p.Together, p.Fallback = false, false, zones.Fallback{}
	return &p
}
