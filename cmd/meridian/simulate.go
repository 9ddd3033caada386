package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"meridian/admin"
	"meridian/cmd/serve"
	"meridian/simulate"
)

func (p *program) simulateCommand() *cli.Command {
	return &cli.Command{
		Name:  "simulate",
		Usage: "show what would become of the traffic; nothing is changed",
		Description: "Compares what is with what would be: which share of the queries moves, who moves where, what each region\n" +
			"would carry of its capacity. Asks the running server. With --offline it needs none: it compiles that file, and\n" +
			"takes the states and the ledger of queries that a server last wrote to its data_dir.",
		Flags: append(append(adminFlags(), outputFlags()...),
			&cli.StringSliceFlag{Name: "down", Usage: "suppose an outage of `WHAT`: a region, SERVICE:REGION, or an endpoint's address"},
			&cli.StringSliceFlag{Name: "dial", Usage: "suppose a `DIAL`: REGION=40% or SERVICE:REGION=40%"},
			&cli.StringSliceFlag{Name: "weight", Usage: "suppose a `WEIGHT`: SERVICE:REGION=50, or 50% of the configured one"},
			&cli.StringFlag{Name: "config", Aliases: []string{"c"}, Usage: "suppose that this `FILE` was the configuration"},
			&cli.StringFlag{Name: "geo", Usage: "suppose that this `FILE` was the GeoIP database"},
			&cli.StringSliceFlag{Name: "service", Usage: "only this `SERVICE`"},
			&cli.BoolFlag{Name: "from-ledger", Usage: "weigh by the recorded queries (the default, if there are any)"},
			&cli.StringFlag{Name: "by", Usage: "weigh clients by `BASIS`: ledger or address-space"},
			&cli.StringSliceFlag{Name: "demand", Usage: "queries or requests per second, as capacities are: `N`, or SERVICE=N (default: the ledger's rate)"},
			&cli.BoolFlag{Name: "n-1", Usage: "also the loss of each single region after that"},
			&cli.StringFlag{Name: "offline", Usage: "start from this configuration `FILE`, without a server"}),
		Action: p.simulate,
	}
}

func (p *program) simulate(c *cli.Context) error {
	if err := arguments(c, 0, 0, ""); err != nil {
		return err
	}
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	request := admin.SimulateRequest{
		Down: c.StringSlice("down"), Dials: c.StringSlice("dial"), Weights: c.StringSlice("weight"), Config: c.String("config"), Geo: c.String("geo"),
		Services: c.StringSlice("service"), By: c.String("by"), Demand: c.StringSlice("demand"), Each: c.Bool("n-1"),
	}
	if c.Bool("from-ledger") {
		if request.By != "" && request.By != string(simulate.ByLedger) {
			return usagef(c, "--from-ledger and --by %s exclude each other", request.By)
		}
		request.By = string(simulate.ByLedger)
	}
	if _, err := simulate.ParseHypothesis(request.Down, request.Dials, request.Weights); err != nil {
		return usagef(c, "%w", err)
	}
	s, err := p.simulation(c, request)
	if err != nil {
		return err
	}
	if asJSON {
		return p.printJSON(s)
	}
	p.showSimulation(s)
	return nil
}

// simulation asks the running server, or the configuration that --offline names.
func (p *program) simulation(c *cli.Context, request admin.SimulateRequest) (*admin.Simulation, error) {
	if path := c.String("offline"); path != "" {
		return p.simulateOffline(c, path, request)
	}
	for _, path := range []*string{&request.Config, &request.Geo} {
		if *path == "" {
			continue
		}
		abs, err := filepath.Abs(*path)
		if err != nil {
			return nil, err
		}
		*path = abs
	}
	client, err := p.newClient(c, "")
	if err != nil {
		return nil, err
	}
	var raw json.RawMessage
	err = client.post(c.Context, "/api/v1/simulate", request, &raw)
	if r, ok := errors.AsType[*refusal](err); ok && len(r.Problems) > 0 {
		return nil, p.sayRefusal(r)
	}
	if err != nil {
		return nil, err
	}
	s := &admin.Simulation{}
	if err := json.Unmarshal(raw, s); err != nil || s.Schema != admin.SimulateSchema {
		return nil, fmt.Errorf("%s answered schema %q; this version knows %q", client.base, s.Schema, admin.SimulateSchema)
	}
	return s, nil
}

func (p *program) simulateOffline(c *cli.Context, path string, request admin.SimulateRequest) (*admin.Simulation, error) {
	offline, problems := serve.Offline(path)
	if offline == nil {
		return nil, p.badConfiguration(problems)
	}
	s, err := offline.Simulate(c.Context, request)
	if mistake, ok := errors.AsType[*admin.RequestError](err); ok {
		return nil, withCode(exitUsage, mistake)
	}
	if bad, ok := errors.AsType[*admin.ReloadError](err); ok {
		return nil, p.badConfiguration(bad.Problems)
	}
	if err != nil {
		return nil, err
	}
	s.Finish()
	return s, nil
}

