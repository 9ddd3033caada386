package snapshot

import "sync"

// Label names one counter of answers: its service, the region that was given ("several", "none"), and the reason (the kind of the deciding
// policy node, or "fallback").
type Label struct{ Service, Region, Reason string }

// Counters numbers labels and zones, so that a query counts by index. Numbers stay when the configuration changes,
// also those of what is gone: a counter never falls.
type Counters struct {
	mu     sync.Mutex
	labels []Label
	ids    map[Label]uint32
	zones  []string // from the number 1 on
	apexes map[string]uint32
}

// number returns the label's number, a new one the first time.
func (c *Counters) number(l Label) uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if id, ok := c.ids[l]; ok {
		return id
	}
	if c.ids == nil {
		c.ids = map[Label]uint32{}
	}
	id := uint32(len(c.labels))
	c.ids[l] = id
	c.labels = append(c.labels, l)
	return id
}

// Labels returns the label of every number so far.
func (c *Counters) Labels() []Label {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.labels[:len(c.labels):len(c.labels)]
}

// zone returns the zone's number, from 1; a new one the first time.
func (c *Counters) zone(apex string) uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n, ok := c.apexes[apex]; ok {
		return n
	}
	if c.apexes == nil {
		c.apexes = map[string]uint32{}
	}
	c.zones = append(c.zones, apex)
	n := uint32(len(c.zones))
	c.apexes[apex] = n
	return n
}

// Zones returns the apex of every number that Snapshot.ZoneCounter gave so far; "" is what is in no zone.
func (c *Counters) Zones() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string{""}, c.zones...)
}
