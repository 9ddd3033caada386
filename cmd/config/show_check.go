package config

import (
	"fmt"
	"strings"

	"github.com/miekg/dns"
	"go.yaml.in/yaml/v3"

	"meridian/zones"
)

func showChecker(c Checker) *yaml.Node {
	var references []string
	for _, r := range c.References {
		references = append(references, showTarget(r))
	}
	var list *yaml.Node
	if references != nil {
		list = flow(items(references))
	}
	return fields("enabled", c.Enabled, "vantage", c.Vantage, "vantages", c.Vantages, "references", list)
}

// showTarget returns the URL that ParseTarget reads.
func showTarget(r Reference) string {
	c, host := r.Check, r.Addr.String()
	if r.Addr.Is6() {
		host = "[" + host + "]"
	}
	if c.Port != 0 {
		host = fmt.Sprintf("%s:%d", host, c.Port)
	}
	scheme, rest := string(c.Type), ""
	switch c.Type {
	case zones.CheckHTTP, zones.CheckHTTPS:
		rest = c.Path
	case zones.CheckGRPC:
		rest = "/" + c.GRPCService
		if c.TLS {
			scheme = "grpcs"
		}
	case zones.CheckDNS:
		rest = "/" + strings.TrimSuffix(c.Query.Name, ".") + "?type=" + dns.TypeToString[c.Query.Type]
		if c.Query.TCP {
			rest += "&over=tcp"
		}
	}
	return scheme + "://" + host + rest
}

func showCheck(c *zones.Check) (string, *yaml.Node) {
	y := fields(
		"type", string(c.Type), "port", int(c.Port), "path", c.Path, "host", c.Host, "tls", yes(c.TLS), "service", c.GRPCService,
		"query", showQuery(c), "command", inline(c.Command), "load", showSource(c), "expect", showExpect(c))
	if c.Slow > 0 {
		put(y, "degraded", fields("latency", c.Slow))
	}
	times := fields("lifetime", c.Interval)
	if c.Type != zones.CheckPush {
		times = fields("interval", c.Interval, "timeout", c.Timeout, "recheck", c.Recheck)
	}
	rest := fields("skip_verify", yes(c.SkipVerify), "ca_file", abs(c.CAFile))
	counts := fields("consecutive_up", c.ConsecutiveUp, "consecutive_down", c.ConsecutiveDown)
	for _, part := range []*yaml.Node{rest, times, counts} {
		y.Content = append(y.Content, part.Content...)
	}
	return c.Name, y
}

func showSource(c *zones.Check) *yaml.Node {
	switch q := c.LoadQuery; {
	case q.URL != "":
		return flow(fields("prometheus", q.URL, "query", q.Query, "label", q.Label))
	case c.Load != "":
		return str(c.Load)
	}
	return nil
}

func showQuery(c *zones.Check) *yaml.Node {
	if c.Type != zones.CheckDNS {
		return nil
	}
	over := "udp"
	if c.Query.TCP {
		over = "tcp"
	}
	return flow(fields("name", c.Query.Name, "type", dns.TypeToString[c.Query.Type], "over", over))
}

func showExpect(c *zones.Check) *yaml.Node {
	if c.Type == zones.CheckDNS {
		return fields("rcode", dns.RcodeToString[c.Query.RCode], "answer", c.Query.Answer)
	}
	members := fields()
	for _, m := range c.JSON {
		switch v := m.Want.(type) {
		case string:
			put(members, m.Path, str(v))
		case nil:
			put(members, m.Path, plain("null"))
		default:
			put(members, m.Path, plain(fmt.Sprint(v)))
		}
	}
	return fields("status", inline(c.Status), "body", c.Body, "json", members)
}

// showUse returns how a service names its check, or those that it combines.
func showUse(c *zones.Check) *yaml.Node {
	switch {
	case c == nil:
		return nil
	case c.Combined == nil:
		return str(c.Name)
	}
	names := func(checks []*zones.Check) *yaml.Node {
		var names []string
		for _, p := range checks {
			names = append(names, p.Name)
		}
		return inline(names)
	}
	critical := ""
	if c.Combined.Critical != nil {
		critical = c.Combined.Critical.Name
	}
	return flow(fields("all", names(c.Combined.All), "any", names(c.Combined.Any), "critical", critical, "observe", names(c.Combined.Observe)))
}

// inline makes a list on one line; nil for an empty one.
func inline[T any](of []T) *yaml.Node {
	if len(of) == 0 {
		return nil
	}
	return flow(items(of))
}
