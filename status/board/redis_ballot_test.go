package board

import (
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"meridian/status"
)

// drawBallot makes any ballot that fits, with times and latencies as exact as a ballot carries them.
func drawBallot(t *rapid.T) status.Ballot {
	moment := rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "none") {
			return time.Time{}
		}
		return time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "moment"), 0)
	})
	reason := rapid.SampledFrom([]string{"", "HTTP 200 OK", "connection refused", "timeout\x00", "日本"})
	vote := rapid.Custom(func(t *rapid.T) status.Vote {
		return status.Vote{
			Health:   status.Health(rapid.IntRange(0, 2).Draw(t, "health")),
			Withheld: float64(rapid.IntRange(0, 10000).Draw(t, "withheld")) / 10000,
			Load:     rapid.SampledFrom([]float64{0, 0, status.IdleLoad, .01, .73, 1.5, status.MaxLoad}).Draw(t, "load"),
			Since:    moment.Draw(t, "since"),
			Evidence: status.Evidence{
				Reason: reason.Draw(t, "reason"), Status: rapid.IntRange(0, 599).Draw(t, "status"),
				Latency:     time.Duration(rapid.IntRange(0, 36_000_000).Draw(t, "latency")) * 100 * time.Microsecond,
				CertExpires: moment.Draw(t, "ends"),
			},
		}
	})
	target := rapid.StringOfN(rapid.SampledFrom([]rune("ab:@.1\x00é")), 0, 40, -1)
	return status.Ballot{Doubt: reason.Draw(t, "doubt"), Votes: rapid.MapOfN(target, vote, 0, 30).Draw(t, "votes")}
}

func TestBallotsComeBackAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sent, before := drawBallot(t), drawBallot(t)
		data, err := encodeBallot(sent)
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := decodeBallot(string(data), slices.Sorted(maps.Keys(before.Votes)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(sent, got); diff != "" {
			t.Fatalf("(-sent +read):\n%s", diff)
		}
		again, err := encodeBallot(got)
		if err != nil || string(again) != string(data) {
			t.Fatal("an equal ballot has other bytes")
		}
		if n := rapid.IntRange(0, len(data)).Draw(t, "cut"); n < len(data) {
			if _, _, err := decodeBallot(string(data[:n]), nil); err == nil {
				t.Fatalf("a ballot of %d bytes was read from its first %d", len(data), n)
			}
		}
	})
}

