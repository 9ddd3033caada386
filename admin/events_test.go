package admin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func ids(events []Event) string {
	var all []string
	for _, e := range events {
		all = append(all, e.ID)
	}
	return strings.Join(all, " ")
}

func TestEvents(t *testing.T) {
	f := &fakeBackend{}
	s := newServer(f, "")
	if got := decode[EventList](t, ask(s, "GET", "/api/v1/events")); got.Schema != EventsSchema || len(got.Events) != 0 || got.Next != "" {
		t.Errorf("an empty journal: %+v", got)
	}
	for range 5 {
		f.journal.add("health")
	}
	for query, want := range map[string]string{
		"":                 "1 2 3 4 5 -> 5",
		"limit=2":          "4 5 -> 5",
		"after=1&limit=2":  "2 3 -> 3",
		"after=3":          "4 5 -> 5",
		"after=5":          " -> 5",
		"after=3&since=1h": "4 5 -> 5",
	} {
		got := decode[EventList](t, ask(s, "GET", "/api/v1/events?"+query))
		if said := ids(got.Events) + " -> " + got.Next; said != want {
			t.Errorf("%q: %s, want %s", query, said, want)
		}
		for _, e := range got.Events {
			if e.Places == nil {
				t.Errorf("%q: a list is null", query)
			}
		}
	}
	for _, query := range []string{"limit=0", "limit=1001", "limit=many", "after=x", "since=x", "since=-1s"} {
		if r := ask(s, "GET", "/api/v1/events?"+query); r.StatusCode != 400 || decode[ErrorBody](t, r).Detail == "" {
			t.Errorf("%q: %s", query, r.Status)
		}
	}
	f.journal.fail(errors.New("the board is away"))
	if r := ask(s, "GET", "/api/v1/events"); r.StatusCode != 500 || decode[ErrorBody](t, r).Detail != "the board is away" {
		t.Errorf("a journal that can't be read: %s", r.Status)
	}
}

// stream opens a stream and returns its lines one at a time; blank lines are left out.
func stream(t *testing.T, url string, header ...string) (response *http.Response, line func() string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), "GET", url+"/api/v1/events/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err = http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	lines := bufio.NewScanner(response.Body)
	return response, func() string {
		for lines.Scan() {
			if lines.Text() != "" {
				return lines.Text()
			}
		}
		return fmt.Sprint("end ", lines.Err())
	}
}

func expectEvent(t *testing.T, line func() string, id string) {
	t.Helper()
	for _, prefix := range []string{"id: " + id, "event: health", `data: {"id":"` + id + `"`} {
		if got := line(); !strings.HasPrefix(got, prefix) {
			t.Fatalf("got %q, want %q…", got, prefix)
		}
	}
}

func TestStream(t *testing.T) {
	f := &fakeBackend{}
	f.journal.add("health")
	f.journal.add("health")
	server := httptest.NewServer(newServer(f, "").Handler())
	t.Cleanup(server.Close) // after the streams, which would hold it up

	response, line := stream(t, server.URL)
	if h := response.Header; h.Get("Content-Type") != "text/event-stream" || h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", h)
	}
	if got := line(); got != ": events follow" {
		t.Fatalf("begins with %q", got)
	}
	f.journal.add("health")
	expectEvent(t, line, "3")

	// One that comes back gets what it missed, by either name for where it was.
	_, again := stream(t, server.URL, "Last-Event-ID", "1")
	again()
	expectEvent(t, again, "2")
	expectEvent(t, again, "3")

	refused, err := http.Get(server.URL + "/api/v1/events/stream?after=x")
	if err != nil || refused.StatusCode != 400 {
		t.Errorf("an id that is none: %v, %v", refused, err)
	}
	refused.Body.Close()
}

// TestStreamOutlivesTheJournal: a journal that can't be read for a while costs no event.
func TestStreamOutlivesTheJournal(t *testing.T) {
	f := &fakeBackend{}
	f.journal.add("health")
	server := httptest.NewServer(newServer(f, "").Handler())
	t.Cleanup(server.Close) // after the streams, which would hold it up
	_, line := stream(t, server.URL)
	line()
	f.journal.fail(errors.New("the board is away"))
	f.journal.add("health")
	if got := line(); got != `: the journal can't be read: "the board is away"` {
		t.Fatalf("said %q", got)
	}
	f.journal.fail(nil)
	for got := line(); got != "id: 2"; got = line() {
		if !strings.HasPrefix(got, ": the journal") {
			t.Fatalf("said %q", got)
		}
	}
}

// recorder is a client of a stream in a bubble, without a connection.
type recorder struct {
	*httptest.ResponseRecorder
	deadlines int
}

func (r *recorder) SetWriteDeadline(time.Time) error { r.deadlines++; return nil }

// TestStreamSaysThatItLives: a client tells a quiet stream from a dead one.
func TestStreamSaysThatItLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(&fakeBackend{}, "")
		ctx, stop := context.WithCancel(t.Context())
		out := &recorder{ResponseRecorder: httptest.NewRecorder()}
		r := httptest.NewRequestWithContext(ctx, "GET", "/api/v1/events/stream", nil)
		r.Host = "localhost"
		ended := make(chan struct{})
		go func() {
			s.Handler().ServeHTTP(out, r)
			close(ended)
		}()
		time.Sleep(2*keepAlive + time.Second)
		stop()
		<-ended
		if n := strings.Count(out.Body.String(), ": nothing new\n\n"); n != 2 {
			t.Errorf("said so %d times in two intervals", n)
		}
		if out.deadlines == 0 {
			t.Error("writes have no limit")
		}
	})
}

// TestStreamEndsWithTheServer: a stream doesn't hold up the server's end, and leaves no subscription behind.
func TestStreamEndsWithTheServer(t *testing.T) {
	f := &fakeBackend{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- newServer(f, "").Serve(ctx, l) }()
	response, line := stream(t, "http://"+l.Addr().String())
	line()
	begin := time.Now()
	stop()
	if err := <-served; err != nil || time.Since(begin) > drainTime {
		t.Errorf("Serve: %v after %v", err, time.Since(begin))
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Errorf("the stream was cut off: %v", err)
	}
	if n := f.journal.followers(); n != 0 {
		t.Errorf("%d subscriptions are left", n)
	}
}
