package board

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"meridian/status"
	"meridian/test/redistest"
)

// The names of these tests are the rows of the table of faults, R01 to R22. What a whole process does in each is shown
// in test/fleet; here it is the board alone.

func TestR01RefusesConnectionsAtStart(t *testing.T) {
	t.Parallel()
	port := redistest.FreePort(t)
	b := openBoard(t, RedisOptions{Addresses: []string{"127.0.0.1:" + port}})
	begin := time.Now()
	_, err := b.Ballots(context.Background())
	fails(t, err, "refused", "Redis can't be reached")
	fails(t, b.put("fra", status.Up), "refused", "Redis can't be reached")
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("two refusals took %v", took)
	}
	redistest.Start(t, "--port", port)
	await(t, func() bool { return b.put("fra", status.Up) == nil }, func() string { return "the board isn't used when Redis comes" })
	b.eventually("fra:up")
}

func TestR02GoesDownWhileServing(t *testing.T) {
	r := redistest.Start(t)
	b := openBoard(t, at(r))
	b.mustPut("fra", status.Down)
	b.eventually("fra:down")
	r.Stop()
	_, err := b.Ballots(context.Background())
	if kind := kindOf(err); kind != "refused" && kind != "closed" {
		t.Errorf("error %v of kind %s", err, kind)
	}
	r.Restart()
	b.eventually("fra:down") // what was seen was seen
	await(t, func() bool { return b.put("fra", status.Up) == nil }, func() string { return "the board isn't used again" })
	b.eventually("fra:up")
}

// TestR03AcceptsAndNeverAnswers: a call ends within the timeout, and the next ones at once.
func TestR03AcceptsAndNeverAnswers(t *testing.T) {
	r := redistest.Start(t)
	b := openBoard(t, hasty(r))
	await(t, func() bool { return b.put("fra", status.Down) == nil }, b.votes)
	b.eventually("fra:down")
	r.Pause()
	begin := time.Now()
	_, err := b.Ballots(context.Background())
	fails(t, err, "timeout", "Redis doesn't answer in time")
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("a call took %v with a timeout of 500 ms", took)
	}
	begin = time.Now()
	for range 100 {
		_, err = b.Ballots(context.Background())
	}
	fails(t, err, "timeout", "")
	if took := time.Since(begin); took > 400*time.Millisecond {
		t.Errorf("100 calls right after took %v: they should fail at once", took)
	}
	r.Resume()
	b.eventually("fra:down")
}

// hasty is for tests in which time-outs are what it is about.
func hasty(r *redistest.Server) RedisOptions {
	o := at(r)
	o.Timeout = 500 * time.Millisecond
	return o
}

func TestR04Slow(t *testing.T) {
	r := redistest.Start(t)
	patient, hasty := openBoard(t, at(r)), openBoard(t, hasty(r))
	patient.mustPut("fra", status.Up)
	hasty.eventually("fra:up")
	slept := make(chan struct{})
	go func() { defer close(slept); r.Do("DEBUG", "SLEEP", "1.2") }()
	await(t, func() bool { _, err := hasty.Ballots(context.Background()); return kindOf(err) == "timeout" },
		func() string { return "a Redis that takes 1.2 s isn't too slow for a timeout of 0.5 s" })
	patient.eventually("fra:up")
	<-slept
	hasty.eventually("fra:up")
}

func TestR05LosesThePubSubConnectionOnly(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t)
	b := openBoard(t, at(r))
	hints, cancel := b.Subscribe()
	defer cancel()
	<-hints
	r.Do("CLIENT", "KILL", "TYPE", "pubsub")
	<-hints // it is subscribed again: whatever came meanwhile is read now
	other := openBoard(t, at(r))
	other.mustPut("fra", status.Up)
	<-hints
	b.eventually("fra:up")
}

func TestR06Failover(t *testing.T) {
	t.Parallel()
	s := redistest.StartSentinels(t, 1)
	o := RedisOptions{Addresses: s.Addrs, MasterName: redistest.MasterName, Timeout: 5 * time.Second}
	b := openBoard(t, o)
	b.mustPut("fra", status.Down)
	b.eventually("fra:down")
	s.Nodes[0].Kill()
	begin := time.Now()
	await(t, func() bool { return b.put("fra", status.Up) == nil }, func() string { return "the new primary isn't found" })
	b.eventually("fra:up")
	t.Logf("blind for %v", time.Since(begin).Round(time.Millisecond))
	if got := s.Nodes[1].Do("HEXISTS", "{meridian}:v1:ballot:fra", "votes"); got != "1" {
		t.Errorf("the ballot isn't on the promoted replica")
	}
}

