package serve

import (
	"fmt"
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

// oldGeo is when a GeoIP database is worth a warning: vendors publish at least every month.
const oldGeo = 60 * 24 * time.Hour

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
		Version: s.version, Node: d.config.Node, Demo: s.demo, Time: now, StartedAt: s.started,
		Uptime: now.Sub(s.started).Seconds(), Generation: snap.Generation, Zones: len(d.config.Zones),
		Config: admin.ConfigReport{Path: d.config.Path, Hash: d.config.Hash, LoadedAt: d.loadedAt},
		Geo:    geoReport(d), Warnings: []string{},
	}
	for _, a := range s.dns.Addrs() {
		r.Listen = append(r.Listen, a.String())
	}
	s.Core.mu.Lock()
	r.Config.LastReload = s.lastReload
	s.Core.mu.Unlock()
	mirror := s.states.Report()
	r.Board = admin.BoardReport{Kind: "memory", Up: mirror.Board == nil, Age: age(mirror.Confirmed)}
	if mirror.Board != nil {
		r.Board.Error = mirror.Board.Error()
	}
	given := s.given(s.dns.Stats())
	r.Services = serviceStates(snap, given)
	r.Regions = admin.FoldRegions(d.config.Regions, r.Services)
	regionShares(r.Regions, given)
	for _, c := range s.conditions(mirror, d) {
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
	return append(cs, s.conditions(s.states.Report(), s.declared.Load())...)
}

// conditions are what may be wrong without making the server unready: it answers from what it knows.
func (s *server) conditions(mirror board.Report, d *declared) []admin.Condition {
	s.Core.mu.Lock()
	reloaded, geoError := s.lastReload == nil || s.lastReload.OK, s.geoError
	s.Core.mu.Unlock()
	check := s.checker.Stats()
	cs := []admin.Condition{
		{Name: "config", OK: reloaded, Text: "the last reload was refused; the configuration before it stays in use"},
		{Name: "board", OK: mirror.Board == nil, Text: fmt.Sprintf("the board is away (%v); states hold", mirror.Board)},
		{Name: "data_dir", OK: mirror.Disk == nil, Text: fmt.Sprint(mirror.Disk)},
		{Name: "geo", OK: geoError == "", Text: "the changed geographic data was refused: " + geoError},
		{Name: "uplink", OK: !check.DistrustV4 && !check.DistrustV6, Text: "nothing answers this checker's probes: it distrusts its own network and doesn't vote on what is silent"},
	}
	if built := d.config.Geo.Sources.Database.Info().BuildTime; d.config.Geo.Database != "" {
		cs = append(cs, admin.Condition{Name: "geo_age", OK: time.Since(built) < oldGeo,
			Text: fmt.Sprintf("the GeoIP database is of %s, %d days old", built.Format(time.DateOnly), int(time.Since(built).Hours()/24))})
	}
	for i := range cs {
		cs[i].Warning = true
		if cs[i].OK {
			cs[i].Text = ""
		}
	}
	return cs
}

// Numbers implements admin.Backend.
func (s *server) Numbers() admin.Numbers {
	d, st, check, mirror := s.declared.Load(), s.dns.Stats(), s.checker.Stats(), s.states.Report()
	n := admin.Numbers{
		Version: s.version, Revision: revision(), GoVersion: runtime.Version(),
		Checks:        []admin.LabelCount{{Label: "success", Count: check.Success}, {Label: "failure", Count: check.Failure}, {Label: "inconclusive", Count: check.Inconclusive}},
		Lookups:       []admin.LabelCount{{Label: "found", Count: st.Located}, {Label: "unknown", Count: st.Unknown}},
		CheckDuration: s.checks.read(), PublishLength: s.publisher.length.read(),
		StatusAge: -1, BoardUp: mirror.Board == nil, ReloadOK: true, ConfigHash: d.config.Hash,
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
	for _, r := range admin.FoldRegions(d.config.Regions, serviceStates(s.Current().Load(), nil)) {
		n.Regions = append(n.Regions, admin.RegionNumber{Region: r.Name, State: r.State})
	}
	s.Core.mu.Lock()
	defer s.Core.mu.Unlock()
	n.ReloadOK = s.lastReload == nil || s.lastReload.OK
	for k, c := range s.transitions {
		n.Transitions = append(n.Transitions, admin.TransitionCount{Region: k.region, To: k.to.String(), Count: c})
	}
}

func endpointNumber(t checker.Target, region string, st status.State) admin.EndpointNumber {
	return admin.EndpointNumber{Region: region, Check: t.Check.Name, Address: t.Addr.String(), State: st.Health.String()}
}
