package status

import (
	"fmt"
	"strconv"
	"strings"
)

// Quorum is the rule that turns votes into a state: how many of the fresh votes must say down before a target that is
// up is down, and how many must say up before it is up again. Down is asked first; votes that satisfy neither decide
// nothing, and the state holds. The zero value is the majority, both ways.
type Quorum struct {
	Down Need
	Up   Need // the zero value: Down's counterpart
}

// Need is how many of the fresh votes on a target one side needs.
type Need struct {
	Kind NeedKind
	N    int // NeedNumber: 1 or more; NeedPercent: 1 to 100
}

// NeedKind enumerates the needs.
type NeedKind uint8

const (
	NeedDefault  NeedKind = iota // as Down: the majority; as Up: the counterpart of Down
	NeedMajority                 // more than half
	NeedAny                      // one
	NeedAll                      // every one
	NeedNumber                   // N, however many vote
	NeedPercent                  // N percent
)

// ParseNeed reads the configuration's words: majority, any, all, a number from 1, or a share from 1% to 100%.
func ParseNeed(word string) (Need, error) {
	switch word {
	case "majority":
		return Need{Kind: NeedMajority}, nil
	case "any":
		return Need{Kind: NeedAny}, nil
	case "all":
		return Need{Kind: NeedAll}, nil
	}
	number, isPercent := strings.CutSuffix(word, "%")
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || isPercent && n > 100 {
		return Need{}, fmt.Errorf("%q is none of majority, any, all, a number from 1, or a share from 1%% to 100%%", word)
	}
	if isPercent {
		return Need{Kind: NeedPercent, N: n}, nil
	}
	return Need{Kind: NeedNumber, N: n}, nil
}

// String returns the word that ParseNeed reads.
func (n Need) String() string {
	switch n.Kind {
	case NeedAny:
		return "any"
	case NeedAll:
		return "all"
	case NeedNumber:
		return strconv.Itoa(n.N)
	case NeedPercent:
		return strconv.Itoa(n.N) + "%"
	default:
		return "majority"
	}
}

// met reports whether votes of so many voters are enough.
func (n Need) met(votes, voters int) bool {
	switch n.Kind {
	case NeedAny:
		return votes > 0
	case NeedAll:
		return votes > 0 && votes == voters
	case NeedNumber:
		return votes >= n.N
	case NeedPercent:
		return votes > 0 && 100*votes >= n.N*voters
	default:
		return 2*votes > voters
	}
}

// Back returns what it takes to be up again: Up, or else the counterpart of Down. Where any one takes an endpoint down,
// all bring it back; where it takes all, any one does; a majority, a number and a share are as many as the other way.
func (q Quorum) Back() Need {
	if q.Up.Kind != NeedDefault {
		return q.Up
	}
	switch q.Down.Kind {
	case NeedAny:
		return Need{Kind: NeedAll}
	case NeedAll:
		return Need{Kind: NeedAny}
	}
	return q.Down
}

// String returns the word for both ways, or the two of them.
func (q Quorum) String() string {
	if q.Up.Kind == NeedDefault {
		return q.Down.String()
	}
	return "down: " + q.Down.String() + ", up: " + q.Up.String()
}

// decide returns what so many fresh votes amount to. Unknown: they decide nothing.
func (q Quorum) decide(ups, downs int) Health {
	voters := ups + downs
	switch {
	case voters == 0:
		return Unknown
	case q.Down.met(downs, voters):
		return Down
	case q.Back().met(ups, voters):
		return Up
	}
	return Unknown
}