// showSimulation prints what matters first: the sentences, then who carries what, then who moves.
func (p *program) showSimulation(s *admin.Simulation) {
	for _, line := range s.Summary {
		fmt.Fprintln(p.out, line)
	}
	fmt.Fprintln(p.out, basis(s))
	fmt.Fprintln(p.out)
	p.table(regionRows(s.Total.Regions))
	p.showFlows(s)
	p.showServiceEffects(s)
	p.showLosses(s)
}

// basis says what the shares are shares of.
func basis(s *admin.Simulation) string {
	if s.By == simulate.ByLedger {
		text := fmt.Sprintf("Weighed by %.0f recorded queries", s.Queries)
		if s.Seconds > 0 {
			text += fmt.Sprintf(" (%.3g a second)", s.Queries/s.Seconds)
		}
		return text + "."
	}
	return "Weighed by the IPv4 addresses that the map knows; each service counts alike."
}

func regionRows(regions []simulate.RegionEffect) [][]cell {
	rows := [][]cell{heading("REGION", "TRAFFIC", "IPV4 SPACE", "IPV6 SPACE", "COUNTRIES", "LOAD", "OF CAPACITY")}
	for i := range regions {
		g := &regions[i]
		load, used := plain("-"), plain("-")
		if g.Load != nil {
			load = plain("%s", arrow(quantity(g.Load.Before), quantity(g.Load.After)))
			used = usedCell(g.Load)
		}
		rows = append(rows, []cell{
			plain("%s", g.Region), plain("%s", shares(g.Traffic)), plain("%s", shares(g.V4)), plain("%s", shares(g.V6)),
			plain("%s", arrow(fmt.Sprint(g.Countries.Before), fmt.Sprint(g.Countries.After))), load, used,
		})
	}
	return rows
}

// usedCell shows how much of its capacity a region carries; above 80% in yellow, above all of it in red.
func usedCell(l *simulate.Load) cell {
	c := plain("%s", shares(l.Used))
	switch {
	case l.Used.After > 1:
		c.colour = "31"
	case l.Used.After > 0.8:
		c.colour = "33"
	}
	return c
}

func shares(c simulate.Change) string {
	return arrow(simulate.Percent(c.Before), simulate.Percent(c.After))
}

// arrow shows what was and what would be; once, where that is the same.
func arrow(before, after string) string {
	if before == after {
		return before
	}
	return before + " -> " + after
}

// quantity shows queries or requests per second.
func quantity(v float64) string {
	switch {
	case v >= 1e7:
		return fmt.Sprintf("%.3gM", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%.3gk", v/1e3)
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

func (p *program) showFlows(s *admin.Simulation) {
	if len(s.Flows) == 0 {
		return
	}
	rows := [][]cell{heading("FROM", "TO", "SHARE", "MOSTLY FROM")}
	for _, f := range s.Flows {
		var countries []string
		for _, m := range s.Countries {
			if m.From == f.From && m.To == f.To && len(countries) < 5 {
				countries = append(countries, m.Country+" "+simulate.Percent(m.Share))
			}
		}
		rows = append(rows, []cell{plain("%s", f.From), plain("%s", f.To), plain("%s", simulate.Percent(f.Share)), plain("%s", strings.Join(countries, ", "))})
	}
	fmt.Fprintln(p.out)
	p.table(rows)
}

// showServiceEffects lists the services of which something moves.
func (p *program) showServiceEffects(s *admin.Simulation) {
	rows := [][]cell{heading("SERVICE", "MOVES", "REGIONS")}
	for i := range s.Services {
		e := &s.Services[i]
		if e.Moved == 0 && e.Change == "" {
			continue
		}
		var regions []string
		for _, g := range e.Regions {
			if now := simulate.Percent(g.Traffic.After); now != simulate.Percent(g.Traffic.Before) {
				regions = append(regions, g.Region+" "+shares(g.Traffic))
			}
		}
		name := e.Service
		if e.Change != "" {
			name += " (" + e.Change + ")"
		}
		rows = append(rows, []cell{plain("%s", name), plain("%s", simulate.Percent(e.Moved)), plain("%s", strings.Join(regions, ", "))})
	}
	if len(rows) == 1 {
		return
	}
	fmt.Fprintln(p.out)
	p.table(rows)
}

func (p *program) showLosses(s *admin.Simulation) {
	if len(s.Losses) == 0 {
		return
	}
	rows := [][]cell{heading("LOSS OF", "MOVES", "MOST STRAINED BY IT", "THE OTHERS THEN")}
	for i := range s.Losses {
		l := &s.Losses[i]
		worst := plain("-")
		if w := l.Strained(); w != nil {
			worst = usedCell(w.Load)
			worst.text = w.Region + " " + worst.text
		}
		var others []string
		for _, g := range l.Regions {
			if g.Traffic.After > 0 {
				others = append(others, g.Region+" "+simulate.Percent(g.Traffic.After))
			}
		}
		if l.Fallback.After > 0 {
			others = append(others, simulate.Percent(l.Fallback.After)+" of this by fallback")
		}
		rows = append(rows, []cell{plain("%s", l.Region), plain("%s", simulate.Percent(l.Moved)), worst, plain("%s", strings.Join(others, ", "))})
	}
	fmt.Fprintln(p.out)
	p.table(rows)
}
