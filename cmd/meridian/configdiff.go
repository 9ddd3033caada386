package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"meridian/admin"
	"meridian/simulate"
)

func (p *program) configDiffCommand() *cli.Command {
	return &cli.Command{
		Name: "diff", Usage: "show what a configuration would change, and what that would do to the traffic", ArgsUsage: "[FILE]",
		Description: "Compares FILE with what the running server has in use, or with --offline OLD with another file. Nothing is\n" +
			"changed. Exit code 1 when they differ, 0 when they don't, 3 when FILE is bad.",
		Flags: append(append(adminFlags(), outputFlags()...),
			&cli.StringFlag{Name: "offline", Usage: "compare with this configuration `FILE`, without a server"}),
		Action: p.configDiff,
	}
}

func (p *program) configDiff(c *cli.Context) error {
	path, err := configFile(c)
	if err != nil {
		return err
	}
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	s, err := p.simulation(c, admin.SimulateRequest{Config: path})
	if err != nil {
		return err
	}
	if asJSON {
		err = p.printJSON(s)
	} else {
		p.showDiff(s)
	}
	if err == nil && len(s.Changes) > 0 {
		return silent(exitFailed)
	}
	return err
}

func (p *program) showDiff(s *admin.Simulation) {
	if len(s.Changes) == 0 {
		fmt.Fprintln(p.out, "No difference.")
		return
	}
	for _, change := range s.Changes {
		p.showChange(change)
	}
	fmt.Fprintln(p.out)
	p.showSimulation(s)
	if s.Total.Moved > s.Threshold {
		p.sayf("That is more than %s (safety.reload_threshold): meridian reload asks for --force.", simulate.Percent(s.Threshold))
	}
}

// showChange prints "+ path: what", "- path: what" or "~ path: before -> after".
func (p *program) showChange(c admin.ConfigChange) {
	path := strings.Join(c.Path, " / ")
	switch {
	case c.What == "added":
		fmt.Fprintf(p.out, "+ %s: %s\n", path, c.After)
	case c.What == "removed":
		fmt.Fprintf(p.out, "- %s: %s\n", path, c.Before)
	case len(path)+len(c.Before)+len(c.After) <= 100:
		fmt.Fprintf(p.out, "~ %s: %s -> %s\n", path, c.Before, c.After)
	default:
		fmt.Fprintf(p.out, "~ %s:\n    %s\n    -> %s\n", path, c.Before, c.After)
	}
}
