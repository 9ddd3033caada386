package board

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"meridian/status"
	"meridian/test/redistest"
)

// testBoard is a Redis board that runs, with what it logged.
type testBoard struct {
	*Redis
	t   testing.TB
	log *textLog
}

// openBoard runs a board until the test ends. Its timeout is long: what times out by itself in a test that is starved of
// processor time proves nothing.
func openBoard(t testing.TB, o RedisOptions) *testBoard {
	t.Helper()
	b := &testBoard{t: t, log: &textLog{}}
	o.Log = slog.New(slog.NewTextHandler(b.log, nil))
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	b.Redis = NewRedis(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := b.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return b
}

func at(servers ...*redistest.Server) RedisOptions {
	return RedisOptions{Addresses: redistest.Addrs(servers)}
}

// put publishes a ballot with one vote on "a".
func (b *testBoard) put(vantage string, h status.Health) error {
	return b.Publish(context.Background(), status.Ballot{
		Vantage: vantage, Votes: map[string]status.Vote{"a": {Health: h, Evidence: status.Evidence{Reason: "seen"}}},
	})
}

func (b *testBoard) mustPut(vantage string, h status.Health) {
	b.t.Helper()
	if err := b.put(vantage, h); err != nil {
		b.t.Fatalf("publishing as %s: %v", vantage, err)
	}
}

// votes returns what the board says now, as "fra:up nyc:down", or the error.
func (b *testBoard) votes() string {
	arrivals, err := b.Ballots(context.Background())
	if err != nil {
		return "error: " + err.Error()
	}
	var all []string
	for _, a := range arrivals {
		all = append(all, fmt.Sprintf("%s:%v", a.Ballot.Vantage, a.Ballot.Votes["a"].Health))
	}
	return strings.Join(all, " ")
}

// eventually returns when the board says want.
func (b *testBoard) eventually(want string) {
	b.t.Helper()
	var got string
	await(b.t, func() bool { got = b.votes(); return got == want }, func() string {
		return fmt.Sprintf("the board says %q, want %q", got, want)
	})
}

// fails returns the error of err's kind, and fails the test if it is of another.
func fails(t testing.TB, err error, kind, text string) {
	t.Helper()
	if kindOf(err) != kind || !strings.Contains(fmt.Sprint(err), text) {
		t.Errorf("error %v of kind %q; want kind %q, and %q in it", err, kindOf(err), kind, text)
	}
}

// await returns when ok does so, and fails the test when that takes too long.
func await(t testing.TB, ok func() bool, otherwise func() string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(30 * time.Second); !ok(); {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal(otherwise())
		}
	}
}

// textLog keeps what was logged.
type textLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *textLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *textLog) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), text)
}

func TestBallotsTravelThroughRedis(t *testing.T) {
	r := redistest.Start(t)
	one, other := openBoard(t, at(r)), openBoard(t, at(r))
	moment := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	sent := status.Ballot{Vantage: "fra", Doubt: "", Votes: map[string]status.Vote{
		"web:1@192.0.2.1": {Health: status.Up, Since: moment, Withheld: .25, Load: .73, Evidence: status.Evidence{
			Reason: "HTTP 200 OK", Status: 200, Latency: 12300 * time.Microsecond, CertExpires: moment.Add(90 * 24 * time.Hour)}},
		"web:1@192.0.2.2": {Health: status.Down, Since: moment.Add(-time.Hour), Evidence: status.Evidence{Reason: "connection refused"}},
		"web:1@192.0.2.3": {},
	}}
	if err := one.Publish(context.Background(), sent); err != nil {
		t.Fatal(err)
	}
	one.mustPut("nyc", status.Down)
	arrivals, err := other.Ballots(context.Background())
	if err != nil || len(arrivals) != 2 {
		t.Fatalf("%v, %v; want two ballots", arrivals, err)
	}
	if diff := cmp.Diff(sent, arrivals[0].Ballot); diff != "" {
		t.Errorf("the ballot changed on its way (-sent +read):\n%s", diff)
	}
	for _, a := range arrivals {
		if a.Age < 0 || a.Age > time.Second {
			t.Errorf("%s has the age %v", a.Ballot.Vantage, a.Age)
		}
	}
	if got := r.Do("PTTL", "{meridian}:v1:ballot:fra"); len(got) != 5 {
		t.Errorf("the ballot lives for %s ms, want something below 15000", got)
	}
}

