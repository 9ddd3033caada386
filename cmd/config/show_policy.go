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
		return flow(fields("failover", showPolicies(s, n.Children)))
	case *policy.Nearest:
		return showNearest(n, region, len(s.Pools))
	case *policy.Weighted:
		shares := &yaml.Node{Kind: yaml.SequenceNode}
		for _, c := range n.Shares {
			share := fields("policy", showPolicy(s, c.Node))
			put(share, "weight", plain(fmt.Sprint(c.Weight)))
			shares.Content = append(shares.Content, flow(share))
		}
		return fields("weighted", shares)
	case *policy.Geo:
		rules := &yaml.Node{Kind: yaml.SequenceNode}
		for i := range n.Rules {
			r := &n.Rules[i]
			rules.Content = append(rules.Content, fields(
				"continents", some(r.Continents), "countries", some(r.Countries), "subdivisions", some(r.Subdivisions),
				"asns", some(r.ASNs), "networks", some(r.Networks), "policy", showPolicy(s, r.Policy)))
		}
		var other *yaml.Node
		if n.Default != nil {
			other = showPolicy(s, n.Default)
		}
		return fields("geo", fields("rules", rules, "default", other, "fence", n.Fence))
	case *policy.All:
		return flow(fields("all", fields("max", n.Max, "of", showPolicies(s, n.Children))))
	}
	return nil
}

func showNearest(n *policy.Nearest, region func(int) string, pools int) *yaml.Node {
	var regions, distance *yaml.Node
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
	options := fields("regions", regions, "bias", bias, "max_distance", distance)
	if len(options.Content) == 0 {
		return plain("nearest")
	}
	return flow(fields("nearest", options))
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