// TestR07ReadonlyReplica: reading goes on, writing says why not, and goes on when the primary is one again.
func TestR07ReadonlyReplica(t *testing.T) {
	primary := redistest.Start(t)
	r := redistest.Start(t)
	b := openBoard(t, at(r))
	b.mustPut("fra", status.Up)
	b.eventually("fra:up")
	host, port, _ := strings.Cut(primary.Addr, ":")
	r.Do("REPLICAOF", host, port)
	fails(t, b.put("fra", status.Down), "readonly", "read-only replica")
	if b.Stats().Write == nil {
		t.Error("the stats don't say that nothing can be written")
	}
	b.eventually("fra:up")
	r.Do("REPLICAOF", "NO", "ONE")
	await(t, func() bool { return b.put("fra", status.Down) == nil }, func() string { return "it isn't written to again" })
	b.eventually("fra:down")
}

func TestR08Cluster(t *testing.T) {
	t.Parallel()
	nodes := redistest.StartCluster(t)
	b, reader := openBoard(t, at(nodes...)), openBoard(t, at(nodes...))
	hints, cancel := reader.Subscribe()
	defer cancel()
	<-hints
	b.mustPut("fra", status.Up) // all keys share a slot, or this were CROSSSLOT
	<-hints
	reader.eventually("fra:up")

	owner := -1
	for i := range nodes {
		single := openBoard(t, at(nodes[i]))
		switch err := single.put("nyc", status.Down); kindOf(err) {
		case "ok":
			owner = i
		case "cluster":
			fails(t, err, "cluster", "name several of its nodes")
		default:
			t.Errorf("node %d alone: %v", i, err)
		}
	}
	if owner < 0 {
		t.Fatal("no node owns the board's slot")
	}
	reader.eventually("fra:up nyc:down")

	nodes[owner].Kill()
	nodes[(owner+1)%3].Await("the Cluster notices", func(out string) bool { return strings.Contains(out, "cluster_state:fail") }, "CLUSTER", "INFO")
	await(t, func() bool {
		kind := kindOf(b.put("fra", status.Down))
		return kind == "clusterdown" || kind == "refused"
	}, func() string { return fmt.Sprint(b.put("fra", status.Down)) })
	fails(t, openBoard(t, at(redistest.Start(t), redistest.Start(t))).put("fra", status.Up), "cluster", "several addresses mean a Cluster")
}

func TestR09NotAvailableNow(t *testing.T) {
	for _, tt := range []struct {
		name, kind, text string
		make, heal       func(*redistest.Server)
	}{
		{"OOM", "oom", "out of memory", func(r *redistest.Server) { r.Config("maxmemory", "1") }, func(r *redistest.Server) { r.Config("maxmemory", "0") }},
		{"NOREPLICAS", "noreplicas", "too few replicas", func(r *redistest.Server) { r.Config("min-replicas-to-write", "1") },
			func(r *redistest.Server) { r.Config("min-replicas-to-write", "0") }},
		{"BUSY", "busy", "busy with a script", func(r *redistest.Server) {
			r.Config("busy-reply-threshold", "1")
			go r.Try("EVAL", "while true do end", "0")
			r.Await("the script runs", func(out string) bool { return strings.Contains(out, "BUSY") }, "PING")
		}, func(r *redistest.Server) { r.Do("SCRIPT", "KILL") }},
		{"MISCONF", "misconf", "can't save to its disk", func(r *redistest.Server) {
			r.Do("CONFIG", "SET", "save", "1 1")
			r.Try("CONFIG", "SET", "dir", "/proc")
			r.Do("SET", "x", "1")
			r.Try("BGSAVE")
			r.Await("a save fails", func(out string) bool { return strings.Contains(out, "rdb_last_bgsave_status:err") }, "INFO", "persistence")
		}, func(r *redistest.Server) { r.Config("stop-writes-on-bgsave-error", "no") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := redistest.Start(t, "--enable-protected-configs", "yes")
			b := openBoard(t, at(r))
			b.mustPut("fra", status.Up)
			b.eventually("fra:up")
			tt.make(r)
			fails(t, b.put("fra", status.Down), tt.kind, tt.text)
			tt.heal(r)
			await(t, func() bool { return b.put("fra", status.Down) == nil }, func() string { return "it isn't written to again" })
			b.eventually("fra:down")
		})
	}
}

