package config

import (
	"fmt"
	"maps"
	"math"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"meridian/geo"
	"meridian/policy"
	"meridian/zones"
)

// clientAt are networks of the demo data in the cities of docs/policies.md.
var clientAt = map[string]string{
	"Tokyo": "192.0.2.1", "Frankfurt": "192.0.2.65", "New York": "192.0.2.129", "San Francisco": "198.51.100.1",
	"São Paulo": "203.0.113.1", "Mumbai": "203.0.113.129", "an unknown place": "240.0.0.1",
}

// claim is a comment under an example: "# Tokyo without ap-south, us-east: us-west 60%, eu-west 40%".
var claim = regexp.MustCompile(`^# (.+?)(?: without (.+?))?(?: with (\S+) at (\d+)%)?(?: at loads of (.+?))?: (.+)$`)

// TestPoliciesDocument loads each example of docs/policies.md, and holds it to what the comments say of it.
func TestPoliciesDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/policies.md")
	if err != nil {
		t.Fatal(err)
	}
	frame := between(t, string(text), "```yaml\n", "```")
	kinds := map[policy.Reason]bool{}
	checked := 0
	for _, part := range strings.Split(string(text), "```policy\n")[1:] {
		example, _, _ := strings.Cut(part, "```")
		indented := "    policy:\n      " + strings.ReplaceAll(strings.TrimSpace(example), "\n", "\n      ") + "\n"
		cfg, problems := loadText(t, strings.Replace(frame, "    policy: nearest\n", indented, 1))
		if cfg == nil {
			t.Errorf("this doesn't load:\n%s\n%s", example, lines(problems))
			continue
		}
		tree := cfg.Services[0].Tree()
		for n := range tree.Nodes() {
			kinds[policy.KindOf(n)] = true
		}
		atlas, err := geo.NewAtlas(geo.Sources{Database: geo.Demo(), Rules: tree.Networks()})
		if err != nil {
			t.Fatal(err)
		}
		claims := 0
		for line := range strings.Lines(example) {
			if !strings.HasPrefix(line, "# ") {
				continue
			}
			claims++
			m := claim.FindStringSubmatch(strings.TrimSpace(line))
			if m == nil || clientAt[m[1]] == "" {
				t.Errorf("%q says nothing that the test understands", line)
				continue
			}
			in, err := inputOf(cfg.Services[0], m)
			if err != nil {
				t.Errorf("%s: %v", line, err)
				continue
			}
			place, _ := atlas.Lookup(netip.MustParseAddr(clientAt[m[1]]))
			dist := tree.Pour(tree.Locator().Locate(nil, place), in)
			if got := sharesOf(cfg.Services[0], dist); !sameShares(got, m[6]) {
				t.Errorf("under\n%s%sit is %v", example, line, got)
			}
		}
		if claims == 0 {
			t.Errorf("nothing is said of\n%s", example)
		}
		checked += claims
	}
	for _, k := range []policy.Reason{policy.ReasonRegion, policy.ReasonFailover, policy.ReasonNearest, policy.ReasonWeighted, policy.ReasonRoundRobin, policy.ReasonLeastLoaded, policy.ReasonGeo, policy.ReasonAll} {
		if !kinds[k] {
			t.Errorf("docs/policies.md has no example of %s", k)
		}
	}
	if checked < 40 {
		t.Errorf("only %d claims were checked", checked)
	}
}

func between(t *testing.T, text, from, to string) string {
	_, rest, found := strings.Cut(text, from)
	inside, _, ended := strings.Cut(rest, to)
	if !found || !ended {
		t.Fatalf("no %q", from)
	}
	return inside
}

// inputOf is what a claim says of the pools.
func inputOf(s *zones.Service, m []string) (policy.Input, error) {
	in := policy.Input{Acceptance: make([]float64, len(s.Pools)), Loads: make([]float64, len(s.Pools))}
	pool := func(region string) (int, error) {
		i := slices.IndexFunc(s.Pools, func(p zones.Pool) bool { return p.Region.Name == region })
		if i < 0 {
			return 0, fmt.Errorf("no region %q", region)
		}
		return i, nil
	}
	for i := range in.Acceptance {
		in.Acceptance[i] = 1
	}
	set := func(list []float64, region string, value float64) error {
		i, err := pool(region)
		if err == nil {
			list[i] = value
		}
		return err
	}
	if m[2] != "" {
		for region := range strings.SplitSeq(m[2], ", ") {
			if err := set(in.Acceptance, region, 0); err != nil {
				return in, err
			}
		}
	}
	if m[3] != "" {
		percent, _ := strconv.Atoi(m[4])
		if err := set(in.Acceptance, m[3], float64(percent)/100); err != nil {
			return in, err
		}
	}
	if m[5] != "" {
		for item := range strings.SplitSeq(m[5], ", ") {
			region, load, _ := strings.Cut(item, " ")
			value, err := strconv.ParseFloat(load, 64)
			if err == nil {
				err = set(in.Loads, region, value)
			}
			if err != nil {
				return in, err
			}
		}
	}
	return in, nil
}

// sharesOf returns which share of the answers holds each region.
func sharesOf(s *zones.Service, dist policy.Distribution) map[string]float64 {
	shares := map[string]float64{}
	for _, part := range dist {
		for _, p := range part.Pools {
			shares[s.Pools[p].Region.Name] += part.P
		}
	}
	return shares
}

// sameShares compares shares with "us-east 70%, eu-west 30%", or "nobody".
func sameShares(got map[string]float64, want string) bool {
	wanted := map[string]float64{}
	if want != "nobody" {
		for item := range strings.SplitSeq(want, ", ") {
			region, share, _ := strings.Cut(item, " ")
			value, err := strconv.ParseFloat(strings.TrimSuffix(share, "%"), 64)
			if err != nil {
				return false
			}
			wanted[region] = value / 100
		}
	}
	for _, region := range slices.Concat(slices.Collect(maps.Keys(got)), slices.Collect(maps.Keys(wanted))) {
		if math.Abs(got[region]-wanted[region]) > 0.0001 {
			return false
		}
	}
	return true
}
