package checker

import "meridian/status"

// threshold is how many equal observations in a row turn into a verdict.
type threshold struct {
	up, down int // 1 or more; less counts as 1
}

// verdict is what one checker concludes about a target: its health, and the run of observations that speak against it.
// The zero value is the verdict on a target never observed: unknown.
//
// The same numbers hold from unknown as from up or down: a restart neither restores a flapping endpoint with one success,
// nor kills one with one failure. It costs nothing, because an endpoint that is unknown is served as if it were up, or
// keeps the state it had before the restart.
type verdict struct {
	health status.Health
	ok     bool // what the observations in the run say
	run    int  // how many of them came in a row since the health was last confirmed
}

// after returns the verdict after one more observation.
func (v verdict) after(ok bool, t threshold) verdict {
	says, need := status.Down, t.down
	if ok {
		says, need = status.Up, t.up
	}
	if v.health == says {
		return verdict{health: says}
	}
	if v.ok != ok {
		v.run = 0
	}
	v.ok = ok
	v.run++
	if v.run >= need {
		return verdict{health: says}
	}
	return v
}

// easing is what a checker concludes about how much of its traffic an endpoint should be spared, and the run of
// observations that speak against it. The zero value spares it nothing.
type easing struct {
	withheld float64
	next     float64 // what the observations in the run say
	run      int
}

// after returns the easing after one more success that asks for withheld. Sparing more takes as many successes in a row as
// a fall takes failures, and less as many as a rise; what the endpoint asks for in so many words counts at once.
func (e easing) after(withheld float64, asked bool, t threshold) easing {
	if withheld == e.withheld {
		return easing{withheld: withheld}
	}
	need := t.down
	if withheld < e.withheld {
		need = t.up
	}
	if withheld != e.next {
		e.run = 0
	}
	e.next = withheld
	e.run++
	if asked || e.run >= need {
		return easing{withheld: withheld}
	}
	return e
}
