package policy

import (
	"math"
	"testing"

	"meridian/geo"
)

var world = []geo.Region{
	{Name: "us-east", Coordinates: geo.At(39.04, -77.49)},
	{Name: "eu-west", Coordinates: geo.At(53.35, -6.26)},
	{Name: "ap-northeast", Coordinates: geo.At(35.68, 139.69)},
}

var (
	tokyo  = geo.Place{Continent: "AS", Country: "JP", Subdivision: "JP-13", Coordinates: geo.At(35.68, 139.69)}
	berlin = geo.Place{Continent: "EU", Country: "DE", City: "Berlin", Coordinates: geo.At(52.52, 13.4)}
	// about as far from us-east as from eu-west
	atlantic = geo.Place{Coordinates: geo.At(50.5, -45)}
)

func shares(tree Tree, p geo.Place, acceptance ...float64) [3]float64 {
	var out [3]float64
	for _, part := range tree.Pour(tree.Locator().Locate(nil, &p), Input{Acceptance: acceptance}) {
		for _, pool := range part.Pools {
			out[pool] += part.P
		}
	}
	return out
}

func weights(ws ...float64) *Weighted {
	n := &Weighted{}
	for i, w := range ws {
		n.Shares = append(n.Shares, Share{Weight: w, Node: &Region{Pool: i}})
	}
	return n
}

