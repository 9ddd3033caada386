package board

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meridian/status"
	"meridian/test/redistest"
)

// journals are both kinds: what holds for one holds for the other.
func journals(t *testing.T, check func(t *testing.T, j Journal)) {
	t.Run("file", func(t *testing.T) { check(t, NewDiary(t.TempDir(), nil)) })
	t.Run("redis", func(t *testing.T) {
		check(t, openBoard(t, at(redistest.Start(t))).Journal())
	})
}

func subjects(events []Event) string {
	var all []string
	for _, e := range events {
		all = append(all, e.Subject)
	}
	return strings.Join(all, " ")
}

func TestJournalsKeepOrder(t *testing.T) {
	journals(t, func(t *testing.T, j Journal) {
		var ids []string
		for i := range 5 {
			if err := j.Append(t.Context(), Event{Kind: "health", Subject: fmt.Sprint(2 * i), At: time.Now()}, Event{Kind: "health", Subject: fmt.Sprint(2*i + 1), At: time.Now()}); err != nil {
				t.Fatal(err)
			}
		}
		all, err := j.Events(t.Context(), "", 0)
		if err != nil || subjects(all) != "0 1 2 3 4 5 6 7 8 9" {
			t.Fatalf("%v, %v", subjects(all), err)
		}
		for _, e := range all {
			ids = append(ids, e.ID)
		}
		for _, tt := range []struct {
			after string
			limit int
			want  string
		}{
			{"", 3, "7 8 9"}, {ids[3], 0, "4 5 6 7 8 9"}, {ids[3], 2, "4 5"}, {ids[9], 10, ""}, {"0-0", 2, "0 1"}, {"1", 1, "0"},
			{"99999999999999-0", 5, ""},
		} {
			got, err := j.Events(t.Context(), tt.after, tt.limit)
			if err != nil || subjects(got) != tt.want {
				t.Errorf("after %q, at most %d: %q, %v; want %q", tt.after, tt.limit, subjects(got), err, tt.want)
			}
		}
		for _, id := range []string{"x", "-1", "1-x", "1-2-3"} {
			if _, err := j.Events(t.Context(), id, 1); err == nil {
				t.Errorf("%q was taken for an id", id)
			}
		}
	})
}

func TestJournalsCarryEverything(t *testing.T) {
	sent := Event{
		At: time.Date(2026, 11, 20, 10, 0, 0, 123456789, time.UTC), Kind: "freeze", Subject: "a b,c", Places: []string{"www.@eu-west", "api.@us-east"},
		From: "up", To: "down", Reason: "2 of 3 checkers: \"x\"", Author: "ann", Until: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), Node: "ns1",
	}
	journals(t, func(t *testing.T, j Journal) {
		if err := j.Append(t.Context(), sent); err != nil {
			t.Fatal(err)
		}
		got, err := j.Events(t.Context(), "", 1)
		if err != nil || len(got) != 1 {
			t.Fatalf("%v, %v", got, err)
		}
		want := sent
		want.ID = got[0].ID
		if fmt.Sprintf("%#v", got[0]) != fmt.Sprintf("%#v", want) {
			t.Errorf("\n%#v came back, want\n%#v", got[0], want)
		}
	})
}

func TestEventsAreBounded(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	journals(t, func(t *testing.T, j Journal) {
		if err := j.Append(t.Context(), Event{At: time.Now(), Kind: long, Subject: long, From: long, To: long, Reason: long, Author: long, Node: long, Places: make([]string, 1000)}); err != nil {
			t.Fatal(err)
		}
		got, err := j.Events(t.Context(), "", 1)
		if err != nil || len(got) != 1 || len(fmt.Sprint(got[0])) > maxEventBytes {
			t.Errorf("%d bytes, %v", len(fmt.Sprint(got)), err)
		}
	})
}