// TestAgesComeFromTheBoard: a reader that comes late knows how old a ballot is, and needs nobody's clock for it.
func TestAgesComeFromTheBoard(t *testing.T) {
	r := redistest.Start(t)
	b := openBoard(t, at(r))
	b.mustPut("fra", status.Up)
	r.Do("PEXPIRE", "{meridian}:v1:ballot:fra", "5000") // as if 10 of its 15 seconds were over
	late := openBoard(t, at(r))
	arrivals, err := late.Ballots(context.Background())
	if err != nil || len(arrivals) != 1 {
		t.Fatalf("%v, %v", arrivals, err)
	}
	if age := arrivals[0].Age; age < 10*time.Second || age > 12*time.Second {
		t.Errorf("the age is %v, want 10 s", age)
	}
}

func TestHintsArriveAtOnce(t *testing.T) {
	r := redistest.Start(t)
	writer, reader := openBoard(t, at(r)), openBoard(t, at(r))
	hints, cancel := reader.Subscribe()
	defer cancel()
	<-hints // it is subscribed
	begin := time.Now()
	writer.mustPut("fra", status.Up)
	<-hints
	if took := time.Since(begin); took > readInterval {
		t.Errorf("the hint took %v, longer than the periodic reading", took)
	}
	reader.eventually("fra:up")
}

// TestUnchangedBallotsAreNotReadAgain: a look at a quiet board costs one small command.
func TestUnchangedBallotsAreNotReadAgain(t *testing.T) {
	r := redistest.Start(t)
	b := openBoard(t, at(r))
	b.mustPut("fra", status.Up)
	b.eventually("fra:up")
	r.Do("CONFIG", "RESETSTAT")
	for range 10 {
		b.eventually("fra:up")
	}
	stats := r.Do("INFO", "commandstats")
	if strings.Contains(stats, "cmdstat_hmget") || !strings.Contains(stats, "cmdstat_zrevrange:calls=10") {
		t.Errorf("ten looks at a quiet board were\n%s", stats)
	}
}

// TestNoScan: the board never asks Redis what is in it beside its own keys.
func TestNoScan(t *testing.T) {
	r := redistest.Start(t)
	r.Do("ACL", "SETUSER", "default", "-scan", "-keys", "-randomkey", "resetkeys", "~{meridian}:v1:*", "resetchannels", "&{meridian}:v1:*")
	b := openBoard(t, at(r))
	b.mustPut("fra", status.Up)
	b.eventually("fra:up")
}

func TestVantagesAreBounded(t *testing.T) {
	r := redistest.Start(t)
	b := openBoard(t, at(r))
	for _, name := range []string{"", strings.Repeat("x", 256), "a\nb", "a\x00b"} {
		if err := b.put(name, status.Up); err == nil {
			t.Errorf("the vantage %q may vote", name)
		}
	}
	for i := range maxVantages + 10 {
		r.Do("ZADD", "{meridian}:v1:vantages", fmt.Sprint(i+1), fmt.Sprint("old", i))
	}
	b.mustPut("fra", status.Up)
	if got := r.Do("ZCARD", "{meridian}:v1:vantages"); got != "1" {
		t.Errorf("%s vantages are kept, want those of the last hour: 1", got)
	}
}

func TestPrefixesKeepFleetsApart(t *testing.T) {
	r := redistest.Start(t)
	o := at(r)
	o.Prefix = "staging"
	staging, production := openBoard(t, o), openBoard(t, at(r))
	staging.mustPut("fra", status.Down)
	production.mustPut("fra", status.Up)
	staging.eventually("fra:down")
	production.eventually("fra:up")
}

// TestPublishIsPaced: a large ballot that changes all the time costs no more than its size allows; the first change doesn't wait.
func TestPublishIsPaced(t *testing.T) {
	r := redistest.Start(t)
	b := openBoard(t, at(r))
	large := status.Ballot{Vantage: "fra", Votes: map[string]status.Vote{}}
	for i := range 2000 {
		large.Votes[fmt.Sprint("web:1@", i)] = status.Vote{Health: status.Up}
	}
	begin := time.Now()
	for range 2 {
		if err := b.Publish(context.Background(), large); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(begin); took < 2000*voteCost {
		t.Errorf("two ballots of 2000 votes within %v, want %v between them", took, 2000*voteCost)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := b.Publish(ctx, large); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting for its turn ended with %v", err)
	}
}
