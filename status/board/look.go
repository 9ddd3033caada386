package board

import (
	"context"
	"fmt"
	"time"

	"meridian/status"
)

// Source is whose votes count.
type Source string

const (
	Held  Source = "held"  // nobody's: states hold
	Fleet Source = "fleet" // those on the board
	Local Source = "local" // this process's own, alone
)

// view is what the last look at the board saw. A published view is never written again.
type view struct {
	arrivals   []status.Arrival
	at         time.Time // of the last read that went well; zero: none yet
	confirmed  time.Time // when fresh votes last upheld the table, perhaps before a restart; zero: never
	useful     time.Time // when the board was last of use: readable, with enough fresh ballots; at the start: the start
	err        error     // of the last read
	source     Source
	why        string // what is wrong with the board, when it isn't Fleet
	electorate status.Electorate
}

// ballots are ballots with the moment at which their ages were measured.
type ballots struct {
	arrivals []status.Arrival
	measured time.Time
	alone    bool // there is one voter, who decides
}

// at returns the ballots with their ages at now.
func (b ballots) at(now time.Time) []status.Arrival {
	aged := make([]status.Arrival, len(b.arrivals))
	for i, a := range b.arrivals {
		a.Age += now.Sub(b.measured)
		aged[i] = a
	}
	return aged
}

// look reads the board once, chooses whose votes count, and publishes what follows from them. It returns when it had read.
func (s *States) look(ctx context.Context) (read time.Time) {
	arrivals, err := s.board.Ballots(ctx)
	now := time.Now()
	if ctx.Err() != nil {
		return now
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	maxAge := s.rules.MaxAge
	seen := *s.view.Load()
	if seen.err = err; err == nil {
		seen.arrivals, seen.at = arrivals, now
	}
	counted := s.choose(ctx, &seen, maxAge, now)
	if seen.source != Held {
		seen.confirmed = now
	}
	s.noteSource(s.view.Load(), &seen)
	s.view.Store(&seen)
	if seen.source != Held {
		s.counted = counted
	} else {
		s.counted = ballots{measured: now}
	}
	s.decide(now, nil)
	if s.disk.due(seen.confirmed) {
		s.disk.request()
	}
	return now
}

// choose decides whose votes count: the board's, if it is of use; else, after a while, this process's own; else nobody's.
func (s *States) choose(ctx context.Context, seen *view, maxAge time.Duration, now time.Time) ballots {
	voting, known := 0, 0
	if seen.err == nil {
		seen.electorate, voting, known = seen.electorate.After(seen.arrivals, maxAge, now)
	}
	switch {
	case seen.err != nil:
		seen.why = fmt.Sprintf("the board can't be read (%v)", seen.err)
	case voting == 0:
		seen.why = "the board has no fresh votes"
	case !status.Trusted(voting, known):
		seen.why = fmt.Sprintf("only %d of %d checkers that voted lately are on the board", voting, known)
	case seen.source == Local && !status.Trusted(since(seen.arrivals, seen.useful, now), known):
		seen.why = "the board is back, with votes of before it went away"
	default:
		seen.source, seen.why, seen.useful = Fleet, "", now
		return ballots{arrivals: seen.arrivals, measured: now}
	}
	seen.source = Held
	if s.local == nil || now.Sub(seen.useful) < s.localAfter {
		return ballots{}
	}
	own, err := s.local.Ballots(ctx)
	for _, a := range own {
		if err == nil && a.Age <= maxAge {
			seen.source = Local
			return ballots{arrivals: own, measured: now, alone: true}
		}
	}
	return ballots{}
}

// since counts the ballots that arrived after a moment: what is older than the local view doesn't overrule it.
func since(arrivals []status.Arrival, moment, now time.Time) int {
	n := 0
	for _, a := range arrivals {
		if now.Sub(moment) > a.Age {
			n++
		}
	}
	return n
}

// noteSource logs when another's votes begin to count.
func (s *States) noteSource(before, after *view) {
	switch {
	case after.err != nil && before.err == nil:
		s.log.Warn("the board can't be read; states hold", "error", after.err)
	case after.err == nil && before.err != nil:
		s.log.Info("the board can be read again")
	}
	switch {
	case after.source == before.source:
	case after.source == Local:
		s.log.Warn("this server's own checker decides alone", "why", after.why, "after", s.localAfter.String())
	case after.source == Fleet && before.source != "":
		s.log.Info("the votes on the board count again")
	case after.source == Held && after.err == nil && before.source == Fleet:
		s.log.Warn("states hold", "why", after.why)
	}
}

// wait returns after how long the mirror must look again although nobody hints at news; 0: never.
func (s *States) wait(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.view.Load()
	wait := time.Duration(0)
	sooner := func(d time.Duration) {
		if d = max(d, 1); wait == 0 || d < wait {
			wait = d
		}
	}
	for _, a := range s.counted.at(now) {
		if left := s.rules.MaxAge - a.Age; left >= 0 {
			sooner(left + 1) // a ballot of exactly MaxAge still counts
		}
	}
	if !s.next.IsZero() {
		sooner(s.next.Sub(now))
	}
	if v.err != nil || v.source == Held && len(v.electorate) > 0 {
		sooner(boardRetry)
	}
	if v.source == Held && s.local != nil && now.Sub(v.useful) < s.localAfter {
		sooner(v.useful.Add(s.localAfter).Sub(now))
	}
	if b, ok := s.board.(interval); ok {
		sooner(b.Interval())
	}
	return wait
}
