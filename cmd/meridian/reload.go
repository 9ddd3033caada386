package main

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/urfave/cli/v2"

	"meridian/admin"
)

func (p *program) reloadCommand() *cli.Command {
	return &cli.Command{
		Name:  "reload",
		Usage: "make a running server read its configuration again, all or nothing",
		Description: "Returns when the new configuration answers queries. When it is bad, every problem is printed, the exit\n" +
			"code is 3, and the server keeps what it has. When it would move more of the traffic than\n" +
			"safety.reload_threshold (30%) allows, nothing is changed and the exit code is 5, unless --force is given.",
		Flags: append(adminFlags(), whereFlag(),
			&cli.BoolFlag{Name: "force", Usage: "however much of the traffic moves"}),
		Action: p.reload,
	}
}

func (p *program) reload(c *cli.Context) error {
	if err := arguments(c, 0, 0, ""); err != nil {
		return err
	}
	client, err := p.newClient(c, c.String("config"))
	if err != nil {
		return err
	}
	var done admin.Reloaded
	query := url.Values{}
	if c.Bool("force") {
		query.Set("force", "true")
	}
	err = client.call(c.Context, "POST", "/api/v1/reload", query, &done)
	if r, ok := errors.AsType[*refusal](err); ok && len(r.Problems) > 0 {
		return p.sayRefusal(r)
	}
	if err != nil {
		return err
	}
	for _, w := range done.Warnings {
		p.sayf("warning: %s", w)
	}
	fmt.Fprintf(p.out, "Reloaded: generation %d, configuration hash %.12s.\n", done.Generation, done.Config.Hash)
	return nil
}

// sayRefusal prints what is wrong with a configuration that the server refused, and is the end of the command.
func (p *program) sayRefusal(r *refusal) error {
	for _, problem := range r.Problems {
		p.sayf("%s", problem)
	}
	p.sayf("%s", r.Detail)
	return silent(r.exitCode())
}