func TestFollowTellsEachEventOnce(t *testing.T) {
	journals(t, func(t *testing.T, j Journal) {
		if err := j.Append(t.Context(), Event{At: time.Now(), Kind: "health", Subject: "before"}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		told := make(chan string)
		ended := make(chan error)
		follow := func(after string) {
			go func() {
				ended <- Follow(ctx, j, after, func(events []Event) error {
					for _, e := range events {
						select {
						case told <- e.Subject:
						case <-ctx.Done():
						}
					}
					return nil
				})
			}()
		}
		follow("0-0")
		if got := <-told; got != "before" {
			t.Errorf("told %q first", got)
		}
		for i := range 20 {
			if err := j.Append(t.Context(), Event{At: time.Now(), Kind: "health", Subject: fmt.Sprint(i)}); err != nil {
				t.Fatal(err)
			}
			if got := <-told; got != fmt.Sprint(i) {
				t.Fatalf("told %q, want %d", got, i)
			}
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("it ended with %v", err)
		}
		stop := errors.New("enough")
		if err := Follow(t.Context(), j, "0-0", func([]Event) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("it ended with %v", err)
		}
	})
}

func TestDiaryOutlastsARestart(t *testing.T) {
	dir := t.TempDir()
	d := NewDiary(dir, nil)
	for i := range 3 {
		if err := d.Append(t.Context(), Event{Kind: "health", Subject: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "events.jsonl")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// A line that is no event, one that broke off, and one of the past.
	if err := os.WriteFile(path, append(text, "garbage\n{\"id\":\"1-0\",\"kind\":\"health\"}\n{\"id\":\"17"...), 0o600); err != nil {
		t.Fatal(err)
	}
	log := &textLog{}
	d = NewDiary(dir, slog.New(slog.NewTextHandler(log, nil)))
	if log.count("lines=3") != 1 {
		t.Error("three lines that can't be read are worth a line in the log")
	}
	if err := d.Append(t.Context(), Event{Kind: "health", Subject: "3"}); err != nil {
		t.Fatal(err)
	}
	events, err := d.Events(t.Context(), "", 0)
	if err != nil || subjects(events) != "0 1 2 3" {
		t.Errorf("%q, %v", subjects(events), err)
	}
}

func TestDiaryIsBounded(t *testing.T) {
	dir := t.TempDir()
	d := NewDiary(dir, nil)
	batch := make([]Event, 1000)
	for i := range batch {
		batch[i] = Event{Kind: "health", Subject: "a"}
	}
	for range 35 {
		if err := d.Append(t.Context(), batch...); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(d.events); n > maxEvents+maxEvents/10 {
		t.Errorf("%d events are in memory", n)
	}
	for _, name := range []string{"events.jsonl", "events.jsonl.1"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if n := strings.Count(string(text), "\n"); err != nil || n > maxEvents+1000 {
			t.Errorf("%s has %d lines, %v", name, n, err)
		}
	}
	if n := len(NewDiary(dir, nil).events); n != maxEvents {
		t.Errorf("%d events after a restart, want %d", n, maxEvents)
	}
}

func TestDiaryGoesOnWithoutADisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // a file where a directory should be
		t.Fatal(err)
	}
	log := &textLog{}
	d := NewDiary(dir, slog.New(slog.NewTextHandler(log, nil)))
	for range 3 {
		if err := d.Append(t.Context(), Event{Kind: "health", Subject: "a"}); err == nil {
			t.Fatal("it was written into a file that is no directory")
		}
	}
	if events, err := d.Events(t.Context(), "", 0); len(events) != 3 || err != nil {
		t.Errorf("%d events in memory, %v", len(events), err)
	}
	if n := log.count("events are not kept on the disk"); n != 1 {
		t.Errorf("the log says it %d times", n)
	}
}

// TestSwitchesAreSetByCompareAndSet: of two operators who saw the same, one is told to look again.
func TestSwitchesAreSetByCompareAndSet(t *testing.T) {
	until := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	check := func(t *testing.T, c Controls, again func() Controls) {
		now, err := c.Control(t.Context())
		if err != nil || now != (Control{}) {
			t.Fatalf("untouched switches are %+v, %v", now, err)
		}
		set, err := c.SetControl(t.Context(), Control{Freeze: status.Freeze{On: true, Author: "ann", Reason: "maintenance", Until: until}})
		if err != nil || set.Revision != 1 || set.At.IsZero() {
			t.Fatalf("%+v, %v", set, err)
		}
		if _, err := c.SetControl(t.Context(), Control{Freeze: status.Freeze{Author: "bob"}}); !errors.Is(err, ErrConflict) {
			t.Errorf("who hasn't seen the switches may set them: %v", err)
		}
		if got, err := again().Control(t.Context()); err != nil || got != set {
			t.Errorf("another one reads %+v, %v; want %+v", got, err, set)
		}
		set.Freeze = status.Freeze{Author: "bob", Reason: strings.Repeat("long ", 1000)}
		if got, err := c.SetControl(t.Context(), set); err != nil || got.Revision != 2 || got.Freeze.On || len(got.Freeze.Reason) > 510 {
			t.Errorf("%+v, %v", got, err)
		}
		if _, err := c.SetControl(t.Context(), Control{Revision: -1}); err == nil {
			t.Error("-1 was taken for a revision")
		}
	}
	t.Run("file", func(t *testing.T) {
		dir := t.TempDir()
		check(t, NewControlFile(dir), func() Controls { return NewControlFile(dir) })
	})
	t.Run("memory", func(t *testing.T) {
		c := NewControlFile("")
		check(t, c, func() Controls { return c })
	})
	t.Run("redis", func(t *testing.T) {
		r := redistest.Start(t)
		check(t, openBoard(t, at(r)), func() Controls { return openBoard(t, at(r)) })
		b := openBoard(t, at(r))
		for _, frozen := range []string{"maybe", "", "yes"} {
			r.Do("DEL", "{meridian}:v1:control")
			r.Do("HSET", "{meridian}:v1:control", "frozen", frozen, "revision", "minus one")
			if c, err := b.Control(t.Context()); err == nil {
				t.Errorf("garbage was read as %+v", c)
			}
		}
		r.Do("SET", "{meridian}:v1:control", "garbage")
		if _, err := b.Control(t.Context()); kindOf(err) != wrongType {
			t.Errorf("a string: %v", err)
		}
		if _, err := b.SetControl(t.Context(), Control{}); err != nil {
			t.Errorf("it doesn't heal: %v", err)
		}
	})
}

func TestControlFileThatIsUnusable(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "control.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := NewControlFile(dir)
	if _, err := f.Control(t.Context()); err == nil || !strings.Contains(err.Error(), "control.json is unusable") {
		t.Errorf("%v", err)
	}
	if _, err := f.SetControl(t.Context(), Control{}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Control(t.Context()); err != nil {
		t.Errorf("setting the switches doesn't heal the file: %v", err)
	}
}
