package main

import (
	"net/netip"

	"github.com/urfave/cli/v2"

	"meridian/cmd/serve"
)

func (p *program) probeCommand() *cli.Command {
	return &cli.Command{
		Name:  "probe",
		Usage: "run a checker alone: probe from here, and vote on the shared board",
		Description: "It takes the servers' configuration, and of it board, checker, checks and services. It answers no queries, needs no\n" +
			"data_dir, and votes under a name of its own, from wherever clients are. Servers count its votes with those of the others\n" +
			"(quorum), and go on without it when it ends. SIGHUP reloads, all or nothing; SIGTERM and SIGINT end it.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "config", Aliases: []string{"c"}, Usage: "configuration `FILE`", Value: "meridian.yaml", EnvVars: []string{"MERIDIAN_CONFIG"}},
			&cli.StringFlag{Name: "vantage", Usage: "vote under this `NAME` (default: checker.vantage, or node)", EnvVars: []string{"MERIDIAN_VANTAGE"}},
			&cli.StringFlag{Name: "admin-listen", Usage: "`ADDRESS:PORT` for status, metrics and heartbeats, or none (default: admin.listen)"},
			&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "log what is only of interest while searching for a mistake"},
		},
		Action: p.probe,
	}
}

func (p *program) probe(c *cli.Context) error {
	if err := arguments(c, 0, 0, ""); err != nil {
		return err
	}
	o := serve.ProbeOptions{
		ConfigPath: c.String("config"), Vantage: c.String("vantage"), Version: p.version, Logger: p.logger(c.Bool("verbose")),
	}
	if text := c.String("admin-listen"); text != "" {
		var addr netip.AddrPort // none
		if text != "none" {
			var err error
			if addr, err = netip.ParseAddrPort(text); err != nil {
				return usagef(c, "--admin-listen %q is neither ADDRESS:PORT nor none", text)
			}
		}
		o.Admin = &addr
	}
	return p.ended(serve.RunProbe(c.Context, o))
}
