package board

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"meridian/status"
	"meridian/test/redistest"
)

// fakeRedis answers every command with one text, and returns its address.
func fakeRedis(t testing.TB, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				in := bufio.NewScanner(conn)
				for in.Scan() {
					if strings.HasPrefix(in.Text(), "*") { // a command begins
						if _, err := conn.Write([]byte(answer)); err != nil {
							return
						}
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

// TestR14CorruptValues: whatever somebody stored under the board's names is counted and ignored; the rest goes on, and
// the next ballot heals it.
func TestR14CorruptValues(t *testing.T) {
	t.Parallel()
	const ballot, index = "{meridian}:v1:ballot:fra", "{meridian}:v1:vantages"
	meta := func(text string) [][]string {
		return [][]string{{"HSET", ballot, "#", text}}
	}
	for name, damage := range map[string][][]string{
		"a list":                 {{"DEL", ballot}, {"LPUSH", ballot, "1"}},
		"a string":               {{"SET", ballot, "garbage"}},
		"a string of 500 MB":     {{"DEL", ballot}, {"SETRANGE", ballot, "500000000", "x"}},
		"votes of 20 MB":         {{"EVAL", "redis.call('HSET',KEYS[1],'votes',string.rep('x',20000000))", "1", ballot}},
		"a # of 20 MB":           {{"EVAL", "redis.call('HSET',KEYS[1],'#',string.rep('x',20000000))", "1", ballot}},
		"votes cut off":          {{"EVAL", "local v=redis.call('HGET',KEYS[1],'votes') redis.call('HSET',KEYS[1],'votes',string.sub(v,1,-2))", "1", ballot}},
		"votes of NULs":          {{"EVAL", "redis.call('HSET',KEYS[1],'votes',string.rep('\\0',50))", "1", ballot}},
		"no votes":               {{"HDEL", ballot, "votes"}},
		"no lifetime":            {{"PERSIST", ballot}},
		"a lifetime of years":    {{"PEXPIRE", ballot, "99999999999"}},
		"another version":        meta("v=2 epoch=1 seq=1 votes=1 bytes=9 crc=0 life=15000"),
		"negative numbers":       meta("v=1 epoch=-1 seq=-1 votes=-1 bytes=-1 crc=0 life=-15000"),
		"far ahead":              meta("v=1 epoch=9223372036854775807 seq=9223372036854775807 votes=1 bytes=9 crc=0 life=9223372036854775807"),
		"words":                  meta("all is well"),
		"a wrong count":          {{"EVAL", "redis.call('HSET',KEYS[1],'#',(string.gsub(redis.call('HGET',KEYS[1],'#'),'votes=1','votes=2')))", "1", ballot}},
		"an index of strings":    {{"SET", index, "garbage"}},
		"an index of infinities": {{"ZADD", index, "inf", "a"}, {"ZADD", index, "-inf", "b"}, {"ZADD", index, "1", "c\nd"}},
		"an index of 20 MB":      {{"EVAL", "redis.call('ZADD',KEYS[1],1,string.rep('x',20000000))", "1", index}},
	} {
		t.Run(name, func(t *testing.T) {
			r := redistest.Start(t)
			o := at(r)
			o.Timeout = 3 * time.Second
			b, reader := openBoard(t, o), openBoard(t, o)
			b.mustPut("fra", status.Up)
			b.mustPut("nyc", status.Up)
			for _, command := range damage {
				r.Do(command...)
			}
			if !strings.HasPrefix(name, "an index") { // the rest goes on
				reader.eventually("nyc:up")
				if name != "no votes" && reader.Stats().Corrupt == 0 {
					t.Error("nothing was counted")
				}
			}
			await(t, func() bool { return b.put("fra", status.Down) == nil }, func() string { return "it doesn't heal" })
			b.mustPut("nyc", status.Up)
			reader.eventually("fra:down nyc:up")
		})
	}
}

// TestR15Garbage: a connection over which something else than Redis talks is closed before anything is allocated for it.
func TestR15Garbage(t *testing.T) {
	for name, tt := range map[string]struct{ answer, kind string }{
		"huge string":       {"$9999999999\r\n", "oversize"},
		"string of 2^63-1":  {"$9223372036854775807\r\n", "oversize"},
		"huge array":        {"*9999999999\r\n", "oversize"},
		"nested arrays":     {strings.Repeat("*1\r\n", 100_000), "oversize"},
		"line without end":  {"+" + strings.Repeat("x", 1<<20), "oversize"},
		"negative length":   {"$-7\r\n", "garbage"},
		"HTTP":              {"HTTP/1.1 400 Bad Request\r\n\r\n", "garbage"},
		"NULs":              {"\x00\x00\x00\x00", "garbage"},
		"length with words": {"$abc\r\n", "garbage"},
		"TLS alert":         {"\x15\x03\x01\x00\x02\x02\x46", "garbage"},
	} {
		t.Run(name, func(t *testing.T) {
			b := openBoard(t, RedisOptions{Addresses: []string{fakeRedis(t, tt.answer)}})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := b.Ballots(context.Background())
			runtime.ReadMemStats(&after)
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 16<<20 {
				t.Errorf("%d MB were allocated", grown>>20)
			}
			fails(t, err, tt.kind, "")
		})
	}
	for name, answer := range map[string]string{
		"only numbers": ":1\r\n", "only null": "$-1\r\n", "RESP3 push": ">2\r\n+message\r\n+x\r\n", "RESP3 map": "%1\r\n+a\r\n+b\r\n",
		"array of arrays": "*2\r\n*1\r\n:1\r\n*0\r\n", "silence": "", "only OK": "+OK\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			b := openBoard(t, RedisOptions{Addresses: []string{fakeRedis(t, answer)}, Timeout: 300 * time.Millisecond})
			if err := b.put("fra", status.Up); err == nil {
				t.Error("a ballot was published on what is no Redis")
			}
			begin := time.Now()
			b.votes()
			if took := time.Since(begin); took > 2*time.Second {
				t.Errorf("reading took %v", took)
			}
		})
	}
}

// TestGuardLetsRepliesPass: whatever the pieces in which they come.
func TestGuardLetsRepliesPass(t *testing.T) {
	replies := "+OK\r\n-ERR no\r\n:42\r\n$-1\r\n$0\r\n\r\n$5\r\nhe\r\no\r\n*-1\r\n*0\r\n*2\r\n$1\r\na\r\n*1\r\n:1\r\n" +
		"%1\r\n+a\r\n:1\r\n~1\r\n#t\r\n>2\r\n+message\r\n+x\r\n_\r\n,1.5\r\n(12345678901234567890\r\n=7\r\ntxt:abc\r\n|1\r\n+k\r\n+v\r\n:7\r\n!3\r\nERR\r\n"
	for size := 1; size <= len(replies); size++ {
		var w respWatch
		for at := 0; at < len(replies); at += size {
			if err := w.pass([]byte(replies[at:min(at+size, len(replies))])); err != nil {
				t.Fatalf("in pieces of %d bytes, at %d: %v", size, at, err)
			}
		}
		if w.depth != 0 || w.kind != 0 || w.skip != 0 || w.size != 0 {
			t.Fatalf("in pieces of %d bytes it ends within a reply: %+v", size, w)
		}
	}
}

func TestGuardBoundsWholeReplies(t *testing.T) {
	var w respWatch
	item := []byte(fmt.Sprintf("$%d\r\n%s\r\n", maxBulk/2, strings.Repeat("x", maxBulk/2)))
	err := w.pass([]byte("*100\r\n"))
	for range 100 {
		if err == nil {
			err = w.pass(item)
		}
	}
	if !errors.Is(err, errTooMuch) {
		t.Errorf("an array of %d MB passed: %v", 100*maxBulk>>21, err)
	}
}

// FuzzGuard: no stream makes the guard panic, or announce more than it lets pass.
func FuzzGuard(f *testing.F) {
	for _, seed := range []string{"+OK\r\n", "$9999999999\r\n", "*2\r\n$1\r\na\r\n:1\r\n", "|1\r\n+k\r\n+v\r\n:7\r\n", "$-1\r\n", "*-2\r\n"} {
		f.Add([]byte(seed), 3)
	}
	f.Fuzz(func(t *testing.T, stream []byte, size int) {
		if size < 1 {
			size = 1
		}
		var whole, pieces respWatch
		wholeErr := whole.pass(stream)
		var err error
		for at := 0; at < len(stream) && err == nil; at += size {
			err = pieces.pass(stream[at:min(at+size, len(stream))])
		}
		if (wholeErr == nil) != (err == nil) {
			t.Fatalf("whole: %v, in pieces of %d: %v", wholeErr, size, err)
		}
		if whole.skip > maxBulk+2 || whole.depth > maxDepth {
			t.Fatalf("%+v", whole)
		}
	})
}
