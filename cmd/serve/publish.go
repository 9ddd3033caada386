package serve

import (
	"context"
	"sync"
	"time"

	"meridian/snapshot"
	"meridian/status"
)

// publisher is the one goroutine that publishes snapshots. News that comes in while it compiles makes the next
// snapshot together: the first change is out at once, a flood is coalesced, and no clock is needed for it.
type publisher struct {
	current snapshot.Current
	states  func() status.Table
	terms   func() *snapshot.Terms // of the operators; another pointer where they have changed
	in      *snapshot.Terms        // those of the snapshot in use
	length  *histogram             // how long compiling and publishing took

	wake  chan struct{}
	first chan struct{} // closed with the first snapshot
	told  func()        // called after each snapshot, which it mustn't hold up; nil: not called

	mu      sync.Mutex
	layout  *snapshot.Layout
	waiting []chan struct{} // closed when the layout asked for is in use
}

func newPublisher(states func() status.Table, terms func() *snapshot.Terms) *publisher {
	return &publisher{states: states, terms: terms, wake: make(chan struct{}, 1), first: make(chan struct{}), length: newHistogram(publishBounds)}
}

// use puts the layout in use, and returns when queries are answered from it, or ctx has ended.
func (p *publisher) use(ctx context.Context, l *snapshot.Layout) {
	p.mu.Lock()
	p.layout = l
	p.mu.Unlock()
	p.await(ctx)
}

// poke has it look for what has changed.
func (p *publisher) poke() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// await returns when queries are answered by all that was known when it was called, or ctx has ended.
func (p *publisher) await(ctx context.Context) {
	done := make(chan struct{})
	p.mu.Lock()
	p.waiting = append(p.waiting, done)
	p.mu.Unlock()
	p.poke()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// run publishes at each change of the layout or hint of changed states until ctx ends.
func (p *publisher) run(ctx context.Context, changes <-chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		case <-changes:
		}
		p.publish()
	}
}

func (p *publisher) publish() {
	p.mu.Lock()
	layout, waiting := p.layout, p.waiting
	p.waiting = nil
	p.mu.Unlock()
	if layout == nil {
		return
	}
	start := time.Now()
	prev, states, terms := p.current.Load(), p.states(), p.terms()
	observed := snapshot.Observed{States: states, Terms: *terms}
	if prev == nil || prev.Layout() != layout {
		p.current.Publish(layout.Compile(observed, nil, nil))
	} else if changed := status.Changed(prev.States(), states); len(changed) > 0 || terms != p.in {
		p.current.Publish(layout.Compile(observed, prev, changed))
	}
	p.in = terms
	p.length.observe(time.Since(start))
	if prev == nil {
		close(p.first)
	}
	if p.told != nil {
		p.told()
	}
	for _, done := range waiting {
		close(done)
	}
}
