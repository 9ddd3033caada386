package serve

import (
	"context"
	"maps"
	"runtime"
	"slices"
	"time"

	"meridian/admin"
	"meridian/checker"
	"meridian/dnsserver"
	"meridian/snapshot"
	"meridian/status"
	"meridian/status/board"
)

// given returns how many answers each service gave, by region and reason.
func (s *server) given(st dnsserver.Stats) map[snapshot.Label]uint64 {
	given := map[snapshot.Label]uint64{}
	for i, l := range s.counters.Labels() {
		if i < len(st.Answers) && st.Answers[i] > 0 {
			given[l] = st.Answers[i]
		}
	}
	return given
}

// Status implements admin.Backend.
func (s *server) Status() admin.StatusReport {
	snap, d := s.Current().Load(), s.declared.Load()
	now := time.Now()
	r := admin.StatusReport{
		Role: admin.RoleServer, Version: s.version, Node: d.config.Node, Demo: s.demo, Time: now, StartedAt: s.started,
		Uptime: now.Sub(s.started).Seconds(), Generation: snap.Generation, Zones: len(d.config.Zones),
		Config: admin.ConfigReport{Path: d.config.Path, Hash: d.config.Hash, LoadedAt: d.loadedAt},
		Geo:    geoReport(d), Warnings: []string{},
	}
	for _, a := range s.dns.Addrs() {
		r.Listen = append(r.Listen, a.String())
	}
	r.Config.LastReload = s.lastOutcome()
	f := s.facts()
	r.Board = boardReport(s.sharing.kind(), f.mirror, f.idle)
	r.Checkers = f.fleet.checkers(d.vantage())
	control, _ := s.sharing.switchesNow()
	r.Automation = automationReport(f.mirror, control.At)
	given := s.given(s.dns.Stats())
	r.Services = serviceStates(snap, given, f.fleet)
	s.administer(snap, r.Services, now)
	r.Overrides = s.Overrides(context.Background()).Overrides
	r.Regions = admin.FoldRegions(d.config.Regions, r.Services)
	s.administerRegions(r.Regions, now)
	regionShares(r.Regions, given)
	for _, c := range f.conditions() {
		if !c.OK {
			r.Warnings = append(r.Warnings, c.Text)
		}
	}
	for _, w := range d.warnings {
		r.Warnings = append(r.Warnings, w.String())
	}
	return r
}

func geoReport(d *declared) admin.GeoReport {
	db := d.config.Geo.Sources.Database
	info := db.Info()
	return admin.GeoReport{
		Database: databaseName(d.config), Type: info.Type, BuildTime: info.BuildTime, Age: age(info.BuildTime),
		Networks: info.Networks, Overrides: len(d.config.Geo.Sources.Overrides),
	}
}

// Ready implements admin.Backend.
func (s *server) Ready() []admin.Condition {
	s.mu.Lock()
	draining := s.draining
	s.mu.Unlock()
	cs := []admin.Condition{
		{Name: "snapshot", OK: s.Current().Load() != nil, Text: "nothing to answer from yet"},
		{Name: "draining", OK: !draining, Text: "the server is stopping"},
	}
	return append(cs, s.facts().conditions()...)
}

// facts are what the conditions are judged by now.
func (c *Core) facts() *facts {
	d, mirror := c.declared.Load(), c.states.Report()
	_, switching := c.sharing.switchesNow()
	overrides := c.overrideCondition()
	c.mu.Lock()
	defer c.mu.Unlock()
	return &facts{
		now: time.Now(), snap: c.Current().Load(), mirror: mirror, checker: c.checker.Stats(), fleet: newFleet(mirror.Ballots, mirror.Observed, c.states.Table()), idle: len(d.states) == 0,
		publish: c.sharing.publishing(), switching: switching,
		overrides: overrides,
		reloaded:  c.lastReload == nil || c.lastReload.OK, geoError: c.geoError,
		geoFile: d.config.Geo.Database != "", geoBuilt: d.config.Geo.Sources.Database.Info().BuildTime,
	}
}

// Numbers implements admin.Backend.
func (s *server) Numbers() admin.Numbers {
	d, st, mirror := s.declared.Load(), s.dns.Stats(), s.states.Report()
	n := admin.Numbers{
		Version: s.version, Revision: revision(), GoVersion: runtime.Version(),
		Lookups:       []admin.LabelCount{{Label: "found", Count: st.Located}, {Label: "unknown", Count: st.Unknown}},
		PublishLength: s.publisher.length.read(),
		StatusAge:     -1, BoardUp: mirror.Board == nil, ReloadOK: true, ConfigHash: d.config.Hash,
		GeoBuildTime: d.config.Geo.Sources.Database.Info().BuildTime, Generation: s.Current().Load().Generation,
	}
	if !mirror.Confirmed.IsZero() {
		n.StatusAge = time.Since(mirror.Confirmed)
	}
	countTraffic(&n, st, s.counters.Zones())
	for l, count := range s.given(st) {
		n.Answers = append(n.Answers, admin.AnswerCount{Service: l.Service, Region: l.Region, Reason: l.Reason, Count: count})
	}
	s.numberHealth(&n, d)
	s.numberChecks(&n)
	s.numberFleet(&n)
	return n
}

