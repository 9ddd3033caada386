package status

import "time"

// Health is what is known of an endpoint. The zero value is Unknown: neither up nor down.
type Health uint8

const (
	Unknown Health = iota
	Up
	Down
)

func (h Health) String() string { return [...]string{"unknown", "up", "down"}[h] }

// State is the effective result for a target: what the quorum, or an operator, says.
type State struct {
	Health Health
	Forced bool      // an operator's word, not an observation
	Since  time.Time // when Health last changed; zero: not known
	Reason string    // evidence in words: "2 of 3 checkers: HTTP 503"; empty: none
}

// Table is every target's state at one moment. A published Table is never written again.
// A target that is missing is Unknown.
type Table map[string]State
