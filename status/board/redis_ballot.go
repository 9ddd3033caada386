package board

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"meridian/status"
)

// A ballot in Redis is a hash of two fields. "#" says in words what the other holds:
//
//	v=1 epoch=1795171200123456 seq=17 votes=10000 bytes=141022 crc=9f2c01aa life=15000
//
// and "votes" is, in varints (u: unsigned, z: zigzag) and length-prefixed text (t):
//
//	header  z(base: Unix seconds)  t(doubt)  u(reasons) t(reason)…  u(votes)
//	vote    u(bytes shared with the target before) t(the rest of the target)  byte(health | flags << 2)
//	        u(reason)  and, each if its flag is set:
//	        z(since - base, s)  u(status)  u(latency, 0.1 ms)  z(certificate's end - base, s)  u(withheld, 1/10000)
//	        t(u(load, 1/100), 0: IdleLoad; and what a later version adds)
//
// Targets are sorted, so that most of each is shared with the one before. Evidence is worth showing, not worth bytes:
// times have the second, latencies a tenth of a millisecond.
const (
	ballotVersion = 1

	maxVantages = 256
	maxVotes    = 200_000  // of one ballot
	maxPayload  = 16 << 20 // bytes of one ballot
	maxMeta     = 512      // bytes of the field "#"
	maxReason   = 200      // bytes of a reason; what is longer is cut
	maxTarget   = 512      // bytes of a target
	maxLifetime = 10 * time.Minute
)

