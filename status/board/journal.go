package board

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Event is one line of the diary: something that changed, or that somebody did.
type Event struct {
	// ID orders the events of one journal: "1795171200123-0", milliseconds and a count. Append assigns it.
	ID string `json:"id"`
	// At is when it happened, by the clock of Node: to be shown, never to be compared.
	At time.Time `json:"at"`
	// Kind is what happened, in one word: those of status.EventKind, and KindRegion, KindService, KindFreeze,
	// KindUnfreeze, KindFailback. Readers let others pass.
	Kind    string    `json:"kind"`
	Subject string    `json:"subject,omitempty"` // what it is about: a state key, a region, a service; empty: everything
	Places  []string  `json:"places,omitempty"`  // where the subject serves: "www.example.com.@eu-west"; some of many
	From    string    `json:"from,omitempty"`    // "up"
	To      string    `json:"to,omitempty"`      // "down"
	Reason  string    `json:"reason,omitempty"`  // evidence in words, or the operator's
	Author  string    `json:"author,omitempty"`  // the operator; empty: Meridian itself
	Until   time.Time `json:"until,omitzero"`    // when it ends by itself; zero: it doesn't
	Node    string    `json:"node,omitempty"`    // the server that noted it
}

// The kinds of events beside status's own, and of pages.
const (
	KindRegion   = "region"   // the state of a region, over all services, changed
	KindService  = "service"  // the state of a service, over all regions, changed
	KindFreeze   = "freeze"   // an operator switched automation off
	KindUnfreeze = "unfreeze" // and on again
	KindOverride = "override" // an operator laid down, changed or ended an override, or its time is over
	KindFailback = "failback" // an operator lets a region, or one service of it (service@region), come back
)

const (
	// maxEvents is how many events a journal keeps, about.
	maxEvents = 10_000
	// maxEventBytes bounds one event, encoded.
	maxEventBytes = 4 << 10
)

// Journal is the diary of transitions and operator actions, bounded: the oldest go.
type Journal interface {
	// Append adds events, in order, and gives them their ids.
	Append(ctx context.Context, events ...Event) error
	// Events returns at most limit events after the one with this id, the oldest first. With an empty id: the last
	// limit events. limit 0 or less: all that are kept.
	Events(ctx context.Context, after string, limit int) ([]Event, error)
	// Subscribe returns a channel that receives, without ever blocking the journal, after events were appended. cancel
	// ends it. Hints may get lost: Follow reads periodically too.
	Subscribe() (hints <-chan struct{}, cancel func())
}

// Follow calls tell with the events after the one with this id, then with those to come, in order, until ctx ends or
// tell returns an error, which it returns. With an empty id it begins with what comes next. A journal that can't be
// read is tried again.
func Follow(ctx context.Context, j Journal, after string, tell func([]Event) error) error {
	hints, cancel := j.Subscribe()
	defer cancel()
	for after == "" {
		last, err := j.Events(ctx, "", 1)
		switch {
		case err != nil:
			if !sleep(ctx, boardRetry) {
				return ctx.Err()
			}
		case len(last) == 0:
			after = "0-0"
		default:
			after = last[0].ID
		}
	}
	again := time.NewTicker(readInterval)
	defer again.Stop()
	for {
		events, err := j.Events(ctx, after, 1000)
		if err == nil && len(events) > 0 {
			if err := tell(events); err != nil {
				return err
			}
			after = events[len(events)-1].ID
			continue // there may be more
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-hints:
		case <-again.C:
		}
	}
}

// eventID is the order of events: when, and the how-manieth of that millisecond.
type eventID struct{ ms, seq uint64 }

func parseEventID(text string) (eventID, error) {
	ms, seq, _ := strings.Cut(text, "-")
	var id eventID
	var err error
	if id.ms, err = strconv.ParseUint(ms, 10, 64); err == nil && seq != "" {
		id.seq, err = strconv.ParseUint(seq, 10, 64)
	}
	if err != nil {
		return eventID{}, fmt.Errorf("%q is no id of an event (such as 1795171200123-0)", clip(text, 40))
	}
	return id, nil
}

func (i eventID) String() string { return fmt.Sprintf("%d-%d", i.ms, i.seq) }

func (i eventID) compare(o eventID) int {
	return cmp.Or(cmp.Compare(i.ms, o.ms), cmp.Compare(i.seq, o.seq))
}

// next returns an id after i, of this moment if that is later.
func (i eventID) next(now time.Time) eventID {
	if ms := uint64(max(0, now.UnixMilli())); ms > i.ms {
		return eventID{ms: ms}
	}
	return eventID{i.ms, i.seq + 1}
}

// fit shortens what would make the event larger than it may be.
func (e Event) fit() Event {
	e.Kind, e.Subject = clip(e.Kind, 32), clip(e.Subject, maxTarget)
	e.From, e.To, e.Node = clip(e.From, 64), clip(e.To, 64), clip(e.Node, 255)
	e.Reason, e.Author = clip(e.Reason, 500), clip(e.Author, 500)
	const most = 8
	if n := len(e.Places); n > most { // an endpoint that a thousand services share
		e.Places = append(append([]string(nil), e.Places[:most-1]...), fmt.Sprintf("and %d more", n-most+1))
	}
	return e
}
