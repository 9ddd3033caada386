package status

import (
	"fmt"
	"strconv"
)

// Quorum is the rule that turns votes into a state. It counts, over the checkers with a fresh vote on the target, those
// that must agree before the target is down; while fewer do, it is up. The zero value is the majority.
type Quorum struct {
	Kind QuorumKind
	N    int // for QuorumNumber: 1 or more
}

// QuorumKind enumerates the rules. The zero value is QuorumMajority.
type QuorumKind uint8

const (
	QuorumMajority QuorumKind = iota // more than half say down: down; more than half say up: up; a tie decides nothing
	QuorumAny                        // one that says down is enough
	QuorumAll                        // only when none says up
	QuorumNumber                     // N of them say down; with fewer than N voters nothing is decided
)

// ParseQuorum reads the configuration's words: majority, any, all, or a number from 1.
func ParseQuorum(word string) (Quorum, error) {
	switch word {
	case "majority":
		return Quorum{}, nil
	case "any":
		return Quorum{Kind: QuorumAny}, nil
	case "all":
		return Quorum{Kind: QuorumAll}, nil
	}
	n, err := strconv.Atoi(word)
	if err != nil || n < 1 {
		return Quorum{}, fmt.Errorf("quorum %q is none of majority, any, all, or a number from 1", word)
	}
	return Quorum{Kind: QuorumNumber, N: n}, nil
}

// String returns the word that ParseQuorum reads.
func (q Quorum) String() string {
	switch q.Kind {
	case QuorumAny:
		return "any"
	case QuorumAll:
		return "all"
	case QuorumNumber:
		return strconv.Itoa(q.N)
	default:
		return "majority"
	}
}

// decide returns what so many fresh votes amount to. Unknown means that they decide nothing.
func (q Quorum) decide(ups, downs int) Health {
	voters := ups + downs
	if voters == 0 {
		return Unknown
	}
	need := voters/2 + 1
	switch q.Kind {
	case QuorumMajority:
		if 2*ups == voters {
			return Unknown
		}
	case QuorumAny:
		need = 1
	case QuorumAll:
		need = voters
	case QuorumNumber:
		if need = q.N; voters < need {
			return Unknown
		}
	}
	if downs >= need {
		return Down
	}
	return Up
}
