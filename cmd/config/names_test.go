package config

import (
	"strings"
	"testing"
)

// A target's name that doesn't resolve, resolves slowly or changes its address can't harm a checker that never resolves one:
// endpoints and references are addresses, and whatever is a name is refused at load. (A pool that is a name, cname, is
// answered with and not probed; see testdata/bad/check-of-cname.)

const named = `
zones: {glb.test: {nameservers: {ns1.glb.test: [192.0.2.53]}}}
regions: {a: {coordinates: [1, 2]}, b: {coordinates: [3, 4]}}
checks: {web: {type: http, host: www.glb.test}}
checker: {}
services: {www.glb.test: {pools: {a: [ENDPOINT], b: [192.0.2.2]}, check: web}}
`

func TestH33NamesThatDontResolveAreNoTargets(t *testing.T) {
	cfg, problems := loadText(t, strings.Replace(named, "ENDPOINT", "backend.example.net", 1))
	if cfg != nil || !strings.Contains(lines(problems), `"backend.example.net" is not an IP address (names aren't resolved`) {
		t.Errorf("a name as an endpoint:\n%s", lines(problems))
	}
	text := strings.Replace(strings.Replace(named, "ENDPOINT", "192.0.2.1", 1), "checker: {}", "checker: {references: [https://www.example.net/]}", 1)
	cfg, problems = loadText(t, text)
	if cfg != nil || !strings.Contains(lines(problems), `"www.example.net" is a name, and references are addresses`) {
		t.Errorf("a name as a reference:\n%s", lines(problems))
	}
}

// TestH34NewAddressIsANewTarget: the address is part of the key, so a reload with another one begins anew.
func TestH34NewAddressIsANewTarget(t *testing.T) {
	before, _ := loadText(t, strings.Replace(named, "ENDPOINT", "192.0.2.1", 1))
	after, _ := loadText(t, strings.Replace(named, "ENDPOINT", "192.0.2.9", 1))
	if before == nil || after == nil {
		t.Fatal("it doesn't load")
	}
	old, next := before.Services[0], after.Services[0]
	if a, b := old.Check.Target(old.Pools[0].Endpoints[0]), next.Check.Target(next.Pools[0].Endpoints[0]); a == b {
		t.Errorf("two addresses are one target, %s", a)
	}
	if a, b := old.Check.Target(old.Pools[1].Endpoints[0]), next.Check.Target(next.Pools[1].Endpoints[0]); a != b {
		t.Errorf("an endpoint that stayed is %s, then %s", a, b)
	}
}
