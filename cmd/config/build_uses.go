package config

import (
	"net/netip"
	"slices"
	"strings"

	"meridian/cmd/config/nearest"
	"meridian/zones"
)

// checkOf finds the service's check, or combines several, and what is doubtful about using it here.
func (b *builder) checkOf(e *entry[rawService], s *zones.Service) {
	use := &e.v.Check
	switch {
	case use.Name.set:
		s.Check = b.checkNamed(e, use.Name)
	case use.set:
		s.Check = b.combined(e, use)
	}
	if s.Check == nil {
		return
	}
	for i := range s.Pools {
		raw := &e.v.Pools[i]
		if s.Pools[i].CNAME != "" {
			b.warnf(raw.at, "service %q: the pool %s is a name, which check %q doesn't probe: it counts as up", e.name, raw.name, s.Check.Name)
		}
		for _, part := range s.Check.Parts() {
			b.ownAddress(e, raw, s.Pools[i].Endpoints, part)
		}
	}
}

// checkNamed finds a check by its name; nil: there is none, which is reported.
func (b *builder) checkNamed(e *entry[rawService], name text) *zones.Check {
	if !name.set {
		return nil
	}
	c, ok := b.checks[name.v]
	if !ok {
		b.used[nearest.Word(name.v, b.raw.Checks.names())] = true // the one that was meant isn't unused
		b.errorf(name.at, "service %q uses check %q, which is not defined%s", e.name, name.v, offer(name.v, "defined", b.raw.Checks.names()))
		return nil
	}
	b.used[name.v] = true
	return c
}

// combined makes one check of several. It is named after those that count: "web+db".
func (b *builder) combined(e *entry[rawService], use *rawUse) *zones.Check {
	find := func(names []text) (found []*zones.Check) {
		for _, name := range names {
			c := b.checkNamed(e, name)
			if c != nil && slices.Contains(found, c) {
				b.errorf(name.at, "service %q: check %q is listed twice", e.name, name.v)
				continue
			}
			if c != nil {
				found = append(found, c)
			}
		}
		return found
	}
	m := &zones.Combination{All: find(use.All), Any: find(use.Any), Critical: b.checkNamed(e, use.Critical), Observe: find(use.Observe)}
	if len(use.All)+len(use.Any) == 0 && use.Critical.at.line == 0 && len(use.Observe) > 0 {
		b.errorf(use.at, "service %q: its check has nothing that counts: besides observe it needs all, any or critical", e.name)
	}
	if len(use.All) > 0 && len(use.Any) > 0 {
		b.errorf(use.at, "service %q: its check has both all and any: keep one", e.name)
	}
	c := &zones.Check{Type: zones.CheckCombined, ConsecutiveUp: 1, ConsecutiveDown: 1, Combined: m}
	var names []string
	for _, p := range c.Parts() {
		observed := slices.Contains(m.Observe, p)
		if observed && (p == m.Critical || slices.Contains(m.All, p) || slices.Contains(m.Any, p)) {
			b.errorf(use.at, "service %q: check %q is both observed and counted", e.name, p.Name)
		}
		if !observed {
			names = append(names, p.Name)
		}
		c.Interval, c.Timeout = max(c.Interval, p.Interval), max(c.Timeout, p.Timeout)
	}
	c.Name = strings.Join(names, "+")
	if len(names) == 0 {
		return nil
	}
	return c
}

// ownAddress reports endpoints at which a check would probe this very server.
func (b *builder) ownAddress(e *entry[rawService], raw *entry[rawPool], endpoints []netip.Addr, c *zones.Check) {
	if c.Port == 0 || c.Type == zones.CheckExec {
		return
	}
	for _, a := range endpoints {
		target := netip.AddrPortFrom(a, c.Port)
		at := raw.v.at
		for _, t := range raw.v.Addresses {
			if t.v == a.String() {
				at = t.at
			}
		}
		complain := func(key string, l netip.AddrPort) {
			b.errorf(at, "service %q: check %q would probe %s, which is this server's own %s (%s)", e.name, c.Name, target, key, l)
		}
		if reaches(target, b.cfg.Admin.Listen) {
			complain("admin.listen", b.cfg.Admin.Listen)
		}
		for _, l := range b.cfg.DNS.Listen {
			if reaches(target, l) {
				complain("dns.listen", l)
				break
			}
		}
	}
}
