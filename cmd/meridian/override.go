package main

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"meridian/admin"
	"meridian/simulate"
	"meridian/status"
)

// overrideFlags are those of every command that says something over what is observed.
func overrideFlags(more ...cli.Flag) []cli.Flag {
	return slices.Concat(adminFlags(), outputFlags(), []cli.Flag{
		whereFlag(), authorFlag(),
		&cli.StringFlag{Name: "reason", Usage: "`WHY`, for those who find it"},
		&cli.BoolFlag{Name: "dry-run", Usage: "say what would move, and change nothing"},
		&cli.BoolFlag{Name: "force", Usage: "whatever the safety rules say"},
	}, more)
}

func forFlag() cli.Flag {
	return &cli.DurationFlag{Name: "for", Usage: "for so `LONG`, at most " + hours(status.MaxOverride), Value: status.DefaultOverride}
}

func returnFlag() cli.Flag {
	return &cli.DurationFlag{Name: "return", Usage: "let traffic come back in ten steps over the last `DURATION` of it (default: all at once)"}
}

func serviceFlag() cli.Flag {
	return &cli.StringFlag{Name: "service", Usage: "only this `SERVICE`"}
}

func hours(d time.Duration) string { return fmt.Sprintf("%gh", d.Hours()) }

const overrideRules = "It holds on all servers that share a board, until its end; said again, it is extended. What would leave a service with\n" +
	"less than the safety rules want is refused (exit code 5), unless it is forced."

func (p *program) drainCommand() *cli.Command {
	return &cli.Command{
		Name: "drain", Usage: "send nobody to a region any more, and see when it is empty", ArgsUsage: "REGION", Description: overrideRules,
		Flags: overrideFlags(forFlag(), returnFlag(), serviceFlag(),
			&cli.BoolFlag{Name: "watch", Usage: "wait until it is empty: the last answer, and its TTL"}),
		Action: p.drain,
	}
}

func (p *program) maintCommand() *cli.Command {
	return &cli.Command{
		Name: "maint", Usage: "take a region out for maintenance: like drain, and being down there is no news", ArgsUsage: "REGION", Description: overrideRules,
		Flags:  overrideFlags(forFlag(), returnFlag(), serviceFlag()),
		Action: func(c *cli.Context) error { return p.setRegion(c, status.OverrideMaint) },
	}
}

func (p *program) forceCommand() *cli.Command {
	one := func(kind status.OverrideKind, usage string) *cli.Command {
		return &cli.Command{
			Name: string(kind), Usage: usage, ArgsUsage: "REGION", Description: overrideRules,
			Flags:  overrideFlags(forFlag(), serviceFlag()),
			Action: func(c *cli.Context) error { return p.setRegion(c, kind) },
		}
	}
	return &cli.Command{
		Name: "force", Usage: "have a region count as up or down, whatever is observed",
		Subcommands: []*cli.Command{
			one(status.OverrideUp, "have a region count as up"),
			one(status.OverrideDown, "have a region count as down"),
		},
	}
}

func (p *program) undrainCommand() *cli.Command {
	return &cli.Command{
		Name: "undrain", Usage: "end a drain, a maintenance or a forced state of a region", ArgsUsage: "REGION",
		Flags: overrideFlags(serviceFlag()),
		Action: func(c *cli.Context) error {
			if err := arguments(c, 1, 1, "one REGION"); err != nil {
				return err
			}
			service, err := canonical(c)
			if err != nil {
				return err
			}
			return p.endOverride(c, status.Slot(status.OverrideDrain, service, c.Args().First()))
		},
	}
}

func (p *program) dialCommand() *cli.Command {
	return &cli.Command{
		Name: "dial", Usage: "let a region take a share of its traffic", ArgsUsage: "REGION=PERCENT%",
		Description: overrideRules + "\nREGION=100% ends the dial.",
		Flags:       overrideFlags(forFlag(), returnFlag(), serviceFlag()), Action: p.dial,
	}
}

func (p *program) weightCommand() *cli.Command {
	return &cli.Command{
		Name: "weight", Usage: "give regions other weights in a service's policy", ArgsUsage: "SERVICE REGION=WEIGHT ...",
		Description: overrideRules + "\nREGION=50 is a weight, REGION=50% half of the configured one. What is said replaces what was said of the service before.",
		Flags:       overrideFlags(forFlag()), Action: p.weight,
	}
}

