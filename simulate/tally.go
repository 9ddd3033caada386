package simulate

// shares is how mass 1 is divided among the regions of a run, by their numbers; number 0 is nobody.
type shares []float64

// dealt is how mass 1 is divided, and how much of it by fallbacks.
type dealt struct {
	shares
	fallback float64
}

// tally adds up where clients go, before and after.
type tally struct {
	mass          float64
	before, after shares
	moved         float64
	fallback      Change             // mass that fallbacks answer
	flows         map[[2]int]float64 // mass that moves, by region before and after
}

func newTally(regions int) *tally {
	return &tally{before: make(shares, regions), after: make(shares, regions), flows: map[[2]int]float64{}}
}

// add adds clients of mass w. As few of them move as the shares allow: what a region loses is divided among those that
// gain, by what they gain.
func (t *tally) add(w float64, was, is dealt) {
	if w == 0 {
		return
	}
	t.mass += w
	t.fallback.Before += w * was.fallback
	t.fallback.After += w * is.fallback
	before, after := was.shares, is.shares
	gained := 0.0
	for i := range before {
		t.before[i] += w * before[i]
		t.after[i] += w * after[i]
		if after[i] > before[i] {
			gained += after[i] - before[i]
		}
	}
	if gained < lossless {
		return
	}
	t.moved += w * gained
	for i := range before {
		lost := before[i] - after[i]
		if lost <= 0 {
			continue
		}
		for j := range after {
			if gain := after[j] - before[j]; gain > 0 {
				t.flows[[2]int{i, j}] += w * lost * gain / gained
			}
		}
	}
}

// lossless is the share up to which a difference is a rounding error.
const lossless = 1e-9

// join adds another tally.
func (t *tally) join(o *tally) {
	t.mass += o.mass
	t.moved += o.moved
	t.fallback.Before += o.fallback.Before
	t.fallback.After += o.fallback.After
	for i := range o.before {
		t.before[i] += o.before[i]
		t.after[i] += o.after[i]
	}
	for k, v := range o.flows {
		t.flows[k] += v
	}
}

// share returns v as a share of the tally's mass.
func (t *tally) share(v float64) float64 { return min(ratio(v, t.mass), 1) }

// largest returns the number of the region with the largest share, the first of equals.
func (s shares) largest() int {
	best := 0
	for i, v := range s {
		if v > s[best]+lossless {
			best = i
		}
	}
	return best
}
