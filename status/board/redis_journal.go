package board

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"meridian/status"
)

// RedisJournal is the fleet's diary, a stream in Redis. See Redis.Journal.
type RedisJournal struct{ r *Redis }

// Journal returns the fleet's diary. Operators' actions are appended by the server that was told; transitions by the
// Scribe, lest every server writes them.
func (r *Redis) Journal() RedisJournal { return RedisJournal{r} }

// Append adds events to the stream.
func (j RedisJournal) Append(ctx context.Context, events ...Event) error {
	if len(events) == 0 {
		return nil
	}
	replies, err := j.r.client.batch(ctx, j.r.keys.appendEvents(events)...)
	if err == nil && replies[0].err != nil { // not a stream, under our name
		writes := append([]command{{"DEL", j.r.keys.events()}}, j.r.keys.appendEvents(events)...)
		replies, err = j.r.client.batch(ctx, writes...)
	}
	for i := 0; err == nil && i < len(replies); i++ {
		err = replies[i].err
	}
	j.r.figures.count("events", err)
	return err
}

// Events returns what Journal says, at most 1000 at once.
func (j RedisJournal) Events(ctx context.Context, after string, limit int) ([]Event, error) {
	const most = 1000
	if limit <= 0 || limit > most {
		limit = most
	}
	ask := command{"XREVRANGE", j.r.keys.events(), "+", "-", "COUNT", limit}
	if after != "" {
		id, err := parseEventID(after)
		if err != nil {
			return nil, err
		}
		id.seq++
		ask = command{"XRANGE", j.r.keys.events(), id.String(), "+", "COUNT", limit}
	}
	replies, err := j.r.client.batch(ctx, ask)
	if err == nil {
		err = replies[0].err
	}
	j.r.figures.count("events", err)
	if err != nil {
		return nil, err
	}
	entries, _ := replies[0].value.([]any)
	events := make([]Event, 0, len(entries))
	for i := range entries {
		if after == "" {
			i = len(entries) - 1 - i // the oldest first
		}
		if e, ok := readEvent(entries[i]); ok {
			events = append(events, e)
		} else {
			j.r.figures.corrupt.Add(1)
		}
	}
	return events, nil
}

// Subscribe returns a channel of hints that there are events.
func (j RedisJournal) Subscribe() (<-chan struct{}, func()) { return j.r.events.subscribe() }

// appendEvents are the commands that add events to the stream, and hint at them.
func (k keys) appendEvents(events []Event) []command {
	commands := make([]command, 0, len(events)+1)
	for _, e := range events {
		e = e.fit()
		c := command{"XADD", k.events(), "MAXLEN", "~", maxEvents, "*",
			"at", stamp(e.At), "kind", e.Kind, "subject", e.Subject}
		for _, field := range [][2]string{
			{"places", strings.Join(e.Places, " ")}, {"from", e.From}, {"to", e.To}, {"reason", e.Reason},
			{"author", e.Author}, {"until", stamp(e.Until)}, {"node", e.Node},
		} {
			if field[1] != "" {
				c = append(c, field[0], field[1])
			}
		}
		commands = append(commands, c)
	}
	return append(commands, command{"PUBLISH", k.hint(), hintEvent})
}

// readEvent reads an entry of the stream: an id, and fields with their values. Unknown fields are left out.
func readEvent(entry any) (Event, bool) {
	parts, _ := entry.([]any)
	if len(parts) != 2 {
		return Event{}, false
	}
	id, _ := parts[0].(string)
	fields := pairs(parts[1])
	e := Event{
		ID: id, Kind: fields["kind"], Subject: fields["subject"], From: fields["from"], To: fields["to"],
		Reason: fields["reason"], Author: fields["author"], Node: fields["node"],
	}
	if fields["places"] != "" {
		e.Places = strings.Split(fields["places"], " ")
	}
	var errAt, errUntil error
	e.At, errAt = parseStamp(fields["at"])
	e.Until, errUntil = parseStamp(fields["until"])
	if errAt != nil || errUntil != nil || e.At.IsZero() {
		return Event{}, false
	}
	if _, err := parseEventID(id); err != nil || e.Kind == "" {
		return Event{}, false
	}
	return e.fit(), true
}

// stamp writes a moment for people and machines; the zero time is empty.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func parseStamp(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339Nano, text)
}

// pairs makes a map of a flat list of keys and values.
func pairs(value any) map[string]string {
	flat, _ := value.([]any)
	m := make(map[string]string, len(flat)/2)
	for i := 0; i+1 < len(flat); i += 2 {
		key, _ := flat[i].(string)
		m[key], _ = flat[i+1].(string)
	}
	return m
}

// Control returns the fleet's switches.
func (r *Redis) Control(ctx context.Context) (Control, error) {
	if err := r.reads.closed(); err != nil {
		return Control{}, err
	}
	replies, err := r.client.batch(ctx, r.keys.readControl())
	if err == nil {
		err = replies[0].err
	}
	r.figures.count("control", err)
	if err != nil {
		return Control{}, err
	}
	return parseControl(replies[0].value)
}

// SetControl replaces the fleet's switches, if nobody else has.
func (r *Redis) SetControl(ctx context.Context, c Control) (Control, error) {
	next, err := fitControl(c)
	if err != nil {
		return Control{}, err
	}
	key := r.keys.control()
	reads := []command{{"TYPE", key}, r.keys.readControl()}
	err = r.client.transact(ctx, key, reads, func(seen []reply) ([]command, error) {
		if kind, _ := seen[0].value.(string); kind == "hash" || kind == "none" {
			now, err := parseControl(seen[1].value)
			if err == nil && now.Revision != c.Revision {
				return nil, ErrConflict
			}
		}
		frozen := "no"
		if next.Freeze.On {
			frozen = "yes"
		}
		return []command{
			{"DEL", key},
			{"HSET", key, "frozen", frozen, "author", next.Freeze.Author, "reason", next.Freeze.Reason,
				"until", stamp(next.Freeze.Until), "at", stamp(next.At), "revision", next.Revision},
			{"PUBLISH", r.keys.hint(), hintEvent},
		}, nil
	})
	if errors.Is(err, errChanged) {
		err = ErrConflict
	}
	r.figures.count("control", err)
	if err != nil {
		return Control{}, err
	}
	return next, nil
}

func (k keys) readControl() command {
	return command{"HMGET", k.control(), "frozen", "author", "reason", "until", "at", "revision"}
}

// parseControl reads the fields of readControl. None of them is the switches that nobody has touched.
func parseControl(value any) (Control, error) {
	fields, _ := value.([]any)
	var text [6]string
	for i := range min(len(text), len(fields)) {
		text[i], _ = fields[i].(string)
	}
	if text == [6]string{} {
		return Control{}, nil
	}
	revision, err := strconv.ParseInt(text[5], 10, 64)
	until, errUntil := parseStamp(text[3])
	at, errAt := parseStamp(text[4])
	if text[0] != "yes" && text[0] != "no" || err != nil || revision < 1 || errUntil != nil || errAt != nil {
		return Control{}, fmt.Errorf("the switches on the board can't be read: %s", clip(fmt.Sprintf("%q", text), 200))
	}
	return Control{
		Freeze: status.Freeze{On: text[0] == "yes", Author: clip(text[1], 500), Reason: clip(text[2], 500), Until: until},
		At:     at, Revision: revision,
	}, nil
}
