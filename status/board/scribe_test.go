package board

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"meridian/test/redistest"
)

// pageStand holds the pages that a scribe is to write.
type pageStand struct {
	mu    sync.Mutex
	pages []Page
}

func (p *pageStand) set(pages ...Page) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pages = pages
}

func (p *pageStand) get() []Page {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Page(nil), p.pages...)
}

// runningScribe is a scribe that runs until it is stopped.
type runningScribe struct {
	*Scribe
	stop func()
}

func runScribe(t testing.TB, b *testBoard, node string, p *pageStand) *runningScribe {
	t.Helper()
	s := &runningScribe{Scribe: NewScribe(b.Redis, node, p.get)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	s.stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(s.stop)
	return s
}

const regionKey = "{meridian}:v1:region:eu-west"

func changeOf(subject, from, to string) Event {
	return Event{Kind: "health", Subject: subject, From: from, To: to, At: time.Now(), Reason: "HTTP 503", Places: []string{"www.@eu-west"}, Node: "ns1"}
}

func TestPagesArePlainToRead(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t)
	var stand pageStand
	since := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	stand.set(Page{Kind: KindRegion, Name: "eu-west", State: "down", Since: since, Why: "2 of 3 checkers: HTTP 503\nService\x00", Up: 1, Down: 2, Unknown: 3})
	runScribe(t, openBoard(t, at(r)), "ns1", &stand)
	r.Await("the page is written", func(out string) bool { return out == "1" }, "EXISTS", regionKey)
	got := strings.Split(r.Do("HGETALL", regionKey), "\n")
	want := "state down since 2026-11-20T10:00:00Z why 2 of 3 checkers: HTTP 503 Service  endpoints_up 1 endpoints_down 2 endpoints_unknown 3 by ns1 at "
	if text := strings.Join(got, " "); !strings.HasPrefix(text, want) {
		t.Errorf("HGETALL says\n%s\nwant\n%s", text, want)
	}
	if ttl := r.Do("PTTL", regionKey); ttl == "-1" {
		t.Error("a page that nobody writes any more would stay for ever")
	}
}

// TestOneScribeWrites: of several servers that saw the same, one writes it, once; when it goes another goes on.
func TestOneScribeWrites(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t)
	b := openBoard(t, at(r))
	var stand pageStand
	first := runScribe(t, b, "ns1", &stand)
	r.Await("the first takes office", func(out string) bool { return strings.HasPrefix(out, "ns1 ") }, "GET", "{meridian}:v1:scribe")
	second := runScribe(t, b, "ns2", &stand)
	for _, s := range []*runningScribe{first, second} {
		s.Note(changeOf("a", "up", "down"), changeOf("b", "up", "down"))
	}
	r.Await("the changes are written", func(out string) bool { return out == "2" }, "XLEN", "{meridian}:v1:events")
	first.stop()
	second.Note(changeOf("a", "down", "up"))
	r.Await("the second takes office", func(out string) bool { return strings.HasPrefix(out, "ns2 ") }, "GET", "{meridian}:v1:scribe")
	r.Await("it goes on", func(out string) bool { return out == "3" }, "XLEN", "{meridian}:v1:events")
	events, err := b.Journal().Events(t.Context(), "", 0)
	if err != nil || len(events) != 3 || events[2].To != "up" || events[2].Places[0] != "www.@eu-west" {
		t.Errorf("%v, %v", events, err)
	}
}

// TestScribeIsFenced: one that stood still while its lease ran out writes nothing more.
func TestScribeIsFenced(t *testing.T) {
	r := redistest.Start(t)
	b := openBoard(t, at(r))
	s := NewScribe(b.Redis, "ns1", (&pageStand{}).get)
	if err := s.work(t.Context()); err != nil || !s.holder {
		t.Fatalf("it isn't in office: %v", err)
	}
	r.Do("SET", "{meridian}:v1:scribe", "ns2 took over") // while ns1 stood still, right before it writes
	s.Note(changeOf("a", "up", "down"))
	if err := s.writeNotes(t.Context()); err == nil || s.holder {
		t.Errorf("it wrote, or thinks that it is in office: %v", err)
	}
	if n := r.Do("XLEN", "{meridian}:v1:events"); n != "0" {
		t.Errorf("%s events were written by a server that isn't in office", n)
	}
	if err := s.work(t.Context()); err != nil || s.holder {
		t.Errorf("it doesn't see that another is in office: %v", err)
	}
	if len(s.notes) != 1 {
		t.Error("it forgot what the other may not have written")
	}
}

// TestChangesOutlastAnOutage: what happened while Redis was away is written when it is back.
func TestChangesOutlastAnOutage(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t)
	b := openBoard(t, at(r))
	s := runScribe(t, b, "ns1", &pageStand{})
	r.Await("it takes office", func(out string) bool { return out == "1" }, "EXISTS", "{meridian}:v1:scribe")
	r.Kill()
	s.Note(changeOf("a", "up", "down"))
	r.Restart()
	r.Await("the change is written", func(out string) bool { return out == "1" }, "XLEN", "{meridian}:v1:events")
}

// TestR14ScribeHealsItsKeys: whatever lies under its names.
func TestR14ScribeHealsItsKeys(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t)
	for _, key := range []string{"scribe", "events", "region:eu-west"} {
		r.Do("LPUSH", "{meridian}:v1:"+key, "garbage")
	}
	b := openBoard(t, at(r))
	var stand pageStand
	stand.set(Page{Kind: KindRegion, Name: "eu-west", State: "up"})
	s := runScribe(t, b, "ns1", &stand)
	s.Note(changeOf("a", "up", "down"))
	r.Await("the event is written", func(out string) bool { return out == "1" }, "XLEN", "{meridian}:v1:events")
	r.Await("the page is written", func(out string) bool { return out == "up" }, "HGET", regionKey, "state")
}

func TestJournalInRedisSkipsGarbage(t *testing.T) {
	r := redistest.Start(t)
	b := openBoard(t, at(r))
	r.Do("XADD", "{meridian}:v1:events", "*", "x", "y")
	r.Do("XADD", "{meridian}:v1:events", "*", "kind", "health", "at", "yesterday")
	j := b.Journal()
	if err := j.Append(t.Context(), changeOf("a", "up", "down")); err != nil {
		t.Fatal(err)
	}
	events, err := j.Events(t.Context(), "", 10)
	if err != nil || len(events) != 1 || events[0].Subject != "a" || b.Stats().Corrupt != 2 {
		t.Errorf("%v, %v, %d ignored", events, err, b.Stats().Corrupt)
	}
	r.Do("SET", "{meridian}:v1:events", "garbage")
	if _, err := j.Events(t.Context(), "", 10); kindOf(err) != wrongType {
		t.Errorf("a journal that is a string: %v", err)
	}
	if err := j.Append(t.Context(), changeOf("a", "down", "up")); err != nil {
		t.Errorf("it doesn't heal: %v", err)
	}
}
