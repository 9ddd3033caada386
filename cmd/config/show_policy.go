package config

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	"meridian/policy"
	"meridian/zones"
)

// showPolicy writes a policy in the grammar that it was read in.
func showPolicy(s *zones.Service, n policy.Node) *yaml.Node {
	region := func(i int) string { return s.Pools[i].Region.Name }
	switch n := n.(type) {
	case *policy.Region:
		return str(region(n.Pool))
	case *policy.Failover:
		return flow(fields("failover", showPolicies(s, n.Children), "min_healthy", showMinimum(n.MinHealthy)))
	case *policy.Nearest:
		return showNearest(n, region, len(s.Pools))
	case *policy.RoundRobin:
		return flow(fields("round-robin", showPolicies(s, n.Children), "min_healthy", showMinimum(n.MinHealthy)))
	case *policy.LeastLoaded:
		names := make([]string, len(n.Pools))
		for i, p := range n.Pools {
			names[i] = region(p)
		}
		return flow(fields("least-loaded", items(names), "min_healthy", showMinimum(n.MinHealthy)))
	case *policy.Weighted:
		shares := &yaml.Node{Kind: yaml.SequenceNode}
		for _, c := range n.Shares {
			share := fields("policy", showPolicy(s, c.Node))
			put(share, "weight", plain(fmt.Sprint(c.Weight)))
			shares.Content = append(shares.Content, flow(share))
		}
		return fields("weighted", shares, "min_healthy", showMinimum(n.MinHealthy))
	case *policy.Geo:
		rules := &yaml.Node{Kind: yaml.SequenceNode}
		for i := range n.Rules {
			r := &n.Rules[i]
			rules.Content = append(rules.Content, fields(
				"continents", some(r.Continents), "countries", some(r.Countries), "subdivisions", some(r.Subdivisions), "cities", some(r.Cities),
				"asns", some(r.ASNs), "networks", some(r.Networks), "policy", showPolicy(s, r.Policy)))
		}
		var other *yaml.Node
		if n.Default != nil {
			other = showPolicy(s, n.Default)
		}
		return fields("geo", fields("rules", rules, "default", other, "fence", n.Fence))
	case *policy.All:
		return flow(fields("all", fields("max", n.Max, "of", showPolicies(s, n.Children)), "min_healthy", showMinimum(n.MinHealthy)))
	}
	return nil
}

// showMinimum shows the min_healthy of a node; nil: it has none.
func showMinimum(m policy.MinHealthy) *yaml.Node {
	switch {
	case m.Share > 0:
		return plain(percent(m.Share))
	case m.Count > 0:
		return plain(fmt.Sprint(m.Count))
	}
	return nil
}

func percent(share float64) string { return fmt.Sprintf("%.0f%%", 100*share) }

func showNearest(n *policy.Nearest, region func(int) string, pools int) *yaml.Node {
	var regions, distance, spread *yaml.Node
	every := len(n.Pools) == pools
	names := make([]string, len(n.Pools))
	for i, p := range n.Pools {
		names[i] = region(p)
		every = every && i == p
	}
	if !every {
		regions = items(names)
	}
	bias := fields()
	for i, b := range n.Bias {
		if b != 0 {
			put(bias, names[i], plain(fmt.Sprint(b)))
		}
	}
	if n.MaxDistance > 0 {
		distance = plain(fmt.Sprintf("%gkm", n.MaxDistance))
	}
	switch {
	case n.Spread.Share > 0:
		spread = plain(percent(n.Spread.Share))
	case n.Spread.Km > 0:
		spread = plain(fmt.Sprintf("%gkm", n.Spread.Km))
	}
	options := fields("regions", regions, "bias", bias, "max_distance", distance, "spread", spread)
	minimum := showMinimum(n.MinHealthy)
	if len(options.Content) == 0 {
		if minimum == nil {
			return plain("nearest")
		}
		options = fields("regions", items(names))
	}
	return flow(fields("nearest", options, "min_healthy", minimum))
}

func showPolicies(s *zones.Service, nodes []policy.Node) *yaml.Node {
	y := &yaml.Node{Kind: yaml.SequenceNode}
	for _, n := range nodes {
		y.Content = append(y.Content, showPolicy(s, n))
	}
	return y
}

// some is a list in one line, nil when it is empty.
func some[T any](list []T) *yaml.Node {
	if len(list) == 0 {
		return nil
	}
	return flow(items(list))
}
