package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"meridian/policy"
)

func (b *policyBuilder) geo(raw *rawGeoRules, at pos, depth int) policy.Node {
	g := &policy.Geo{Default: b.node(raw.Default, depth+1), Fence: raw.Fence.v}
	if g.Fence && raw.Default == nil {
		b.errorf(raw.Fence.at, "service %q: fence without a default leaves clients that no rule matches with nothing (add default, or drop fence)", b.service.name)
	}
	if len(raw.Rules) > policy.MaxRules {
		b.errorf(at, "service %q: %d geo rules; at most %d are possible", b.service.name, len(raw.Rules), policy.MaxRules)
	}
	s := &selectors{policyBuilder: b, first: map[string]pos{}}
	for i := range raw.Rules {
		r := &raw.Rules[i]
		rule := s.rule(r, fmt.Sprintf("services.%s.policy: rules[%d]", b.service.name, i))
		rule.Policy = b.node(r.Policy, depth+1)
		if rule.Policy != nil {
			g.Rules = append(g.Rules, rule)
		}
	}
	return g
}

// selectors parses what the rules of one geo policy select by. What two rules select is a mistake: which of them would
// count?
type selectors struct {
	*policyBuilder
	first map[string]pos
}

// once reports whether a selector is new in this policy.
func (s *selectors) once(what string, at pos) bool {
	if first, twice := s.first[what]; twice {
		s.errorf(at, "service %q: two geo rules select %s (first at %s)", s.service.name, what, first)
		return false
	}
	s.first[what] = at
	return true
}

func (s *selectors) rule(raw *rawRule, path string) policy.Rule {
	var r policy.Rule
	for _, t := range raw.Continents {
		if t.set && s.continent(t, path+".continents") && s.once("continent "+t.v, t.at) {
			r.Continents = append(r.Continents, t.v)
		}
	}
	for _, t := range raw.Countries {
		if t.set && s.country(t, path+".countries") && s.once("country "+t.v, t.at) {
			r.Countries = append(r.Countries, t.v)
		}
	}
	for _, t := range raw.Subdivisions {
		if t.set && s.subdivision(t, path+".subdivisions") && s.once("subdivision "+t.v, t.at) {
			r.Subdivisions = append(r.Subdivisions, t.v)
		}
	}
	for _, t := range raw.Cities {
		if c, ok := s.city(t, path+".cities"); ok && s.once("city "+c.String(), t.at) {
			r.Cities = append(r.Cities, c)
		}
	}
	for _, t := range raw.ASNs {
		switch {
		case !t.set:
		case t.v < 1 || t.v > 1<<32-1:
			s.errorf(t.at, "%s.asns: %d is no AS number (1 to 4294967295)", path, t.v)
		case s.once("AS "+strconv.FormatInt(t.v, 10), t.at):
			r.ASNs = append(r.ASNs, uint32(t.v))
		}
	}
	for _, t := range raw.Networks {
		if p, ok := s.network(t, path+".networks"); ok && s.once("network "+p.String(), t.at) {
			r.Networks = append(r.Networks, p)
		}
	}
	if raw.Continents == nil && raw.Countries == nil && raw.Subdivisions == nil && raw.Cities == nil && raw.ASNs == nil && raw.Networks == nil {
		s.errorf(raw.at, "%s selects nobody: add continents, countries, subdivisions, cities, asns or networks", path)
	}
	return r
}

// city reads "FR/Paris" or "US-TX/Paris".
func (s *selectors) city(t text, path string) (policy.City, bool) {
	if !t.set {
		return policy.City{}, false
	}
	in, name, ok := strings.Cut(t.v, "/")
	if !ok || name == "" {
		s.errorf(t.at, "%s: %s must be a country or subdivision and a name, such as FR/Paris or US-TX/Paris", path, quote(t.v))
		return policy.City{}, false
	}
	at := t
	at.v = in
	if strings.Contains(in, "-") {
		ok = s.subdivision(at, path)
	} else {
		ok = s.country(at, path)
	}
	return policy.City{In: in, Name: name}, ok
}

// mapped is where IPv4 lies within IPv6.
var mapped = netip.MustParsePrefix("::ffff:0:0/96")

func (s *selectors) network(t text, path string) (netip.Prefix, bool) {
	if !t.set {
		return netip.Prefix{}, false
	}
	p, err := netip.ParsePrefix(t.v)
	switch {
	case err != nil:
		hint := ""
		if a, err := netip.ParseAddr(t.v); err == nil {
			hint = fmt.Sprintf(" (a single address is %s/%d)", a, a.BitLen())
		}
		s.errorf(t.at, "%s: %s is not a network such as 203.0.113.0/24%s", path, quote(t.v), hint)
	case p.Masked() != p:
		s.errorf(t.at, "%s: %s has bits set behind its prefix length (did you mean %s?)", path, p, p.Masked())
	case p.Bits() >= 96 && mapped.Contains(p.Addr()):
		s.errorf(t.at, "%s: %s is an IPv4 network in IPv6 clothes (write %s/%d)", path, p, p.Addr().Unmap(), p.Bits()-96)
	default:
		return p, true
	}
	return netip.Prefix{}, false
}

// rules returns the networks that geo rules of any service name.
func rules(cfg *Config) []netip.Prefix {
	var networks []netip.Prefix
	for _, s := range cfg.Services {
		networks = append(networks, s.Tree().Networks()...)
	}
	return networks
}
