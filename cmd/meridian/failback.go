package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"meridian/admin"
)

func (p *program) failbackCommand() *cli.Command {
	return &cli.Command{
		Name:      "failback",
		Usage:     "let what is kept down in a region, though it is seen up, come back",
		ArgsUsage: "REGION",
		Description: "It ends failback: manual, a delay, or the time that flapping costs, on all servers that share a board. What is not\n" +
			"seen up stays down. `meridian status` shows what is held, and why.",
		Flags: append(append(adminFlags(), outputFlags()...),
			whereFlag(), authorFlag(),
			&cli.StringFlag{Name: "service", Usage: "only this `SERVICE`"},
			&cli.StringFlag{Name: "reason", Usage: "`WHY`, if there is something to say"}),
		Action: p.failback,
	}
}

func (p *program) failback(c *cli.Context) error {
	if err := arguments(c, 1, 1, "REGION"); err != nil {
		return err
	}
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	request := admin.FailbackRequest{Region: c.Args().First(), Service: c.String("service"), Reason: c.String("reason")}
	if request.Author, err = p.author(c); err != nil {
		return err
	}
	client, err := p.newClient(c, c.String("config"))
	if err != nil {
		return err
	}
	var report admin.FailbackReport
	if err := client.post(c.Context, "/api/v1/failback", request, &report); err != nil {
		return err
	}
	if asJSON {
		return p.printJSON(report)
	}
	fmt.Fprintf(p.out, "%s of %s come back: %s\n", admin.Count(len(report.Endpoints), "endpoint"), report.Region, strings.Join(report.Endpoints, ", "))
	return nil
}
