package status

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var (
	t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	t1 = t0.Add(time.Minute)
)

// ballot is one fresh ballot with one vote on "a".
func ballot(vantage string, h Health, reason string) Arrival {
	return Arrival{Ballot: Ballot{Vantage: vantage, Votes: map[string]Vote{"a": {Health: h, Evidence: Evidence{Reason: reason}}}}}
}

func TestTallySteps(t *testing.T) {
	rules := Rules{MaxAge: 15 * time.Second}
	stale := func(a Arrival) Arrival { a.Age = rules.MaxAge + 1; return a }
	was := Table{"a": {Health: Up, Since: t0, Reason: "checker x: HTTP 200 OK"}}

	for _, tt := range []struct {
		name     string
		arrivals []Arrival
		prev     Table
		want     Table
		changes  []Transition
	}{
		{name: "nothing at all", want: nil},
		{
			name:     "first verdict",
			arrivals: []Arrival{ballot("x", Up, "HTTP 200 OK")},
			want:     Table{"a": {Health: Up, Since: t1, Reason: "checker x: HTTP 200 OK"}},
			changes:  []Transition{{"a", Unknown, Up, t1, "checker x: HTTP 200 OK"}},
		},
		{
			name:     "an abstention is no vote",
			arrivals: []Arrival{ballot("x", Unknown, "connection refused")},
			want:     nil,
		},
		{
			name:     "two of three",
			arrivals: []Arrival{ballot("x", Down, "HTTP 503 Service Unavailable"), ballot("y", Up, "HTTP 200 OK"), ballot("z", Down, "HTTP 503 Service Unavailable")},
			prev:     was,
			want:     Table{"a": {Health: Down, Since: t1, Reason: "2 of 3 checkers: HTTP 503 Service Unavailable"}},
			changes:  []Transition{{"a", Up, Down, t1, "2 of 3 checkers: HTTP 503 Service Unavailable"}},
		},
		{
			name:     "most checkers' reason, the first by name among equals",
			arrivals: []Arrival{ballot("x", Down, "timeout"), ballot("y", Down, "connection refused"), ballot("z", Up, "")},
			want:     Table{"a": {Health: Down, Since: t1, Reason: "2 of 3 checkers: connection refused"}},
			changes:  []Transition{{"a", Unknown, Down, t1, "2 of 3 checkers: connection refused"}},
		},
		{
			name:     "a tie holds",
			arrivals: []Arrival{ballot("x", Down, "timeout"), ballot("y", Up, "HTTP 200 OK")},
			prev:     was,
			want:     was,
		},
		{
			name:     "stale ballots are not down",
			arrivals: []Arrival{stale(ballot("x", Down, "timeout"))},
			prev:     was,
			want:     was,
		},
		{
			name:     "a stale ballot doesn't count among the checkers",
			arrivals: []Arrival{stale(ballot("x", Up, "HTTP 200 OK")), stale(ballot("y", Up, "HTTP 200 OK")), ballot("z", Down, "timeout")},
			prev:     was,
			want:     Table{"a": {Health: Down, Since: t1, Reason: "checker z: timeout"}},
			changes:  []Transition{{"a", Up, Down, t1, "checker z: timeout"}},
		},
		{
			name:     "a new reason is no transition",
			arrivals: []Arrival{ballot("x", Up, "HTTP 204 No Content")},
			prev:     was,
			want:     Table{"a": {Health: Up, Since: t0, Reason: "checker x: HTTP 204 No Content"}},
		},
		{name: "every checker is gone", prev: was, want: was},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := maps.Clone(tt.prev)
			got, changes := Tally(tt.arrivals, rules, tt.prev, t1)
			if diff := cmp.Diff(tt.want, got); diff != "" && len(tt.want)+len(got) > 0 {
				t.Errorf("table (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.changes, changes); diff != "" {
				t.Errorf("transitions (-want +got):\n%s", diff)
			}
			if !maps.Equal(before, tt.prev) {
				t.Error("the previous table was written to")
			}
		})
	}
}

