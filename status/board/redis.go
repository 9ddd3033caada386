package board

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"meridian/status"
)

// RedisOptions say how Redis is reached.
type RedisOptions struct {
	Addresses  []string // host:port; one: a single server; several: nodes of a Cluster; with MasterName: Sentinels
	MasterName string   // the name under which Sentinel knows the primary
	Username   string
	Password   string
	// PasswordFile is read for each connection: a rotated password is used as soon as it is in the file.
	PasswordFile string
	TLS          *RedisTLS     // nil: plain text
	Prefix       string        // keys begin with {Prefix}:; empty: "meridian"
	Lifetime     time.Duration // of a ballot; 0: DefaultMaxAge. At most 10 minutes
	Timeout      time.Duration // of everything that Redis is asked; 0: DefaultTimeout
	Log          *slog.Logger  // nil: slog.Default()
}

// RedisTLS names files in PEM; empty ones aren't used. They are read for each connection.
type RedisTLS struct{ CAFile, CertFile, KeyFile string }

const (
	// DefaultTimeout is how long Redis may take for an answer.
	DefaultTimeout = 3 * time.Second

	// readInterval is how often all that is new is read, hint or no hint. What is known is not read again.
	readInterval = time.Second
)

// Redis is the board of a fleet: one hash for each checker, with a lifetime. docs/keyspace.md describes its keys.
//
// It never makes anybody wait: NewRedis connects to nothing, every call ends within the timeout, and while Redis is away
// calls fail at once between attempts. What it has read it remembers: a ballot counts for its lifetime even if Redis
// forgets it (FLUSHALL, eviction, an empty or stale replica), because what was seen was seen. And when the board
// comes back from an interruption in which ballots ran out, it says "don't know" until the checkers that voted before
// have voted again or a lifetime has passed, lest the first to come decide alone.
//
// Its methods may be called by any goroutine, before, during and after Run.
type Redis struct {
	client   *client
	keys     keys
	lifetime time.Duration
	log      *slog.Logger
	hints    hints // ballots arrived
	events   hints // events or switches changed
	figures  figures

	reading      sync.Mutex // held by Ballots
	known        map[string]*knownBallot
	ignored      map[string]int64 // vantage -> mark of a ballot that is of no use
	reads        breaker
	interruption interruption

	publishing sync.Mutex // held by Publish
	posts      map[string]*post
	writes     breaker
}

// knownBallot is the last ballot of a vantage that was read and understood.
type knownBallot struct {
	ballot  status.Ballot
	targets []string // of its votes, in order
	meta    meta
	mark    int64     // what the index said of it
	at      time.Time // when it arrived at the board, by this machine's monotonic clock
}

func (k *knownBallot) age() time.Duration { return max(0, time.Since(k.at)) }
func (k *knownBallot) fresh() bool        { return k.age() <= k.meta.lifetime }

// What a hint is about. It is nothing but a hint: whoever gets one reads.
const (
	hintBallot = "ballot"
	hintEvent  = "event"
)

// keys are the names in Redis. All begin with one hash tag, so that a Cluster keeps them on one node.
type keys struct{ base string }

func (k keys) vantages() string           { return k.base + "vantages" }
func (k keys) ballot(v string) string     { return k.base + "ballot:" + v }
func (k keys) hint() string               { return k.base + "hint" }
func (k keys) page(kind, n string) string { return k.base + kind + ":" + n }
func (k keys) events() string             { return k.base + "events" }
func (k keys) scribe() string             { return k.base + "scribe" }
func (k keys) control() string            { return k.base + "control" }

