package board

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Page is what people and other tools read of a region or a service: the hash {prefix}:v1:region:NAME or
// {prefix}:v1:service:NAME.
type Page struct {
	Kind, Name        string    // KindRegion or KindService
	State             string    // up, down, partial, unknown
	Since             time.Time // zero: not known
	Why               string    // empty: nothing to say
	Up, Down, Unknown int       // endpoints
}

const (
	leaseTime     = 15 * time.Second // of the scribe's office
	leaseRenewal  = 5 * time.Second  // how often it is renewed, or asked for
	pageLifetime  = time.Minute      // pages that nobody writes any more vanish: nobody knows
	rewritePages  = 10 * time.Second // all pages, changed or not
	scribePace    = time.Second      // least time between two writings
	maxNotes      = 1000             // events that wait to be written
	pagesAtOnce   = 200              // in one transaction
	overlapEvents = 500              // looked at for what the scribe before has written already
	clockSlack    = 10 * time.Second // between seeing a transition and the other server's writing it
)

// Scribe writes down for people what the fleet decided: pages, and transitions in the journal. Every server has one; the
// one that holds the lease writes, the others remember what they saw for as long as it may turn out that nobody wrote
// it. A scribe that has lost its lease, because it stood still, can't write any more: each transaction checks that.
type Scribe struct {
	r     *Redis
	node  string
	pages func() []Page
	log   *slog.Logger
	token string
	wake  chan struct{}

	mu    sync.Mutex
	notes []note

	// The rest belongs to Run.
	holder  bool
	written map[string]Page // by key, since the last complete writing
	all     time.Time       // of that
}

type note struct {
	event Event
	at    time.Time // when it was seen here
}

// NewScribe returns the scribe of a server. pages returns what is to be written now, in a slice that becomes the
// scribe's own; it may be called at any time, by one goroutine.
func NewScribe(r *Redis, node string, pages func() []Page) *Scribe {
	return &Scribe{r: r, node: node, pages: pages, log: r.log, token: node + " " + rand.Text(), wake: make(chan struct{}, 1)}
}

// Note takes in what this server saw happen. It never blocks. Pages are written again too.
func (s *Scribe) Note(events ...Event) {
	now := time.Now()
	s.mu.Lock()
	for _, e := range events {
		s.notes = append(s.notes, note{e, now})
	}
	if over := len(s.notes) - maxNotes; over > 0 {
		s.notes = slices.Clone(s.notes[over:])
	}
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run writes whenever this server holds the lease, until ctx ends; then it gives the lease back and returns nil.
func (s *Scribe) Run(ctx context.Context) error {
	var trouble breaker
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			s.resign()
			return nil
		case <-s.wake:
		case <-again.C:
		}
		err := s.work(ctx)
		if ctx.Err() != nil {
			continue
		}
		s.r.figures.count("scribe", err)
		trouble.record(err)
		pause := scribePace
		if err != nil {
			pause = max(pause, trouble.wait(0))
		}
		if !sleep(ctx, pause) {
			continue
		}
		again.Reset(leaseRenewal - scribePace)
	}
}

// work does what is to be done now.
func (s *Scribe) work(ctx context.Context) error {
	was := s.holder
	held, err := s.lease(ctx)
	if err != nil {
		return err
	}
	switch {
	case !held:
		if was {
			s.log.Info("another server writes the fleet's status now")
		}
		s.holder = false
		s.forget(time.Now().Add(-2 * leaseTime))
		return nil
	case !was:
		if err := s.dropWritten(ctx); err != nil {
			return err
		}
		s.log.Info("this server writes the fleet's status", "node", s.node)
		s.holder, s.written, s.all = true, map[string]Page{}, time.Time{}
	}
	if err := s.writeNotes(ctx); err != nil {
		return err
	}
	return s.writePages(ctx)
}

// lease takes the office if it is free, or stays in it. It reports whether this server is in office.
func (s *Scribe) lease(ctx context.Context) (held bool, err error) {
	key := s.r.keys.scribe()
	err = s.r.client.transact(ctx, key, []command{{"TYPE", key}, {"GET", key}}, func(seen []reply) ([]command, error) {
		kind, _ := seen[0].value.(string)
		holder, _ := seen[1].value.(string)
		if held = kind != "string" || holder == s.token; !held {
			return nil, nil
		}
		return []command{{"DEL", key}, {"SET", key, s.token, "PX", leaseTime.Milliseconds()}}, nil
	})
	if errors.Is(err, errChanged) {
		return false, nil // another one was faster
	}
	return held && err == nil, err
}