// TestR09Answers: what is hard to make a real Redis say.
func TestR09Answers(t *testing.T) {
	for answer, kind := range map[string]string{
		"LOADING Redis is loading the dataset in memory":                                   "loading",
		"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.": "masterdown",
		"TRYAGAIN Multiple keys request during rehashing of slot":                          "cluster",
		"ASK 3999 127.0.0.1:6381":                                                          "cluster",
		"CLUSTERDOWN Hash slot not served":                                                 "clusterdown",
		"ERR something that nobody has seen":                                               "error",
		"EXECABORT Transaction discarded because of previous errors.":                      "error",
		"NOPERM this user has no permissions to run the 'zadd' command":                    "permission",
		"ERR max number of clients reached":                                                "maxclients",
	} {
		fake := fakeRedis(t, "-"+answer+"\r\n")
		b := openBoard(t, RedisOptions{Addresses: []string{fake}, Timeout: 300 * time.Millisecond})
		_, err := b.Ballots(context.Background())
		fails(t, err, kind, answer[:10])
	}
}

// TestR12Eviction: a ballot that Redis dropped is neither up nor down: what it said counts for its lifetime.
func TestR12Eviction(t *testing.T) {
	r := redistest.Start(t)
	b := openBoard(t, at(r))
	b.mustPut("fra", status.Down)
	b.mustPut("nyc", status.Up)
	b.eventually("fra:down nyc:up")
	r.Do("DEL", "{meridian}:v1:ballot:fra", "{meridian}:v1:vantages")
	b.eventually("fra:down nyc:up")
	b.mustPut("nyc", status.Down)
	b.eventually("fra:down nyc:down")
}

func TestR13FlushAll(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t)
	o := at(r)
	o.Lifetime = 5 * time.Second
	b := openBoard(t, o)
	b.mustPut("fra", status.Down)
	b.mustPut("nyc", status.Up)
	b.eventually("fra:down nyc:up")
	r.Flush()
	b.eventually("fra:down nyc:up") // what was seen counts for its lifetime
	if b.log.count("the board is empty") != 1 {
		t.Error("an empty board after a full one is worth one line in the log")
	}
	await(t, func() bool { return strings.HasPrefix(b.votes(), "error: ") }, func() string { return "an empty board after a full one says " + b.votes() })
	if got := b.votes(); !strings.Contains(got, "the board is empty, where fra, nyc voted") {
		t.Errorf("it says %q", got)
	}
	b.mustPut("nyc", status.Down)
	if got := b.votes(); !strings.Contains(got, "waiting for the votes of fra") {
		t.Errorf("the first to come back decides alone: %q", got)
	}
	b.mustPut("fra", status.Down)
	b.eventually("fra:down nyc:down")
}

// TestR13FirstToComeBackWaits: after a time in which nobody could vote, the one that votes first doesn't decide alone; but
// a checker that doesn't come back is waited for no longer than a lifetime.
func TestR13FirstToComeBackWaits(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t)
	o := at(r)
	o.Lifetime = 3 * time.Second
	b := openBoard(t, o)
	b.mustPut("fra", status.Up)
	b.mustPut("nyc", status.Up)
	b.eventually("fra:up nyc:up")
	r.Kill()
	await(t, func() bool { b.votes(); return !b.known["fra"].fresh() }, func() string { return "ballots don't age" })
	r.Restart()
	await(t, func() bool { return b.put("nyc", status.Down) == nil }, func() string { return "Redis doesn't come back" })
	b.eventually("error: the board is back; waiting for the votes of fra, at most 3s")
	begin := time.Now()
	await(t, func() bool { b.put("nyc", status.Down); return b.votes() == "fra:up nyc:down" }, b.votes)
	if took := time.Since(begin); took > 8*time.Second {
		t.Errorf("a checker that is gone was waited for %v", took)
	}
}