func TestPour(t *testing.T) {
	nearest := &Nearest{Pools: []int{0, 1, 2}}
	for _, c := range []struct {
		name       string
		root       Node
		from       geo.Place
		acceptance []float64
		want       [3]float64
	}{
		{"nearest is the closest", nearest, tokyo, []float64{1, 1, 1}, [3]float64{0, 0, 1}},
		{"nearest moves on when it is down", nearest, berlin, []float64{1, 0, 1}, [3]float64{1, 0, 0}},
		{"nearest moves on with what isn't taken", nearest, berlin, []float64{1, 0.75, 1}, [3]float64{0.25, 0.75, 0}},
		{"nearest of an unknown place is the configured order", nearest, geo.Place{}, []float64{1, 1, 1}, [3]float64{1, 0, 0}},
		{"nearest of a pinned network is the pin", nearest, geo.Place{Region: "eu-west"}, []float64{1, 1, 1}, [3]float64{0, 1, 0}},
		{"a pin that is down falls to what is near the pin", nearest, geo.Place{Region: "eu-west"}, []float64{1, 0, 1}, [3]float64{1, 0, 0}},
		{"a bias of 99 draws the world in", &Nearest{Pools: []int{0, 1, 2}, Bias: []int{99, 0, 0}}, berlin, []float64{1, 1, 1}, [3]float64{1, 0, 0}},
		{"a negative bias pushes away", &Nearest{Pools: []int{0, 1, 2}, Bias: []int{0, -90, 0}}, berlin, []float64{1, 1, 1}, [3]float64{1, 0, 0}},
		{"max_distance leaves far regions out", &Nearest{Pools: []int{0, 1, 2}, MaxDistance: 3000}, berlin, []float64{1, 0, 1}, [3]float64{}},
		{"failover takes the first", &Failover{Children: []Node{&Region{2}, &Region{0}}}, berlin, []float64{1, 1, 1}, [3]float64{0, 0, 1}},
		{"failover takes the next", &Failover{Children: []Node{&Region{2}, &Region{0}}}, berlin, []float64{1, 1, 0}, [3]float64{1, 0, 0}},
		{"weights are shares", weights(10, 20, 30), tokyo, []float64{1, 1, 1}, [3]float64{1. / 6, 2. / 6, 3. / 6}},
		{"weight 0 is never", weights(0, 1, 0), tokyo, []float64{1, 1, 1}, [3]float64{0, 1, 0}},
		{"weight 0 is never, not even last", weights(0, 1, 0), tokyo, []float64{1, 0, 1}, [3]float64{}},
		{"all weights 0 is nothing here", weights(0, 0, 0), tokyo, []float64{1, 1, 1}, [3]float64{}},
		{"a dead sibling's weight is poured over the living", weights(10, 20, 30), tokyo, []float64{1, 0, 1}, [3]float64{0.25, 0, 0.75}},
		{"a dialled sibling's rest is poured over the others", weights(1, 1, 0), tokyo, []float64{0.5, 1, 1}, [3]float64{0.25, 0.75, 0}},
		{"what all weighted refuse flows on", &Failover{Children: []Node{weights(1, 1), &Region{2}}}, tokyo, []float64{0.5, 0.5, 1}, [3]float64{0.375, 0.375, 0.25}},
		{"nothing takes anything", nearest, tokyo, []float64{0, 0, 0}, [3]float64{}},
		{"what is left is scaled up", &Region{0}, tokyo, []float64{0.25, 1, 1}, [3]float64{1, 0, 0}},
		{"a rule selects", &Geo{Rules: []Rule{{Countries: []string{"DE"}, Policy: &Region{0}}}, Default: nearest}, berlin, []float64{1, 1, 1}, [3]float64{1, 0, 0}},
		{"the default takes the rest", &Geo{Rules: []Rule{{Countries: []string{"DE"}, Policy: &Region{0}}}, Default: nearest}, tokyo, []float64{1, 1, 1}, [3]float64{0, 0, 1}},
		{"the more specific rule wins", &Geo{Rules: []Rule{{Continents: []string{"AS"}, Policy: &Region{0}}, {Subdivisions: []string{"JP-13"}, Policy: &Region{1}}, {Countries: []string{"JP"}, Policy: &Region{2}}}}, tokyo, []float64{1, 1, 1}, [3]float64{0, 1, 0}},
		{"without a fence mass flows out", &Failover{Children: []Node{&Geo{Default: &Region{0}}, &Region{1}}}, tokyo, []float64{0, 1, 1}, [3]float64{0, 1, 0}},
		{"a fence keeps it in", &Failover{Children: []Node{&Geo{Default: &Region{0}, Fence: true}, &Region{1}}}, tokyo, []float64{0, 1, 1}, [3]float64{}},
		{"a fence keeps what some take in", &Failover{Children: []Node{&Geo{Default: &Region{0}, Fence: true}, &Region{1}}}, tokyo, []float64{0.5, 1, 1}, [3]float64{1, 0, 0}},
		{"near ties share a client evenly", &Nearest{Pools: []int{2, 1, 0}, Spread: Spread{Share: 0.1}}, atlantic, []float64{1, 1, 1}, [3]float64{0.5, 0.5, 0}},
		{"near ties in km", &Nearest{Pools: []int{0, 1, 2}, Spread: Spread{Km: 200}}, atlantic, []float64{1, 1, 1}, [3]float64{0.5, 0.5, 0}},
		{"who isn't between two regions isn't divided", &Nearest{Pools: []int{0, 1, 2}, Spread: Spread{Share: 0.1}}, berlin, []float64{1, 1, 1}, [3]float64{0, 1, 0}},
		{"of near ties one takes all if the other is down", &Nearest{Pools: []int{0, 1, 2}, Spread: Spread{Share: 0.1}}, atlantic, []float64{0, 1, 1}, [3]float64{0, 1, 0}},
		{"behind near ties comes the next", &Nearest{Pools: []int{0, 1, 2}, Spread: Spread{Share: 0.1}}, atlantic, []float64{0, 0, 1}, [3]float64{0, 0, 1}},
		{"a pin is no tie", &Nearest{Pools: []int{0, 1, 2}, Spread: Spread{Share: 1}}, geo.Place{Region: "eu-west"}, []float64{1, 1, 1}, [3]float64{0, 1, 0}},
		{"round-robin is even", &RoundRobin{Children: []Node{&Region{0}, &Region{1}, &Region{2}}}, tokyo, []float64{1, 0, 1}, [3]float64{0.5, 0, 0.5}},
		{"without known loads least-loaded is even", &LeastLoaded{Pools: []int{0, 1}}, tokyo, []float64{1, 1, 1}, [3]float64{0.5, 0.5, 0}},
		{"min_healthy: one of two alive is none", &Failover{Children: []Node{&Failover{Children: []Node{&Region{0}, &Region{1}}, MinHealthy: MinHealthy{Count: 2}}, &Region{2}}}, tokyo, []float64{0, 1, 1}, [3]float64{0, 0, 1}},
		{"min_healthy: half of two is one", &Failover{Children: []Node{&Failover{Children: []Node{&Region{0}, &Region{1}}, MinHealthy: MinHealthy{Share: 0.5}}, &Region{2}}}, tokyo, []float64{0, 1, 1}, [3]float64{0, 1, 0}},
		{"min_healthy doesn't count children without weight", &Failover{Children: []Node{&Weighted{Shares: []Share{{1, &Region{0}}, {0, &Region{1}}}, MinHealthy: MinHealthy{Share: 1}}, &Region{2}}}, tokyo, []float64{1, 0, 1}, [3]float64{1, 0, 0}},
		{"a city goes before its country", &Geo{Rules: []Rule{{Countries: []string{"DE"}, Policy: &Region{0}}, {Cities: []City{{"DE", "berlin"}}, Policy: &Region{2}}}}, berlin, []float64{1, 1, 1}, [3]float64{0, 0, 1}},
		{"a city elsewhere is another one", &Geo{Rules: []Rule{{Countries: []string{"DE"}, Policy: &Region{0}}, {Cities: []City{{"US-CT", "Berlin"}}, Policy: &Region{2}}}}, berlin, []float64{1, 1, 1}, [3]float64{1, 0, 0}},
		{"all answers with every pool that is up", &All{Children: []Node{&Region{0}, &Region{1}, &Region{2}}}, tokyo, []float64{1, 0, 1}, [3]float64{1, 0, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := shares(Tree{Root: c.root, Pools: world}, c.from, c.acceptance...)
			for i := range got {
				if math.Abs(got[i]-c.want[i]) > 1e-12 {
					t.Fatalf("got %v, want %v", got, c.want)
				}
			}
		})
	}
}

