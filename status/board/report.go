package board

import (
	"cmp"
	"slices"
	"time"

	"meridian/status"
)

// Report is how the mirror is doing.
type Report struct {
	Ballots   []status.Arrival // as last read from the board, with their ages now
	Confirmed time.Time        // when fresh votes last upheld the states, perhaps before a restart; zero: never
	Restored  time.Time        // what Confirmed was in the file that this process began with; zero: it began with nothing
	Board     error            // why the board can't be read now; nil: it can
	Disk      error            // why the states file can't be read or written now; nil: all is well, or none is wanted

	Source    Source        // whose votes count; empty: nothing was read yet
	Why       string        // why they aren't the fleet's; empty: they are
	Observed  status.Table  // what the quorum says, before the governor. Read only
	Freeze    status.Freeze // the operator's switch
	Frozen    bool          // by the switch, or by the configuration
	Divergent []Divergence  // where traffic doesn't go by what is observed, by key
	Limited   []Limited     // services whose pools are held up by a safety limit, by name
}

// Divergence is a state that automation keeps from what is observed.
type Divergence struct {
	Key       string
	Effective status.State // Held and Reason say why
	Observed  status.State
}

// Limited is a service that automation would take further apart than its limit allows.
type Limited struct {
	Service string // canonical name
	Since   time.Time
	Why     string
}

// Report returns how the mirror is doing now.
func (s *States) Report() Report {
	now := time.Now()
	s.mu.Lock()
	v, table := s.view.Load(), s.governor.Table
	r := Report{
		Confirmed: v.confirmed, Restored: s.restored, Board: v.err, Disk: s.disk.problem(), Source: v.source, Why: v.why,
		Observed: s.observed, Freeze: s.freeze, Frozen: s.rules.Frozen || s.freeze.Active(now),
	}
	s.mu.Unlock()
	for _, a := range v.arrivals {
		a.Age += now.Sub(v.at)
		r.Ballots = append(r.Ballots, a)
	}
	for key, st := range table {
		if st.Held == "" {
			continue
		}
		seen, shared := r.Observed[key]
		if service, alone := status.ServiceOf(key); alone {
			seen, shared = r.Observed[key[len(service)+1:]], true
		}
		if !shared {
			r.Limited = append(r.Limited, Limited{key, st.Since, st.Reason})
			continue
		}
		r.Divergent = append(r.Divergent, Divergence{key, st, seen})
	}
	slices.SortFunc(r.Divergent, func(a, b Divergence) int { return cmp.Compare(a.Key, b.Key) })
	slices.SortFunc(r.Limited, func(a, b Limited) int { return cmp.Compare(a.Service, b.Service) })
	return r
}
