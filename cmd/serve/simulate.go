package serve

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"meridian/admin"
	"meridian/cmd/config"
	"meridian/geo"
	"meridian/simulate"
	"meridian/snapshot"
	"meridian/zones"
)

// Simulate implements admin.Simulator: what would become of the traffic. One simulation runs at a time, so that however
// many ask, queries keep their cores.
func (c *Core) Simulate(ctx context.Context, req admin.SimulateRequest) (*admin.Simulation, error) {
	q, err := c.question(req)
	if err != nil {
		return nil, err
	}
	select {
	case c.simulating <- struct{}{}:
		defer func() { <-c.simulating }()
	case <-ctx.Done():
		return nil, &admin.AwayError{Text: "another simulation took too long", Hint: "ask again"}
	}
	q.Before = c.Current().Load()
	if q.Before == nil {
		return nil, &admin.AwayError{Text: "nothing is answered yet", Hint: "ask again in a moment"}
	}
	q.After = q.Before
	d := c.declared.Load()
	s := &admin.Simulation{Generation: q.Before.Generation, Threshold: d.config.ReloadThreshold}
	if req.Config != "" || req.Geo != "" {
		next, err := c.other(d, req)
		if err != nil {
			return nil, err
		}
		s.Changes = changes(d.config, next.config)
		q.After = q.Before.Under(next.layout)
	}
	h, err := simulate.ParseHypothesis(req.Down, req.Dials, req.Weights)
	if err == nil {
		err = h.Check(q.After)
	}
	if err != nil {
		return nil, mistaken(err)
	}
	if !h.Empty() {
		q.After = q.After.Suppose(h.Terms())
	}
	report, err := simulate.Run(*q)
	if err != nil {
		return nil, mistaken(err)
	}
	s.Report, s.Summary = *report, report.Sentences()
	return s, nil
}

// question reads what is asked, as far as it is no matter of snapshots.
func (c *Core) question(req admin.SimulateRequest) (*simulate.Question, error) {
	q := &simulate.Question{Each: req.Each, Demand: map[string]float64{}}
	for _, text := range req.Services {
		name, err := simulate.ParseService(text)
		if err != nil {
			return nil, mistaken(err)
		}
		q.Services = append(q.Services, name)
	}
	for _, text := range req.Demand {
		service, demand, err := simulate.ParseDemand(text)
		if err != nil {
			return nil, mistaken(err)
		}
		q.Demand[service] = demand
	}
	switch simulate.Basis(req.By) {
	case "", simulate.ByLedger:
		if q.Queries, q.Seconds = c.book.queries(); len(q.Queries) == 0 && req.By != "" {
			return nil, &admin.RequestError{Text: "the ledger holds no queries", Hint: "leave the basis out to reckon by address space; dns.ledger may be off"}
		}
	case simulate.ByAddressSpace:
	default:
		return nil, &admin.RequestError{Text: fmt.Sprintf("by %q is neither %s nor %s", req.By, simulate.ByLedger, simulate.ByAddressSpace)}
	}
	return q, nil
}

// other compiles the configuration and the database that the request names, in place of those in use. Its counters are
// nobody's.
func (c *Core) other(d *declared, req admin.SimulateRequest) (*declared, error) {
	for _, path := range []string{req.Config, req.Geo} {
		if err := c.mayRead(path); err != nil {
			return nil, err
		}
	}
	refuse := func(problems ...zones.Problem) error {
		return &admin.ReloadError{Problems: problems, Kept: kept(d, c.generation())}
	}
	cfg := d.config
	if req.Config != "" {
		next, problems := config.Load(req.Config)
		if next == nil {
			return nil, refuse(problems...)
		}
		cfg = next
	}
	if req.Geo != "" {
		database, err := geo.Open(req.Geo)
		if err != nil {
			return nil, refuse(zones.Problem{File: req.Geo, Text: err.Error()})
		}
		with := *cfg
		with.Geo.Database, with.Geo.Sources.Database = req.Geo, database
		cfg = &with
	}
	next, err := compile(cfg, new(snapshot.Counters))
	if err != nil {
		return nil, refuse(zones.Problem{File: cfg.Path, Text: err.Error()})
	}
	return next, nil
}

// mayRead keeps a running server from reading, for whoever reaches its admin listener, what isn't in the folder of its
// configuration or its database.
func (c *Core) mayRead(path string) error {
	if path == "" || c.offline {
		return nil
	}
	if !filepath.IsAbs(path) {
		return &admin.RequestError{Text: fmt.Sprintf("%q is no absolute path", path), Hint: "it is one on the server's host"}
	}
	cfg := c.declared.Load().config
	folders := []string{folder(c.path)}
	if cfg.Geo.Database != "" {
		folders = append(folders, folder(cfg.Geo.Database))
	}
	for _, f := range folders {
		if rel, err := filepath.Rel(f, filepath.Clean(path)); err == nil && filepath.IsLocal(rel) {
			return nil
		}
	}
	return &admin.RequestError{
		Text: fmt.Sprintf("%s isn't in %s: the server reads nothing else for others", path, strings.Join(folders, " or ")),
		Hint: "put it there; or compare without the server: meridian simulate --offline OLD.yaml --config NEW.yaml",
	}
}

func folder(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		abs = path
	}
	return filepath.Dir(abs)
}

// changes is what differs between two configurations, for reports.
func changes(before, after *config.Config) []admin.ConfigChange {
	var out []admin.ConfigChange
	for _, c := range config.Diff(before, after) {
		out = append(out, admin.ConfigChange{What: c.What, Path: c.Path, Before: c.Before, After: c.After})
	}
	return out
}

// kept says what stays in use when a reload is refused.
func kept(d *declared, generation uint64) string {
	text := "the running configuration ("
	if generation > 0 {
		text += "generation " + itoa(generation) + ", "
	}
	return text + "loaded " + d.loadedAt.Format(time.TimeOnly) + ") stays in use"
}
