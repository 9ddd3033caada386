package status

import (
	"fmt"
	"math"
	"time"
)

// LoadRule is how the load of one pool of a service counts. Load is a share of what the pool can carry: 1 is full.
//
// Above Target the pool withholds the smallest share that brings it back to Target, in steps; below Target less the band
// it takes that back, in steps as well. In between nothing moves. What a step leads to is known only when its clients have
// asked again, so Every is two TTLs or more: then the load that is seen at the next step is that of the step before, and a
// constant demand is never overshot.
type LoadRule struct {
	Service string   // canonical name
	Region  string   // of the pool
	Keys    []string // its endpoints' state keys
	Target  float64  // above 0; 0: the load is only known, and nothing is shed
	Step    float64  // 0..1: the share that one step moves at most
	Least   float64  // 0..1: what the pool takes at least, however loaded
	Every   time.Duration
}

// loadBand is how far the load must fall below the target, as a share of it, before anything is taken back.
const loadBand = .1

// loadUnit is what loads are rounded to: each distinct load is work, and none is known better.
const loadUnit = .01

// IdleLoad is the load of what reports 0, which would be none.
const IdleLoad = .001

// MaxLoad is the highest load that is told from a higher one.
const MaxLoad = 100

// LoadKey is the name under which a Table keeps the load of a service's pool, and what it withholds because of it. A
// state key has no blanks, and no "load@" at its beginning.
func LoadKey(service, region string) string { return HoldKey(service, "load@"+region) }

// PoolLoad returns the load of a service's pool as it counts, and what is withheld because of it; the zero State: it has
// never been known.
func (t Table) PoolLoad(service, region string) State { return t[LoadKey(service, region)] }

// NewLoad returns the load that is reported as v: rounded to percents, from IdleLoad to MaxLoad; false: v is no load.
func NewLoad(v float64) (float64, bool) {
	if !(v >= 0) {
		return 0, false
	}
	return min(max(math.Round(v/loadUnit)/(1/loadUnit), IdleLoad), MaxLoad), true
}

// shed brings the load of every pool up to date.
func (g *governing) shed() {
	for i := range g.in.Rules.Loads {
		r := &g.in.Rules.Loads[i]
		key := LoadKey(r.Service, r.Region)
		was := g.prev.Table[key]
		is, next := r.after(was, g.load(r), g.now, g.frozen)
		g.wake(next)
		if is != (State{}) {
			g.table[key] = is
		}
		if is.Withheld != was.Withheld {
			g.events = append(g.events, Event{Kind: EventShed, Key: r.Service + "@" + r.Region, At: g.now, Reason: is.Reason})
		}
	}
}

// load returns the mean load of the pool's endpoints that are up and say it; 0: none does.
func (g *governing) load(r *LoadRule) float64 {
	sum, n := 0.0, 0
	for _, key := range r.Keys {
		if s := g.table[key]; s.Health == Up && s.Load > 0 {
			sum += s.Load
			n++
		}
	}
	if n == 0 {
		return 0
	}
	load, _ := NewLoad(sum / float64(n))
	return load
}

// after returns the state of the pool's load, and when it must be looked at again although nothing is observed; zero:
// not. load is what its endpoints say now, 0: nothing, and then the last decision holds, as it does while automation is
// frozen.
func (r *LoadRule) after(was State, load float64, now time.Time, frozen bool) (is State, next time.Time) {
	if r.Target == 0 && was.Withheld > 0 { // the configuration has changed
		was.Withheld, was.Reason = 0, loadText(was.Load)
	}
	switch {
	case was == (State{}) && load == 0:
		return was, time.Time{}
	case load == 0:
		if was.Withheld > 0 {
			was.Reason = fmt.Sprintf("the load isn't known any more: still takes %.3g%%", 100*(1-was.Withheld))
		}
		return was, time.Time{}
	case frozen:
		if was.Withheld > 0 {
			was.Reason = fmt.Sprintf("automation is frozen: still takes %.3g%%", 100*(1-was.Withheld))
		}
		return was, time.Time{}
	}
	withheld := r.withheld(was.Withheld, load)
	if withheld == was.Withheld && load == was.Load {
		was.Reason = r.reason(&was)
		return was, time.Time{}
	}
	if elapsed(was.Since, now) < r.Every {
		return was, was.Since.Add(r.Every)
	}
	is = State{Health: Up, Load: load, Withheld: withheld, Since: now}
	is.Reason = r.reason(&is)
	if r.withheld(withheld, load) != withheld { // another step, even if nothing is seen to change
		next = now.Add(r.Every)
	}
	return is, next
}

// withheld takes one step from what is withheld so far.
func (r *LoadRule) withheld(withheld, load float64) float64 {
	takes := 1 - withheld
	switch low := r.Target * (1 - loadBand); {
	case r.Target == 0:
		return 0
	case load > r.Target:
		takes = max(takes*r.Target/load, takes-r.Step, r.Least)
	case load < low-1e-9 && withheld > 0:
		// The load may be half a percent higher than it says (NewLoad), which under a low target is more than the band.
		takes = min(takes*(r.Target+low)/2/(load+loadUnit/2), takes+r.Step, 1)
	default:
		return withheld
	}
	return math.Ceil(1000*(1-takes)-1e-6) / 1000
}

// reason says what the load led to: "over its target (load 92% of 80%): takes 70%".
func (r *LoadRule) reason(s *State) string {
	text := loadText(s.Load)
	if r.Target > 0 {
		text += fmt.Sprintf(" of %.3g%%", 100*r.Target)
	}
	switch {
	case s.Withheld == 0:
		return text
	case s.Load > r.Target && 1-s.Withheld <= r.Least+1e-9:
		return fmt.Sprintf("over its target (%s): takes %.3g%%, the least", text, 100*(1-s.Withheld))
	case s.Load > r.Target:
		return fmt.Sprintf("over its target (%s): takes %.3g%%", text, 100*(1-s.Withheld))
	}
	return fmt.Sprintf("was over its target (%s now): takes %.3g%%", text, 100*(1-s.Withheld))
}

func loadText(load float64) string { return fmt.Sprintf("load %.3g%%", 100*load) }
