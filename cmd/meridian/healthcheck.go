package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/urfave/cli/v2"
)

func (p *program) healthcheckCommand() *cli.Command {
	return &cli.Command{
		Name:        "healthcheck",
		Usage:       "end with 0 when the server on this machine is ready, with 1 otherwise",
		Description: "For Docker and others that run a command; who can ask HTTP asks /readyz and /livez.",
		Flags:       append(adminFlags(), whereFlag()),
		Action:      p.healthcheck,
	}
}

// healthcheck knows two answers only: Docker keeps exit codes above 1 for itself.
func (p *program) healthcheck(c *cli.Context) error {
	if err := arguments(c, 0, 0, ""); err != nil {
		return err
	}
	client, err := p.newClient(c, c.String("config"))
	if err != nil {
		return err
	}
	status, body, err := client.send(c.Context, "GET", "/readyz", url.Values{"verbose": {""}}, nil)
	if err != nil {
		return withCode(exitFailed, err)
	}
	if status != http.StatusOK {
		return withCode(exitFailed, fmt.Errorf("not healthy: %d\n%s", status, strings.TrimSpace(string(body))))
	}
	fmt.Fprintf(p.out, "%s", body)
	return nil
}
