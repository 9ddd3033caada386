package policy

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"meridian/geo"
)

// someCourse returns a random tree with the key of some client and the state of its pools, the same for equal seeds.
func someCourse(seed int, gen func(*rapid.T, int) Input) (Tree, []byte, Input) {
	type all struct {
		tree Tree
		key  []byte
		in   Input
	}
	a := rapid.Custom(func(t *rapid.T) all {
		tree := genTree(t)
		_, place := genPlace(t, tree)
		return all{tree, tree.Locator().Locate(nil, &place), gen(t, len(tree.Pools))}
	}).Example(seed)
	return a.tree, a.key, a.in
}

// Over many clients a course draws by its distribution.
func TestDrawFollowsTheDistribution(t *testing.T) {
	const trees, clients = 400, 4000
	divided := 0
	for seed := range trees {
		tree, key, in := someCourse(seed, genInput)
		c := tree.Course(key, in)
		dist := c.Distribution()
		counts := make([]int, len(dist))
		r := rand.New(rand.NewPCG(uint64(seed), 0))
		for range clients {
			i := c.Draw(r.Uint64())
			if (i < 0) != (len(dist) == 0) {
				t.Fatalf("seed %d: drew %d of %d parts", seed, i, len(dist))
			}
			if i >= 0 {
				counts[i]++
			}
		}
		chi, df := 0.0, -1.0
		for i, part := range dist {
			want := part.P * clients
			chi += (float64(counts[i]) - want) * (float64(counts[i]) - want) / want
			df++
		}
		if len(dist) > 1 {
			divided++
		}
		// Wilson and Hilferty's approximation of the quantile at 5 sigma; sparse parts make the tail a bit longer.
		if limit := df * math.Pow(1-2/(9*df)+5*math.Sqrt(2/(9*df)), 3); df > 0 && chi > 1.3*limit {
			t.Errorf("seed %d: chi-square %.1f of %d parts, limit %.1f\n%v\n%v", seed, chi, len(dist), 1.3*limit, counts, dist)
		}
	}
	if divided < trees/4 {
		t.Errorf("only %d of %d trees divide their clients", divided, trees)
	}
}

// steady draws states in which every pool takes everything or nothing, and makes nodes neither judge by numbers (which
// moves all of a node's clients at once) nor by loads (which aren't known).
func steady(t *rapid.T, n int) Input {
	return Input{Open: true, Acceptance: rapid.SliceOfN(rapid.SampledFrom([]float64{0, 1, 1, 1}), n, n).Draw(t, "acceptance")}
}

// A pool that dies sends away its own clients and nobody else; when it comes back, so do they.
func TestADyingPoolMovesOnlyItsClients(t *testing.T) {
	moved := 0
	for seed := range 400 {
		tree, key, before := someCourse(seed, steady)
		for pool := range tree.Pools {
			after := before
			after.Acceptance = slices.Clone(before.Acceptance)
			after.Acceptance[pool] = 0
			a, b := tree.Course(key, before), tree.Course(key, after)
			for client := range uint64(200) {
				i, j := a.Draw(Mix(client)), b.Draw(Mix(client))
				if i < 0 || slices.Contains(a.Distribution()[i].Pools, byte(pool)) {
					moved++
					continue
				}
				if j < 0 || !slices.Equal(a.Distribution()[i].Pools, b.Distribution()[j].Pools) {
					t.Fatalf("seed %d: pool %d dies, and client %d moves from %v of %v to %d of %v", seed, pool, client,
						a.Distribution()[i], a.Distribution(), j, b.Distribution())
				}
			}
		}
	}
	if moved == 0 {
		t.Error("nobody had anybody to lose")
	}
}

// A pool that takes less keeps a subset of its clients, and one that takes more gets them back: going from 5% to 10%
// moves the added 5% only.
func TestADialMovesOnlyWhatItMust(t *testing.T) {
	for seed := range 300 {
		tree, key, in := someCourse(seed, steady)
		pool := seed % len(tree.Pools)
		var last *Course
		for _, acceptance := range []float64{1, 0.9, 0.5, 0.1, 0.05, 0} {
			in.Acceptance = slices.Clone(in.Acceptance)
			in.Acceptance[pool] = acceptance
			next := tree.Course(key, in)
			if last != nil && len(last.root.flow.parts) > 0 && last.root.flow.left() == 0 && next.root.flow.left() == 0 {
				for client := range uint64(300) {
					i, j := last.Draw(Mix(client)), next.Draw(Mix(client))
					was, is := last.Distribution()[i].Pools, next.Distribution()[j].Pools
					if slices.Equal(was, is) {
						continue
					}
					if !slices.Contains(was, byte(pool)) {
						t.Fatalf("seed %d: at %g client %d moves from %v to %v, not from pool %d", seed, acceptance, client, was, is, pool)
					}
				}
			}
			last = next
		}
	}
}

