package serve

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"meridian/admin"
	"meridian/cmd/config"
	"meridian/status"
	"meridian/status/board"
)

// sharing is what a process has in common with the others of its fleet: the board of votes, the diary and the switches.
// Without Redis they are this machine's own, in memory and in data_dir. It starts nothing and connects to nothing
// before run.
type sharing struct {
	log      *slog.Logger
	node     string
	own      *board.Memory // this process's ballot; without Redis the board itself
	redis    *board.Redis  // nil: this machine is the fleet
	diary    *board.Diary  // what this process saw
	switches board.Controls

	mu       sync.Mutex
	control  board.Control // as last read
	reading  error         // why the switches can't be read; nil: they can
	publish  error         // why the last ballot didn't reach the shared board; nil: it did, or there was none
	adopting func(status.Freeze)
}

func newSharing(cfg *config.Config, log *slog.Logger) *sharing {
	s := &sharing{log: log, node: cfg.Node, own: new(board.Memory), diary: board.NewDiary(cfg.DataDir, log)}
	if s.node == "" {
		s.node = cfg.Checker.Vantage
	}
	r := cfg.Board.Redis
	if r == nil {
		s.switches = board.NewControlFile(cfg.DataDir)
		return s
	}
	o := board.RedisOptions{
		Addresses: r.Addresses, MasterName: r.MasterName, Username: r.Username, Password: r.Password, PasswordFile: r.PasswordFile,
		Prefix: r.Prefix, Log: log,
	}
	if r.TLS != nil {
		o.TLS = &board.RedisTLS{CAFile: r.TLS.CAFile, CertFile: r.TLS.CertFile, KeyFile: r.TLS.KeyFile}
	}
	s.redis = board.NewRedis(o)
	s.switches = s.redis
	return s
}

// kind names the board in reports.
func (s *sharing) kind() string {
	if s.redis != nil {
		return "redis"
	}
	return "memory"
}

// votes is where the mirror reads.
func (s *sharing) votes() board.Board {
	if s.redis != nil {
		return s.redis
	}
	return s.own
}

// local is what counts while the shared board is away; nil: there is no other board.
func (s *sharing) local() board.Board {
	if s.redis != nil {
		return s.own
	}
	return nil
}

// publishRetry is how soon a ballot that didn't reach the shared board is tried again; the board itself backs off.
const publishRetry = 250 * time.Millisecond

// Publish implements checker.Board: ballots go on the shared board and on this process's own. While the shared one is
// away it goes on trying until ctx ends, so that votes are there again as soon as the board is.
func (s *sharing) Publish(ctx context.Context, b status.Ballot) error {
	if s.redis == nil {
		return s.own.Publish(ctx, b)
	}
	err := board.Both{Local: s.own, Shared: s.redis}.Publish(ctx, b)
	for s.published(err); board.Away(err); s.published(err) {
		if pause(ctx, publishRetry); ctx.Err() != nil {
			break
		}
		err = s.redis.Publish(ctx, b)
	}
	return err
}

// published keeps how the last attempt went. One that this process gave up says nothing; that Redis took too long says a lot.
func (s *sharing) published(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if board.Away(err) || !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		s.publish = err
	}
}

// publishing returns why this process's votes don't reach the shared board; nil: they do, or there are none.
func (s *sharing) publishing() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.publish
}

// operations counts what was asked of the shared board, by how it went.
func (s *sharing) operations() []admin.OperationCount {
	if s.redis == nil {
		return nil
	}
	stats := s.redis.Stats()
	all := []admin.OperationCount{{Op: "read", Result: "corrupt", Count: stats.Corrupt}}
	for o, n := range stats.Operations {
		if o.Result == "ok" {
			o.Result = "success"
		}
		all = append(all, admin.OperationCount{Op: o.Name, Result: o.Result, Count: n})
	}
	return all
}

// run listens to the board, and hands the switches to adopt when they were read, until ctx ends. held is the freeze that
// held before the restart.
func (s *sharing) run(ctx context.Context, held status.Freeze, adopt func(status.Freeze)) {
	var all sync.WaitGroup
	if s.redis != nil {
		all.Go(func() { _ = s.redis.Run(ctx) }) // returns only when ctx has ended
	}
	s.mu.Lock()
	s.adopting, s.control.Freeze = adopt, held
	s.mu.Unlock()
	s.watchSwitches(ctx)
	all.Wait()
}

