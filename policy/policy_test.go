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
	berlin = geo.Place{Continent: "EU", Country: "DE", Coordinates: geo.At(52.52, 13.4)}
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
