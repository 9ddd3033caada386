package board

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Diary is the journal of one machine: in memory and, with a data directory, in events.jsonl there, one event a line.
// When that file holds maxEvents lines it becomes events.jsonl.1, in place of the one before. Events that can't be
// written to the disk are kept in memory all the same.
type Diary struct {
	path  string // empty: in memory only
	log   *slog.Logger
	hints hints

	mu     sync.Mutex
	events []Event // the oldest first
	last   eventID
	file   *os.File
	lines  int
	err    error // of the last write
}

// NewDiary returns the journal that dataDir holds; empty: one in memory. What can't be read is logged and left out.
func NewDiary(dataDir string, log *slog.Logger) *Diary {
	d := &Diary{log: log}
	if d.log == nil {
		d.log = slog.Default()
	}
	if dataDir != "" {
		d.path = filepath.Join(dataDir, "events.jsonl")
		d.load(d.path + ".1")
		d.lines = d.load(d.path)
		d.trim()
	}
	return d
}

// load takes in a file of events and returns how many lines it has.
func (d *Diary) load(path string) (lines int) {
	f, err := os.Open(path)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			d.log.Warn("events of before can't be read", "error", err)
		}
		return 0
	}
	defer f.Close()
	bad := 0
	text := bufio.NewScanner(f)
	text.Buffer(nil, 4*maxEventBytes)
	for lines < 2*maxEvents && text.Scan() {
		lines++
		var e Event
		if json.Unmarshal(text.Bytes(), &e) != nil {
			bad++
			continue
		}
		id, err := parseEventID(e.ID)
		if err != nil || id.compare(d.last) <= 0 {
			bad++
			continue
		}
		d.last = id
		d.events = append(d.events, e)
	}
	if err := text.Err(); err != nil || bad > 0 {
		d.log.Warn("some events of before can't be read", "file", path, "lines", bad, "error", err)
	}
	return lines
}

func (d *Diary) trim() {
	if over := len(d.events) - maxEvents; over > 0 {
		d.events = slices.Clone(d.events[over:])
	}
}

// Append adds events. The error is about the disk: the events are in memory nevertheless.
func (d *Diary) Append(_ context.Context, events ...Event) error {
	if len(events) == 0 {
		return nil
	}
	d.mu.Lock()
	var text []byte
	for _, e := range events {
		e = e.fit()
		d.last = d.last.next(time.Now())
		e.ID = d.last.String()
		line, err := json.Marshal(e)
		if err != nil {
			d.mu.Unlock()
			return err
		}
		text = append(append(text, line...), '\n')
		d.events = append(d.events, e)
	}
	if len(d.events) > maxEvents+maxEvents/10 {
		d.trim()
	}
	err := d.write(text, len(events))
	if err != nil && d.err == nil {
		d.log.Error("events are not kept on the disk; they are in memory", "error", err)
	}
	d.err = err
	d.mu.Unlock()
	d.hints.send()
	return err
}

// write appends text, which is so many lines, to the file.
func (d *Diary) write(text []byte, lines int) error {
	if d.path == "" {
		return nil
	}
	if d.lines >= maxEvents && d.file != nil {
		err := errors.Join(d.file.Close(), os.Rename(d.path, d.path+".1"))
		d.file, d.lines = nil, 0
		if err != nil {
			return err
		}
	}
	if d.file == nil {
		if err := os.MkdirAll(filepath.Dir(d.path), 0o755); err != nil {
			return err
		}
		f, err := os.OpenFile(d.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
		if err != nil {
			return err
		}
		d.file = f
	}
	if _, err := d.file.Write(text); err != nil {
		err = errors.Join(err, d.file.Close())
		d.file = nil
		return err
	}
	d.lines += lines
	return nil
}

// Events returns what Journal says.
func (d *Diary) Events(_ context.Context, after string, limit int) ([]Event, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	events := d.events
	if after != "" {
		id, err := parseEventID(after)
		if err != nil {
			return nil, err
		}
		from, _ := slices.BinarySearchFunc(events, id, func(e Event, id eventID) int {
			own, _ := parseEventID(e.ID) // it was made, or checked, here
			if own.compare(id) <= 0 {
				return -1
			}
			return 1
		})
		events = events[from:]
		if limit > 0 && len(events) > limit {
			events = events[:limit]
		}
	} else if limit > 0 && len(events) > limit {
		events = events[len(events)-limit:]
	}
	return slices.Clone(events), nil
}

// Subscribe returns what Journal says.
func (d *Diary) Subscribe() (<-chan struct{}, func()) { return d.hints.subscribe() }

// Close closes the file. Events may still be read.
func (d *Diary) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.file == nil {
		return nil
	}
	err := d.file.Close()
	d.file = nil
	return err
}
