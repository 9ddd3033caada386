package policy

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// offersBySubsets is the slow twin of offers: it goes through the sets of children that have refused already.
func offersBySubsets(weights, taken []float64) []float64 {
	n := len(weights)
	offered := make([]float64, n)
	at := make([]float64, 1<<n) // mass that exactly the children of a set have refused so far
	at[0] = 1
	for set, mass := range at {
		open := 0.0
		for i, w := range weights {
			if set>>i&1 == 0 && taken[i] > 0 {
				open += w
			}
		}
		if open == 0 {
			continue
		}
		for i, w := range weights {
			if set>>i&1 == 0 && taken[i] > 0 && w > 0 {
				offered[i] += mass * w / open
				at[set|1<<i] += mass * w / open * (1 - taken[i])
			}
		}
	}
	return offered
}

func TestOffersEqualSubsets(t *testing.T) {
	weight := rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0.1, 10), rapid.Float64Range(1e-6, 1e6))
	share := rapid.OneOf(rapid.SampledFrom([]float64{0, 1, 1e-9, 0.999999}), rapid.Float64Range(0, 1))
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 9).Draw(t, "children")
		weights := rapid.SliceOfN(weight, n, n).Draw(t, "weights")
		taken := rapid.SliceOfN(share, n, n).Draw(t, "taken")
		got, want := offers(weights, taken), offersBySubsets(weights, taken)
		sum, refused, open := 0.0, 1.0, false
		for i := range want {
			if math.Abs(got[i]-want[i]) > 1e-10 {
				t.Fatalf("child %d is offered %.15g, want %.15g (all: %v, want %v)", i, got[i], want[i], got, want)
			}
			sum += got[i] * taken[i]
			if weights[i] > 0 && taken[i] > 0 {
				refused *= 1 - taken[i]
				open = true
			}
		}
		if open && math.Abs(sum-(1-refused)) > 1e-12 {
			t.Fatalf("%.15g is taken, want %.15g", sum, 1-refused)
		}
	})
}

// Going through subsets of 200 children wouldn't end.
func TestOffersOfManyPartlyAcceptingChildren(t *testing.T) {
	const n = 200
	r := rand.New(rand.NewPCG(1, 2))
	weights, taken := make([]float64, n), make([]float64, n)
	for i := range weights {
		weights[i], taken[i] = 1, 0.5
		if i > 0 {
			weights[i], taken[i] = r.Float64(), r.Float64()/10
		}
	}
	offered := offers(weights, taken)
	// A mean over drawn orders has a standard error of less than 1/sqrt(n).
	const draws = 20000
	times, order := make([]float64, n), 0.0
	for range draws {
		for i := range times {
			times[i] = r.ExpFloat64() / weights[i]
		}
		left := 1.0
		for i := 1; i < n; i++ {
			if times[i] < times[0] {
				left *= 1 - taken[i]
			}
		}
		order += left / draws
	}
	if math.Abs(offered[0]-order) > 4/math.Sqrt(draws) {
		t.Errorf("the first child is offered %g, drawing says %g", offered[0], order)
	}
}

func BenchmarkOffers20PartlyAccepting(b *testing.B) {
	weights, taken := make([]float64, 20), make([]float64, 20)
	for i := range weights {
		weights[i], taken[i] = float64(i+1), 0.5
	}
	for b.Loop() {
		offers(weights, taken)
	}
}
