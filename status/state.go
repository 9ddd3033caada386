package status

import (
	"fmt"
	"strings"
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

// State is the effective result for a state key: what the quorum, automation's own brakes, or an operator say.
type State struct {
	Health   Health
	Forced   bool      // an operator's word, not an observation
	Held     Hold      // why it isn't what is observed; empty: it is
	Withheld float64   // 0..1: the share of its traffic that an endpoint that is up is spared (ramping, degraded, draining)
	Load     float64   // of an endpoint that is up, as a share of what it can carry; 0: no fresh vote says it, or nothing goes by it
	Since    time.Time // when Health last changed; zero: not known
	Reason   string    // evidence in words: "2 of 3 checkers: HTTP 503"; empty: none
}

// Hold says why automation doesn't follow what is observed, in one word.
type Hold string

const (
	HoldDwell    Hold = "dwell"    // it changed a moment ago
	HoldFlap     Hold = "flap"     // it flapped too often
	HoldManual   Hold = "manual"   // an operator brings it back
	HoldDelayed  Hold = "delayed"  // it must be seen up for longer
	HoldVelocity Hold = "velocity" // too much of the service went down in a short time
	HoldFreeze   Hold = "freeze"   // automation is switched off
)

// Table is every state at one moment, by state key. A published Table is never written again. A key that is missing is
// Unknown.
//
// Beside the state keys, which services share, it has keys of single services where a safety limit holds up what is
// down: the service's name, with the reason, and HoldKey of each endpoint concerned; View reads both. And it has a LoadKey
// for each pool whose load has been known: Load is what the last decision went by, Since when that was.
type Table map[string]State

// HoldKey is the name under which the state of key is kept for one service alone. A state key has no blanks.
func HoldKey(service, key string) string { return service + " " + key }

// ServiceOf returns the service that a key of a Table belongs to alone; false: services share it.
func ServiceOf(key string) (string, bool) {
	service, _, alone := strings.Cut(key, " ")
	return service, alone
}

// View returns the state of key as the service sees it.
func (t Table) View(service, key string) State {
	if _, limited := t[service]; limited {
		if s, held := t[HoldKey(service, key)]; held {
			return s
		}
	}
	return t[key]
}
