package config

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
	"go.yaml.in/yaml/v3"

	"meridian/geo"
	"meridian/zones"
)

// hidden stands where a secret is.
const hidden = "(hidden)"

// Show returns the effective configuration as YAML: one file, defaults filled in, variables, aliases and conf.d
// resolved, paths absolute, zones_dir listed zone by zone, secrets replaced by "(hidden)". It loads again, to the
// same values, wherever it has no secret.
func Show(cfg *Config) []byte {
	y := fields(
		"node", cfg.Node,
		"dns", showDNS(cfg),
		"admin", fields("listen", cfg.Admin.Listen.String(), "token_file", abs(cfg.Admin.TokenFile)),
		"data_dir", abs(cfg.DataDir),
		"geo", fields("database", abs(cfg.Geo.Database), "asn_database", abs(cfg.Geo.ASNDatabase), "networks", abs(cfg.Geo.Networks)),
		"board", showBoard(cfg.Board),
		"checker", showChecker(cfg.Checker),
	)
	base := cfg.States.Rules[""]
	showRule(y, base, nil)
	if cfg.States.Frozen {
		put(y, "freeze", plain("true"))
	}
	put(y, "safety", flow(fields(
		"min_regions", plain(strconv.Itoa(cfg.Reserve.Regions)), "min_capacity", plain(percent(cfg.Reserve.Capacity)),
		"reload_threshold", plain(percent(cfg.ReloadThreshold)))))
	section(y, "regions", cfg.Regions, func(r geo.Region) (string, *yaml.Node) {
		var at *yaml.Node
		if r.Coordinates.Known {
			at = flow(items([]float64{r.Coordinates.Lat, r.Coordinates.Lon}))
		}
		return r.Name, flow(fields("coordinates", at, "country", r.Country))
	})
	section(y, "checks", cfg.Checks, showCheck)
	section(y, "zones", cfg.Zones, showZone)
	declared, others := otherNames(cfg.Services)
	section(y, "services", declared, func(s *zones.Service) (string, *yaml.Node) {
		name, v := showService(s)
		for _, option := range others[s] {
			put(v, option, plain("true"))
		}
		showRule(v, cfg.States.Rules[s.StateRules], &base)
		if limit := showSafety(cfg.States.Limits[s.Name]); limit != nil {
			put(v, "safety", limit)
		}
		if load := showLoad(cfg.States.Loads[s.Name]); load != nil {
			put(v, "load", load)
		}
		return name, v
	})
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(y); err != nil {
		return fmt.Appendf(nil, "# can't be shown: %v\n", err)
	}
	return out.Bytes()
}

func showDNS(cfg *Config) *yaml.Node {
	var chaos *yaml.Node
	if c := cfg.DNS.Chaos; c != (Chaos{}) {
		chaos = fields("id", c.ID, "version", c.Version)
	}
	return fields("listen", flow(items(cfg.DNS.Listen)), "workers", cfg.DNS.Workers, "ledger", onOff[cfg.DNS.Ledger], "chaos", chaos)
}

var onOff = map[bool]string{false: "off", true: "on"}

func showBoard(b Board) *yaml.Node {
	r := b.Redis
	if r == nil {
		return nil
	}
	password := ""
	if r.Password != "" {
		password = hidden
	}
	var tls *yaml.Node
	if t := r.TLS; t != nil {
		tls = flow(fields("ca_file", abs(t.CAFile), "cert_file", abs(t.CertFile), "key_file", abs(t.KeyFile)))
	}
	return fields("local_after", b.LocalAfter, "redis", fields(
		"addresses", flow(items(r.Addresses)), "master_name", r.MasterName, "username", r.Username,
		"password", password, "password_file", abs(r.PasswordFile), "tls", tls, "prefix", r.Prefix))
}

// showZone shows where a zone comes from, not what is in it: "meridian zone dump" does that.
func showZone(z *zones.Zone) (string, *yaml.Node) {
	name := strings.TrimSuffix(z.Apex, ".")
	if name == "" {
		name = "."
	}
	if z.File != "" {
		return name, flow(fields("file", abs(z.File)))
	}
	addrs := map[string][]string{}
	for _, rr := range z.Records {
		switch rr := rr.(type) {
		case *dns.A:
			addrs[rr.Hdr.Name] = append(addrs[rr.Hdr.Name], rr.A.String())
		case *dns.AAAA:
			addrs[rr.Hdr.Name] = append(addrs[rr.Hdr.Name], rr.AAAA.String())
		}
	}
	servers := fields()
	for _, rr := range z.Records {
		if ns, ok := rr.(*dns.NS); ok {
			put(servers, strings.TrimSuffix(ns.Ns, "."), flow(items(addrs[ns.Ns])))
		}
	}
	return name, fields("nameservers", servers)
}