// NewRedis returns the board at o. It connects to nothing; Run listens for hints.
func NewRedis(o RedisOptions) *Redis {
	if o.Prefix == "" {
		o.Prefix = "meridian"
	}
	if o.Lifetime <= 0 {
		o.Lifetime = DefaultMaxAge
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return &Redis{
		client: newClient(o), keys: keys{"{" + o.Prefix + "}:v1:"}, lifetime: min(o.Lifetime, maxLifetime), log: o.Log,
		known: map[string]*knownBallot{}, posts: map[string]*post{}, ignored: map[string]int64{},
	}
}

// Interval is how often the board is to be read, for hints may get lost.
func (r *Redis) Interval() time.Duration { return readInterval }

// Subscribe returns a channel of hints that ballots arrived, or that hints may have been missed.
func (r *Redis) Subscribe() (<-chan struct{}, func()) { return r.hints.subscribe() }

// Ballots returns the latest ballot of every vantage. It reads those that have been published since the last call.
func (r *Redis) Ballots(ctx context.Context) ([]status.Arrival, error) {
	r.reading.Lock()
	defer r.reading.Unlock()
	if err := r.reads.closed(); err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, r.client.timeout)
	defer cancel()
	empty, err := r.refresh(limited)
	if ctx.Err() != nil && err != nil {
		return nil, err
	}
	r.figures.count("read", err)
	r.reads.record(err)
	if err != nil {
		r.interruption.begin(r.known)
		return nil, err
	}
	if empty && len(r.known) > 0 && r.interruption.begin(r.known) {
		r.log.Warn("the board is empty, where checkers voted a moment ago: it was flushed, or is another Redis; their votes hold for their lifetime")
	}
	if err := r.interruption.over(r.known, empty, r.lifetime); err != nil {
		return nil, err
	}
	all := make([]status.Arrival, 0, len(r.known))
	for vantage, k := range r.known {
		if k.age() > forgetAfter {
			delete(r.known, vantage)
			continue
		}
		all = append(all, status.Arrival{Ballot: k.ballot, Age: k.age()})
	}
	slices.SortFunc(all, func(a, b status.Arrival) int { return strings.Compare(a.Ballot.Vantage, b.Ballot.Vantage) })
	return all, nil
}

// refresh reads what has been published since the last time. It reports whether nobody is on the board.
func (r *Redis) refresh(ctx context.Context) (empty bool, err error) {
	marks, err := r.index(ctx)
	if err != nil {
		return false, err
	}
	var news []string
	for vantage, mark := range marks {
		k := r.known[vantage]
		if useless, ok := r.ignored[vantage]; (k == nil || k.mark != mark) && !(ok && useless == mark) {
			news = append(news, vantage)
		}
	}
	maps.DeleteFunc(r.ignored, func(vantage string, _ int64) bool { _, ok := marks[vantage]; return !ok })
	slices.Sort(news)
	fit, err := r.sized(ctx, news, marks)
	if err != nil || len(fit) == 0 {
		return len(marks) == 0, err
	}
	commands := make([]command, 0, 2*len(fit))
	for _, vantage := range fit {
		key := r.keys.ballot(vantage)
		commands = append(commands, command{"HMGET", key, "#", "votes"}, command{"PTTL", key})
	}
	begin := time.Now()
	replies, err := r.client.batch(ctx, commands...)
	if err != nil {
		return false, err
	}
	for i, vantage := range fit {
		r.accept(vantage, marks[vantage], replies[2*i], replies[2*i+1], begin)
	}
	return false, nil
}

// index returns who has voted lately, each with a mark that changes with each ballot.
func (r *Redis) index(ctx context.Context) (map[string]int64, error) {
	replies, err := r.client.batch(ctx, command{"ZREVRANGE", r.keys.vantages(), 0, maxVantages - 1, "WITHSCORES"})
	if err != nil {
		return nil, err
	}
	if err := replies[0].err; err != nil {
		return nil, &unavailable{wrongType, r.keys.vantages() + " is not the index of ballots; the next ballot replaces it: " + err.Error(), err}
	}
	pairs, _ := replies[0].value.([]any)
	marks := make(map[string]int64, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		vantage, _ := pairs[i].(string)
		mark, err := strconv.ParseFloat(fmt.Sprint(pairs[i+1]), 64)
		if err != nil || unfit(vantage) != "" {
			r.figures.corrupt.Add(1)
			continue
		}
		marks[vantage] = int64(mark)
	}
	return marks, nil
}