func TestBallotsAreBounded(t *testing.T) {
	long := status.Ballot{Votes: map[string]status.Vote{"a": {Evidence: status.Evidence{Reason: strings.Repeat("é", 1000)}}}}
	data, err := encodeBallot(long)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := decodeBallot(string(data), nil)
	if reason := got.Votes["a"].Evidence.Reason; err != nil || len(reason) > maxReason || !strings.HasPrefix(long.Votes["a"].Evidence.Reason, reason) {
		t.Errorf("a reason of 2000 bytes came back with %d, %v", len(reason), err)
	}
	for name, b := range map[string]status.Ballot{
		"a long target": {Votes: map[string]status.Vote{strings.Repeat("x", maxTarget+1): {}}},
		"many votes":    {Votes: manyVotes(maxVotes+1, "up")},
	} {
		if _, err := encodeBallot(b); err == nil || !strings.Contains(err.Error(), "more than") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLaterVersionsMayAddToAVote: what this version doesn't know is left out.
func TestLaterVersionsMayAddToAVote(t *testing.T) {
	data, err := encodeBallot(status.Ballot{Votes: map[string]status.Vote{"a": {Health: status.Down}}})
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-2] |= flagMore
	got, _, err := decodeBallot(string(appendText(data, "something new")), nil)
	if err != nil || got.Votes["a"].Health != status.Down {
		t.Errorf("%+v, %v", got, err)
	}
	data[len(data)-2] |= 3 // a health that nobody knows
	got, _, err = decodeBallot(string(appendText(data, "")), nil)
	if err != nil || got.Votes["a"].Health != status.Unknown {
		t.Errorf("an unknown health: %+v, %v; want an abstention", got, err)
	}
}

func TestMetaComesBack(t *testing.T) {
	m := meta{epoch: 1795171200123456, seq: 17, votes: 3, bytes: 99, crc: 0xfffffffe, lifetime: 15 * time.Second}
	if got, err := parseMeta(m.String() + " more=words and=others"); err != nil || got != m {
		t.Errorf("%+v, %v; want %+v", got, err, m)
	}
	if n := len(m.String()); n > maxMeta/2 {
		t.Errorf("it has %d bytes of at most %d", n, maxMeta)
	}
	later := meta{epoch: m.epoch, seq: 18}
	if !later.after(m) || m.after(later) || m.after(m) || !(meta{epoch: m.epoch + 1}).after(later) {
		t.Error("later ballots aren't told from earlier ones")
	}
}

// FuzzBallot: no payload makes the reader panic, or take what can't be written again.
func FuzzBallot(f *testing.F) {
	for _, b := range []status.Ballot{{}, {Doubt: "no uplink"}, {Votes: manyVotes(3, "up")}, {Votes: manyVotes(3, "down")}} {
		data, err := encodeBallot(b)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte{0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, data []byte) {
		b, targets, err := decodeBallot(string(data), nil)
		m := meta{epoch: 1, seq: 1, votes: len(b.Votes), bytes: len(data), crc: crc32.Checksum(data, castagnoli), lifetime: time.Second}
		if _, _, opened := m.open(string(data), targets); (opened == nil) != (err == nil) {
			t.Fatalf("decoded with %v, opened with %v", err, opened)
		}
		if err != nil {
			return
		}
		again, err := encodeBallot(b)
		if err != nil {
			t.Fatal(err)
		}
		back, _, err := decodeBallot(string(again), nil)
		if err != nil || len(back.Votes) != len(b.Votes) {
			t.Fatalf("%+v came back as %+v, %v", b, back, err)
		}
	})
}

// manyVotes makes votes like those of a real checker: two families, a handful of reasons, latencies that vary.
func manyVotes(n int, health string) map[string]status.Vote {
	began := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	votes := make(map[string]status.Vote, n)
	for i := range n {
		v := status.Vote{Health: status.Up, Since: began.Add(time.Duration(i%5000) * time.Second), Evidence: status.Evidence{
			Reason: "HTTP 200 OK", Status: 200, Latency: time.Duration(10_000+i*7919%90_000) * time.Microsecond, CertExpires: began.Add(80 * 24 * time.Hour)}}
		if health == "down" {
			v.Health, v.Evidence = status.Down, status.Evidence{Reason: fmt.Sprintf("HTTP 503 Service Unavailable, attempt %d", i%7), Status: 503, Latency: v.Evidence.Latency}
		}
		votes[fmt.Sprintf("web:3e21035d@198.%d.%d.%d", 18+i>>16, i>>8&255, i&255)] = v
	}
	return votes
}

func BenchmarkEncodeBallot(b *testing.B) {
	ballot := status.Ballot{Votes: manyVotes(10_000, "up")}
	for b.Loop() {
		if _, err := encodeBallot(ballot); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeBallot(b *testing.B) {
	ballot := status.Ballot{Votes: manyVotes(10_000, "up")}
	data, err := encodeBallot(ballot)
	if err != nil {
		b.Fatal(err)
	}
	text, targets := string(data), slices.Sorted(maps.Keys(ballot.Votes))
	for b.Loop() {
		if _, _, err := decodeBallot(text, targets); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(data))/10_000, "bytes/vote")
}

// TestReadingReusesNames: of a ballot that says of the same targets something new, no name is made again.
func TestReadingReusesNames(t *testing.T) {
	targets := slices.Sorted(maps.Keys(manyVotes(1000, "up")))
	data, err := encodeBallot(status.Ballot{Votes: manyVotes(1000, "down")})
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	if n := testing.AllocsPerRun(20, func() {
		if _, _, err := decodeBallot(text, targets); err != nil {
			t.Fatal(err)
		}
	}); n > 100 {
		t.Errorf("reading 1000 votes allocates %v times", n)
	}
}
