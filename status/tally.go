package status

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"
)

// Transition is one change of the health of one state key.
type Transition struct {
	Target   string // the state key
	From, To Health
	At       time.Time
	Reason   string // the new state's
}

// Tally turns ballots into what is observed. A key on which the fresh votes decide nothing keeps its state in prev; one that
// is neither voted on nor in prev is missing from the result. The transitions are ordered by key. When nothing changed,
// not even a reason, the result is prev itself; prev is never written.
func Tally(arrivals []Arrival, rules Rules, prev Table, now time.Time) (Table, []Transition) {
	fresh := freshBallots(arrivals, rules.MaxAge)
	next := make(Table, len(prev))
	var transitions []Transition
	var cast votes
	for key := range candidates(fresh, rules.Targets, prev) {
		rule := rules.rule(key)
		before, known := prev[key]
		after, decided := cast.collect(fresh, rule.Target).state(&rule)
		switch {
		case !decided && !known:
			continue
		case !decided:
			next[key] = before
			continue
		case before.Health == after.Health:
			after.Since = before.Since
		default:
			after.Since = now
			transitions = append(transitions, Transition{key, before.Health, after.Health, now, after.Reason})
		}
		next[key] = after
	}
	slices.SortFunc(transitions, func(a, b Transition) int { return cmp.Compare(a.Target, b.Target) })
	if maps.Equal(prev, next) {
		next = prev
	}
	return next, transitions
}

// freshBallots returns the ballots that are young enough, ordered by vantage.
func freshBallots(arrivals []Arrival, maxAge time.Duration) []Ballot {
	var fresh []Ballot
	for _, a := range arrivals {
		if a.Age <= maxAge {
			fresh = append(fresh, a.Ballot)
		}
	}
	slices.SortFunc(fresh, func(a, b Ballot) int { return cmp.Compare(a.Vantage, b.Vantage) })
	return fresh
}

// candidates yields the keys that may have a state: those of the rules, or else all that are voted on or known.
func candidates(fresh []Ballot, targets map[string]Rule, prev Table) iter.Seq[string] {
	if targets != nil {
		return maps.Keys(targets)
	}
	all := make(map[string]struct{}, len(prev))
	for key := range prev {
		all[key] = struct{}{}
	}
	for _, b := range fresh {
		for key := range b.Votes {
			all[key] = struct{}{}
		}
	}
	return maps.Keys(all)
}

// votes are the fresh votes on one target. Abstentions are not among them.
type votes struct {
	ups, downs int
	cast       []castVote
	shares     []float64 // scratch of withheld
}

type castVote struct {
	vantage string
	vote    Vote
}

// collect replaces the votes by those on target.
func (v *votes) collect(fresh []Ballot, target string) *votes {
	v.ups, v.downs, v.cast = 0, 0, v.cast[:0]
	for _, b := range fresh {
		vote := b.Votes[target]
		switch vote.Health {
		case Up:
			v.ups++
		case Down:
			v.downs++
		default:
			continue
		}
		v.cast = append(v.cast, castVote{b.Vantage, vote})
	}
	return v
}

// state returns what the votes amount to, without its Since; false: they decide nothing.
func (v *votes) state(rule *Rule) (State, bool) {
	if len(v.cast) < rule.MinVoters {
		return State{}, false
	}
	h := rule.Quorum.decide(v.ups, v.downs)
	if h == Unknown {
		return State{}, false
	}
	s := State{Health: h, Reason: v.reason(h)}
	if h == Up {
		s.Withheld = v.withheld()
	}
	return s, true
}

// withheld returns the median of what the votes for up ask to withhold, the greater of two in the middle: one checker
// with a slow path of its own changes nothing, and half of them are enough.
func (v *votes) withheld() float64 {
	v.shares = v.shares[:0]
	for _, c := range v.cast {
		if c.vote.Health == Up {
			v.shares = append(v.shares, min(max(c.vote.Withheld, 0), 1))
		}
	}
	slices.Sort(v.shares)
	return v.shares[len(v.shares)/2]
}

// reason says in words who came to h and what most of them saw: "2 of 3 checkers: HTTP 503 Service Unavailable",
// or "checker fra: connection refused" where there is only one.
func (v *votes) reason(h Health) string {
	agree, most, mostSeen := 0, "", 0
	for _, c := range v.cast {
		if c.vote.Health != h {
			continue
		}
		agree++
		reason := c.vote.Evidence.Reason
		if seen := v.seen(h, reason); seen > mostSeen || seen == mostSeen && reason < most {
			most, mostSeen = reason, seen
		}
	}
	who := fmt.Sprintf("%d of %d checkers", agree, len(v.cast))
	if len(v.cast) == 1 {
		who = "checker " + v.cast[0].vantage
	}
	if most == "" {
		return who
	}
	return who + ": " + most
}

// seen returns how many came to h because of reason.
func (v *votes) seen(h Health, reason string) int {
	n := 0
	for _, c := range v.cast {
		if c.vote.Health == h && c.vote.Evidence.Reason == reason {
			n++
		}
	}
	return n
}