// sized returns the vantages whose ballot is there and no larger than a ballot can be. Only then is it read.
func (r *Redis) sized(ctx context.Context, vantages []string, marks map[string]int64) ([]string, error) {
	commands := make([]command, 0, 2*len(vantages))
	for _, v := range vantages {
		key := r.keys.ballot(v)
		commands = append(commands, command{"HSTRLEN", key, "#"}, command{"HSTRLEN", key, "votes"})
	}
	replies, err := r.client.batch(ctx, commands...)
	if err != nil {
		return nil, err
	}
	var fit []string
	total := int64(0)
	for i, v := range vantages {
		about, votes := replies[2*i], replies[2*i+1]
		n, _ := about.value.(int64)
		size, _ := votes.value.(int64)
		switch {
		case about.err != nil:
			r.ignore(v, marks[v], about.err.Error())
		case n == 0 && size == 0: // it has run out, or was evicted: neither up nor down
		case n > maxMeta || size > maxPayload:
			r.ignore(v, marks[v], fmt.Sprintf("it has %d bytes", n+size))
		case total+n+size > maxReply/2:
			r.ignore(v, marks[v], "the board as a whole is too large")
		default:
			total += n + size
			fit = append(fit, v)
		}
	}
	return fit, nil
}

// accept takes in a ballot that was read.
func (r *Redis) accept(vantage string, mark int64, fields, left reply, read time.Time) {
	pair, _ := fields.value.([]any)
	if len(pair) != 2 || pair[0] == nil || pair[1] == nil {
		return // it ran out at this moment
	}
	about, _ := pair[0].(string)
	payload, _ := pair[1].(string)
	m, err := parseMeta(about)
	if err != nil {
		r.ignore(vantage, mark, err.Error())
		return
	}
	pttl, _ := left.value.(int64)
	age := m.lifetime - time.Duration(pttl)*time.Millisecond
	if pttl == -2 {
		return
	}
	if pttl < 0 || age < 0 {
		r.ignore(vantage, mark, "its lifetime isn't what it says")
		return
	}
	last := r.known[vantage]
	var before []string
	if last != nil {
		if last.meta.after(m) && last.age() <= r.lifetime {
			return // a stale replica, or a process that has been replaced: what came later stands
		}
		before = last.targets
	}
	b, targets, err := m.open(payload, before)
	if err != nil {
		r.ignore(vantage, mark, err.Error())
		return
	}
	b.Vantage = vantage
	delete(r.ignored, vantage)
	r.known[vantage] = &knownBallot{b, targets, m, mark, read.Add(-age)}
	r.interruption.voted(vantage)
}

// ignore counts and logs a ballot that is of no use. It isn't read again until there is another.
func (r *Redis) ignore(vantage string, mark int64, why string) {
	r.ignored[vantage] = mark
	r.figures.corrupt.Add(1)
	r.log.Warn("a ballot on the board is ignored", "vantage", vantage, "error", clip(why, 200))
}

// Run listens for hints until ctx ends, then closes the connections and returns nil. It is called once.
func (r *Redis) Run(ctx context.Context) error {
	var hearing breaker
	for ctx.Err() == nil {
		err := r.hear(ctx)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			r.figures.count("subscribe", err)
		}
		hearing.record(err)
		if !sleep(ctx, hearing.wait(time.Second)) {
			break
		}
	}
	return r.client.close()
}

// hintsPerSecond is above what any fleet needs. A channel that is louder isn't listened to for a while: the
// periodic reading goes on, and finds as much.
const hintsPerSecond = 500

// hear listens until the connection fails, or the channel is too loud.
func (r *Redis) hear(ctx context.Context) error {
	var since time.Time
	heard := 0
	return r.client.listen(ctx, r.keys.hint(), func() {
		r.figures.count("subscribe", nil)
		r.hints.send() // what came before this moment was missed
		r.events.send()
	}, func(payload string) bool {
		if payload == hintBallot {
			r.hints.send()
		} else {
			r.events.send()
		}
		if time.Since(since) > time.Second {
			since, heard = time.Now(), 0
		}
		heard++
		return heard < hintsPerSecond
	})
}

// jitter returns d, up to half more or less, so that a fleet doesn't come back as one.
func jitter(d time.Duration) time.Duration {
	return d/2 + time.Duration(rand.Int64N(int64(d)+1))
}
