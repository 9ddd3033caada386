package ledger

import (
	"bytes"
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func key(client string) Key {
	return Key{Client: netip.MustParsePrefix(client), Service: "www.glb.test.", Type: 1}
}

func source() rand.Source { return rand.NewPCG(1, 2) }

func total(l *Ledger) float64 {
	sum := 0.0
	for _, e := range l.Entries() {
		sum += e.Count
	}
	return sum
}

// TestBoundAndSum: whatever is added, the table keeps its size, and the sum of its counters is what was added. Below the
// bound it is a plain map.
func TestBoundAndSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 20).Draw(t, "most")
		l, sum, plain := New(most, source()), 0.0, map[Key]float64{}
		for range rapid.IntRange(0, 200).Draw(t, "queries") {
			k := key(netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, byte(rapid.IntRange(0, 30).Draw(t, "client")), 0}), 24).String())
			n := float64(rapid.IntRange(1, 5).Draw(t, "n"))
			l.Add(k, n)
			plain[k] += n
			sum += n
			if l.Len() > most || len(l.index) != l.Len() || math.Abs(total(l)-sum) > 1e-6 {
				t.Fatalf("%d entries of %d (%d indexed), %g of %g queries", l.Len(), most, len(l.index), total(l), sum)
			}
		}
		if len(plain) > most {
			return
		}
		for _, e := range l.Entries() {
			if plain[e.Key] != e.Count {
				t.Fatalf("%v: %g, want %g", e.Key, e.Count, plain[e.Key])
			}
		}
	})
}

// TestUnbiased: of 2,000 clients, of which 100 have room, any part is counted right on average, and the large ones
// nearly exactly.
func TestUnbiased(t *testing.T) {
	const seed, runs = 9, 40
	part, large := 0.0, 0.0
	for run := range uint64(runs) {
		rng := rand.New(rand.NewPCG(seed, run))
		l := New(100, rand.NewPCG(run, seed))
		for range 20_000 {
			client := [4]byte{10, 0, 0, 0} // half of all queries
			if rng.Uint64()&1 == 0 {
				n := rng.Uint64N(2000)
				client = [4]byte{20, byte(n >> 8), byte(n), 0}
			}
			l.Add(key(netip.PrefixFrom(netip.AddrFrom4(client), 24).String()), 1)
		}
		for _, e := range l.Entries() {
			switch a := e.Client.Addr().As4(); {
			case a[0] == 10:
				large += e.Count / (20_000 * runs)
			case a[1] < 2: // 512 of the 2,000
				part += e.Count / (20_000 * runs)
			}
		}
	}
	if math.Abs(large-.5) > .02 || math.Abs(part-.128) > .02 {
		t.Errorf("seed %d: the large client has %g of .5, a quarter of the others %g of .128", seed, large, part)
	}
}

// TestDecay: a query counts half after HalfLife, the rate of a steady stream is right from the start, and what is over
// for long is forgotten.
func TestDecay(t *testing.T) {
	l := New(10, source())
	for hour := range 24 * 10 {
		l.Add(key("192.0.2.0/24"), 3600)
		l.Watch(time.Hour)
		if rate := total(l) / l.Seconds(); math.Abs(rate-1) > .02 {
			t.Fatalf("after %d hours the rate is %g", hour+1, rate)
		}
	}
	before := total(l)
	l.Watch(HalfLife)
	if got := total(l); math.Abs(got-before/2) > 1e-6 {
		t.Errorf("%g became %g", before, got)
	}
	for range 40 {
		l.Watch(HalfLife)
	}
	if l.Len() != 0 || len(l.index) != 0 {
		t.Errorf("%d entries are left", l.Len())
	}
}

func TestCut(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.77/32": "192.0.2.64/28", "192.0.2.77/24": "192.0.2.0/24", "192.0.0.0/16": "192.0.0.0/16", "2001:db8:1:2::1/128": "2001:db8:1::/56", "0.0.0.0/0": "0.0.0.0/0",
	} {
		if got := Cut(netip.MustParsePrefix(in)); got.String() != want {
			t.Errorf("%s: %v, want %s", in, got, want)
		}
	}
}

// TestSurvivesARestart: what is saved is loaded, by nobody else, and a crash in between leaves the old file.
func TestSurvivesARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "ledger")
	l := New(10, source())
	l.Add(key("192.0.2.0/24"), 12.5)
	l.Add(Key{Client: netip.MustParsePrefix("2001:db8:1::/48"), Service: "api.glb.test.", Type: 28}, 3)
	l.Watch(time.Hour)
	if err := l.Save(path); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(path+".tmp", []byte("half of a"), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := Load(path, 10, source())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(again.AppendText(nil)), string(l.AppendText(nil)); got != want {
		t.Errorf("loaded\n%s\nsaved\n%s", got, want)
	}
	small, err := Load(path, 1, source())
	if err != nil || small.Len() != 1 || math.Abs(total(small)-total(l)) > 1e-6 {
		t.Errorf("in a smaller ledger: %d entries, %g of %g, %v", small.Len(), total(small), total(l), err)
	}
	if err := Remove(path); err != nil {
		t.Error(err)
	}
	if err := Remove(path); err != nil {
		t.Error(err)
	}
	if empty, err := Load(path, 10, source()); err != nil || empty.Len() != 0 {
		t.Errorf("no file: %d entries, %v", empty.Len(), err)
	}
}

// TestDamagedFile: it gives an empty ledger and says which line is wrong.
func TestDamagedFile(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "line 1",
		"meridian.ledger/v9 1\n":    `line 1: its form is "meridian.ledger/v9"`,
		"meridian.ledger/v1 -1\n":   "line 1",
		"meridian.ledger/v1 1\nx\n": "line 2: it has 1 fields",
		"meridian.ledger/v1 1\n192.0.2.1/32 a. 1 1\n":   `line 2: "192.0.2.1/32" is no client network`,
		"meridian.ledger/v1 1\n192.0.2.0/24 a. x 1\n":   `"x" is no record type`,
		"meridian.ledger/v1 1\n192.0.2.0/24 a. 1 NaN\n": `"NaN" is no count`,
	} {
		path := filepath.Join(t.TempDir(), "ledger")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := Load(path, 10, source())
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) || l.Len() != 0 {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// FuzzParse: whatever is read, is written and read again alike.
func FuzzParse(f *testing.F) {
	f.Add([]byte("meridian.ledger/v1 3600\n192.0.2.0/24 www.glb.test. 1 12.5\n2001:db8::/48 www.glb.test. 28 3\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := Parse(text, 16, source())
		if err != nil {
			return
		}
		// Once written, numbers have as many digits as they keep.
		once := rewritten(t, l.AppendText(nil))
		if twice := rewritten(t, once); !bytes.Equal(once, twice) {
			t.Errorf("%q\nbecame %q", once, twice)
		}
	})
}

func rewritten(t *testing.T, text []byte) []byte {
	l, err := Parse(text, 16, source())
	if err != nil {
		t.Fatal(err)
	}
	return l.AppendText(nil)
}
