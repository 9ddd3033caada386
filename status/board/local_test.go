package board

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"meridian/status"
)

// polledBoard is read each second, as Redis is.
type polledBoard struct{ brokenBoard }

func (*polledBoard) Interval() time.Duration { return time.Second }

// TestLocalViewIsNotOverruledByOlderVotes: a Redis that comes back empty within the lifetime of ballots brings nothing
// new; what was read before it went away says less than what this server saw meanwhile.
func TestLocalViewIsNotOverruledByOlderVotes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b polledBoard
		var own Memory
		m := startMirror(t, &b, Options{Local: &own, LocalAfter: 3 * time.Second})
		for _, vantage := range []string{"fra", "nyc"} {
			publish(t, &b, vantage, map[string]status.Vote{"a": vote(status.Up, "")})
		}
		synctest.Wait()
		b.fail(errors.New("board on fire"))
		heartbeat(t, &own, "fra", status.Down, 5*time.Second)
		m.expectHealth(t, "a", status.Down)

		b.fail(nil) // with the votes of before, ten seconds old at most
		time.Sleep(2 * time.Second)
		synctest.Wait()
		m.expectHealth(t, "a", status.Down)
		if r := m.Report(); r.Source != Local {
			t.Errorf("older votes count: %s (%s)", r.Source, r.Why)
		}

		for _, vantage := range []string{"fra", "nyc"} {
			publish(t, &b, vantage, map[string]status.Vote{"a": vote(status.Up, "")})
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		m.expectHealth(t, "a", status.Up)
		if r := m.Report(); r.Source != Fleet {
			t.Errorf("newer votes don't count: %s (%s)", r.Source, r.Why)
		}
	})
}
