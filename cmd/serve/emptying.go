package serve

import (
	"context"
	"sync"
	"time"

	"meridian/admin"
	"meridian/snapshot"
	"meridian/status"
)

// emptying watches the places that overrides let take nothing: when this server last gave an answer that held one, and
// so, by the TTL of that answer, when nobody may use one any more.
type emptying struct {
	mu   sync.Mutex
	seen map[string]*leaving // by the override's ID
}

type leaving struct {
	before, now uint64    // answers given at its begin, and by now
	last        time.Time // when one was given at the latest
}

// emptyingPace is how often answers are counted, and so how exact the last one's time is.
const emptyingPace = time.Second

// watchEmptying counts until ctx ends. There must be a snapshot in use.
func (s *server) watchEmptying(ctx context.Context) {
	tick := time.NewTicker(emptyingPace)
	defer tick.Stop()
	for {
		s.lookEmptying(time.Now())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *server) lookEmptying(now time.Time) {
	set, _ := s.overrides.now()
	var given map[snapshot.Label]uint64
	s.emptying.mu.Lock()
	defer s.emptying.mu.Unlock()
	seen := map[string]*leaving{}
	for i := range set.Overrides {
		o := &set.Overrides[i]
		if take, _ := o.Take(now); take > 0 || !o.Active(now) || o.Region == "" {
			continue
		}
		if given == nil {
			given = s.given(s.dns.Stats())
		}
		names, _ := s.answering(o)
		count := uint64(0)
		for l, n := range given {
			if l.Region == o.Region && names[l.Service] {
				count += n
			}
		}
		l := s.emptying.seen[o.ID]
		switch {
		case l == nil:
			l = &leaving{before: count, now: count, last: now}
		case count > l.now:
			l.now, l.last = count, now
		}
		seen[o.ID] = l
	}
	s.emptying.seen = seen
}

// answering returns the names of the services that an override is about, and the longest TTL of their answers.
func (s *server) answering(o *status.Override) (names map[string]bool, ttl time.Duration) {
	names = map[string]bool{}
	for _, svc := range s.Current().Load().Services() {
		spec := svc.Spec()
		for _, p := range spec.Pools {
			if o.Touches(spec.Declared().Name, p.Region.Name) {
				names[spec.Name] = true
				ttl = max(ttl, time.Duration(spec.TTL)*time.Second)
				break
			}
		}
	}
	return names, ttl
}

// Overrides implements admin.Overrides, with the progress of what empties.
func (s *server) Overrides(ctx context.Context) admin.OverrideList {
	list := s.Core.Overrides(ctx)
	set, _ := s.overrides.now()
	now := time.Now()
	s.emptying.mu.Lock()
	defer s.emptying.mu.Unlock()
	for i := range list.Overrides {
		for k := range set.Overrides {
			o := &set.Overrides[k]
			l := s.emptying.seen[o.ID]
			if l == nil || o.ID != list.Overrides[i].ID {
				continue
			}
			_, ttl := s.answering(o)
			list.Overrides[i].Progress = &admin.EmptyReport{
				Answers: l.now - l.before, LastAnswer: l.last, EmptyAt: l.last.Add(ttl), Empty: !now.Before(l.last.Add(ttl)),
			}
		}
	}
	return list
}
