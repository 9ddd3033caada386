package status

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Rules are what a tally goes by.
type Rules struct {
	Quorum  Quorum
	MaxAge  time.Duration       // a ballot older than this is stale: ignored, never "down"
	Targets map[string]struct{} // the targets that count, the others are forgotten; nil: all that are voted on
}

// Transition is one change of one target's health.
type Transition struct {
	Target   string
	From, To Health
	At       time.Time
	Reason   string // the new state's
}

// Tally turns ballots into states. A target on which the fresh votes decide nothing keeps its state in prev; one that is
// neither voted on nor in prev is missing from the result. The transitions are ordered by target. When nothing changed,
// not even a reason, the result is prev itself; prev is never written.
func Tally(arrivals []Arrival, rules Rules, prev Table, now time.Time) (Table, []Transition) {
	fresh := freshBallots(arrivals, rules.MaxAge)
	next := make(Table, len(prev))
	var transitions []Transition
	var cast votes
	for target := range candidates(fresh, rules.Targets, prev) {
		before, known := prev[target]
		after, decided := cast.collect(fresh, target).state(rules.Quorum)
		switch {
		case !decided && !known:
			continue
		case !decided:
			next[target] = before
			continue
		case before.Health == after.Health:
			after.Since = before.Since
		default:
			after.Since = now
			transitions = append(transitions, Transition{target, before.Health, after.Health, now, after.Reason})
		}
		next[target] = after
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

// candidates returns the targets that may have a state: those of the rules, or else all that are voted on or known.
func candidates(fresh []Ballot, targets map[string]struct{}, prev Table) map[string]struct{} {
	if targets != nil {
		return targets
	}
	all := make(map[string]struct{}, len(prev))
	for target := range prev {
		all[target] = struct{}{}
	}
	for _, b := range fresh {
		for target := range b.Votes {
			all[target] = struct{}{}
		}
	}
	return all
}

// votes are the fresh votes on one target. Abstentions are not among them.
type votes struct {
	ups, downs int
	cast       []castVote
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
func (v *votes) state(q Quorum) (State, bool) {
	h := q.decide(v.ups, v.downs)
	if h == Unknown {
		return State{}, false
	}
	return State{Health: h, Reason: v.reason(h)}, true
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