// The seeds of draws are made of names: more pools, or others, in the same weights leave a client where it is.
func TestDrawDoesNotDependOnNumbering(t *testing.T) {
	few := Tree{Root: weights(1, 2, 3), Pools: world}
	turned := few
	turned.Pools = slices.Clone(few.Pools)
	slices.Reverse(turned.Pools)
	turned.Root = &Weighted{Shares: []Share{{3, &Region{0}}, {1, &Region{2}}, {2, &Region{1}}}}
	in := Input{Acceptance: []float64{1, 1, 1}}
	a, b := few.Course(nil, in), turned.Course(nil, in)
	for client := range uint64(1000) {
		x := few.Pools[a.Distribution()[a.Draw(Mix(client))].Pools[0]].Name
		y := turned.Pools[b.Distribution()[b.Draw(Mix(client))].Pools[0]].Name
		if x != y {
			t.Fatalf("client %d gets %s, and %s where pools are numbered otherwise", client, x, y)
		}
	}
}

// Five regions become four in the configuration: only the clients of the fifth move, whatever divides them, and they
// come back with it.
func TestRemovingOneOfFiveRegionsMovesOnlyItsClients(t *testing.T) {
	five := append(slices.Clone(world), geo.Region{Name: "us-west", Coordinates: geo.At(45.6, -121.18)}, geo.Region{Name: "ap-south", Coordinates: geo.At(19.08, 72.88)})
	for name, root := range map[string]func(pools []int) Node{
		"nearest":   func(pools []int) Node { return &Nearest{Pools: pools} },
		"near ties": func(pools []int) Node { return &Nearest{Pools: pools, Spread: Spread{Km: 20000}} },
		"weighted": func(pools []int) Node {
			n := &Weighted{}
			for _, p := range pools {
				n.Shares = append(n.Shares, Share{float64(len(five[p].Name)), &Region{p}})
			}
			return n
		},
		"round-robin": func(pools []int) Node {
			n := &RoundRobin{}
			for _, p := range pools {
				n.Children = append(n.Children, &Region{p})
			}
			return n
		},
	} {
		for gone := range five {
			rest := slices.DeleteFunc([]int{0, 1, 2, 3, 4}, func(p int) bool { return p == gone })
			before := Tree{Root: root([]int{0, 1, 2, 3, 4}), Pools: five}
			after := Tree{Root: root(rest), Pools: five}
			in := Input{Acceptance: []float64{1, 1, 1, 1, 1}}
			moved := 0
			for i, place := range []geo.Place{tokyo, berlin, atlantic} {
				a := before.Course(before.Locator().Locate(nil, &place), in)
				b := after.Course(after.Locator().Locate(nil, &place), in)
				for client := range uint64(1000) {
					was := a.Distribution()[a.Draw(Mix(client))].Pools[0]
					is := b.Distribution()[b.Draw(Mix(client))].Pools[0]
					if was == is {
						continue
					}
					if moved++; int(was) != gone {
						t.Fatalf("%s without %s: client %d of place %d moves from %s to %s", name, five[gone].Name, client, i, five[was].Name, five[is].Name)
					}
				}
			}
			if name != "nearest" && (moved < 300 || moved > 1000) {
				t.Errorf("%s without %s: %d of 3000 clients move", name, five[gone].Name, moved)
			}
		}
	}
}

func TestDrawAllocatesNothing(t *testing.T) {
	tree := Tree{Pools: world, Root: &Failover{Children: []Node{weights(1, 2, 3), &All{Children: []Node{&Region{0}, weights(1, 1, 1)}}}}}
	c := tree.Course(nil, Input{Acceptance: []float64{0.5, 0.5, 0.5}})
	client := uint64(0)
	if n := testing.AllocsPerRun(1000, func() { client++; c.Draw(client) }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

func BenchmarkDrawWeighted5(b *testing.B) {
	tree := Tree{Pools: append(slices.Clone(world), world[:2]...), Root: weights(1, 2, 3, 4, 5)}
	c := tree.Course(nil, Input{Acceptance: []float64{1, 1, 1, 1, 1}})
	b.ReportAllocs()
	client := uint64(0)
	for b.Loop() {
		client++
		c.Draw(client)
	}
}