// write does commands if this server is still in office.
func (s *Scribe) write(ctx context.Context, commands []command) error {
	key := s.r.keys.scribe()
	err := s.r.client.transact(ctx, key, []command{{"GET", key}}, func(seen []reply) ([]command, error) {
		if holder, _ := seen[0].value.(string); holder != s.token {
			return nil, errChanged
		}
		return commands, nil
	})
	if errors.Is(err, errChanged) {
		s.holder = false
	}
	return err
}

// resign lets another server write at once.
func (s *Scribe) resign() {
	if !s.holder {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.write(ctx, []command{{"DEL", s.r.keys.scribe()}}) // or the lease runs out
}

// forget drops what the holder of the lease has had the time to write.
func (s *Scribe) forget(before time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notes = slices.DeleteFunc(s.notes, func(n note) bool { return n.at.Before(before) })
}

// dropWritten drops the notes that the scribe before has written.
func (s *Scribe) dropWritten(ctx context.Context) error {
	s.mu.Lock()
	none := len(s.notes) == 0
	s.mu.Unlock()
	if none {
		return nil
	}
	replies, err := s.r.client.batch(ctx, command{"TIME"}, command{"XREVRANGE", s.r.keys.events(), "+", "-", "COUNT", overlapEvents})
	if err != nil {
		return err
	}
	now, err := redisTime(replies[0])
	if err != nil {
		return err
	}
	type change struct{ kind, subject, from, to string }
	written := map[change][]time.Duration{} // how long ago, by Redis's clock
	entries, _ := replies[1].value.([]any)
	for _, entry := range entries {
		if e, ok := readEvent(entry); ok {
			id, _ := parseEventID(e.ID) // readEvent has checked it
			c := change{e.Kind, e.Subject, e.From, e.To}
			written[c] = append(written[c], time.Duration(now/1000-int64(id.ms))*time.Millisecond)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notes = slices.DeleteFunc(s.notes, func(n note) bool {
		e := n.event.fit()
		c := change{e.Kind, e.Subject, e.From, e.To}
		for i, ago := range written[c] {
			if ago <= time.Since(n.at)+clockSlack {
				written[c] = slices.Delete(written[c], i, i+1)
				return true
			}
		}
		return false
	})
	return nil
}

// writeNotes appends what was seen to the journal.
func (s *Scribe) writeNotes(ctx context.Context) error {
	s.mu.Lock()
	notes := slices.Clone(s.notes)
	s.mu.Unlock()
	if len(notes) == 0 {
		return nil
	}
	events := make([]Event, len(notes))
	for i, n := range notes {
		events[i] = n.event
	}
	err := s.write(ctx, s.r.keys.appendEvents(events))
	if err == nil || errors.Is(err, errChanged) {
		if err == nil {
			s.mu.Lock()
			s.notes = slices.DeleteFunc(s.notes, func(n note) bool { return !n.at.After(notes[len(notes)-1].at) })
			s.mu.Unlock()
		}
		return err
	}
	if aboutOneKey(err) {
		return s.write(ctx, []command{{"DEL", s.r.keys.events()}}) // not a stream, under our name; next time
	}
	return err
}

// writePages writes the pages that changed, and all of them once in a while.
func (s *Scribe) writePages(ctx context.Context) error {
	now := time.Now()
	complete := now.Sub(s.all) >= rewritePages
	changed := s.pages()
	if !complete {
		changed = slices.DeleteFunc(changed, func(p Page) bool { return s.written[p.key(s.r.keys)] == p })
	}
	for some := range slices.Chunk(changed, pagesAtOnce) {
		var commands []command
		for _, p := range some {
			key := p.key(s.r.keys)
			commands = append(commands, command{"DEL", key}, p.hset(key, s.node, now), command{"PEXPIRE", key, pageLifetime.Milliseconds()})
		}
		if err := s.write(ctx, commands); err != nil {
			s.all = time.Time{} // begin again
			return err
		}
	}
	if complete {
		s.all, s.written = now, make(map[string]Page, len(changed))
	}
	for _, p := range changed {
		s.written[p.key(s.r.keys)] = p
	}
	return nil
}

func (p Page) key(k keys) string { return k.page(p.Kind, p.Name) }

func (p Page) hset(key, node string, now time.Time) command {
	c := command{"HSET", key, "state", p.State}
	if !p.Since.IsZero() {
		c = append(c, "since", p.Since.UTC().Format(time.RFC3339))
	}
	return append(c, "why", clip(p.Why, 500), "endpoints_up", strconv.Itoa(p.Up), "endpoints_down", strconv.Itoa(p.Down),
		"endpoints_unknown", strconv.Itoa(p.Unknown), "by", node, "at", now.UTC().Format(time.RFC3339))
}
