package main

import (
	"cmp"
	"fmt"
	"time"

	"meridian/admin"
)

// showCheckers lists the checkers, unless there is only the server's own and nothing to say of it.
func (p *program) showCheckers(r *admin.StatusReport) {
	if len(r.Checkers) == 0 || len(r.Checkers) == 1 && r.Checkers[0].Own && r.Checkers[0].Fresh && r.Checkers[0].Doubt == "" {
		return
	}
	rows := [][]cell{heading("CHECKER", "VOTED", "UP", "DOWN", "ABSTAINS", "")}
	for _, c := range r.Checkers {
		name, note := c.Vantage, c.Doubt
		if c.Own {
			name += " (here)"
		}
		if note != "" {
			note = "distrusts itself: " + note
		}
		voted := cell{text: span(seconds(c.Age)) + " ago"}
		if !c.Fresh {
			voted.colour, note = "33", cmp.Or(note, "stale: its votes are ignored")
		}
		rows = append(rows, []cell{
			plain("%s", name), voted, plain("%d", c.Up), plain("%d", c.Down), plain("%d", c.Abstains), plain("%s", note),
		})
	}
	fmt.Fprintln(p.out)
	p.table(rows)
}

// showVotes lists, for each endpoint whose votes the report has, what is served, what is observed, and who says what.
// An endpoint that several services share by the same check is listed once.
func (p *program) showVotes(r *admin.StatusReport) {
	rows := [][]cell{heading("ENDPOINT", "SERVED", "OBSERVED", "CHECKER", "VOTE", "AGE", "SINCE", "LATENCY", "EVIDENCE")}
	told := map[[3]string]bool{}
	for _, s := range r.Services {
		for _, pool := range s.Pools {
			for _, e := range pool.Endpoints {
				if about := [3]string{s.Check, e.Address, e.State + e.Held}; e.Votes != nil && !told[about] {
					told[about] = true
					rows = append(rows, voteRows(r.Time, pool.Region, s.Check, &e)...)
				}
			}
		}
	}
	if len(rows) == 1 {
		return
	}
	fmt.Fprintln(p.out)
	p.table(rows)
}

// voteRows are the lines of one endpoint: the first also says what became of the votes.
func voteRows(now time.Time, region, check string, e *admin.EndpointReport) [][]cell {
	served := stateCell(e.State, e.Forced)
	if e.Held != "" {
		served.text += " (held: " + e.Held + ")"
	}
	if e.Withheld > 0 {
		served.text += fmt.Sprintf(" %.0f%%", 100*(1-e.Withheld))
	}
	first := []cell{plain("%s %s", e.Address, region), served, stateCell(e.Observed, false)}
	if len(e.Votes) == 0 {
		return [][]cell{append(first, plain("no votes"))}
	}
	var rows [][]cell
	for _, v := range e.Votes {
		rows = append(rows, append(first, voteCells(now, check, &v)...))
		first = make([]cell, len(first))
	}
	return rows
}

func voteCells(now time.Time, check string, v *admin.VoteReport) []cell {
	who, latency, vote := v.Vantage, "-", stateCell(v.State, false)
	if v.Check != check {
		who += " " + v.Check // one of the checks that a combined one is made of
	}
	if v.State == admin.StateUnknown {
		vote.text = "abstains"
	}
	if v.Withheld > 0 {
		vote.text += fmt.Sprintf(" %.0f%%", 100*(1-v.Withheld))
	}
	if v.Load > 0 {
		vote.text += fmt.Sprintf(", load %.3g%%", 100*v.Load)
	}
	voted := cell{text: span(seconds(v.Age))}
	if !v.Fresh {
		voted.text, voted.colour = voted.text+" stale", "33"
	}
	if v.Latency > 0 {
		latency = seconds(v.Latency).Round(100 * time.Microsecond).String()
	}
	return []cell{plain("%s", who), vote, voted, plain("%s", age(now, v.Since)), plain("%s", latency), plain("%s", v.Reason)}
}