// close closes the diary, after everybody who writes to it has come to rest.
func (s *sharing) close() {
	if err := s.diary.Close(); err != nil {
		s.log.Warn("the diary on the disk may lack its last lines", "error", err)
	}
}

// watchSwitches reads the switches at each hint, and periodically where hints may get lost.
func (s *sharing) watchSwitches(ctx context.Context) {
	var hints <-chan struct{}
	var again <-chan time.Time
	if s.redis != nil {
		news, cancel := s.redis.Journal().Subscribe()
		defer cancel()
		tick := time.NewTicker(s.redis.Interval())
		defer tick.Stop()
		hints, again = news, tick.C
	}
	for {
		s.readSwitches(ctx)
		select {
		case <-ctx.Done():
			return
		case <-hints:
		case <-again:
		}
	}
}

func (s *sharing) readSwitches(ctx context.Context) {
	c, err := s.switches.Control(ctx)
	if ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	known := s.control
	s.reading = err
	s.mu.Unlock()
	if err == nil && c.Revision == 0 && known.Freeze.Active(time.Now()) {
		// The board was flushed: it forgot the freeze, the operator didn't end it.
		known.Revision = 0
		c, err = s.switches.SetControl(ctx, known)
		s.log.Warn("the board has lost the operator's freeze; it holds, and is written again", "error", err)
	}
	if err == nil {
		s.adopt(c)
	}
}

// adopt puts switches in use that were read or set.
func (s *sharing) adopt(c board.Control) {
	s.mu.Lock()
	before, adopting := s.control, s.adopting
	s.control, s.reading = c, nil
	s.mu.Unlock()
	if adopting != nil {
		adopting(c.Freeze)
	}
	if c.Revision != before.Revision && c.Revision > 0 && before.Freeze != c.Freeze {
		s.log.Warn("automation switched", "frozen", c.Freeze.On, "author", c.Freeze.Author, "reason", c.Freeze.Reason, "until", c.Freeze.Until)
	}
}

// switchesNow returns the switches as last read, and why they can't be read now.
func (s *sharing) switchesNow() (board.Control, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.control, s.reading
}

// freeze sets the operator's switch for the whole fleet, notes who did it, and returns when it is in use here. When
// others set it at the same moment the later one wins; the diary has both.
func (s *sharing) freeze(ctx context.Context, f status.Freeze) (board.Control, error) {
	var c board.Control
	err := board.ErrConflict
	for try := 0; try < 3 && errors.Is(err, board.ErrConflict); try++ {
		if c, err = s.switches.Control(ctx); err == nil {
			c.Freeze = f
			c, err = s.switches.SetControl(ctx, c)
		}
	}
	if err != nil {
		return c, err
	}
	s.adopt(c)
	e := board.Event{At: c.At, Kind: board.KindUnfreeze, To: "automatic", Author: f.Author, Reason: f.Reason, Node: s.node}
	if f.On {
		e.Kind, e.To, e.Until = board.KindFreeze, "frozen", f.Until
	}
	if err := s.journal().Append(ctx, e); err != nil {
		s.log.Warn("the diary doesn't have the operator's action", "error", err)
	}
	return c, nil
}

// journal is the fleet's diary; without Redis this machine's.
func (s *sharing) journal() board.Journal {
	if s.redis != nil {
		return fleetDiary{s.redis.Journal(), s.diary, s.log}
	}
	return s.diary
}

// fleetDiary is the diary in Redis, and in its place this server's own while Redis is away. Both order events by time, so
// that a reader who goes from one to the other misses little.
type fleetDiary struct {
	board.RedisJournal
	own *board.Diary
	log *slog.Logger
}

// Events implements board.Journal.
func (f fleetDiary) Events(ctx context.Context, after string, limit int) ([]board.Event, error) {
	events, err := f.RedisJournal.Events(ctx, after, limit)
	if err != nil && ctx.Err() == nil {
		return f.own.Events(ctx, after, limit)
	}
	return events, err
}

// Append implements board.Journal: operators' actions are in both diaries.
func (f fleetDiary) Append(ctx context.Context, events ...board.Event) error {
	return errors.Join(f.own.Append(ctx, events...), f.RedisJournal.Append(ctx, events...))
}