func (p *program) overridesCommand() *cli.Command {
	return &cli.Command{
		Name: "overrides", Usage: "list what operators said, until when, and why",
		Flags:  slices.Concat(adminFlags(), outputFlags(), []cli.Flag{whereFlag()}),
		Action: p.overrides,
		Subcommands: []*cli.Command{{
			Name: "end", Usage: "end an override", ArgsUsage: "ID", Flags: overrideFlags(),
			Action: func(c *cli.Context) error {
				if err := arguments(c, 1, 1, "one ID"); err != nil {
					return err
				}
				return p.endOverride(c, c.Args().First())
			},
		}},
	}
}

// canonical is the service of the flag as it is stored; empty: none.
func canonical(c *cli.Context) (string, error) {
	if c.String("service") == "" {
		return "", nil
	}
	name, err := simulate.ParseService(c.String("service"))
	if err != nil {
		return "", usagef(c, "%w", err)
	}
	return name, nil
}

func (p *program) drain(c *cli.Context) error {
	if err := p.setRegion(c, status.OverrideDrain); err != nil || !c.Bool("watch") || c.Bool("dry-run") {
		return err
	}
	service, err := canonical(c)
	if err != nil {
		return err
	}
	return p.watchDrain(c, status.Slot(status.OverrideDrain, service, c.Args().First()))
}

func (p *program) setRegion(c *cli.Context, kind status.OverrideKind) error {
	if err := arguments(c, 1, 1, "one REGION"); err != nil {
		return err
	}
	return p.say(c, admin.OverrideRequest{Kind: string(kind), Region: c.Args().First()})
}

func (p *program) dial(c *cli.Context) error {
	if err := arguments(c, 1, 1, "REGION=PERCENT%"); err != nil {
		return err
	}
	region, percent, ok := strings.Cut(c.Args().First(), "=")
	if !ok || region == "" {
		return usagef(c, "%q says no share: write REGION=40%%", c.Args().First())
	}
	if strings.TrimSuffix(percent, "%") == "100" {
		service, err := canonical(c)
		if err != nil {
			return err
		}
		return p.endOverride(c, status.Slot(status.OverrideDial, service, region))
	}
	return p.say(c, admin.OverrideRequest{Kind: string(status.OverrideDial), Region: region, Percent: percent})
}

func (p *program) weight(c *cli.Context) error {
	if err := arguments(c, 2, 1000, "SERVICE and REGION=WEIGHT"); err != nil {
		return err
	}
	r := admin.OverrideRequest{Kind: string(status.OverrideWeight), Service: c.Args().First(), Weights: map[string]string{}}
	for _, text := range c.Args().Tail() {
		region, weight, ok := strings.Cut(text, "=")
		if _, twice := r.Weights[region]; !ok || region == "" || twice {
			return usagef(c, "%q is not of the form REGION=50 or REGION=50%%, or the region is given twice", text)
		}
		r.Weights[region] = weight
	}
	return p.say(c, r)
}

// say completes the request by the flags, sends it with the revision that the server has now, and tells what came of it.
func (p *program) say(c *cli.Context, r admin.OverrideRequest) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	if strings.TrimSpace(c.String("reason")) == "" {
		return usagef(c, "why? Add --reason \"…\" for those who find it")
	}
	if r.Author, err = p.author(c); err != nil {
		return err
	}
	r.Service, r.Reason, r.For = cmp.Or(r.Service, c.String("service")), c.String("reason"), c.Duration("for").String()
	if c.Duration("return") != 0 {
		r.Return = c.Duration("return").String()
	}
	r.DryRun, r.Force = c.Bool("dry-run"), c.Bool("force")
	client, err := p.newClient(c, c.String("config"))
	if err != nil {
		return err
	}
	list, err := client.overrides(c.Context)
	if err != nil {
		return err
	}
	var outcome admin.OverrideOutcome
	if err := client.match(list.Revision).post(c.Context, "/api/v1/overrides", r, &outcome); err != nil {
		return err
	}
	return p.showOutcome(&outcome, asJSON)
}

// endOverride ends the override in a slot.
func (p *program) endOverride(c *cli.Context, id string) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	author, err := p.author(c)
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
	query := url.Values{"id": {id}, "author": {author}}
	if reason := c.String("reason"); reason != "" {
		query.Set("reason", reason)
	}
	for _, flag := range []string{"dry-run", "force"} {
		if c.Bool(flag) {
			query.Set(strings.ReplaceAll(flag, "-", "_"), "true")
		}
	}
	var outcome admin.OverrideOutcome
	if err := client.match(list.Revision).call(c.Context, "DELETE", "/api/v1/overrides", query, &outcome); err != nil {
		return err
	}
	return p.showOutcome(&outcome, asJSON)
}
