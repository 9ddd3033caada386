package zones

import (
	"fmt"
	"hash/fnv"
	"io"
	"net/netip"

	"meridian/geo"
	"meridian/policy"
)

// Service is an owner name whose A and AAAA answers depend on the client.
type Service struct {
	Name       string // canonical owner name: lower case, fully qualified ("www.glb.test.")
	TTL        uint32 // seconds
	Check      *Check // how its endpoints are probed; nil: they count as up
	MinHealthy MinHealthy
	Pools      []Pool // the order of the configuration, also the default order for unknown places
	Policy     policy.Node
	Sticky     bool // draw by hash of the client prefix (v4 /24, v6 /56) instead of at random
	Fallback   Fallback
	// Together makes A and AAAA name the same regions: each pool takes what it takes over both families at most, as
	// long as nobody is left without an answer by that. Without it each family goes by its own health.
	Together bool
	// Of is the service that this is another name of; nil for a service of its own. Such a service differs in Name, and
	// either has the single pool of a pinned region or is Second.
	Of *Service
	// Second answers each client with what it would get if the pools of its answer from Of took nothing: where to retry.
	Second bool
	// StateRules names the service's own rules for turning votes into states, in a canonical text; empty: the
	// configuration's. Services with equal texts share the states of the endpoints that they share.
	StateRules string
}

// StateKey returns the name under which the state of the endpoint at addr is kept for this service: the target, or
// where the service has rules of its own, "web:1f2e3d4c@198.18.1.1#5a6b7c8d", with a hash of them. Empty without a check.
func (s *Service) StateKey(addr netip.Addr) string {
	if s.Check == nil {
		return ""
	}
	target := s.Check.Target(addr)
	if s.StateRules == "" {
		return target
	}
	h := fnv.New32a()
	io.WriteString(h, s.StateRules)
	return fmt.Sprintf("%s#%08x", target, h.Sum32())
}

// Declared returns the service that this is another name of; the service itself if it is one of its own.
func (s *Service) Declared() *Service {
	if s.Of != nil {
		return s.Of
	}
	return s
}

// Pool holds a service's endpoints in one region, or a name to send clients to. One of the two is set.
type Pool struct {
	Region    geo.Region
	Endpoints []netip.Addr // IPv4 and IPv6, in the order of the configuration
	CNAME     string       // canonical name; empty: an address pool
	// Capacity is what the pool can carry, in queries or requests per second (the operator's choice, the same for all
	// pools of the service); 0: not given. It decides nothing: it is what a simulated load is held against.
	Capacity float64
}

// MinHealthy is the least number or share of a pool's endpoints (of one address family) that must be up for the
// pool to count as up. The zero value means one endpoint.
type MinHealthy = policy.MinHealthy

// Fallback says what a service answers when no pool takes anything.
type Fallback struct {
	Kind      FallbackKind
	Addresses []netip.Addr // for FallbackAddresses
}

// FallbackKind enumerates the fallbacks. The zero value is FallbackAll.
type FallbackKind uint8

const (
	FallbackAll       FallbackKind = iota // answer as if every pool were up (fail open)
	FallbackServfail                      // answer SERVFAIL
	FallbackAddresses                     // answer Fallback.Addresses
)

// Tree returns the service's policy over its pools' regions.
func (s *Service) Tree() policy.Tree {
	t := policy.Tree{Root: s.Policy, Pools: make([]geo.Region, len(s.Pools))}
	for i := range s.Pools {
		t.Pools[i] = s.Pools[i].Region
	}
	return t
}
