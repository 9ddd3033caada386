package admin

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"time"
)

// EventsSchema names the form of an EventList.
const EventsSchema = "meridian.events/v1"

// Event is one line of the time line: a change of health, or what automation or an operator did.
type Event struct {
	ID      string     `json:"id"` // its place in the journal: milliseconds and a count
	Time    time.Time  `json:"time"`
	Kind    string     `json:"kind"`             // health, held, released, limited, resumed, freeze, unfreeze, …: one word
	Subject string     `json:"subject"`          // what it is about: a state key, a region, a service; empty: everything
	Places  []string   `json:"places"`           // where the subject serves: "www.example.com.@eu-west"
	From    string     `json:"from,omitempty"`   // before
	To      string     `json:"to,omitempty"`     // after
	Reason  string     `json:"reason,omitempty"` // evidence in words, or the operator's
	Author  string     `json:"author,omitempty"` // who, for an operator's action; empty: Meridian itself
	Until   *time.Time `json:"until"`            // when it ends by itself; null: it doesn't
	Node    string     `json:"node,omitempty"`   // the server that wrote it down
}

// EventList is an answer of GET /api/v1/events.
type EventList struct {
	Schema string  `json:"schema"` // EventsSchema
	Events []Event `json:"events"` // oldest first
	Next   string  `json:"next"`   // what to ask for as after= next time; empty: there are no events at all
}

const (
	defaultEvents = 100
	maxEvents     = 1000
)

// eventID is what ids look like, those of events and those that ?since= makes.
var eventID = regexp.MustCompile(`^\d{1,20}(-\d{1,20})?$`)

// behind reads behind which event the client wants to go on; empty: it doesn't say.
func behind(r *http.Request) (string, error) {
	query := r.URL.Query()
	after := cmp.Or(r.Header.Get("Last-Event-ID"), query.Get("after"))
	since := query.Get("since")
	switch {
	case after != "" && !eventID.MatchString(after):
		return "", &RequestError{Text: fmt.Sprintf("%.40q is no id of an event", after), Hint: "ids look like 1795171200123-0"}
	case after != "" || since == "":
		return after, nil
	}
	ago, err := time.ParseDuration(since)
	if err != nil || ago < 0 {
		return "", &RequestError{Text: fmt.Sprintf("since=%q is not a duration", since), Hint: "such as 10m or 24h"}
	}
	return strconv.FormatInt(max(0, time.Now().Add(-ago).UnixMilli()), 10) + "-0", nil
}

// events lists what stands behind ?after= or happened ?since=, or the latest events.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	limit := defaultEvents
	if text := r.URL.Query().Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxEvents {
			writeError(w, &RequestError{Text: fmt.Sprintf("limit=%q is not a number from 1 to %d", text, maxEvents)})
			return
		}
		limit = n
	}
	after, err := behind(r)
	if err != nil {
		writeError(w, err)
		return
	}
	list := EventList{Schema: EventsSchema, Next: after}
	if list.Events, err = s.options.Journal.Events(r.Context(), after, limit); err != nil {
		writeError(w, err)
		return
	}
	list.Events = notNull(list.Events)
	for i := range list.Events {
		list.Events[i].Places = notNull(list.Events[i].Places)
	}
	if n := len(list.Events); n > 0 {
		list.Next = list.Events[n-1].ID
	}
	writeJSON(w, "application/json", http.StatusOK, list)
}

const (
	// keepAlive is how often a stream that has nothing to tell says so: proxies, and clients that would wait for ever.
	keepAlive = 15 * time.Second
	// journalRetry is how soon a stream reads a journal again that couldn't be read.
	journalRetry = time.Second
)

// stream sends events as they come, as server-sent events: behind the header Last-Event-ID or ?after=, since ?since=, or
// from now on.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) {
	after, err := behind(r)
	if err != nil {
		writeError(w, err)
		return
	}
	hints, cancel := s.options.Journal.Subscribe()
	defer cancel()
	f := follower{journal: s.options.Journal, out: w, control: http.NewResponseController(w), after: after}
	if err := f.begin(r.Context()); err != nil {
		writeError(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	f.flush(": events follow\n\n")
	alive := time.NewTicker(keepAlive)
	defer alive.Stop()
	again := time.NewTimer(0) // what came while it began
	defer again.Stop()
	for f.err == nil {
		select {
		case <-r.Context().Done():
			return
		case <-s.closing:
			return
		case <-alive.C:
			f.flush(": nothing new\n\n")
			continue
		case <-hints:
		case <-again.C:
		}
		if err := f.catchUp(r.Context()); err != nil {
			f.flush(fmt.Sprintf(": the journal can't be read: %q\n\n", err.Error()))
			again.Reset(journalRetry)
		}
	}
}

// follower writes one stream.
type follower struct {
	journal Journal
	out     http.ResponseWriter
	control *http.ResponseController
	after   string // the id of the last event sent; empty: there was none yet
	err     error  // why the client can't be written to any more
}

// begin finds out where now is, for a client that has seen nothing.
func (f *follower) begin(ctx context.Context) error {
	last, err := f.journal.Events(ctx, f.after, 1)
	if err == nil && f.after == "" && len(last) > 0 {
		f.after = last[0].ID
	}
	return err
}

// catchUp sends everything behind the last event sent.
func (f *follower) catchUp(ctx context.Context) error {
	for f.err == nil {
		events, err := f.journal.Events(ctx, f.after, maxEvents)
		if err != nil || len(events) == 0 {
			return err
		}
		for i := range events {
			events[i].Places = notNull(events[i].Places)
			body, err := json.Marshal(events[i])
			if err != nil {
				return err
			}
			f.after = events[i].ID
			f.write(fmt.Sprintf("id: %s\nevent: %s\ndata: %s\n\n", events[i].ID, events[i].Kind, body))
		}
		f.flush("")
	}
	return nil
}

// patience is how long a client may take to read what it is sent.
const patience = 10 * time.Second

func (f *follower) write(text string) {
	if f.err != nil {
		return
	}
	// A stream lasts longer than any answer may; each write has its own limit instead. Where there is no connection (in
	// tests of the handler alone) there is nothing to limit.
	_ = f.control.SetWriteDeadline(time.Now().Add(patience))
	_, f.err = f.out.Write([]byte(text))
}

func (f *follower) flush(text string) {
	f.write(text)
	if f.err == nil {
		f.err = f.control.Flush()
	}
}
