package admin

import (
	"context"
	"fmt"

	"meridian/zones"
)

// Backend is the running process, server or checker, as far as the admin listener needs it. Every method of it and of
// the interfaces below may be called at any time, from several goroutines, and returns values that nobody writes afterwards.
type Backend interface {
	// Status returns the whole state of the process, with every vote. Schema may be left empty: the listener sets it.
	Status() StatusReport

	// Reload reads the configuration again, all or nothing, and returns when the new one is in use.
	// A bad configuration is a *ReloadError, and the old one stays in use.
	Reload(ctx context.Context) error

	// Ready returns the conditions of /readyz, in a fixed order.
	Ready() []Condition

	// Numbers returns the counters and gauges of /metrics, as they are now.
	Numbers() Numbers
}

// Explainer is what answers queries, and can say how.
type Explainer interface {
	// Explain returns how the question would be answered now. It changes nothing and counts nothing.
	// A mistake of the caller's is a *RequestError; a name outside the server's zones isn't a mistake but an
	// Explanation with the rcode REFUSED.
	Explain(ctx context.Context, req ExplainRequest) (*Explanation, error)
}

// Journal is the time line of what automation and operators did, the same on all servers that share a board.
type Journal interface {
	// Events returns at most limit events behind the one that after names, oldest first; after empty: the latest ones.
	// An id that is older than the journal reaches back gives all that is left. An error means that it can't be read now.
	Events(ctx context.Context, after string, limit int) ([]Event, error)
	// Subscribe returns a channel that receives, without ever blocking the journal, after events arrived. Several may give
	// one hint. cancel ends it.
	Subscribe() (hints <-chan struct{}, cancel func())
}

// Automation is the switch that stops traffic from following what is observed.
type Automation interface {
	// Freeze switches automation off until r.Until, or changes why and until when it is off, and returns what now holds.
	// Who it was stands in the journal afterwards. When the switch, which the fleet shares, can't be reached, the error is
	// an *AwayError.
	Freeze(ctx context.Context, r FreezeRequest) (AutomationReport, error)
	// Unfreeze switches automation on again. Nothing to end is a *RequestError.
	Unfreeze(ctx context.Context, r FreezeRequest) (AutomationReport, error)
}

// Mailbox takes the heartbeats of push checks.
type Mailbox interface {
	// Push takes in a heartbeat. A service, region or endpoint that isn't there, or has no push check, is a *RequestError.
	Push(ctx context.Context, p PushRequest) error
}

// Demo is what only the demo can do: take its own regions down and bring them up again.
// A region that isn't there is a *RequestError.
type Demo interface {
	Kill(region string) error
	Revive(region string) error
}

// Condition is one line of /readyz?verbose.
type Condition struct {
	Name    string // one word: "snapshot"
	OK      bool   // false: not as it should be
	Warning bool   // with OK false: worth saying, but the server is ready nevertheless
	Text    string // what is wrong, in words; not shown when OK
}

// RequestError is a mistake in a request: what is wrong with it, and what would be right.
type RequestError struct {
	Text string
	Hint string // what to do about it; may be empty
}

func (e *RequestError) Error() string {
	if e.Hint == "" {
		return e.Text
	}
	return e.Text + " (" + e.Hint + ")"
}

// AwayError is something that can't be done because what it takes doesn't answer now. Nothing was changed.
type AwayError struct {
	Text string
	Hint string // what to do meanwhile; may be empty
}

func (e *AwayError) Error() string { return e.Text }

// ReloadError is a reload that changed nothing.
type ReloadError struct {
	Problems []zones.Problem // every mistake, and the warnings among them
	Kept     string          // what stays in use, as a sentence: "the running configuration (generation 41, loaded 14:02:11) stays in use"
}

func (e *ReloadError) Error() string {
	mistakes := 0
	for _, p := range e.Problems {
		if !p.Warning {
			mistakes++
		}
	}
	return Count(mistakes, "problem") + ". Nothing was changed; " + e.Kept + "."
}

// Count returns n and the noun in the right number: "1 problem", "2 problems".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