func TestTallyForgetsTargetsOutsideTheRules(t *testing.T) {
	rules := Rules{MaxAge: time.Second, Targets: map[string]Rule{"a": {}, "c": {}}}
	prev := Table{"a": {Health: Down, Since: t0}, "b": {Health: Down, Since: t0}}
	got, changes := Tally([]Arrival{{Ballot: Ballot{Vantage: "x", Votes: map[string]Vote{"z": {Health: Up}}}}}, rules, prev, t1)
	if diff := cmp.Diff(Table{"a": {Health: Down, Since: t0}}, got); diff != "" || len(changes) != 0 {
		t.Errorf("table (-want +got):\n%s\ntransitions %v", diff, changes)
	}
}

func TestCertDaysLeft(t *testing.T) {
	for _, tt := range []struct {
		left time.Duration
		want int
	}{{36 * time.Hour, 1}, {time.Hour, 0}, {-time.Hour, -1}, {-25 * time.Hour, -2}} {
		if got, ok := (Evidence{CertExpires: t0.Add(tt.left)}).CertDaysLeft(t0); !ok || got != tt.want {
			t.Errorf("%v left: %d, %v; want %d", tt.left, got, ok, tt.want)
		}
	}
	if _, ok := (Evidence{}).CertDaysLeft(t0); ok {
		t.Error("no certificate has days left")
	}
}

func drawArrivals(t *rapid.T) []Arrival {
	health := rapid.SampledFrom([]Health{Unknown, Up, Down})
	targets := rapid.SampledFrom([]string{"a", "b", "c"})
	votes := rapid.MapOfN(targets, rapid.Custom(func(t *rapid.T) Vote {
		return Vote{Health: health.Draw(t, "health"), Evidence: Evidence{Reason: rapid.SampledFrom([]string{"", "p", "q"}).Draw(t, "reason")}}
	}), 0, 3)
	n := rapid.IntRange(0, 6).Draw(t, "checkers")
	var all []Arrival
	for i := range n {
		all = append(all, Arrival{
			Ballot: Ballot{Vantage: fmt.Sprintf("v%d", i), Votes: votes.Draw(t, "votes")},
			Age:    time.Duration(rapid.IntRange(0, 20).Draw(t, "age")) * time.Second,
		})
	}
	return all
}

// TestTallyEqualsItsTwin compares Tally with a twin that knows nothing of tables, one target at a time.
func TestTallyEqualsItsTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		arrivals := drawArrivals(t)
		rules := Rules{MaxAge: 15 * time.Second, Default: Rule{
			Quorum: Quorum{
				Down: rapid.SampledFrom([]Need{{}, {Kind: NeedMajority}, {Kind: NeedAny}, {Kind: NeedAll}, {NeedNumber, 1}, {NeedNumber, 2}, {NeedNumber, 4}, {NeedPercent, 40}}).Draw(t, "down"),
				Up:   rapid.SampledFrom([]Need{{}, {}, {}, {Kind: NeedMajority}, {Kind: NeedAll}, {NeedNumber, 2}}).Draw(t, "up"),
			},
			MinVoters: rapid.SampledFrom([]int{0, 0, 1, 2, 4}).Draw(t, "min voters"),
		}}
		prev := Table{}
		for _, target := range []string{"a", "b", "c"} {
			if h := rapid.SampledFrom([]Health{Unknown, Up, Down}).Draw(t, "before"); h != Unknown {
				prev[target] = State{Health: h, Since: t0}
			}
		}
		got, changes := Tally(arrivals, rules, prev, t1)

		for _, target := range []string{"a", "b", "c"} {
			want := twin(arrivals, rules, target, prev[target].Health)
			if got[target].Health != want {
				t.Fatalf("%s: %v, the twin says %v", target, got[target].Health, want)
			}
			changed := slices.ContainsFunc(changes, func(c Transition) bool { return c.Target == target })
			if changed != (want != prev[target].Health) {
				t.Fatalf("%s went from %v to %v, transition: %v", target, prev[target].Health, want, changed)
			}
			if want != Unknown && !changed && !got[target].Since.Equal(t0) {
				t.Fatalf("%s didn't change, but its Since did", target)
			}
		}
		shuffled := rapid.Permutation(arrivals).Draw(t, "shuffled")
		again, _ := Tally(shuffled, rules, prev, t1)
		if diff := cmp.Diff(got, again); diff != "" {
			t.Fatalf("the order of the ballots matters:\n%s", diff)
		}
		settled, none := Tally(arrivals, rules, got, t1.Add(time.Second))
		if len(none) != 0 || !maps.Equal(settled, got) {
			t.Fatalf("the same ballots a second time changed something: %v", none)
		}
	})
}

