package board

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"meridian/status"
)

func vote(h status.Health, reason string) status.Vote {
	return status.Vote{Health: h, Evidence: status.Evidence{Reason: reason}}
}

func publish(t *testing.T, b Board, vantage string, votes map[string]status.Vote) {
	t.Helper()
	if err := b.Publish(t.Context(), status.Ballot{Vantage: vantage, Votes: votes}); err != nil {
		t.Fatal(err)
	}
}

func TestMemoryMeasuresAgesFromArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m Memory
		publish(t, &m, "fra", map[string]status.Vote{"a": vote(status.Up, "")})
		time.Sleep(3 * time.Second)
		publish(t, &m, "nyc", nil)
		time.Sleep(4 * time.Second)
		ages := map[string]time.Duration{}
		all, _ := m.Ballots(t.Context())
		for _, a := range all {
			ages[a.Ballot.Vantage] = a.Age
		}
		if len(ages) != 2 || ages["fra"] != 7*time.Second || ages["nyc"] != 4*time.Second {
			t.Errorf("ages are %v", ages)
		}

		publish(t, &m, "fra", nil)
		time.Sleep(forgetAfter)
		if all, _ := m.Ballots(t.Context()); len(all) != 1 || all[0].Ballot.Vantage != "fra" || all[0].Ballot.Votes != nil {
			t.Errorf("fra's second ballot should be the only one left: %v", all)
		}
	})
}

func TestHintsNeverBlockAndAreNeverLost(t *testing.T) {
	var m Memory
	first, cancel := m.Subscribe()
	second, cancelSecond := m.Subscribe()
	defer cancelSecond()
	for range 5 {
		publish(t, &m, "fra", nil) // nobody reads
	}
	<-first
	<-second
	select {
	case <-first:
		t.Error("five arrivals between two reads gave a second hint")
	default:
	}
	cancel()
	publish(t, &m, "fra", nil)
	<-second
	select {
	case <-first:
		t.Error("a hint after cancel")
	default:
	}
}

// brokenBoard is a board whose reads fail while it is told so.
type brokenBoard struct {
	Memory
	err atomic.Pointer[error]
}

// fail has reads fail with err from now on; nil: no more.
func (b *brokenBoard) fail(err error) { b.err.Store(&err) }

func (b *brokenBoard) Ballots(ctx context.Context) ([]status.Arrival, error) {
	if err := b.err.Load(); err != nil && *err != nil {
		return nil, *err
	}
	return b.Memory.Ballots(ctx)
}
