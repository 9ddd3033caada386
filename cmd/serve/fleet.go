package serve

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"meridian/admin"
	"meridian/snapshot"
	"meridian/status"
	"meridian/status/board"
	"meridian/zones"
)

// fleet is what the checkers say at one moment, for reports. nil is a fleet that isn't to be reported.
type fleet struct {
	ballots  []status.Arrival // by vantage
	observed status.Table
	served   status.Table // as traffic goes by it, with the evidence of now
	maxAge   time.Duration
}

func newFleet(ballots []status.Arrival, observed, served status.Table) *fleet {
	f := &fleet{ballots: slices.Clone(ballots), observed: observed, served: served, maxAge: board.DefaultMaxAge}
	slices.SortFunc(f.ballots, func(a, b status.Arrival) int { return cmp.Compare(a.Ballot.Vantage, b.Ballot.Vantage) })
	return f
}

// checkers reports whose ballots there are; own is this process's vantage, empty if it doesn't vote.
func (f *fleet) checkers(own string) []admin.CheckerReport {
	all := []admin.CheckerReport{}
	for _, a := range f.ballots {
		c := admin.CheckerReport{
			Vantage: a.Ballot.Vantage, Own: a.Ballot.Vantage == own, Age: a.Age.Seconds(), Fresh: a.Age <= f.maxAge, Doubt: a.Ballot.Doubt,
		}
		for _, v := range a.Ballot.Votes {
			switch v.Health {
			case status.Up:
				c.Up++
			case status.Down:
				c.Down++
			default:
				c.Abstains++
			}
		}
		all = append(all, c)
	}
	return all
}

// votes reports what the checkers say of the endpoint at addr under c, and under the checks that c is made of.
func (f *fleet) votes(c *zones.Check, addr netip.Addr) []admin.VoteReport {
	if f == nil {
		return nil
	}
	votes := []admin.VoteReport{}
	checks := []*zones.Check{c}
	if c.Combined != nil {
		checks = append(checks, c.Parts()...)
	}
	for _, check := range checks {
		target := check.Target(addr)
		for _, a := range f.ballots {
			if v, ok := a.Ballot.Votes[target]; ok {
				votes = append(votes, voteReport(a, check.Name, v, a.Age <= f.maxAge))
			}
		}
	}
	return votes
}

func voteReport(a status.Arrival, check string, v status.Vote, fresh bool) admin.VoteReport {
	return admin.VoteReport{
		Vantage: a.Ballot.Vantage, Check: check, State: v.Health.String(), Age: a.Age.Seconds(), Fresh: fresh, Since: moment(v.Since),
		Withheld: v.Withheld, Load: v.Load, Reason: v.Evidence.Reason, Status: v.Evidence.Status, Latency: v.Evidence.Latency.Seconds(),
		CertExpires: moment(v.Evidence.CertExpires),
	}
}

// state returns the states to report: those of now, whose evidence may be newer than the snapshot's.
func (f *fleet) state(snap *snapshot.Snapshot) status.Table {
	if f == nil {
		return snap.States()
	}
	return f.served
}

// see returns what the quorum says of a state key, in a word.
func (f *fleet) see(key string) string {
	if f == nil {
		return ""
	}
	return f.observed[key].Health.String()
}

// moment returns t, nil for the zero time.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// boardReport says how the board is doing. idle: nothing is voted on.
func boardReport(kind string, r board.Report, idle bool) admin.BoardReport {
	b := admin.BoardReport{Kind: kind, Up: r.Board == nil, Age: age(r.Confirmed), LocalView: r.Source == board.Local}
	if r.Board != nil {
		b.Error = r.Board.Error()
	}
	if r.Source == board.Held && !(idle && r.Board == nil) {
		b.Holding = r.Why
	}
	return b
}

// automationReport says whether traffic follows what is observed.
func automationReport(r board.Report, set time.Time) admin.AutomationReport {
	a := admin.AutomationReport{Frozen: r.Frozen, Withheld: len(r.Divergent)}
	switch now := time.Now(); {
	case r.Freeze.Active(now):
		a.By, a.Author, a.Reason = "operator", r.Freeze.Author, r.Freeze.Reason
		a.Since, a.Until = moment(set), moment(r.Freeze.Until)
	case r.Frozen:
		a.By, a.Reason = "configuration", "the configuration says freeze"
	}
	return a
}
