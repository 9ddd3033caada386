package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/urfave/cli/v2"

	"meridian/admin"
	"meridian/cmd/config"
)

func (p *program) configCommand() *cli.Command {
	return &cli.Command{
		Name:  "config",
		Usage: "check configurations, and help to write them",
		Subcommands: []*cli.Command{
			{
				Name: "check", Usage: "run the very code of the start on a file, and report every mistake", ArgsUsage: "[FILE]",
				Description: "Binds nothing and changes nothing. Exit code 3 when the configuration is bad; warnings alone don't count.",
				Flags:       []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print the problems as JSON"}},
				Action:      p.configCheck,
			},
			p.configDiffCommand(),
			{
				Name: "show", Usage: "print the effective configuration: one file, defaults filled in, secrets hidden", ArgsUsage: "[FILE]",
				Action: p.configShow,
			},
			{
				Name: "init", Usage: "print a commented configuration to start from", ArgsUsage: "[FILE]",
				Description: "With a FILE it is written there, if there is none yet.",
				Action:      p.configInit,
			},
			{
				Name: "schema", Usage: "print the JSON schema of the configuration, for editors",
				Action: p.configSchema,
			},
		},
	}
}

// configFile is the file that a configuration command is about.
func configFile(c *cli.Context) (string, error) {
	if err := arguments(c, 0, 1, "one FILE"); err != nil {
		return "", err
	}
	if c.NArg() == 0 {
		return "meridian.yaml", nil
	}
	return c.Args().First(), nil
}

func (p *program) configCheck(c *cli.Context) error {
	path, err := configFile(c)
	if err != nil {
		return err
	}
	cfg, problems := config.Load(path)
	if c.Bool("json") {
		if err := p.printJSON(fileReports(problems)); err != nil {
			return err
		}
		if cfg == nil {
			return silent(exitBadConfig)
		}
		return nil
	}
	if cfg == nil {
		return p.badConfiguration(problems)
	}
	p.sayProblems(problems)
	fmt.Fprintf(p.out, "%s: %s, %s, %s. Good.\n", path, admin.Count(len(cfg.Regions), "region"), admin.Count(len(cfg.Zones), "zone"), admin.Count(len(cfg.Services), "service"))
	return nil
}

func (p *program) configSchema(c *cli.Context) error {
	if err := arguments(c, 0, 0, ""); err != nil {
		return err
	}
	_, err := p.out.Write(config.Schema())
	return err
}

func (p *program) configShow(c *cli.Context) error {
	path, err := configFile(c)
	if err != nil {
		return err
	}
	cfg, problems := config.Load(path)
	if cfg == nil {
		return p.badConfiguration(problems)
	}
	p.sayProblems(problems)
	_, err = p.out.Write(config.Show(cfg))
	return err
}

func (p *program) configInit(c *cli.Context) error {
	if err := arguments(c, 0, 1, "one FILE"); err != nil {
		return err
	}
	if c.NArg() == 0 {
		_, err := p.out.Write(config.Init())
		return err
	}
	path := c.Args().First()
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return withCode(exitRefused, fmt.Errorf("%s is there already; nothing was written", path))
	}
	if err != nil {
		return err
	}
	if _, err := file.Write(config.Init()); err != nil {
		_ = file.Close()
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	p.sayf("%s written. Next: meridian config check %s", path, path)
	return nil
}
