package fleet

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"meridian/cmd/config"
	"meridian/status"
	"meridian/status/board"
	"meridian/test/harness"
	"meridian/test/redistest"
)

// heartbeat is that of checkers.
const heartbeat = 5 * time.Second

// BenchmarkBoard is what votes cost: checkers publish their whole ballots each heartbeat, in real time, to a real
// redis-server, and a real server reads them, tallies them and answers by them. One iteration is one heartbeat of all.
// On a bad day every endpoint is down, and the evidence is another one each time.
//
//	go test -run '^$' -bench Board -benchtime 4x ./test/fleet
//
// Shown are the CPU of each process in percent of a core, and the traffic through Redis in both directions.
func BenchmarkBoard(b *testing.B) {
	for _, size := range []struct{ endpoints, voters int }{{100, 5}, {1000, 5}, {10_000, 5}, {10_000, 10}} {
		for _, day := range []status.Health{status.Up, status.Down} {
			b.Run(fmt.Sprintf("endpoints=%d/checkers=%d/all=%v", size.endpoints, size.voters, day), func(b *testing.B) {
				benchmarkBoard(b, size.endpoints, size.voters, day)
			})
		}
	}
}

func benchmarkBoard(b *testing.B, endpoints, voters int, day status.Health) {
	r := redistest.Start(b)
	s := meridian.NewServer(b, "127.0.0.1", harness.Files{"meridian.yaml": wide(endpoints, r.Addr)}).Start()
	cfg, problems := config.Load(s.Config())
	if cfg == nil {
		b.Fatal(problems)
	}
	var targets []string
	for _, service := range cfg.Services {
		for _, p := range service.Pools {
			for _, addr := range p.Endpoints {
				targets = append(targets, service.Check.Target(addr))
			}
		}
	}
	if len(targets) != endpoints {
		b.Fatalf("%d targets, want %d", len(targets), endpoints)
	}
	ctx, cancel := context.WithCancel(b.Context())
	var checkers sync.WaitGroup
	begin := time.Now()
	for v := range voters {
		checkers.Go(func() {
			vote(ctx, b, r.Addr, v, targets, day, begin.Add(time.Duration(v)*heartbeat/time.Duration(voters)))
		})
	}
	defer checkers.Wait()
	defer cancel()
	harness.Await(b, func() string {
		_, page, err := harness.Get("http://" + s.Admin + "/metrics")
		if n := strings.Count(page, "meridian_health_vote_age_seconds{"); n != voters {
			return fmt.Sprintf("%d checkers are on the board, want %d (%v)", n, voters, err)
		}
		return ""
	})
	heartbeats := time.NewTicker(heartbeat)
	defer heartbeats.Stop()
	<-heartbeats.C // what is new has been taken in

	before := measure(b, s, r)
	n := 0
	for b.Loop() {
		<-heartbeats.C
		n++
	}
	after := measure(b, s, r)
	seconds := after.at.Sub(before.at).Seconds()
	percent := func(d time.Duration) float64 { return 100 * d.Seconds() / seconds }
	b.ReportMetric(0, "ns/op") // an iteration takes a heartbeat, whatever happens
	b.ReportMetric(percent(after.server-before.server), "server-%core")
	b.ReportMetric(percent(after.checkers-before.checkers)/float64(voters), "checker-%core")
	b.ReportMetric(percent(after.redis-before.redis), "redis-%core")
	b.ReportMetric((after.in-before.in)/seconds/1e3, "to-redis-kB/s")
	b.ReportMetric((after.out-before.out)/seconds/1e3, "from-redis-kB/s")
}

// wide is a configuration with many endpoints, of which this process probes none.
func wide(endpoints int, redis string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "dns: {listen: [\"127.0.0.1:PORT\"]}\nadmin: {listen: ADMIN}\ndata_dir: data\nboard: {redis: {addresses: [%q]}}\n", redis)
	text.WriteString("checker: {enabled: false}\nregions: {eu-west: {coordinates: [53.35, -6.26]}, us-east: {coordinates: [39.04, -77.49]}}\n")
	text.WriteString("checks: {web: {type: http, port: 80, path: /healthz}}\nzones: {wide.test: {nameservers: {ns1.wide.test: [192.0.2.53]}}}\nservices:\n")
	addr := netip.MustParseAddr("10.0.0.1")
	next := func(n int) string {
		list := make([]string, n)
		for i := range list {
			list[i], addr = addr.String(), addr.Next()
		}
		return strings.Join(list, ", ")
	}
	for i := range endpoints / 10 {
		fmt.Fprintf(&text, "  s%d.wide.test: {check: web, pools: {eu-west: [%s], us-east: [%s]}}\n", i, next(5), next(5))
	}
	return text.String()
}

// vote publishes a ballot with each heartbeat.
func vote(ctx context.Context, b *testing.B, redis string, v int, targets []string, day status.Health, first time.Time) {
	shared := board.NewRedis(board.RedisOptions{Addresses: []string{redis}})
	due := time.NewTimer(time.Until(first))
	defer due.Stop()
	for round := 0; ; round++ {
		select {
		case <-ctx.Done():
			return
		case <-due.C:
		}
		ballot := status.Ballot{Vantage: fmt.Sprintf("vantage%d", v), Votes: make(map[string]status.Vote, len(targets))}
		for i, t := range targets {
			e := status.Evidence{Reason: "HTTP 200 OK", Status: 200, Latency: time.Duration(10_000+(i*7919+round*104729)%90_000) * time.Microsecond}
			if day == status.Down {
				e = status.Evidence{Reason: fmt.Sprintf("connection refused after %d ms", (i+round)%50), Latency: e.Latency}
			}
			ballot.Votes[t] = status.Vote{Health: day, Since: first, Evidence: e}
		}
		if err := shared.Publish(ctx, ballot); err != nil && ctx.Err() == nil {
			b.Error(err)
			return
		}
		due.Reset(time.Until(first.Add(time.Duration(round+1) * heartbeat)))
	}
}

// figures are what was used up to a moment.
type figures struct {
	at                      time.Time
	server, checkers, redis time.Duration
	in, out                 float64 // bytes
}

func measure(b *testing.B, s *harness.Server, r *redistest.Server) figures {
	b.Helper()
	f := figures{at: time.Now(), server: cpu(b, s.Pid())}
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		b.Fatal(err)
	}
	f.checkers = time.Duration(own.Utime.Nano() + own.Stime.Nano())
	info := map[string]float64{}
	for line := range strings.Lines(r.Do("INFO", "everything")) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			info[key], _ = strconv.ParseFloat(value, 64) // those that are no numbers aren't looked at
		}
	}
	f.redis = time.Duration((info["used_cpu_user"] + info["used_cpu_sys"]) * float64(time.Second))
	f.in, f.out = info["total_net_input_bytes"], info["total_net_output_bytes"]
	return f
}

// cpu returns the time that all threads of a process have been on a core.
func cpu(b *testing.B, pid int) time.Duration {
	b.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		b.Fatal(err)
	}
	var sum time.Duration
	for _, path := range threads {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		ns, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		sum += time.Duration(ns)
	}
	return sum
}