const (
	flagSince = 1 << (iota + 2)
	flagStatus
	flagLatency
	flagCert
	flagWithheld
	flagMore
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encodeBallot writes the votes of b.
func encodeBallot(b status.Ballot) ([]byte, error) {
	if len(b.Votes) > maxVotes {
		return nil, fmt.Errorf("the ballot has %d votes, more than %d", len(b.Votes), maxVotes)
	}
	base := newestSince(b)
	reasons := map[string]uint64{"": 0}
	var texts []string
	for _, v := range b.Votes {
		r := cut(v.Evidence.Reason)
		if _, seen := reasons[r]; !seen {
			texts = append(texts, r)
			reasons[r] = 0
		}
	}
	slices.Sort(texts) // equal ballots are equal bytes
	out := binary.AppendVarint(make([]byte, 0, 64+24*len(b.Votes)), base)
	out = appendText(out, cut(b.Doubt))
	out = binary.AppendUvarint(out, uint64(len(texts)))
	for i, r := range texts {
		reasons[r] = uint64(i) + 1
		out = appendText(out, r)
	}
	out = binary.AppendUvarint(out, uint64(len(b.Votes)))
	before := ""
	for _, target := range slices.Sorted(maps.Keys(b.Votes)) {
		if len(target) > maxTarget {
			return nil, fmt.Errorf("a target has %d bytes, more than %d: %s", len(target), maxTarget, clip(target, 60))
		}
		shared := sharedPrefix(before, target)
		out = binary.AppendUvarint(out, uint64(shared))
		out = appendText(out, target[shared:])
		out = appendVote(out, b.Votes[target], base, reasons)
		before = target
	}
	if len(out) > maxPayload {
		return nil, fmt.Errorf("the ballot has %d bytes, more than %d", len(out), maxPayload)
	}
	return out, nil
}

func appendVote(out []byte, v status.Vote, base int64, reasons map[string]uint64) []byte {
	e := v.Evidence
	flags := byte(v.Health) & 3
	mark := func(set bool, flag byte) {
		if set {
			flags |= flag
		}
	}
	latency := uint64(max(0, e.Latency) / (100 * time.Microsecond))
	mark(!v.Since.IsZero(), flagSince)
	mark(e.Status > 0, flagStatus)
	mark(latency > 0, flagLatency)
	mark(!e.CertExpires.IsZero(), flagCert)
	mark(v.Withheld > 0, flagWithheld)
	mark(v.Load > 0, flagMore)
	out = binary.AppendUvarint(append(out, flags), reasons[cut(e.Reason)])
	if flags&flagSince != 0 {
		out = binary.AppendVarint(out, v.Since.Unix()-base)
	}
	if flags&flagStatus != 0 {
		out = binary.AppendUvarint(out, uint64(e.Status))
	}
	if flags&flagLatency != 0 {
		out = binary.AppendUvarint(out, latency)
	}
	if flags&flagCert != 0 {
		out = binary.AppendVarint(out, e.CertExpires.Unix()-base)
	}
	if flags&flagWithheld != 0 {
		out = binary.AppendUvarint(out, uint64(min(v.Withheld, 1)*10000+.5))
	}
	if flags&flagMore != 0 {
		var more [binary.MaxVarintLen64]byte
		out = appendText(out, string(binary.AppendUvarint(more[:0], uint64(min(v.Load, status.MaxLoad)*100+.5))))
	}
	return out
}

// newestSince returns the moment from which the ballot's times are told, so that they are small numbers.
func newestSince(b status.Ballot) int64 {
	var newest int64
	for _, v := range b.Votes {
		if !v.Since.IsZero() {
			newest = max(newest, v.Since.Unix())
		}
	}
	return newest
}

func appendText(out []byte, text string) []byte {
	return append(binary.AppendUvarint(out, uint64(len(text))), text...)
}

// cut shortens a reason to what a ballot carries.
func cut(reason string) string {
	if len(reason) <= maxReason {
		return reason
	}
	return strings.ToValidUTF8(reason[:maxReason], "")
}

func sharedPrefix(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// decodeBallot reads what encodeBallot wrote. Data that break off, or can't be, are an error: a ballot counts as a whole.
// A health that this version doesn't know is an abstention. before are the targets of the vantage's last ballot, in
// order, whose strings are used again; targets are those of this one.
func decodeBallot(data string, before []string) (b status.Ballot, targets []string, err error) {
	r := reader{data: data}
	base := r.varint()
	b.Doubt = strings.Clone(r.text(maxReason))
	reasons := make([]string, 1, 1+r.count(maxVotes))
	for range cap(reasons) - 1 {
		reasons = append(reasons, strings.Clone(r.text(maxReason)))
	}
	n := r.count(maxVotes)
	b.Votes = make(map[string]status.Vote, n)
	targets = make([]string, 0, n)
	var target []byte
	for range n {
		shared := r.uvarint()
		if shared > uint64(len(target)) {
			return status.Ballot{}, nil, errCorrupt
		}
		target = append(target[:shared], r.text(maxTarget)...)
		vote := r.vote(base, reasons)
		if r.failed || len(target) > maxTarget {
			return status.Ballot{}, nil, errCorrupt
		}
		for len(before) > 0 && before[0] < string(target) {
			before = before[1:]
		}
		if len(before) > 0 && before[0] == string(target) {
			targets = append(targets, before[0])
		} else {
			targets = append(targets, string(target))
		}
		b.Votes[targets[len(targets)-1]] = vote
	}
	if r.failed || len(r.data) != 0 || len(b.Votes) != n {
		return status.Ballot{}, nil, errCorrupt
	}
	return b, targets, nil
}

var errCorrupt = errors.New("the ballot is corrupt")

// reader takes values off data; after the first that isn't there it only returns zeros.
type reader struct {
	data   string
	failed bool
}

func (r *reader) byte() byte {
	if len(r.data) == 0 {
		r.failed = true
		return 0
	}
	b := r.data[0]
	r.data = r.data[1:]
	return b
}

func (r *reader) uvarint() uint64 {
	var v uint64
	for shift := 0; shift < 64; shift += 7 {
		b := r.byte()
		if shift == 63 && b > 1 {
			break
		}
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
	r.failed = true
	return 0
}

func (r *reader) varint() int64 {
	u := r.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

// count reads how many things follow, each of which takes a byte or more.
func (r *reader) count(limit int) int {
	n := r.uvarint()
	if n > uint64(limit) || n > uint64(len(r.data)) {
		r.failed = true
		return 0
	}
	return int(n)
}

func (r *reader) text(limit int) string {
	n := r.count(limit)
	t := r.data[:n]
	r.data = r.data[n:]
	return t
}

func (r *reader) vote(base int64, reasons []string) status.Vote {
	var v status.Vote
	flags := r.byte()
	if h := status.Health(flags & 3); h <= status.Down {
		v.Health = h
	}
	reason := r.uvarint()
	if reason >= uint64(len(reasons)) {
		r.failed = true
		return v
	}
	v.Evidence.Reason = reasons[reason]
	if flags&flagSince != 0 {
		v.Since = r.time(base)
	}
	if flags&flagStatus != 0 {
		v.Evidence.Status = int(min(r.uvarint(), 999))
	}
	if flags&flagLatency != 0 {
		v.Evidence.Latency = time.Duration(min(r.uvarint(), uint64(time.Hour/(100*time.Microsecond)))) * 100 * time.Microsecond
	}
	if flags&flagCert != 0 {
		v.Evidence.CertExpires = r.time(base)
	}
	if flags&flagWithheld != 0 {
		v.Withheld = float64(min(r.uvarint(), 10000)) / 10000
	}
	if flags&flagMore != 0 {
		more := reader{data: r.text(maxTarget)}
		if load := more.uvarint(); !more.failed {
			v.Load, _ = status.NewLoad(float64(min(load, status.MaxLoad*100)) / 100)
		}
	}
	return v
}

// time reads a moment; one outside of the years 1 to 9999 is none.
func (r *reader) time(base int64) time.Time {
	const last = 253402300799
	s := base + r.varint()
	if s < -62135596800 || s > last || base < 0 || base > last {
		r.failed = true
		return time.Time{}
	}
	return time.Unix(s, 0)
}

// meta is the field "#" of a ballot.
type meta struct {
	epoch    int64 // Redis's time, in µs, when the checker first voted: an older process never replaces a newer one
	seq      int64 // counts the checker's ballots
	votes    int
	bytes    int
	crc      uint32
	lifetime time.Duration
}

func (m meta) String() string {
	return fmt.Sprintf("v=%d epoch=%d seq=%d votes=%d bytes=%d crc=%08x life=%d",
		ballotVersion, m.epoch, m.seq, m.votes, m.bytes, m.crc, m.lifetime.Milliseconds())
}

// after reports whether m is of a later ballot than o.
func (m meta) after(o meta) bool { return m.epoch > o.epoch || m.epoch == o.epoch && m.seq > o.seq }

// parseMeta reads what String writes, in any order, with words that a later version may add.
func parseMeta(text string) (meta, error) {
	numbers := map[string]int64{}
	for _, word := range strings.Fields(text) {
		key, value, _ := strings.Cut(word, "=")
		base := 10
		if key == "crc" {
			base = 16
		}
		if n, err := strconv.ParseInt(value, base, 64); err == nil && n >= 0 {
			numbers[key] = n
		}
	}
	m := meta{
		epoch: numbers["epoch"], seq: numbers["seq"], votes: int(numbers["votes"]), bytes: int(numbers["bytes"]),
		crc: uint32(numbers["crc"]), lifetime: time.Duration(min(numbers["life"], maxLifetime.Milliseconds()+1)) * time.Millisecond,
	}
	switch {
	case numbers["v"] != ballotVersion:
		return meta{}, fmt.Errorf("the ballot has the version %d, this Meridian reads %d", numbers["v"], ballotVersion)
	case m.epoch == 0 || m.seq == 0 || m.lifetime <= 0 || m.lifetime > maxLifetime:
		return meta{}, errCorrupt
	}
	return m, nil
}

// open returns the votes of a payload that is what m says it is, as decodeBallot does.
func (m meta) open(payload string, before []string) (b status.Ballot, targets []string, err error) {
	if len(payload) != m.bytes || crc32.Checksum([]byte(payload), castagnoli) != m.crc {
		return status.Ballot{}, nil, errCorrupt
	}
	b, targets, err = decodeBallot(payload, before)
	if err == nil && len(b.Votes) != m.votes {
		err = errCorrupt
	}
	return b, targets, err
}
