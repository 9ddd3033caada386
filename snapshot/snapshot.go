package snapshot

import (
	"sync/atomic"

	"meridian/geo"
	"meridian/status"
	"meridian/zones"
)

// Snapshot is everything that a query may read, at one moment. It is never written again once Layout.Snapshot has
// returned it.
type Snapshot struct {
	Generation uint64       // grows by one with each published snapshot, from 1
	Index      *zones.Index // owner names, RRsets, delegations

	layout   *Layout
	services []*Service // by the number that zones.Node.Service returns
	states   status.Table
	loads    Loads
	terms    Terms            // that hold on top of the states
	plans    map[string]*plan // by shape and acceptances; read by the next compile only
}

// Layout returns the declared part that the snapshot was compiled from.
func (s *Snapshot) Layout() *Layout { return s.layout }

// Service returns the i-th service, as zones.Node.Service numbers them.
func (s *Snapshot) Service(i int) *Service { return s.services[i] }

// Services returns all services, in the order of the configuration. Read only.
func (s *Snapshot) Services() []*Service { return s.services }

// ZoneCounter returns the number that counts a zone of Index, as Counters.Zones names it; 0 for nil, no zone.
func (s *Snapshot) ZoneCounter(z *zones.ZoneData) uint32 {
	if z == nil {
		return 0
	}
	return s.layout.zones[z.Number]
}

// States returns the states that the snapshot was compiled from. Read only.
func (s *Snapshot) States() status.Table { return s.states }

// Loads returns the loads that the snapshot was compiled from. Read only.
func (s *Snapshot) Loads() Loads { return s.loads }

// Atlas returns what is known of every network; for explain and simulate, not for queries.
func (s *Snapshot) Atlas() *geo.Atlas { return s.layout.atlas }

// Current holds the snapshot in use. The zero value holds none; many goroutines may load, one publishes.
type Current struct{ p atomic.Pointer[Snapshot] }

// Load returns the snapshot in use, nil before the first Publish.
func (c *Current) Load() *Snapshot { return c.p.Load() }

// Publish numbers the snapshot with the next generation and puts it in use. The snapshot must be new.
func (c *Current) Publish(s *Snapshot) {
	s.Generation = 1
	if old := c.p.Load(); old != nil {
		s.Generation = old.Generation + 1
	}
	c.p.Store(s)
}