// countTraffic turns what the DNS server counts into requests, responses and durations. zones names the zones' numbers.
func countTraffic(n *admin.Numbers, st dnsserver.Stats, zones []string) {
	requests := map[admin.RequestCount]uint64{}
	responses := map[admin.ResponseCount]uint64{}
	for _, t := range st.Traffic {
		requests[admin.RequestCount{Proto: t.Proto, Family: t.Family, Type: t.Type, Zone: zones[t.Zone]}] += t.Count
		responses[admin.ResponseCount{Proto: t.Proto, RCode: t.RCode, Zone: zones[t.Zone]}] += t.Count
	}
	for r, c := range requests {
		r.Count = c
		n.Requests = append(n.Requests, r)
	}
	for r, c := range responses {
		r.Count = c
		n.Responses = append(n.Responses, r)
	}
	for reason, c := range st.Dropped {
		n.Dropped = append(n.Dropped, admin.LabelCount{Label: reason, Count: c})
	}
	n.Ranks = slices.Clone(st.Ranks[1:])
	for proto, d := range st.Durations {
		n.Durations = append(n.Durations, admin.ProtoDuration{Proto: proto, Histogram: cumulative(d)})
	}
}

// cumulative turns durations into what metrics show.
func cumulative(d dnsserver.Durations) admin.Histogram {
	h := admin.Histogram{Sum: d.Sum.Seconds()}
	for i, n := range d.Counts {
		h.Count += n
		if i < len(d.Bounds) {
			h.Bounds = append(h.Bounds, d.Bounds[i].Seconds())
			h.Counts = append(h.Counts, h.Count)
		}
	}
	return h
}

// numberHealth fills in endpoints, regions and transitions.
func (s *server) numberHealth(n *admin.Numbers, d *declared) {
	table := s.states.Table()
	told := map[[2]string]bool{} // a target that has several states, by several rules, is told of once: by the first key
	for _, key := range slices.Sorted(maps.Keys(d.states)) {
		target := d.states[key].target
		for _, region := range d.states[key].regions {
			if at := [2]string{target.Key, region}; !told[at] {
				told[at] = true
				n.Endpoints = append(n.Endpoints, endpointNumber(target, region, table[key]))
			}
		}
	}
	services := serviceStates(s.Current().Load(), nil, nil)
	n.Loads = regionLoads(services)
	regions := admin.FoldRegions(d.config.Regions, services)
	s.administerRegions(regions, time.Now())
	for _, r := range regions {
		n.Regions = append(n.Regions, admin.RegionNumber{Region: r.Name, State: r.State, Admin: r.Admin, Weight: r.Weight})
	}
	s.Core.mu.Lock()
	defer s.Core.mu.Unlock()
	n.ReloadOK = s.lastReload == nil || s.lastReload.OK
	for k, c := range s.transitions {
		n.Transitions = append(n.Transitions, admin.TransitionCount{Region: k.region, To: k.to.String(), Count: c})
	}
}

// numberFleet fills in the board, the checkers and automation.
func (c *Core) numberFleet(n *admin.Numbers) {
	f := c.facts()
	n.LocalView, n.Frozen = f.mirror.Source == board.Local, f.mirror.Frozen
	n.BoardOps = c.sharing.operations()
	for _, a := range f.fleet.ballots {
		n.VoteAges = append(n.VoteAges, admin.LabelValue{Label: a.Ballot.Vantage, Value: a.Age.Seconds()})
	}
	held := map[string]float64{}
	for _, d := range f.mirror.Divergent {
		held[string(d.Effective.Held)]++
	}
	for why, count := range held {
		n.Held = append(n.Held, admin.LabelValue{Label: why, Value: count})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for why, count := range c.withheld {
		n.Withheld = append(n.Withheld, admin.LabelCount{Label: string(why), Count: count})
	}
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func endpointNumber(t checker.Target, region string, st status.State) admin.EndpointNumber {
	return admin.EndpointNumber{Region: region, Check: t.Check.Name, Address: t.Addr.String(), State: st.Health.String()}
}
