package policy

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"meridian/geo"
)

func traced(tree Tree, from geo.Place, in Input) string {
	var b strings.Builder
	for _, s := range tree.Course(tree.Locator().Locate(nil, &from), in).Trace() {
		fmt.Fprintf(&b, "%s%s: offered %s, took %s: %s\n", strings.Repeat("  ", s.Depth), s.Node, Percent(s.Offered), Percent(s.Taken), s.Why)
	}
	return b.String()
}

func TestTraceTellsEachStep(t *testing.T) {
	tree := Tree{Pools: world, Root: &Failover{Children: []Node{
		&Geo{
			Rules:   []Rule{{Countries: []string{"JP"}, Cities: []City{{"DE", "Berlin"}}, Policy: &Nearest{Pools: []int{0, 1, 2}, MaxDistance: 3000}}},
			Default: &Region{0},
		},
		&Weighted{Shares: []Share{{1, &Region{0}}, {3, &Region{1}}, {0, &Region{2}}}},
		&RoundRobin{Children: []Node{&Region{0}, &Region{2}}, MinHealthy: MinHealthy{Share: 1}},
		&LeastLoaded{Pools: []int{0, 2}},
	}}}
	got := traced(tree, tokyo, Input{Acceptance: []float64{1, 0.5, 0.25}})
	const want = `failover: offered 100%, took 100%: in order
  geo: offered 100%, took 25%: rule 1 (countries JP; cities DE/Berlin)
    nearest: offered 100%, took 25%: in the order of distance
      region ap-northeast: offered 100%, took 25%: takes 25% of what it is offered
      region us-east: offered 0%, took 0%: farther than max_distance 3000km
      region eu-west: offered 0%, took 0%: farther than max_distance 3000km
  weighted: offered 75%, took 75%: by weight us-east 1, eu-west 3, ap-northeast 0
    region us-east: offered 46.88%, took 46.88%: takes all that it is offered
    region eu-west: offered 56.25%, took 28.13%: takes 50% of what it is offered
    region ap-northeast: offered 0%, took 0%: its weight is 0
  round-robin: offered 0%, took 0%: nothing left to take
    region us-east: offered 0%, took 0%: nothing left to take
    region ap-northeast: offered 0%, took 0%: nothing left to take
  least-loaded: offered 0%, took 0%: nothing left to take
    region us-east: offered 0%, took 0%: nothing left to take
    region ap-northeast: offered 0%, took 0%: nothing left to take
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestTraceTellsWhatCountsAsDown(t *testing.T) {
	nearest := &Nearest{Pools: []int{0, 1, 2}, Spread: Spread{Share: 1}, MinHealthy: MinHealthy{Count: 2}}
	tree := Tree{Pools: world, Root: &Failover{Children: []Node{nearest, &All{Children: []Node{&Region{0}, &Region{1}}}}}}
	got := traced(tree, geo.Place{Coordinates: geo.At(48, -35)}, Input{Acceptance: []float64{0, 1, 0}})
	const want = `failover: offered 100%, took 100%: in order; 1 of 2 alive
  nearest: offered 100%, took 0%: counts as down: 1 of 3 alive, 2 needed
    nearest: offered 0%, took 0%: too few of its siblings are alive
      region us-east: offered 0%, took 0%: takes nothing
      region eu-west: offered 0%, took 0%: too few of its siblings are alive
    region ap-northeast: offered 0%, took 0%: takes nothing
  all: offered 100%, took 100%: every child answers; 1 of 2 alive
    region us-east: offered 100%, took 0%: takes nothing
    region eu-west: offered 100%, took 100%: takes all that it is offered
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// What the trace says that pools took is what they get: the distribution, before the last scaling.
func TestTraceAddsUp(t *testing.T) {
	compared := 0
	for seed := range 1000 {
		tree, key, in := someCourse(seed, genInput)
		if slices.ContainsFunc(slices.Collect(tree.Nodes()), func(n Node) bool {
			g, isGeo := n.(*Geo) // a fence scales, and all offers the same mass to each child
			_, isAll := n.(*All)
			return isGeo && g.Fence || isAll
		}) {
			continue
		}
		c := tree.Course(key, in)
		trace := c.Trace()
		took := make([]float64, len(tree.Pools))
		for _, s := range trace {
			if s.Pool >= 0 {
				took[s.Pool] += s.Taken
			}
			if s.Taken > s.Offered+1e-12 || s.Why == "" {
				t.Fatalf("seed %d: %+v", seed, s)
			}
		}
		for _, part := range c.Distribution() {
			for _, pool := range part.Pools {
				took[pool] -= part.P * trace[0].Taken
			}
		}
		for pool, rest := range took {
			if math.Abs(rest) > 1e-9 {
				t.Fatalf("seed %d: pool %d took %g more than it gets\n%+v\n%v", seed, pool, rest, trace, c.Distribution())
			}
		}
		compared++
	}
	if compared < 100 {
		t.Errorf("only %d trees were compared", compared)
	}
}
