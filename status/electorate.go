package status

import "time"

// Electorate remembers which checkers' ballots were fresh lately, by this server's own clock. A board that forgot most of
// them at once (it was flushed, or failed over to an empty or older replica) is told from a world in which they died: for
// ElectorateMemory the few that are left don't decide alone. The zero value remembers nobody. It is never written again.
type Electorate map[string]time.Time

// ElectorateMemory is how many times MaxAge a checker is remembered.
const ElectorateMemory = 4

// After returns the electorate that has seen arrivals at now, and how many of those that it remembers vote.
func (e Electorate) After(arrivals []Arrival, maxAge time.Duration, now time.Time) (next Electorate, voting, known int) {
	next = Electorate{}
	for _, a := range arrivals {
		if a.Age <= maxAge {
			next[a.Ballot.Vantage] = now
		}
	}
	voting = len(next)
	for vantage, seen := range e {
		if _, votes := next[vantage]; !votes && elapsed(seen, now) <= ElectorateMemory*maxAge {
			next[vantage] = seen
		}
	}
	return next, voting, len(next)
}

// Trusted reports whether so many that vote may decide for so many that are known: at least half of them.
func Trusted(voting, known int) bool { return voting > 0 && 2*voting >= known }
