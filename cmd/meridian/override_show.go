package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"meridian/admin"
	"meridian/status"
)

func (p *program) showOutcome(o *admin.OverrideOutcome, asJSON bool) error {
	if asJSON {
		return p.printJSON(o)
	}
	would := ""
	if o.DryRun {
		would = "DRY RUN, nothing was changed. It would be "
	}
	switch {
	case o.Override != nil:
		fmt.Fprintln(p.out, would+o.Override.Sentence)
	case o.Before != nil:
		fmt.Fprintf(p.out, "%sended: %s\n", would, o.Before.Sentence)
	}
	if o.Override != nil && o.Before != nil {
		fmt.Fprintln(p.out, "in place of "+o.Before.Sentence)
	}
	for _, line := range o.Impact {
		fmt.Fprintln(p.out, "  "+line)
	}
	for _, line := range o.Risks {
		if o.DryRun {
			fmt.Fprintln(p.out, "  Without --force it is refused: "+line)
		} else {
			fmt.Fprintln(p.out, "  FORCED: "+line)
		}
	}
	return nil
}

func (p *program) overrides(c *cli.Context) error {
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
	list, err := client.overrides(c.Context)
	if err != nil {
		return err
	}
	if asJSON {
		return p.printJSON(list)
	}
	if list.Error != "" {
		fmt.Fprintln(p.out, "The overrides can't be read now; those known before hold: "+list.Error)
	}
	if len(list.Overrides) == 0 {
		fmt.Fprintln(p.out, "No overrides: traffic follows the configuration and what is observed.")
		return nil
	}
	p.showOverrides(list.Overrides, time.Now())
	return nil
}

func (p *program) showOverrides(all []admin.OverrideReport, now time.Time) {
	rows := [][]cell{heading("ID", "KIND", "TAKES", "BY", "SINCE", "ENDS IN", "WHY", "PROGRESS")}
	for _, o := range all {
		kind, takes := o.Kind, fmt.Sprintf("%.0f%%", o.Take*100)
		if o.Kind == string(status.OverrideWeight) || o.Kind == string(status.OverrideUp) {
			takes = "-"
		}
		for _, region := range sortedKeys(o.Weights) {
			kind += " " + region + "=" + o.Weights[region]
		}
		progress := progressText(o.Progress, now)
		if o.Unknown != "" {
			progress = "does nothing: " + o.Unknown
		}
		rows = append(rows, []cell{
			plain("%s", o.ID), plain("%s", kind), plain("%s", takes), plain("%s", o.Author), plain("%s", age(now, &o.Start)),
			plain("%s", span(o.End.Sub(now))), plain("%s", o.Reason), plain("%s", progress),
		})
	}
	p.table(rows)
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// progressText says when a place that takes nothing is empty, as far as the server that was asked knows.
func progressText(e *admin.EmptyReport, now time.Time) string {
	switch {
	case e == nil:
		return "-"
	case e.Empty:
		return "empty: nobody may use an answer from here any more"
	}
	return fmt.Sprintf("last answer %s ago; empty in %s, if none is given", span(now.Sub(e.LastAnswer)), span(e.EmptyAt.Sub(now)))
}

// watchDrain tells what becomes of the override until it is empty, or gone.
func (p *program) watchDrain(c *cli.Context, id string) error {
	client, err := p.newClient(c, c.String("config"))
	if err != nil {
		return err
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for said := ""; ; {
		list, err := client.overrides(c.Context)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(list.Overrides, func(o admin.OverrideReport) bool { return o.ID == id })
		if i < 0 {
			return withCode(exitFailed, fmt.Errorf("%s has ended before it was empty", id))
		}
		e := list.Overrides[i].Progress
		if e != nil {
			line := fmt.Sprintf("%s given since; last one at %s; empty at %s", admin.Count(int(e.Answers), "answer"), clock(e.LastAnswer), clock(e.EmptyAt))
			if line != said {
				p.sayf("%s", line)
				said = line
			}
			if e.Empty {
				fmt.Fprintf(p.out, "%s is empty since %s, as far as this server's answers go.\n", strings.TrimPrefix(id, "admin:"), clock(e.EmptyAt))
				return nil
			}
		}
		select {
		case <-c.Context.Done():
			return c.Context.Err()
		case <-tick.C:
		}
	}
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05Z") }

// overrides asks for what holds.
func (cl *client) overrides(ctx context.Context) (admin.OverrideList, error) {
	var list admin.OverrideList
	err := cl.call(ctx, "GET", "/api/v1/overrides", nil, &list)
	return list, err
}