// TestR17SplitBrain: the older of two processes with one name, and a replica that lags behind, never win.
func TestR17SplitBrain(t *testing.T) {
	r := redistest.Start(t)
	older, newer, reader := openBoard(t, at(r)), openBoard(t, at(r)), openBoard(t, at(r))
	older.mustPut("fra", status.Down)
	stale := r.Do("HGET", "{meridian}:v1:ballot:fra", "#")
	newer.mustPut("fra", status.Up)
	reader.eventually("fra:up")
	err := older.put("fra", status.Down)
	if err == nil || !strings.Contains(err.Error(), `another checker, started later, votes as "fra"`) {
		t.Errorf("the older process: %v", err)
	}
	reader.eventually("fra:up")

	r.Do("HSET", "{meridian}:v1:ballot:fra", "#", stale) // what the other side of a partition brings back
	r.Do("ZADD", "{meridian}:v1:vantages", "1", "fra")
	reader.eventually("fra:up")
}

// TestR18NotificationStorm: a flooded channel isn't listened to; the periodic reading finds as much.
func TestR18NotificationStorm(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t)
	b := openBoard(t, at(r))
	hints, cancel := b.Subscribe()
	defer cancel()
	<-hints
	for range 3 {
		r.Do("EVAL", "for i=1,100000 do redis.call('PUBLISH','{meridian}:v1:hint','ballot') end", "0")
	}
	await(t, func() bool { return b.Stats().Operations[Operation{"subscribe", "ok"}] >= 2 }, func() string { return "the flood was listened to without a break" })
	b.mustPut("fra", status.Up)
	b.eventually("fra:up")
	await(t, func() bool { return strings.HasSuffix(r.Do("PUBSUB", "NUMSUB", "{meridian}:v1:hint"), "\n1") }, func() string { return "it isn't listened to again" })
}

// TestR19ResetInTheMiddle: connections that die at any moment leave a whole ballot, the old one or the new one.
func TestR19ResetInTheMiddle(t *testing.T) {
	r := redistest.Start(t)
	b, reader := openBoard(t, at(r)), openBoard(t, at(r))
	b.mustPut("fra", status.Up)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 50 {
			r.Try("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
		}
	}()
	published := 0
	for killing := true; killing; {
		select {
		case <-done:
			killing = false
		default:
		}
		if b.put("fra", status.Up) == nil {
			published++
		}
		reader.votes()
	}
	if n := reader.Stats().Corrupt; n != 0 {
		t.Errorf("%d ballots were torn", n)
	}
	if published == 0 {
		t.Error("nothing was published while connections died")
	}
	reader.eventually("fra:up")
}

func TestR20NameThatDoesNotResolve(t *testing.T) {
	b := openBoard(t, RedisOptions{Addresses: []string{"redis.invalid:6379"}})
	_, err := b.Ballots(context.Background())
	if kind := kindOf(err); kind != "resolve" && kind != "timeout" {
		t.Errorf("error %v of kind %q", err, kind)
	}
	r := redistest.Start(t)
	_, port, _ := strings.Cut(r.Addr, ":")
	byName := openBoard(t, RedisOptions{Addresses: []string{"localhost:" + port}})
	byName.mustPut("fra", status.Up)
}

func TestR21MaxClients(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t)
	r.Config("maxclients", "10")
	var others []net.Conn
	for range 10 {
		conn, err := net.Dial("tcp", r.Addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		others = append(others, conn)
	}
	b := openBoard(t, at(r))
	await(t, func() bool { return strings.HasPrefix(b.votes(), "error: ") }, func() string { return "an eleventh client was let in" })
	for _, conn := range others {
		conn.Close()
	}
	await(t, func() bool { return b.put("fra", status.Up) == nil }, func() string { return "it doesn't come back" })
	b.eventually("fra:up")
	if n := strings.Count(r.Do("CLIENT", "LIST"), "name=meridian"); n > 6 {
		t.Errorf("the board holds %d connections", n)
	}
}

func TestR22OutputBufferOverrun(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t)
	b := openBoard(t, at(r))
	hints, cancel := b.Subscribe()
	defer cancel()
	<-hints
	r.Config("client-output-buffer-limit", "pubsub 1024 1024 1")
	r.Do("EVAL", "for i=1,5 do redis.call('PUBLISH','{meridian}:v1:hint',string.rep('x',1000000)) end", "0")
	r.Config("client-output-buffer-limit", "pubsub 32mb 8mb 60")
	await(t, func() bool { return strings.HasSuffix(r.Do("PUBSUB", "NUMSUB", "{meridian}:v1:hint"), "\n1") }, func() string { return "it doesn't subscribe again" })
	b.mustPut("fra", status.Up)
	b.eventually("fra:up")
}