func TestBiasedIsRoute53sFormula(t *testing.T) {
	for _, c := range []struct {
		bias int
		want float64
	}{{0, 100}, {25, 75}, {99, 1}, {-50, 200}, {-20, 125}} {
		if got := Biased(100, c.bias); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("Biased(100, %d) = %g, want %g", c.bias, got, c.want)
		}
	}
}

func TestShapeTellsTreesApart(t *testing.T) {
	nearest := Tree{&Nearest{Pools: []int{0, 1, 2}}, world}
	if a, b := (Tree{weights(1, 2), world}), (Tree{weights(1, 3), world}); a.Shape() == b.Shape() || a.View() != b.View() {
		t.Error("weights are part of the shape, and not of the view")
	}
	moved := append([]geo.Region(nil), world...)
	moved[0].Coordinates = geo.At(0, 0)
	if (Tree{nearest.Root, moved}).View() == nearest.View() {
		t.Error("coordinates are part of the view")
	}
	if nearest.Geographic() == (Tree{weights(1, 2), world}).Geographic() {
		t.Error("nearest looks at the map, weights don't")
	}
}

func BenchmarkPourNearest20(b *testing.B) {
	tree := Tree{Pools: make([]geo.Region, 20)}
	acceptance := make([]float64, 20)
	n := &Nearest{}
	for i := range tree.Pools {
		tree.Pools[i].Coordinates = geo.At(float64(i*4-40), float64(i*17-170))
		acceptance[i] = 1
		n.Pools = append(n.Pools, i)
	}
	tree.Root = n
	key := tree.Locator().Locate(nil, &berlin)
	b.ReportAllocs()
	for b.Loop() {
		tree.Pour(key, Input{Acceptance: acceptance})
	}
}

func BenchmarkLocateNearest20(b *testing.B) {
	tree := Tree{Pools: make([]geo.Region, 20)}
	n := &Nearest{}
	for i := range tree.Pools {
		tree.Pools[i].Coordinates = geo.At(float64(i*4-40), float64(i*17-170))
		n.Pools = append(n.Pools, i)
	}
	tree.Root = n
	var key []byte
	l := tree.Locator()
	b.ReportAllocs()
	for b.Loop() {
		key = l.Locate(key[:0], &berlin)
	}
}

