package status

import (
	"fmt"
	"time"
)

// Health is what is known of an endpoint. The zero value is Unknown: neither up nor down.
type Health uint8

const (
	Unknown Health = iota
	Up
	Down
)

var healthNames = [...]string{"unknown", "up", "down"}

// String returns "unknown", "up" or "down".
func (h Health) String() string {
	if int(h) < len(healthNames) {
		return healthNames[h]
	}
	return fmt.Sprintf("health(%d)", uint8(h))
}

// MarshalText writes h as String does; a value that is none of the three is an error.
func (h Health) MarshalText() ([]byte, error) {
	if int(h) >= len(healthNames) {
		return nil, fmt.Errorf("%d is no health", uint8(h))
	}
	return []byte(healthNames[h]), nil
}

// UnmarshalText reads what MarshalText writes, and nothing else.
func (h *Health) UnmarshalText(text []byte) error {
	for i, name := range healthNames {
		if string(text) == name {
			*h = Health(i)
			return nil
		}
	}
	return fmt.Errorf("health %q is none of unknown, up, down", text)
}

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
