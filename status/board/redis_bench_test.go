package board

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"meridian/status"
	"meridian/test/redistest"
)

// BenchmarkBoardTraffic measures what a fleet costs at the default heartbeat of 5 s: each round is one, in which every
// checker publishes its whole ballot and one server reads them all and tallies. All endpoints change their state in each
// round, which costs as much as if none did. The figures in docs/keyspace.md are from here:
//
//	in-B/s, out-B/s    to Redis from all checkers; from Redis to one server
//	server-%core       of one server: reading, decoding, tally and governor
//	redis-%core        of Redis, for all checkers and one server
func BenchmarkBoardTraffic(b *testing.B) {
	for _, endpoints := range []int{100, 1000, 10_000} {
		for _, checkers := range []int{5, 10} {
			b.Run(fmt.Sprintf("endpoints=%d/checkers=%d", endpoints, checkers), func(b *testing.B) {
				benchmarkTraffic(b, endpoints, checkers)
			})
		}
	}
}

func benchmarkTraffic(b *testing.B, endpoints, checkers int) {
	r := redistest.Start(b)
	o := at(r)
	o.Timeout, o.Log = 10*time.Second, slog.New(slog.DiscardHandler)
	writer, reader := NewRedis(o), NewRedis(o)
	defer writer.client.close()
	defer reader.client.close()
	ballots := []map[string]status.Vote{manyVotes(endpoints, "up"), manyVotes(endpoints, "down")}
	rules := status.Rules{Targets: map[string]status.Rule{}}
	for target := range ballots[0] {
		rules.Targets[target] = status.Rule{Target: target}
	}
	states := NewStates(reader, Options{Rules: rules, Log: o.Log})
	ctx := context.Background()
	round := func(i int) time.Duration {
		for c := range checkers {
			votes := ballots[i%2]
			writer.posts = map[string]*post{} // each its own process, and none in a hurry
			if err := writer.Publish(ctx, status.Ballot{Vantage: fmt.Sprint("checker-", c), Votes: votes}); err != nil {
				b.Fatal(err)
			}
		}
		begin := ownCPU(b)
		for range int(5 * time.Second / readInterval) { // one finds all the news, the others none: their sum is that of news spread over them
			states.look(ctx)
		}
		return ownCPU(b) - begin
	}
	round(0)
	before := redisInfo(b, r)
	var server time.Duration
	rounds := 0
	for b.Loop() {
		rounds++
		server += round(rounds)
	}
	after := redisInfo(b, r)
	if states.view.Load().err != nil || len(states.Table()) != endpoints {
		b.Fatalf("%d states, %v", len(states.Table()), states.view.Load().err)
	}
	perSecond := func(x float64) float64 { return x / float64(rounds) / 5 }
	b.ReportMetric(perSecond(after["total_net_input_bytes"]-before["total_net_input_bytes"]), "in-B/s")
	b.ReportMetric(perSecond(after["total_net_output_bytes"]-before["total_net_output_bytes"]), "out-B/s")
	b.ReportMetric(100*perSecond(server.Seconds()), "server-%core")
	b.ReportMetric(100*perSecond(after["used_cpu_user"]+after["used_cpu_sys"]-before["used_cpu_user"]-before["used_cpu_sys"]), "redis-%core")
}

// ownCPU returns the processor time that this process has used.
func ownCPU(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// redisInfo returns the numbers of INFO.
func redisInfo(b *testing.B, r *redistest.Server) map[string]float64 {
	b.Helper()
	all := map[string]float64{}
	for line := range strings.Lines(r.Do("INFO", "everything")) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			all[key] = n
		}
	}
	return all
}

// BenchmarkEncodings compares what was considered for a ballot of 10,000 votes: a field of the hash for each vote, the
// same as one text, and the packed form that was chosen.
func BenchmarkEncodings(b *testing.B) {
	votes := manyVotes(10_000, "up")
	targets := slices.Sorted(maps.Keys(votes))
	field := func(v status.Vote) string {
		e := v.Evidence
		return fmt.Sprintf("%v %d %d %d %d %s", v.Health, v.Since.Unix(), e.Status, e.Latency.Microseconds()/100, e.CertExpires.Unix(), e.Reason)
	}
	r := redistest.Start(b)
	o := at(r)
	o.Timeout = 10 * time.Second
	board := NewRedis(o)
	defer board.client.close()
	ctx := context.Background()
	for name, fields := range map[string][]any{
		"field-for-each-vote": func() (all []any) {
			for _, t := range targets {
				all = append(all, t, field(votes[t]))
			}
			return all
		}(),
		"text": {"votes", func() string {
			var text strings.Builder
			for _, t := range targets {
				fmt.Fprintln(&text, t, field(votes[t]))
			}
			return text.String()
		}()},
		"packed": {"votes", func() string {
			data, err := encodeBallot(status.Ballot{Votes: votes})
			if err != nil {
				b.Fatal(err)
			}
			return string(data)
		}()},
	} {
		b.Run(name, func(b *testing.B) {
			size := 0
			for _, f := range fields {
				size += len(f.(string))
			}
			before := redisInfo(b, r)
			rounds := 0
			for b.Loop() {
				rounds++
				if _, err := board.client.batch(ctx, command{"DEL", "k"}, append(command{"HSET", "k"}, fields...), command{"HGETALL", "k"}); err != nil {
					b.Fatal(err)
				}
			}
			after := redisInfo(b, r)
			b.ReportMetric(float64(size)/10_000, "bytes/vote")
			b.ReportMetric(1e6*(after["used_cpu_user"]+after["used_cpu_sys"]-before["used_cpu_user"]-before["used_cpu_sys"])/float64(rounds), "redis-us/op")
		})
	}
}