func TestLeastLoadedWeighsByLoad(t *testing.T) {
	tree := Tree{Root: &LeastLoaded{Pools: []int{0, 1, 2}}, Pools: world}
	for _, c := range []struct {
		name       string
		loads      []float64
		acceptance []float64
		want       [3]float64
	}{
		{"half of the load is twice the share", []float64{10, 20, 20}, []float64{1, 1, 1}, [3]float64{0.5, 0.25, 0.25}},
		{"an unknown load is the average", []float64{10, 30, 0}, []float64{1, 1, 1}, [3]float64{6. / 11, 2. / 11, 3. / 11}},
		{"an idle pool isn't flooded", []float64{0.001, 100, 100}, []float64{1, 1, 1}, [3]float64{10. / 12, 1. / 12, 1. / 12}},
		{"the load of a pool that is down doesn't matter", []float64{10, 10, 1000}, []float64{1, 1, 0}, [3]float64{0.5, 0.5, 0}},
		{"no load is known", nil, []float64{1, 1, 1}, [3]float64{1. / 3, 1. / 3, 1. / 3}},
	} {
		for i, part := range tree.Pour(nil, Input{Acceptance: c.acceptance, Loads: c.loads}) {
			if math.Abs(part.P-c.want[part.Pools[0]]) > 1e-9 {
				t.Errorf("%s: part %d: pool %d gets %g, want %g", c.name, i, part.Pools[0], part.P, c.want[part.Pools[0]])
			}
		}
	}
}

// With min_healthy at the root too few is nobody: the service's fallback answers, for which all of it is served.
func TestMinHealthyOfTheRoot(t *testing.T) {
	tree := Tree{Root: &Nearest{Pools: []int{0, 1, 2}, MinHealthy: MinHealthy{Count: 2}}, Pools: world}
	key := tree.Locator().Locate(nil, &berlin)
	if d := tree.Pour(key, Input{Acceptance: []float64{1, 0, 0}}); d != nil {
		t.Errorf("one of three takes %v", d)
	}
	if d := tree.Pour(key, Input{Acceptance: []float64{1, 0, 0}, Open: true}); len(d) != 1 || d[0].Pools[0] != 0 {
		t.Errorf("the last resort is %v", d)
	}
}

// The divided clients of near ties are few localities more, not as many as there are distances.
func TestSpreadKeepsLocalitiesFew(t *testing.T) {
	tree := Tree{Root: &Nearest{Pools: []int{0, 1, 2}, Spread: Spread{Share: 0.2}}, Pools: world}
	l := tree.Locator()
	keys := map[string]bool{}
	for lat := -90.0; lat <= 90; lat += 3 {
		for lon := -180.0; lon < 180; lon += 3 {
			keys[string(l.Locate(nil, &geo.Place{Coordinates: geo.At(lat, lon)}))] = true
		}
	}
	// An order of three regions, or one with two or three of them tied: 13 ways.
	if len(keys) > 13 {
		t.Errorf("%d localities", len(keys))
	}
}

// An answer of many half-drained regions is one of 256 sets and not of 4096; those beyond the eighth take everything.
func TestAllOfManyPartlyAcceptingPoolsIsBounded(t *testing.T) {
	tree := Tree{Root: &All{}}
	in := Input{}
	for i := range 12 {
		tree.Pools = append(tree.Pools, geo.Region{Name: string(rune('a' + i))})
		tree.Root.(*All).Children = append(tree.Root.(*All).Children, &Region{Pool: i})
		in.Acceptance = append(in.Acceptance, 0.5)
	}
	dist := tree.Pour(nil, in)
	share := make([]float64, 12)
	for _, part := range dist {
		for _, pool := range part.Pools {
			share[pool] += part.P
		}
	}
	for i, s := range share {
		want := 0.5
		if i >= 8 {
			want = 1
		}
		if math.Abs(s-want) > 1e-9 {
			t.Errorf("pool %d is in %g of the answers, want %g", i, s, want)
		}
	}
	if len(dist) != 256 {
		t.Errorf("%d answers", len(dist))
	}
	c := tree.Course(nil, in)
	for client := range uint64(2000) {
		if i := c.Draw(Mix(client)); i < 0 || len(dist[i].Pools) < 4 {
			t.Fatalf("client %d draws %d", client, i)
		}
	}
}
