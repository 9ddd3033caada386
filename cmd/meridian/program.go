package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/urfave/cli/v2"
)

// program is the command line with everything it needs from outside, so that tests run it as main does.
type program struct {
	in          io.Reader
	out, err    io.Writer
	getenv      func(string) string
	terminal    bool // out is one
	logTerminal bool // err is one
	version     string
}

// run runs one command line, args[0] being the program's name, and returns the exit code.
func (p *program) run(ctx context.Context, args []string) int {
	app := p.app()
	if last := len(args) - 1; args[last] == completionFlag {
		for _, word := range complete(app, args[1:last]) {
			fmt.Fprintln(p.out, word)
		}
		return exitDone
	}
	arranged, err := arrange(app, args)
	if err != nil {
		return p.report(withCode(exitUsage, fmt.Errorf("%w\nTry: meridian --help", err)))
	}
	return p.report(app.RunContext(ctx, arranged))
}

// app is the tree of commands.
func (p *program) app() *cli.App {
	app := &cli.App{
		Name:  "meridian",
		Usage: "an authoritative DNS server that answers with the nearest healthy region",
		Description: "Without a command, meridian is a demo that needs nothing: no root, no files, no network.\n" +
			"Flags may stand before and after arguments; \"--\" ends them.\n\n" +
			"Exit codes: 0 done, 1 failed or differs, 2 usage, 3 bad configuration, 4 server unreachable,\n" +
			"5 refused, 6 degraded.",
		Version:         p.version,
		Reader:          p.in,
		Writer:          p.out,
		ErrWriter:       p.err,
		HideHelpCommand: true,
		ExitErrHandler:  func(*cli.Context, error) {}, // run reports, and main exits
		Action:          p.demo,
		Flags:           demoFlags(),
		Commands: []*cli.Command{
			p.serveCommand(),
			p.probeCommand(),
			p.demoCommand(),
			p.statusCommand(),
			p.eventsCommand(),
			p.explainCommand(),
			p.simulateCommand(),
			p.drainCommand(),
			p.undrainCommand(),
			p.maintCommand(),
			p.forceCommand(),
			p.dialCommand(),
			p.weightCommand(),
			p.overridesCommand(),
			p.freezeCommand(),
			p.unfreezeCommand(),
			p.failbackCommand(),
			p.reloadCommand(),
			p.healthcheckCommand(),
			p.queryCommand(),
			p.checkCommand(),
			p.configCommand(),
			p.zoneCommand(),
			p.geoCommand(),
			p.versionCommand(),
			p.completionCommand(),
		},
	}
	for _, c := range app.Commands {
		finish(c)
	}
	return app
}

// finish sets what all commands have in common.
func finish(c *cli.Command) {
	c.HideHelpCommand = true // "meridian zone check help" is a file named help
	c.OnUsageError = func(ctx *cli.Context, err error, _ bool) error { return usagef(ctx, "%w", err) }
	if c.Action == nil {
		c.Action = func(ctx *cli.Context) error {
			_ = cli.ShowSubcommandHelp(ctx)
			return silent(exitUsage)
		}
	}
	for _, sub := range c.Subcommands {
		finish(sub)
	}
}

// arguments checks how many positional arguments there are; what names them, for the message.
func arguments(c *cli.Context, least, most int, what string) error {
	switch n := c.NArg(); {
	case n < least:
		return usagef(c, "%s needs %s", c.Command.HelpName, what)
	case n > most && most == 0:
		return usagef(c, "%s takes no argument, but got %q", c.Command.HelpName, c.Args().First())
	case n > most:
		return usagef(c, "%s takes %s, but got more: %q", c.Command.HelpName, what, c.Args().Get(most))
	}
	return nil
}

// logger writes text for eyes and JSON for machines.
func (p *program) logger(verbose bool) *slog.Logger {
	options := &slog.HandlerOptions{Level: slog.LevelInfo}
	if verbose {
		options.Level = slog.LevelDebug
	}
	if p.logTerminal {
		return slog.New(slog.NewTextHandler(p.err, options))
	}
	return slog.New(slog.NewJSONHandler(p.err, options))
}

func (p *program) sayf(format string, args ...any) { fmt.Fprintf(p.err, format+"\n", args...) }
