package board

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/maphash"
	"strconv"
	"time"

	"meridian/status"
)

const (
	// voteCost bounds what a bad day costs: a checker that has n votes publishes at most every n × voteCost, and at
	// most every maxPace. The first change goes out at once.
	voteCost = 100 * time.Microsecond
	maxPace  = 2 * time.Second
)

// post is what a publisher remembers of its own ballots.
type post struct {
	epoch, seq int64
	last       time.Time
	pace       time.Duration
	verdicts   uint64 // of the last ballot that arrived
	blind      bool   // what is stored can't be read: replace it unseen
}

var verdictSeed = maphash.MakeSeed()

// verdicts sums up what a ballot says, without its evidence. Equal sums are as good as equal ballots: what hangs on it is
// a hint.
func verdicts(b status.Ballot) uint64 {
	sum := maphash.String(verdictSeed, b.Doubt) | 1 // 0 is no ballot
	for target, v := range b.Votes {
		sum += maphash.String(verdictSeed, target) * (1 + uint64(v.Health) + uint64(v.Withheld*10000)<<8)
	}
	return sum
}

// Publish replaces the ballot of b.Vantage, in one transaction with its lifetime. It waits for as long as the ballot's
// size asks it to (voteCost). When another process votes under the same name the later one wins, and the earlier
// one gets an error.
func (r *Redis) Publish(ctx context.Context, b status.Ballot) error {
	r.publishing.Lock()
	defer r.publishing.Unlock()
	if why := unfit(b.Vantage); why != "" {
		return fmt.Errorf("the vantage %q %s", clip(b.Vantage, 60), why)
	}
	p := r.posts[b.Vantage]
	if p == nil {
		p = &post{}
		r.posts[b.Vantage] = p
	}
	if !sleep(ctx, time.Until(p.last.Add(p.pace))) {
		return ctx.Err()
	}
	if err := r.writes.closed(); err != nil {
		return err
	}
	payload, err := encodeBallot(b)
	if err != nil {
		return err
	}
	p.last, p.pace = time.Now(), min(time.Duration(len(b.Votes))*voteCost, maxPace)
	err = r.post(ctx, p, b, payload)
	if errors.Is(err, errChanged) { // by the other side of a failover, perhaps
		err = r.post(ctx, p, b, payload)
	}
	p.blind = errors.Is(err, errTooMuch)
	if err == nil {
		p.verdicts = verdicts(b)
	}
	r.figures.count("publish", err)
	r.writes.record(err)
	return err
}

func (r *Redis) post(ctx context.Context, p *post, b status.Ballot, payload []byte) error {
	key := r.keys.ballot(b.Vantage)
	reads := []command{{"TIME"}, {"HGET", key, "#"}, {"TYPE", r.keys.vantages()}}
	if p.blind {
		reads[1] = command{"EXISTS", key}
	}
	return r.client.transact(ctx, key, reads, func(seen []reply) ([]command, error) {
		now, err := redisTime(seen[0])
		if err != nil {
			return nil, err
		}
		if p.epoch == 0 {
			p.epoch = now
		}
		if text, ok := seen[1].value.(string); ok {
			if stored, err := parseMeta(text); err == nil {
				switch {
				case stored.epoch > p.epoch:
					return nil, fmt.Errorf("another checker, started later, votes as %q: give each a vantage of its own", b.Vantage)
				case stored.epoch == p.epoch:
					p.seq = max(p.seq, stored.seq)
				}
			}
		}
		p.seq++
		m := meta{p.epoch, p.seq, len(b.Votes), len(payload), crc32.Checksum(payload, castagnoli), r.lifetime}
		index := r.keys.vantages()
		writes := []command{
			{"DEL", key},
			{"HSET", key, "#", m.String(), "votes", payload},
			{"PEXPIRE", key, r.lifetime.Milliseconds()},
			{"ZADD", index, now, b.Vantage},
			{"ZREMRANGEBYSCORE", index, "-inf", now - forgetAfter.Microseconds()},
			{"ZREMRANGEBYRANK", index, 0, -maxVantages - 1},
		}
		if p.verdicts != verdicts(b) { // a heartbeat is found by the periodic reading
			writes = append(writes, command{"PUBLISH", r.keys.hint(), hintBallot})
		}
		if kind, _ := seen[2].value.(string); kind != "zset" && kind != "none" {
			writes = append([]command{{"DEL", index}}, writes...) // not ours, under our name
		}
		return writes, nil
	})
}

// redisTime returns what TIME answered, in µs.
func redisTime(r reply) (int64, error) {
	if parts, _ := r.value.([]any); len(parts) == 2 {
		s, err := strconv.ParseInt(fmt.Sprint(parts[0]), 10, 64)
		us, err2 := strconv.ParseInt(fmt.Sprint(parts[1]), 10, 64)
		if err == nil && err2 == nil && s > 0 && s < 1<<40 {
			return s*1e6 + us, nil
		}
	}
	return 0, &unavailable{"garbage", "Redis doesn't know the time", nil}
}

// unfit says what keeps name from being a vantage; empty: nothing.
func unfit(name string) string {
	switch {
	case name == "":
		return "is empty"
	case len(name) > 255:
		return "is longer than 255 bytes"
	case clip(name, 255) != name:
		return "has characters that can't be shown"
	}
	return ""
}
