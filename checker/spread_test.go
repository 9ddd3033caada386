package checker

import (
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"meridian/status"
)

func addrOf(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)})
}

func vantageNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("vantage-%d", i)
	}
	return names
}

// chosenOf is the twin of chosen: it sorts all lots.
func chosenOf(addr netip.Addr, vantages []string, k int) []string {
	order := slices.Clone(vantages)
	sort.Slice(order, func(i, j int) bool {
		a, b := lot(order[i], addr), lot(order[j], addr)
		return a > b || a == b && order[i] < order[j]
	})
	return order[:min(k, len(order))]
}

// TestEachTargetHasKVantages: every target is probed by exactly min(k, live) vantages, and which ones doesn't depend on the
// order of the list.
func TestEachTargetHasKVantages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		vantages := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,6}(-[0-9])?`), 1, 12, rapid.ID).Draw(t, "vantages")
		k := rapid.IntRange(1, 14).Draw(t, "k")
		addr := addrOf(rapid.IntRange(0, 65535).Draw(t, "address"))
		want := chosenOf(addr, vantages, k)
		shuffled := rapid.Permutation(vantages).Draw(t, "shuffled")
		for _, v := range vantages {
			if got := chosen(v, addr, shuffled, k); got != slices.Contains(want, v) {
				t.Fatalf("%s probes %v: %v; the choice is %v", v, addr, got, want)
			}
		}
	})
}

// TestSpreadMovesTheLeast: when a vantage goes, only its own targets get one other vantage; when one comes, it only takes
// places, and nothing else moves.
func TestSpreadMovesTheLeast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := vantageNames(rapid.IntRange(2, 12).Draw(t, "n"))
		k := rapid.IntRange(1, 5).Draw(t, "k")
		gone := rapid.SampledFrom(all).Draw(t, "gone")
		rest := slices.DeleteFunc(slices.Clone(all), func(v string) bool { return v == gone })
		for i := range 200 {
			with, without := chosenOf(addrOf(i), all, k), chosenOf(addrOf(i), rest, k)
			for _, v := range with {
				if v != gone && !slices.Contains(without, v) {
					t.Fatalf("%v moved from %s, which is alive", addrOf(i), v)
				}
			}
			added := 0
			for _, v := range without {
				if !slices.Contains(with, v) {
					added++
				}
			}
			want := 0
			if slices.Contains(with, gone) && len(rest) >= k {
				want = 1
			}
			if added != want {
				t.Fatalf("%v went from %v to %v when %s left", addrOf(i), with, without, gone)
			}
		}
	})
}

// TestSharesAreEven: vantages get about equal shares.
func TestSharesAreEven(t *testing.T) {
	const targets, n, k = 20000, 10, 3
	vantages := vantageNames(n)
	for _, v := range vantages {
		mine := 0
		for i := range targets {
			if chosen(v, addrOf(i), vantages, k) {
				mine++
			}
		}
		if want := targets * k / n; mine < want*95/100 || mine > want*105/100 {
			t.Errorf("%s has %d targets, an even share is %d", v, mine, want)
		}
	}
}

func TestRoster(t *testing.T) {
	var r roster
	for i, tt := range []struct {
		live    []string
		changed bool
		want    []string
	}{
		{nil, false, nil}, // not known: everything is its own
		{[]string{}, true, []string{"own"}},
		{[]string{"b", "a"}, true, []string{"a", "b", "own"}},
		{[]string{"own", "a", "b"}, false, []string{"a", "b", "own"}},
		{[]string{}, false, []string{"a", "b", "own"}}, // emptied?
		{[]string{"a"}, true, []string{"a", "own"}},    // b is missing for the second time
		{nil, false, []string{"a", "own"}},
		{[]string{}, false, []string{"a", "own"}},
		{[]string{"a"}, false, []string{"a", "own"}}, // there it is again
		{[]string{}, false, []string{"a", "own"}},
		{[]string{}, true, []string{"own"}},
	} {
		if got := r.look("own", tt.live); got != tt.changed || !slices.Equal(r.vantages, tt.want) {
			t.Errorf("look %d: changed %v, %v; want %v, %v", i, got, r.vantages, tt.changed, tt.want)
		}
	}
}

// fleet is several checkers that share targets, on a board of the test's.
type fleet struct {
	worlds map[string]*world
	mu     sync.Mutex
	live   []string // on the board
}

func (f *fleet) listed() []string { f.mu.Lock(); defer f.mu.Unlock(); return f.live }

func (f *fleet) list(vantages ...string) { f.mu.Lock(); defer f.mu.Unlock(); f.live = vantages }

func newFleet(t *testing.T, k int, targets []Target, vantages ...string) *fleet {
	f := &fleet{worlds: map[string]*world{}, live: vantages}
	for _, v := range vantages {
		f.worlds[v] = f.join(t, v, k, targets)
	}
	return f
}

func (f *fleet) join(t *testing.T, vantage string, k int, targets []Target) *world {
	w := &world{see: always(good), hang: map[string]bool{}, began: map[string][]time.Time{}, running: map[string]int{}}
	w.Checker = New(vantage, w, Options{Probe: w.fakeProbe, Live: f.listed})
	w.SetDuties(Duties{Targets: targets, Vantages: k})
	w.run(t)
	return w
}

// voters returns how many of the live vantages vote up on the target.
func (f *fleet) voters(key string) (n int) {
	for _, v := range f.listed() {
		if f.worlds[v].latest().Votes[key].Health == status.Up {
			n++
		}
	}
	return n
}

// TestTargetsAreHandedOver: each target has exactly k votes when all is quiet, at least k while a vantage comes, and k again
// after one has died.
func TestTargetsAreHandedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const k = 2
		var all []Target
		for i := range 60 {
			all = append(all, usual(fmt.Sprint(i), addrOf(i).String()))
		}
		f := newFleet(t, k, all, "fra", "nyc", "sin", "syd")
		settled := func(when string) {
			t.Helper()
			time.Sleep(90 * time.Second)
			synctest.Wait()
			for _, target := range all {
				if n := f.voters(target.Key); n != k {
					t.Errorf("%s: %s has %d votes, want %d", when, target.Key, n, k)
				}
			}
		}
		settled("at first")

		f.list("fra", "nyc", "sin", "syd", "gru")
		f.worlds["gru"] = f.join(t, "gru", k, all)
		for range 600 { // a minute
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
			for _, target := range all {
				if n := f.voters(target.Key); n < k {
					t.Fatalf("%s has %d votes while a vantage comes", target.Key, n)
				}
			}
		}
		settled("with one more")

		f.list("fra", "sin", "syd", "gru") // the board has missed nyc's heartbeats
		settled("without one")
	})
}
