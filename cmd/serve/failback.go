package serve

import "slices"

// Failback lets the endpoints of a region come back that are seen up and kept down: by failback: manual, a delay, or for
// flapping. It is an operator's word to this server, once. service is a canonical name; empty: every service. It returns
// how many endpoints it concerns.
func (c *Core) Failback(service, region string) int {
	var keys []string
	for _, s := range c.Services() {
		if s.Check == nil || service != "" && s.Name != service {
			continue
		}
		for _, p := range s.Pools {
			if p.Region.Name != region {
				continue
			}
			for _, addr := range p.Endpoints {
				if key := s.StateKey(addr); !slices.Contains(keys, key) {
					keys = append(keys, key)
				}
			}
		}
	}
	c.states.Failback(keys)
	return len(keys)
}
