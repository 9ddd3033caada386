package serve

import (
	"context"
	"runtime"
	"time"

	"meridian/admin"
)

// Status implements admin.Backend: what this checker probes, and how it votes. What the others see, and what comes of
// it, servers know.
func (p *Probe) Status() admin.StatusReport {
	d, now := p.declared.Load(), time.Now()
	r := admin.StatusReport{
		Role: admin.RoleChecker, Version: p.version, Node: d.config.Node, Time: now, StartedAt: p.started,
		Uptime: now.Sub(p.started).Seconds(), Zones: len(d.config.Zones),
		Config: admin.ConfigReport{Path: d.config.Path, Hash: d.config.Hash, LoadedAt: d.loadedAt, LastReload: p.lastOutcome()},
		Board:  admin.BoardReport{Kind: p.sharing.kind(), Up: p.sharing.publishing() == nil},
	}
	if err := p.sharing.publishing(); err != nil {
		r.Board.Error = err.Error()
	}
	f := p.ballots()
	r.Checkers = f.checkers(d.vantage())
	for _, s := range d.config.Services {
		if s.Of != nil {
			continue
		}
		state := admin.ServiceState{Name: s.Name, Policy: policyKind(s), TTL: s.TTL, State: admin.StateUnknown, Pools: []admin.PoolReport{}}
		if s.Check != nil {
			state.Check = s.Check.Name
		}
		for _, pool := range s.Pools {
			report := admin.PoolReport{Region: pool.Region.Name, CNAME: pool.CNAME, State: admin.StateUnknown, Admin: admin.AdminReady, Endpoints: []admin.EndpointReport{}}
			for _, addr := range pool.Endpoints {
				e := admin.EndpointReport{Address: addr.String(), State: admin.StateUnknown, Observed: admin.StateUnknown, Admin: admin.AdminReady}
				if s.Check != nil {
					e.Votes = f.votes(s.Check, addr)
				}
				report.Endpoints = append(report.Endpoints, e)
			}
			state.Pools = append(state.Pools, report)
		}
		r.Services = append(r.Services, state)
	}
	for _, c := range p.conditions() {
		if !c.OK {
			r.Warnings = append(r.Warnings, c.Text)
		}
	}
	for _, w := range d.warnings {
		r.Warnings = append(r.Warnings, w.String())
	}
	return r
}

// ballots is this checker's own ballot, as a fleet of one.
func (p *Probe) ballots() *fleet {
	own, _ := p.sharing.own.Ballots(context.Background()) // it never fails, nor waits
	return newFleet(own, nil, nil)
}

// lastOutcome is how the last reload went; nil: there was none.
func (p *process) lastOutcome() *admin.ReloadReport {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lastReload
}

// Ready implements admin.Backend. A checker is ready when it probes: whether its votes arrive is a warning, for it goes
// on with them, and nobody else would do better in its place.
func (p *Probe) Ready() []admin.Condition {
	return append([]admin.Condition{{Name: "probing", OK: true}}, p.conditions()...)
}

func (p *Probe) conditions() []admin.Condition {
	last := p.lastOutcome()
	f := facts{publish: p.sharing.publishing(), checker: p.checker.Stats(), reloaded: last == nil || last.OK}
	return f.checking()
}

// Numbers implements admin.Backend.
func (p *Probe) Numbers() admin.Numbers {
	d, last := p.declared.Load(), p.lastOutcome()
	n := admin.Numbers{
		Version: p.version, Revision: revision(), GoVersion: runtime.Version(), ReloadOK: last == nil || last.OK,
		ConfigHash: d.config.Hash, StatusAge: -1, BoardUp: p.sharing.publishing() == nil, BoardOps: p.sharing.operations(),
	}
	p.numberChecks(&n)
	for _, a := range p.ballots().ballots {
		n.VoteAges = append(n.VoteAges, admin.LabelValue{Label: a.Ballot.Vantage, Value: a.Age.Seconds()})
	}
	return n
}

// numberChecks fills in what this process probes, and whether it trusts itself.
func (p *process) numberChecks(n *admin.Numbers) {
	check := p.checker.Stats()
	n.Checks = []admin.LabelCount{
		{Label: "success", Count: check.Success}, {Label: "failure", Count: check.Failure}, {Label: "inconclusive", Count: check.Inconclusive},
	}
	n.CheckDuration = p.checks.read()
	if p.declared.Load().vantage() != "" {
		n.Distrust = []admin.LabelValue{{Label: "ipv4", Value: one(check.DistrustV4)}, {Label: "ipv6", Value: one(check.DistrustV6)}}
	}
}
