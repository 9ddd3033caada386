package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"meridian/admin"
)

func (p *program) statusCommand() *cli.Command {
	return &cli.Command{
		Name:  "status",
		Usage: "show a running server on one screen",
		Flags: append(append(adminFlags(), outputFlags()...),
			whereFlag(),
			&cli.BoolFlag{Name: "votes", Usage: "show every vote, not only those on endpoints that somebody doesn't find up"},
			&cli.BoolFlag{Name: "exit-code", Usage: "end with 6 when something isn't as it should be"}),
		Action: p.status,
	}
}

func (p *program) status(c *cli.Context) error {
	if err := arguments(c, 0, 0, ""); err != nil {
		return err
	}
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	client, err := p.newClient(c, c.String("config"))
	if err != nil {
		return err
	}
	var raw json.RawMessage
	query := url.Values{}
	if c.Bool("votes") {
		query.Set("votes", "all")
	}
	if err := client.call(c.Context, "GET", "/api/v1/status", query, &raw); err != nil {
		return err
	}
	var report admin.StatusReport
	if err := json.Unmarshal(raw, &report); err != nil || report.Schema != admin.StatusSchema {
		return withCode(exitFailed, fmt.Errorf("%s answered schema %q; this version knows %q", client.base, report.Schema, admin.StatusSchema))
	}
	if asJSON {
		fmt.Fprintf(p.out, "%s", raw)
	} else {
		p.showStatus(&report)
	}
	if c.Bool("exit-code") && len(report.Degraded()) > 0 {
		return silent(exitDegraded)
	}
	return nil
}

func (p *program) showStatus(r *admin.StatusReport) {
	title := "Meridian " + r.Version
	if r.Node != "" {
		title += " on " + r.Node
	}
	if r.Demo {
		title = "DEMO  " + title
	}
	does := fmt.Sprintf("generation %d, answering on %s", r.Generation, strings.Join(r.Listen, ", "))
	if r.Role == admin.RoleChecker {
		does = "a checker alone: it answers nobody"
	}
	fmt.Fprintf(p.out, "%s, up %s, %s\n", title, span(seconds(r.Uptime)), does)
	path := r.Config.Path
	if path == "" {
		path = "built in"
	}
	fmt.Fprintf(p.out, "Configuration %s, hash %.12s, loaded %s ago\n", path, r.Config.Hash, age(r.Time, &r.Config.LoadedAt))
	if l := r.Config.LastReload; l != nil && !l.OK {
		fmt.Fprintf(p.out, "The last reload, %s ago, failed:\n  %s\n", age(r.Time, &l.Time), strings.ReplaceAll(strings.TrimSpace(l.Error), "\n", "\n  "))
	}
	geography := ""
	if r.Role != admin.RoleChecker {
		geography = fmt.Sprintf("Geography %s (%s), built %s, %s; ", r.Geo.Database, r.Geo.Type, r.Geo.BuildTime.UTC().Format(time.DateOnly), admin.Count(r.Geo.Networks, "network"))
	}
	fmt.Fprintln(p.out, geography+"board "+boardText(&r.Board))
	if r.Automation.Frozen {
		fmt.Fprintln(p.out, automationText(&r.Automation))
	}

	if why := r.Degraded(); len(why) > 0 {
		fmt.Fprintln(p.out, "\nDEGRADED")
		for _, line := range why {
			fmt.Fprintln(p.out, "  "+line)
		}
	}
	for i, w := range r.Warnings {
		if i == 0 {
			fmt.Fprintln(p.out, "\nWARNINGS")
		}
		fmt.Fprintln(p.out, "  "+w)
	}
	if len(r.Overrides) > 0 {
		fmt.Fprintln(p.out)
		p.showOverrides(r.Overrides, r.Time)
	}
	p.showRegions(r)
	p.showServices(r)
	p.showCheckers(r)
	p.showVotes(r)
}

// boardText says whether the board is there, and what the states go by.
func boardText(b *admin.BoardReport) string {
	text := b.Kind
	if !b.Up {
		text += " is away: " + b.Error
	}
	if b.Age > 0 {
		text += fmt.Sprintf(", states upheld %s ago", span(seconds(b.Age)))
	}
	switch {
	case b.LocalView:
		text += "; this server's own checker counts alone"
	case b.Holding != "":
		text += "; states hold: " + b.Holding
	}
	return text
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func (p *program) showRegions(r *admin.StatusReport) {
	if len(r.Regions) == 0 {
		return
	}
	rows := [][]cell{heading("REGION", "STATE", "ADMIN", "WEIGHT", "SHARE", "ENDPOINTS", "SINCE", "WHY")}
	for _, g := range r.Regions {
		rows = append(rows, []cell{
			plain("%s", g.Name), stateCell(g.State, false), plain("%s", g.Admin), plain("%g", g.Weight), plain("%s", share(g.Share)),
			plain("%d of %d up", g.Up, g.Up+g.Down+g.Unknown), plain("%s", age(r.Time, g.Since)), plain("%s", g.Reason),
		})
	}
	fmt.Fprintln(p.out)
	p.table(rows)
}

func (p *program) showServices(r *admin.StatusReport) {
	if len(r.Services) == 0 {
		return
	}
	rows := [][]cell{heading("SERVICE", "POLICY", "POOL", "STATE", "ACCEPTS", "WEIGHT", "SHARE", "ENDPOINTS")}
	for _, s := range r.Services {
		name, policy := s.Name, s.Policy
		if s.Fallback {
			policy += ", on its fallback"
		}
		for _, pool := range s.Pools {
			rows = append(rows, []cell{
				plain("%s", name), plain("%s", policy), plain("%s", pool.Region), poolState(&pool),
				plain("%s", accepts(&pool)), plain("%s", weight(pool.Weight)), plain("%s", share(pool.Share)), plain("%s", endpoints(&pool)),
			})
			name, policy = "", ""
		}
	}
	fmt.Fprintln(p.out)
	p.table(rows)
}

// poolState shows a pool's state and what operators said of it.
func poolState(pool *admin.PoolReport) cell {
	c := stateCell(pool.State, pool.Forced)
	if pool.Admin != admin.AdminReady && pool.Admin != "" && !pool.Forced {
		c.text += " (" + pool.Admin + ")"
	}
	return c
}

// accepts says what share a pool takes, what it would if operators had said nothing, and where its load counts that too: "70%, load 92%".
func accepts(pool *admin.PoolReport) string {
	text := fmt.Sprintf("%.0f%%", pool.Acceptance*100)
	if pool.Without != nil && *pool.Without != pool.Acceptance {
		text += fmt.Sprintf(" (without overrides %.0f%%)", *pool.Without*100)
	}
	if pool.Load != nil {
		text += fmt.Sprintf(", load %.3g%%", 100*pool.Load.Load)
	}
	return text
}

func weight(w *float64) string {
	if w == nil {
		return "-"
	}
	return fmt.Sprintf("%g", *w)
}

// endpoints lists a pool's addresses; those that aren't up say so.
func endpoints(pool *admin.PoolReport) string {
	if pool.CNAME != "" {
		return pool.CNAME
	}
	list := make([]string, len(pool.Endpoints))
	for i, e := range pool.Endpoints {
		list[i] = e.Address
		if e.State != admin.StateUp {
			list[i] += " " + e.State
		}
		if (e.State == admin.StateDown || e.Held != "" || e.Withheld > 0) && e.Reason != "" {
			list[i] += " (" + e.Reason + ")"
		}
	}
	return strings.Join(list, ", ")
}
