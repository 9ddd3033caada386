package main

import (
	"errors"

	"github.com/urfave/cli/v2"

	"meridian/cmd/serve"
)

func (p *program) serveCommand() *cli.Command {
	return &cli.Command{
		Name:        "serve",
		Usage:       "answer DNS queries by a configuration",
		Description: "SIGHUP reloads, all or nothing; SIGTERM and SIGINT drain and end.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "config", Aliases: []string{"c"}, Usage: "configuration `FILE`", Value: "meridian.yaml", EnvVars: []string{"MERIDIAN_CONFIG"}},
			&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "log what is only of interest while searching for a mistake"},
		},
		Action: p.serve,
	}
}

func (p *program) serve(c *cli.Context) error {
	if err := arguments(c, 0, 0, ""); err != nil {
		return err
	}
	return p.ended(serve.Run(c.Context, serve.Options{
		ConfigPath: c.String("config"),
		Version:    p.version,
		Logger:     p.logger(c.Bool("verbose")),
	}))
}

// ended puts the end of a server into an exit code.
func (p *program) ended(err error) error {
	if e, ok := errors.AsType[*serve.ConfigError](err); ok {
		p.sayProblems(e.Problems)
		return withCode(exitBadConfig, err)
	}
	return err
}
