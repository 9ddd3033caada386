package policy

import "math"

// drawing is a draw by weight among children: a client draws one, and if it is refused there, draws again among those
// that haven't refused it yet.
type drawing struct {
	p       *pouring
	step    *step
	minimum MinHealthy
	flows   []flow
	weights []float64
}

func (p *pouring) draw(n Node, m MinHealthy) *drawing {
	return &drawing{p: p, step: p.step(n, kindDraw), minimum: m}
}

func (d *drawing) add(f flow, child *step, weight float64) {
	if child != nil {
		child.weight = weight
	}
	d.step.has(child, 0)
	d.flows = append(d.flows, f)
	d.weights = append(d.weights, weight)
}

func (d *drawing) flow() (flow, *step) {
	taken := make([]float64, len(d.flows))
	alive, of := 0, 0
	for i := range taken {
		if d.weights[i] == 0 {
			continue
		}
		of++
		if taken[i] = 1 - d.flows[i].left(); d.flows[i].placed() == 0 {
			taken[i] = 0
		}
		if d.flows[i].alive() {
			alive++
		}
	}
	var f flow
	for i, offered := range offers(d.weights, taken) {
		f.add(d.flows[i], offered)
		if d.step != nil {
			d.step.children[i].offered = offered
		}
	}
	return d.p.enough(f, d.step, d.minimum, alive, of)
}

// offers returns how much of mass 1 each child of a draw is offered in all, by its weight and the share that it takes
// of what it is offered. Children that take nothing, or have no weight, aren't drawn.
//
// Drawing by weight without putting back is the same as waiting for exponential clocks: child i rings at a time of
// rate w(i), and the mass goes to the children in the order in which they ring. So i is offered what those that rang
// before it refused, and as clocks are independent that is an integral over the time of one product:
//
//	offer(i) = ∫ w(i) e^(-w(i)t) ∏ (1 - taken(j) (1 - e^(-w(j)t))) dt,  over all t > 0 and j other than i
//
// (Going through the sets of those that have refused already gives the same in 2^n steps; tests compare.) Over the
// logarithm of t the integrand is smooth and fades at both ends, so the plain trapezoid rule converges exponentially:
// at a step of 1/4 its error is below the rounding errors.
func offers(weights, taken []float64) []float64 {
	const step = 0.25
	offered := make([]float64, len(weights))
	var open []int
	heaviest, lightest, sum := 0.0, math.Inf(1), 0.0
	refused, partly := 0.0, false // refused: the logarithm of the share that all of them refuse
	for i, w := range weights {
		if w == 0 || taken[i] == 0 {
			continue
		}
		open = append(open, i)
		heaviest, lightest = max(heaviest, w), min(lightest, w)
		sum += w
		refused += math.Log1p(-taken[i])
		partly = partly || taken[i] < 1
	}
	if !partly || len(open) == 1 {
		for _, i := range open {
			offered[i] = weights[i] / sum
		}
		return offered
	}
	// Below the first time nobody rings, behind the last everybody has.
	last := math.Log(40 * heaviest / lightest)
	for at := -38.0; at <= last; at += step {
		t := math.Exp(at) / heaviest
		product := 1.0
		for _, i := range open {
			product *= 1 - taken[i]*-math.Expm1(-weights[i]*t)
		}
		for _, i := range open {
			ring := math.Exp(-weights[i] * t)
			if others := product / (1 - taken[i]*-math.Expm1(-weights[i]*t)); others > 0 {
				offered[i] += step * t * weights[i] * ring * others
			}
		}
	}
	// What is taken and what all refuse is 1: that takes the last rounding error away.
	total := 0.0
	for _, i := range open {
		total += offered[i] * taken[i]
	}
	for _, i := range open {
		offered[i] *= -math.Expm1(refused) / total
	}
	return offered
}
