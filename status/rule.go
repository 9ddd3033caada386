package status

import (
	"fmt"
	"time"
)

// Rules are what votes and states go by.
type Rules struct {
	MaxAge  time.Duration   // a ballot older than this is stale: ignored, never "down"
	Default Rule            // of keys without a rule of their own, where Targets is nil
	Targets map[string]Rule // by state key: those that count, the others are forgotten; nil: all that are voted on
	Guard   *Guard          // how fast automation may take services apart; nil: without limit
	Loads   []LoadRule      // pools whose load counts
	Frozen  bool            // by configuration: automation changes nothing, whatever is observed
	Alone   bool            // there is one voter, who decides: no quorum, no minimum
}

// rule returns what key goes by.
func (r *Rules) rule(key string) Rule {
	rule, ok := r.Targets[key]
	if !ok {
		rule = r.Default
	}
	if rule.Target == "" {
		rule.Target = key
	}
	if r.Alone {
		rule.Quorum, rule.MinVoters = Quorum{}, 0
	}
	return rule
}

// Rule is how the votes on one target become one state. The zero value is the majority, without any brake.
type Rule struct {
	Target    string // whose votes count; empty: the state key's own
	Quorum    Quorum
	MinVoters int // with fewer fresh votes the state holds; 0: 1
	Flap      Flap
	Failback  Failback
	Load      bool // a LoadRule asks for its load; where none does it isn't told, for it changes all the time
}

// Flap is how an endpoint that goes up and down all the time is dealt with, like BGP's route flap damping (RFC 2439).
// Each observed change between up and down adds 1 to its penalty, which halves every HalfLife. When it reaches Suppress,
// the endpoint is kept down until it has decayed to half of that. The zero value lets every change through.
type Flap struct {
	Dwell    time.Duration // least time between two changes of the state; 0: none
	HalfLife time.Duration // of the penalty; 0: there is no penalty
	Suppress float64       // the penalty from which on it is kept down; above 1
	MaxHold  time.Duration // the longest time from the last change for which it is kept down; 0: MaxHoldHalves half-lives
}

// MaxHoldHalves is how many half-lives a Flap without a MaxHold keeps an endpoint down at most.
const MaxHoldHalves = 5

// FailbackMode is how an endpoint that was down comes back.
type FailbackMode uint8

// The zero value is FailbackAuto.
const (
	FailbackAuto    FailbackMode = iota // as soon as it is seen up
	FailbackManual                      // when an operator says so
	FailbackDelayed                     // after it has been seen up for some time
	FailbackRamp                        // at once with a little of its traffic, and over some time with all of it
)

// Failback is a mode with its time.
type Failback struct {
	Mode FailbackMode
	Over time.Duration // FailbackDelayed: how long it must be seen up; FailbackRamp: until it takes everything
}

// String returns the failback in the configuration's words: "auto", "manual", "delayed: 5m0s", "ramp: 10m0s".
func (f Failback) String() string {
	switch f.Mode {
	case FailbackManual:
		return "manual"
	case FailbackDelayed:
		return fmt.Sprintf("delayed: %v", f.Over)
	case FailbackRamp:
		return fmt.Sprintf("ramp: %v", f.Over)
	default:
		return "auto"
	}
}

// Freeze is an operator's switch: while it is on, verdicts go on and are shown, and the traffic stays as it is.
type Freeze struct {
	On     bool
	Until  time.Time // when it ends by itself; zero: it doesn't
	Author string
	Reason string
}

// Active reports whether the switch is on at the moment now.
func (f Freeze) Active(now time.Time) bool {
	return f.On && (f.Until.IsZero() || now.Before(f.Until))
}
