package status

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Transition is one change of the health of one state key.
type Transition struct {
	Target   string // the state key
	From, To Health
	At       time.Time
	Reason   string // the new state's
}

// Tally turns ballots into what is observed. A key on which the fresh votes decide nothing keeps its state in prev, but for
// its load: what no fresh vote says of that isn't known. One that
// is neither voted on nor in prev is missing from the result. The transitions are ordered by key. When nothing changed,
// not even a reason, the result is prev itself; prev is never written.
func Tally(arrivals []Arrival, rules Rules, prev Table, now time.Time) (Table, []Transition) {
	t := tally{prev: prev, now: now}
	cast := votes{fresh: freshBallots(arrivals, rules.MaxAge)}
	for key := range candidates(cast.fresh, rules.Targets, prev) {
		rule := rules.rule(key)
		before, known := prev[key]
		if known {
			t.kept++
		}
		after, decided := cast.collect(rule.Target).state(&rule, before)
		if !decided {
			after = before
		}
		after.Load = 0
		if rule.Load {
			after.Load = cast.load()
		}
		if decided || known {
			t.put(key, before, after)
		}
	}
	next := t.result(&rules)
	slices.SortFunc(t.transitions, func(a, b Transition) int { return cmp.Compare(a.Target, b.Target) })
	return next, t.transitions
}

// tally collects what differs from prev. Most rounds find nothing, and copy nothing.
type tally struct {
	prev        Table
	now         time.Time
	kept        int // keys of prev that go on to count
	changed     Table
	transitions []Transition
}

func (t *tally) put(key string, before, after State) {
	if after.Since = before.Since; after.Health != before.Health {
		after.Since = t.now
		t.transitions = append(t.transitions, Transition{key, before.Health, after.Health, t.now, after.Reason})
	}
	if after == before {
		return
	}
	if t.changed == nil {
		t.changed = Table{}
	}
	t.changed[key] = after
}

func (t *tally) result(rules *Rules) Table {
	if len(t.changed) == 0 && t.kept == len(t.prev) {
		return t.prev
	}
	next := make(Table, t.kept+len(t.changed))
	for key, s := range t.prev {
		if _, counts := rules.Targets[key]; counts || rules.Targets == nil {
			next[key] = s
		}
	}
	maps.Copy(next, t.changed)
	return next
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
	fresh      []Ballot
	ups, downs int
	cast       []castVote

	shares []float64 // scratch
	words  []byte    // scratch
}

type castVote struct {
	vantage string
	vote    Vote
}

// collect replaces the votes by those on target.
func (v *votes) collect(target string) *votes {
	v.ups, v.downs, v.cast = 0, 0, v.cast[:0]
	for i := range v.fresh {
		vote := v.fresh[i].Votes[target]
		switch vote.Health {
		case Up:
			v.ups++
		case Down:
			v.downs++
		default:
			continue
		}
		v.cast = append(v.cast, castVote{v.fresh[i].Vantage, vote})
	}
	return v
}

// state returns what the votes amount to after before, but for its Since; false: they decide nothing.
func (v *votes) state(rule *Rule, before State) (State, bool) {
	if len(v.cast) < rule.MinVoters {
		return State{}, false
	}
	h := rule.Quorum.decide(v.ups, v.downs)
	if h == Unknown {
		return State{}, false
	}
	s := State{Health: h, Reason: before.Reason}
	if v.reason(h); string(v.words) != before.Reason {
		s.Reason = string(v.words)
	}
	if h == Up {
		s.Withheld = v.withheld()
	}
	return s, true
}

// withheld returns the median of what the votes for up ask to withhold, the greater of two in the middle: one checker
// with a slow path of its own changes nothing, and half of them are enough.
func (v *votes) withheld() float64 {
	v.shares = v.shares[:0]
	for i := range v.cast {
		if v.cast[i].vote.Health == Up {
			v.shares = append(v.shares, min(max(v.cast[i].vote.Withheld, 0), 1))
		}
	}
	slices.Sort(v.shares)
	return v.shares[len(v.shares)/2]
}

// load returns the median of the loads that the votes for up know, the greater of two in the middle; 0: none knows it.
func (v *votes) load() float64 {
	v.shares = v.shares[:0]
	for i := range v.cast {
		if vote := &v.cast[i].vote; vote.Health == Up && vote.Load > 0 {
			v.shares = append(v.shares, min(vote.Load, MaxLoad))
		}
	}
	if len(v.shares) == 0 {
		return 0
	}
	slices.Sort(v.shares)
	return v.shares[len(v.shares)/2]
}

// reason says in words who came to h and what most of them saw: "2 of 3 checkers: HTTP 503 Service Unavailable",
// or "checker fra: connection refused" where there is only one.
func (v *votes) reason(h Health) {
	agree, most, mostSeen := 0, "", 0
	for i := range v.cast {
		if v.cast[i].vote.Health != h {
			continue
		}
		agree++
		reason := v.cast[i].vote.Evidence.Reason
		if mostSeen > 0 && reason == most {
			continue
		}
		if seen := v.seen(h, reason); seen > mostSeen || seen == mostSeen && reason < most {
			most, mostSeen = reason, seen
		}
	}
	v.words = v.words[:0]
	if len(v.cast) == 1 {
		v.words = append(append(v.words, "checker "...), v.cast[0].vantage...)
	} else {
		v.words = append(strconv.AppendInt(v.words, int64(agree), 10), " of "...)
		v.words = append(strconv.AppendInt(v.words, int64(len(v.cast)), 10), " checkers"...)
	}
	if most != "" {
		v.words = append(append(v.words, ": "...), most...)
	}
}

// seen returns how many came to h because of reason.
func (v *votes) seen(h Health, reason string) int {
	n := 0
	for i := range v.cast {
		if v.cast[i].vote.Health == h && v.cast[i].vote.Evidence.Reason == reason {
			n++
		}
	}
	return n
}