func showService(s *zones.Service) (string, *yaml.Node) {
	pools := fields()
	for i := range s.Pools {
		p := &s.Pools[i]
		v := flow(items(p.Endpoints))
		if p.CNAME != "" {
			v = flow(fields("cname", p.CNAME))
		}
		if p.Capacity > 0 {
			if p.CNAME == "" {
				v = fields("addresses", v)
			}
			put(v, "capacity", plain(strconv.FormatFloat(p.Capacity, 'f', -1, 64)))
			v = flow(v)
		}
		put(pools, p.Region.Name, v)
	}
	minHealthy := ""
	switch m := s.MinHealthy; {
	case m.Share > 0:
		minHealthy = percent(m.Share)
	default:
		minHealthy = fmt.Sprint(max(1, m.Count))
	}
	fallback := plain("all")
	switch s.Fallback.Kind {
	case zones.FallbackServfail:
		fallback = plain("servfail")
	case zones.FallbackAddresses:
		fallback = flow(items(s.Fallback.Addresses))
	}
	return strings.TrimSuffix(s.Name, "."), fields(
		"ttl", plain(fmt.Sprint(s.TTL)), "check", showUse(s.Check), "min_healthy", plain(minHealthy), "pools", pools,
		"policy", showPolicy(s, s.Policy), "sticky", s.Sticky, "families", families[s.Together], "fallback", fallback)
}

// families are the words for whether A and AAAA go together.
var families = map[bool]string{false: "apart", true: "together"}

// otherNames tells the services that are declared from their other names, and which options of theirs these come from.
func otherNames(services []*zones.Service) (declared []*zones.Service, options map[*zones.Service][]string) {
	options = map[*zones.Service][]string{}
	for _, s := range services {
		option := "pins"
		if s.Second {
			option = "second"
		}
		if s.Of == nil {
			declared = append(declared, s)
		} else if !slices.Contains(options[s.Of], option) {
			options[s.Of] = append(options[s.Of], option)
		}
	}
	return declared, options
}

// fields makes a mapping of keys and values by turns. Values that are empty text, 0 or nil are left out.
func fields(kv ...any) *yaml.Node {
	y := &yaml.Node{Kind: yaml.MappingNode}
	for i := 0; i+1 < len(kv); i += 2 {
		key := kv[i].(string)
		switch v := kv[i+1].(type) {
		case string:
			if v != "" {
				put(y, key, str(v))
			}
		case int:
			if v != 0 {
				put(y, key, plain(fmt.Sprint(v)))
			}
		case bool:
			put(y, key, plain(fmt.Sprint(v)))
		case time.Duration:
			put(y, key, plain(v.String()))
		case *yaml.Node:
			if v != nil && (v.Kind != yaml.MappingNode || len(v.Content) > 0) {
				put(y, key, v)
			}
		}
	}
	return y
}

func put(y *yaml.Node, key string, v *yaml.Node) { y.Content = append(y.Content, word(key), v) }

// section appends a mapping with an entry for each item, if there are any.
func section[T any](y *yaml.Node, key string, list []T, show func(T) (string, *yaml.Node)) {
	m := fields()
	for _, item := range list {
		name, v := show(item)
		put(m, name, v)
	}
	if len(list) > 0 {
		put(y, key, m)
	}
}

// word is text, which the encoder quotes where it would be read as something else.
func word(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s} }

// str is text as a value, in which what looks like a variable is none.
func str(s string) *yaml.Node { return word(strings.ReplaceAll(s, "${", "$${")) }

// plain is a scalar that stands as it is.
func plain(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: s} }

func flow(y *yaml.Node) *yaml.Node {
	y.Style = yaml.FlowStyle
	return y
}

// items makes a list; numbers stay numbers.
func items[T any](list []T) *yaml.Node {
	y := &yaml.Node{Kind: yaml.SequenceNode}
	for _, item := range list {
		switch v := any(item).(type) {
		case int, uint32, float64:
			y.Content = append(y.Content, plain(fmt.Sprint(v)))
		default:
			y.Content = append(y.Content, str(fmt.Sprint(v)))
		}
	}
	return y
}

// yes is for flags that are worth mentioning only when set.
func yes(b bool) *yaml.Node {
	if b {
		return plain("true")
	}
	return nil
}

func abs(path string) string {
	if path == "" {
		return ""
	}
	if a, err := filepath.Abs(path); err == nil {
		return a
	}
	return path
}
