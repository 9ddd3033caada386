package board

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	saveGap     = 100 * time.Millisecond // least time between two writes of the states file
	saveRetry   = 5 * time.Second        // after a failed write
	refreshFile = time.Minute            // while nothing changes, so that the file's age is honest after a crash
)

// diskState is what is known of the states file, shared by the mirror, its keeper and Report.
type diskState struct {
	wanted chan struct{} // a write is wanted

	mu    sync.Mutex
	saved time.Time // the confirmation that the file carries
	err   error
}

func newDiskState() diskState { return diskState{wanted: make(chan struct{}, 1)} }

func (d *diskState) request() {
	select {
	case d.wanted <- struct{}{}:
	default:
	}
}

// due reports whether the file says of the states that they are older than they are, by refreshFile or more.
func (d *diskState) due(confirmed time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return confirmed.Sub(d.saved) >= refreshFile
}

func (d *diskState) problem() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

// begin records how the reading at the start went.
func (d *diskState) begin(confirmed time.Time, err error) { _ = d.done(confirmed, err) }

// done records how a write went, and returns how the one before went.
func (d *diskState) done(confirmed time.Time, err error) (before error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	before, d.err = d.err, err
	if err == nil {
		d.saved = confirmed
	}
	return before
}

// restore begins with what the file holds.
func (s *States) restore() {
	k, err := s.file.load()
	if err != nil {
		var unusable unusableError
		if errors.As(err, &unusable) {
			s.log.Warn("starting without last known states", "error", err)
		} else {
			s.log.Error("the last known states can't be read; starting without them", "error", err)
		}
		s.disk.begin(time.Time{}, err)
		return
	}
	if s.freeze = k.freeze; s.freeze.On {
		s.log.Warn("automation is still frozen: states hold, whatever is observed", "author", s.freeze.Author, "reason", s.freeze.Reason, "until", s.freeze.Until)
	}
	if len(k.governor.Table) == 0 {
		return
	}
	s.observed, s.governor, s.restored = k.observed, k.governor, k.confirmed
	s.disk.begin(k.confirmed, nil)
	s.log.Info("starting from the last known states", "targets", len(k.observed),
		"age", max(0, time.Since(k.confirmed)).Round(time.Second).String())
}

// keep writes the states file whenever it is wanted, and once at its end. The first write, at the start, finds out at
// once whether the directory can be written to. A slow disk holds up nobody else.
func (s *States) keep(ctx context.Context) {
	for {
		gap := saveGap
		if s.save() != nil {
			gap = saveRetry
			s.disk.request()
		}
		if !sleep(ctx, gap) {
			break
		}
		select {
		case <-ctx.Done():
		case <-s.disk.wanted:
			continue
		}
		break
	}
	_ = s.save() // logged, and nobody is left to retry
}

// save writes the states as they are now, and logs when writing begins or ceases to fail.
func (s *States) save() error {
	s.mu.Lock()
	k := kept{s.observed, s.governor, s.freeze, s.view.Load().confirmed}
	s.mu.Unlock()
	err := s.file.save(k)
	if err != nil {
		err = fmt.Errorf("states can't be kept for the next start: %w", err)
	}
	switch before := s.disk.done(k.confirmed, err); {
	case err != nil && (before == nil || before.Error() != err.Error()):
		s.log.Error("states are not kept; the server goes on without", "error", err)
	case err == nil && before != nil:
		s.log.Info("states are kept in " + s.file.path)
	}
	return err
}

// sleep returns true after d, or false when ctx has ended.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