func twin(arrivals []Arrival, rules Rules, target string, before Health) Health {
	var ups, downs int
	for _, a := range arrivals {
		if a.Age > rules.MaxAge {
			continue
		}
		switch a.Ballot.Votes[target].Health {
		case Up:
			ups++
		case Down:
			downs++
		}
	}
	n := ups + downs
	if n < rules.Default.MinVoters {
		return before
	}
	enough := func(need Need, votes int) bool {
		share := float64(votes) / float64(n)
		return votes > 0 && map[NeedKind]bool{
			NeedDefault: share > 0.5, NeedMajority: share > 0.5, NeedAny: true, NeedAll: share == 1,
			NeedNumber: votes >= need.N, NeedPercent: share >= float64(need.N)/100,
		}[need.Kind]
	}
	down, back := rules.Default.Quorum.Down, rules.Default.Quorum.Up
	up := enough(back, ups)
	if back == (Need{}) {
		switch down.Kind {
		case NeedAny:
			up = downs == 0 && ups > 0
		case NeedAll:
			up = ups > 0
		default:
			up = enough(down, ups)
		}
	}
	switch {
	case enough(down, downs):
		return Down
	case up:
		return Up
	}
	return before
}

// TestH47OneBrokenCheckerCannotTakeARegionOut: whatever one of three or more says, it is outvoted.
func TestH47OneBrokenCheckerCannotTakeARegionOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 9).Draw(t, "honest checkers")
		lie := rapid.SampledFrom([]Health{Unknown, Up, Down}).Draw(t, "lie")
		truth := rapid.SampledFrom([]Health{Up, Down}).Draw(t, "truth")
		arrivals := []Arrival{ballot("liar", lie, "")}
		for i := range n {
			arrivals = append(arrivals, ballot(fmt.Sprintf("v%d", i), truth, ""))
		}
		got, _ := Tally(arrivals, Rules{MaxAge: time.Second}, nil, t1)
		if got["a"].Health != truth {
			t.Fatalf("%d say %v, one says %v: %v", n, truth, lie, got["a"].Health)
		}
	})
}

// TestAQuietRoundAllocatesLittle: the work of a heartbeat that changes nothing doesn't grow with the number of targets.
func TestAQuietRoundAllocatesLittle(t *testing.T) {
	arrivals, rules := manyBallots(3, 1000)
	prev, _ := Tally(arrivals, rules, nil, t0)
	if n := testing.AllocsPerRun(10, func() { Tally(arrivals, rules, prev, t1) }); n > 30 {
		t.Errorf("%g allocations", n)
	}
}

func manyBallots(checkers, targets int) ([]Arrival, Rules) {
	rules := Rules{MaxAge: time.Second, Targets: map[string]Rule{}}
	var arrivals []Arrival
	for c := range checkers {
		votes := make(map[string]Vote)
		for i := range targets {
			key := fmt.Sprintf("web:1f2e3d4c@198.18.%d.%d", i/250, i%250)
			votes[key] = Vote{Health: Up, Evidence: Evidence{Reason: "HTTP 200 OK"}}
			rules.Targets[key] = Rule{Target: key}
		}
		arrivals = append(arrivals, Arrival{Ballot: Ballot{Vantage: fmt.Sprint(c), Votes: votes}})
	}
	return arrivals, rules
}

func BenchmarkTally(b *testing.B) {
	for _, checkers := range []int{1, 5, 10} {
		b.Run(fmt.Sprintf("targets=10000/checkers=%d", checkers), func(b *testing.B) {
			arrivals, rules := manyBallots(checkers, 10_000)
			prev, _ := Tally(arrivals, rules, nil, t0)
			b.ReportAllocs()
			for b.Loop() {
				Tally(arrivals, rules, prev, t1)
			}
		})
	}
}
