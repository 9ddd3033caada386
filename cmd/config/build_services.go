package config

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"meridian/geo"
	"meridian/policy"
	"meridian/zones"
)

const (
	defaultTTL = 30    // seconds, of services
	longTTL    = 86400 // seconds; above it a TTL is doubtful
)

func (b *builder) buildServices() {
	for i := range b.raw.Services {
		e := &b.raw.Services[i]
		name, err := zones.CanonicalName(e.name)
		if err != nil {
			b.errorf(e.at, "service %s: not a domain name: %v", quote(e.name), err)
			continue
		}
		if at, twice := b.names[name]; twice {
			b.errorf(e.at, "service %q is defined twice (first at %s)", e.name, at)
			continue
		}
		b.names[name] = e.at
		b.cfg.Services = append(b.cfg.Services, b.service(e, name))
	}
	b.otherNames()
}

// service builds one service. When something is wrong with it, what is returned still has its name, so that it isn't
// missed by later checks.
func (b *builder) service(e *entry[rawService], name string) *zones.Service {
	raw := &e.v
	s := &zones.Service{Name: name, TTL: uint32(raw.TTL.or(defaultTTL)), Sticky: raw.Sticky.v, Together: raw.Families.v == "together"}
	before := b.errors
	if s.TTL > longTTL {
		b.warnf(raw.TTL.at, "service %q: the TTL of %v keeps clients with a dead region for that long", e.name, time.Duration(s.TTL)*time.Second)
	}
	b.pools(e, s)
	b.fallback(e, s)
	b.checkOf(e, s)
	b.minHealthy(e, s)
	b.safetyOf(e, s)
	p := &policyBuilder{builder: b, service: e, pools: map[string]int{}, used: make([]bool, len(s.Pools))}
	for i := range s.Pools {
		p.pools[s.Pools[i].Region.Name] = i
	}
	s.Policy = p.build(raw.Policy)
	if b.errors == before && raw.sound {
		p.unused()
	}
	if s.Policy == nil {
		s.Policy = &policy.Nearest{}
	}
	return s
}

func (b *builder) pools(e *entry[rawService], s *zones.Service) {
	for i := range e.v.Pools {
		p := &e.v.Pools[i]
		pool := zones.Pool{Region: geo.Region{Name: p.name}}
		if r, ok := b.regions[p.name]; ok {
			pool.Region = b.cfg.Regions[r]
		} else {
			b.unknownRegion(p.at, e.name, p.name)
		}
		path := "services." + e.name + ".pools." + p.name
		switch {
		case p.v.CNAME.set && p.v.Addresses != nil:
			b.errorf(p.at, "%s has both addresses and cname: a pool is one or the other", path)
		case p.v.CNAME.set:
			name, err := zones.CanonicalName(p.v.CNAME.v)
			if err != nil {
				b.errorf(p.v.CNAME.at, "%s.cname: %s is not a domain name: %v", path, quote(p.v.CNAME.v), err)
			} else if _, err := netip.ParseAddr(strings.TrimSuffix(p.v.CNAME.v, ".")); err == nil {
				b.errorf(p.v.CNAME.at, "%s.cname: %s is an address (write a list: [%s])", path, quote(p.v.CNAME.v), strings.TrimSuffix(p.v.CNAME.v, "."))
			} else if name == s.Name {
				b.errorf(p.v.CNAME.at, "%s.cname points to the service itself", path)
				name = ""
			}
			pool.CNAME = name
		case p.v.Addresses != nil:
			pool.Endpoints = b.endpoints(p.v.Addresses, path)
		case p.v.Weight.set || p.v.Capacity.set:
			b.errorf(p.at, "%s has neither addresses nor cname", path)
		}
		if pool.Capacity = p.v.Capacity.v; p.v.Capacity.set && pool.Capacity == 0 {
			b.errorf(p.v.Capacity.at, "%s.capacity: 0 is no capacity (a pool that takes nothing: dial or weight 0)", path)
		}
		s.Pools = append(s.Pools, pool)
	}
	if len(s.Pools) == 0 && e.v.Pools != nil {
		b.errorf(e.at, "service %q has no pools", e.name)
	}
	if len(s.Pools) > policy.MaxPools {
		b.errorf(e.at, "service %q has %d pools; at most %d are possible", e.name, len(s.Pools), policy.MaxPools)
	}
}

func (b *builder) unknownRegion(at pos, service, region string) {
	b.errorf(at, "service %q uses region %q, which is not defined%s", service, region, list("defined", b.raw.Regions.names()))
}

// endpoints parses a list of addresses, each of which may be there once.
func (b *builder) endpoints(list []text, path string) []netip.Addr {
	var addrs []netip.Addr
	for i, t := range list {
		a, ok := b.address(t, path+"["+strconv.Itoa(i)+"]")
		if !ok {
			continue
		}
		if slices.Contains(addrs, a) {
			b.errorf(t.at, "%s: %s is listed twice", path, a)
			continue
		}
		addrs = append(addrs, a)
	}
	return addrs
}

func (b *builder) fallback(e *entry[rawService], s *zones.Service) {
	switch f := &e.v.Fallback; {
	case f.Addresses != nil:
		s.Fallback = zones.Fallback{
			Kind:      zones.FallbackAddresses,
			Addresses: b.endpoints(f.Addresses, "services."+e.name+".fallback"),
		}
	case f.Kind.v == "servfail":
		s.Fallback.Kind = zones.FallbackServfail
	}
}

func (b *builder) minHealthy(e *entry[rawService], s *zones.Service) {
	m := &e.v.MinHealthy
	s.MinHealthy = m.minHealthy()
	if s.MinHealthy.Count == 0 {
		return
	}
	for i := range s.Pools {
		var v4, v6 int
		for _, a := range s.Pools[i].Endpoints {
			if a.Is4() {
				v4++
			} else {
				v6++
			}
		}
		name := s.Pools[i].Region.Name
		for _, f := range []struct {
			name string
			n    int
		}{{"IPv4", v4}, {"IPv6", v6}} {
			if f.n > 0 && f.n < s.MinHealthy.Count {
				b.errorf(m.Count.at, "services.%s.min_healthy: the pool %s has fewer %s endpoints (%d) than %d, so it would never count as up", e.name, name, f.name, f.n, s.MinHealthy.Count)
			}
		}
	}
}
