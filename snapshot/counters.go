package snapshot

import "sync"

// Label names one counter of answers: its service, the region that was given ("several", "none"), and the reason (the kind of the deciding
// policy node, or "fallback").
type Label struct{ Service, Region, Reason string }

// Counters numbers labels, so that a query counts by index. Numbers stay when the configuration changes.
type Counters struct {
	mu     sync.Mutex
	labels []Label
	ids    map[Label]uint32
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
