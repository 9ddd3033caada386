// Package board is where checkers leave their ballots and servers find them.
//
//	checker --Publish--> Board --Ballots--> States (Tally, Govern) --Table--> snapshot
//	                       `---Subscribe--->  |  `--events--> log, journal
//	                             (a hint)     `----> data_dir/states.json
//
// Memory is the board of one machine. States is the mirror that every server keeps: one goroutine reads the ballots when
// the board hints at news or a ballot goes stale, tallies them, and publishes an immutable status.Table. The table
// survives restarts in a file, so that a server starts from what it knew last: states hold until fresh votes come.
package board

import (
	"context"
	"sync"
	"time"

	"meridian/status"
)

// Board is shared by the checkers, which publish, and the servers, which read.
//
// A board owes its users: Publish replaces the vantage's whole ballot or returns an error; Ballots measures ages by the
// board's own clock from a ballot's arrival; an error from Ballots means "don't know", never "nobody votes".
// Users owe the board: a published ballot is not written again, and neither is one that was read.
type Board interface {
	// Publish replaces the ballot of b.Vantage.
	Publish(ctx context.Context, b status.Ballot) error
	// Ballots returns the latest ballot of every vantage, however old.
	Ballots(ctx context.Context) ([]status.Arrival, error)
	// Subscribe returns a channel that receives, without ever blocking the board, after ballots arrived. Several arrivals
	// may give one hint. cancel ends it.
	Subscribe() (hints <-chan struct{}, cancel func())
}

// interval is what a board has whose hints can get lost: it wants to be read this often, hint or no hint.
type interval interface{ Interval() time.Duration }

// forgetAfter bounds how long Memory keeps the ballot of a checker that has gone, or was renamed by a reload.
const forgetAfter = time.Hour

// Memory is the board of one machine. The zero value is ready to use.
type Memory struct {
	mu      sync.Mutex
	ballots map[string]arrived
	hints   hints
}

type arrived struct {
	ballot status.Ballot
	at     time.Time
}

// Publish replaces the ballot of b.Vantage. It never fails.
func (m *Memory) Publish(_ context.Context, b status.Ballot) error {
	m.mu.Lock()
	if m.ballots == nil {
		m.ballots = make(map[string]arrived)
	}
	m.ballots[b.Vantage] = arrived{b, time.Now()}
	m.mu.Unlock()
	m.hints.send()
	return nil
}

// Ballots returns the latest ballot of every vantage. It never fails.
func (m *Memory) Ballots(context.Context) ([]status.Arrival, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	all := make([]status.Arrival, 0, len(m.ballots))
	for vantage, a := range m.ballots {
		age := now.Sub(a.at)
		if age > forgetAfter {
			delete(m.ballots, vantage)
			continue
		}
		all = append(all, status.Arrival{Ballot: a.ballot, Age: age})
	}
	return all, nil
}

// Subscribe returns a channel of hints that ballots arrived.
func (m *Memory) Subscribe() (<-chan struct{}, func()) { return m.hints.subscribe() }

// hints tells any number of subscribers that there is news, without ever blocking the teller: each has a channel with
// room for one hint, and a hint that is still unread stands for the later ones too. The zero value is ready to use.
type hints struct {
	mu   sync.Mutex
	subs map[chan struct{}]struct{}
}

func (h *hints) subscribe() (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.subs == nil {
		h.subs = make(map[chan struct{}]struct{})
	}
	h.subs[c] = struct{}{}
	return c, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.subs, c)
	}
}

func (h *hints) send() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.subs {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}
