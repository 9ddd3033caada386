package serve

import (
	"context"
	"slices"
	"sync"
	"time"

	"meridian/admin"
	"meridian/status"
	"meridian/status/board"
)

// chronicle writes down what happened: what the mirror tells, and what it means for regions and services. It goes to
// this server's diary and, by way of the scribe, to the fleet's. Telling it something never blocks.
type chronicle struct {
	node   string
	diary  *board.Diary
	scribe *board.Scribe // nil: there is no board for others to read
	pages  func() []board.Page
	wake   chan struct{}

	mu     sync.Mutex
	untold []board.Event
}

// maxUntold bounds the events that wait for a slow disk.
const maxUntold = 10_000

const (
	// chroniclePace is the least time between two looks at regions and services: each costs a report of all of them.
	chroniclePace = time.Second
	// chronicleGather is how long to wait for what belongs together: a change, and the snapshot that it makes.
	chronicleGather = 50 * time.Millisecond
)

func newChronicle(s *sharing, pages func() []board.Page) *chronicle {
	c := &chronicle{node: s.node, diary: s.diary, pages: pages, wake: make(chan struct{}, 1)}
	if s.redis != nil {
		c.scribe = board.NewScribe(s.redis, s.node, pages)
	}
	return c
}

// note takes in what the mirror tells.
func (c *chronicle) note(events []status.Event, states map[string]stated) {
	all := make([]board.Event, 0, len(events))
	for _, e := range events {
		n := board.Event{At: e.At, Kind: string(e.Kind), Subject: e.Key, Places: states[e.Key].places, Reason: e.Reason, Node: c.node}
		switch e.Kind {
		case status.EventHealth:
			n.From, n.To = e.From.String(), e.To.String()
		case status.EventShed:
			n.Places = []string{e.Key}
		default:
			n.To = string(e.Hold)
		}
		all = append(all, n)
	}
	c.tell(all)
}

// tell takes in events as they are to be written.
func (c *chronicle) tell(all []board.Event) {
	c.mu.Lock()
	c.untold = append(c.untold, all...)
	if over := len(c.untold) - maxUntold; over > 0 {
		c.untold = slices.Clone(c.untold[over:])
	}
	c.mu.Unlock()
	c.look()
}

// look has regions and services looked at again, because a snapshot was published.
func (c *chronicle) look() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// run writes until ctx ends, then what is left.
func (c *chronicle) run(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	if c.scribe != nil {
		all.Go(func() { _ = c.scribe.Run(ctx) }) // returns only when ctx has ended
	}
	known := map[string]string{} // the state of each region and service
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-c.wake:
			pause(ctx, chronicleGather)
		}
		c.mu.Lock()
		events := c.untold
		c.untold = nil
		c.mu.Unlock()
		c.write(context.WithoutCancel(ctx), append(events, c.changed(known)...))
		pause(ctx, chroniclePace)
	}
}

func (c *chronicle) write(ctx context.Context, events []board.Event) {
	if len(events) == 0 {
		return
	}
	_ = c.diary.Append(ctx, events...) // it logs what is wrong with the disk
	if c.scribe != nil {
		c.scribe.Note(events...)
	}
}

// changed returns what became of regions and services since the last time. What is met for the first time is no event.
func (c *chronicle) changed(known map[string]string) []board.Event {
	var events []board.Event
	for _, p := range c.pages() {
		key := p.Kind + " " + p.Name
		before, met := known[key]
		known[key] = p.State
		if met && before != p.State {
			events = append(events, board.Event{At: time.Now(), Kind: p.Kind, Subject: p.Name, From: before, To: p.State, Reason: p.Why, Node: c.node})
		}
	}
	return events
}

// pages are what others read of the fleet's regions and services.
func (c *Core) pages() []board.Page {
	snap := c.Current().Load()
	if snap == nil {
		return nil
	}
	services := serviceStates(snap, nil, nil)
	c.administer(snap, services, time.Now())
	return pagesOf(services, c.declared.Load())
}

func pagesOf(services []admin.ServiceState, d *declared) []board.Page {
	var pages []board.Page
	for _, r := range admin.FoldRegions(d.config.Regions, services) {
		p := board.Page{Kind: board.KindRegion, Name: r.Name, State: r.State, Why: r.Reason, Up: r.Up, Down: r.Down, Unknown: r.Unknown}
		if r.Since != nil {
			p.Since = *r.Since
		}
		pages = append(pages, p)
	}
	for _, s := range services {
		p := board.Page{Kind: board.KindService, Name: s.Name, State: s.State}
		if s.Fallback {
			p.Why = "no pool takes anything: answers come from the fallback"
		}
		for _, pool := range s.Pools {
			if pool.Since != nil && pool.Since.After(p.Since) {
				p.Since = *pool.Since
			}
			if p.Why == "" && pool.Reason != "" {
				p.Why = pool.Region + ": " + pool.Reason
			}
			for _, e := range pool.Endpoints {
				switch e.State {
				case admin.StateUp:
					p.Up++
				case admin.StateDown:
					p.Down++
				default:
					p.Unknown++
				}
			}
		}
		pages = append(pages, p)
	}
	return pages
}

// pause returns after d, or when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
