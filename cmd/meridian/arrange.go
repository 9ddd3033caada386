package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"meridian/cmd/config/nearest"
)

// arrange returns the command line with each command's flags before its positional arguments, where urfave/cli looks
// for them: it stops at the first positional argument, so that `drain eu-west --dry-run` would drain. Words behind
// "--" are never flags. A word that is no command, and a flag that its command doesn't have, is an error that offers
// the nearest one.
func arrange(app *cli.App, args []string) ([]string, error) {
	arranged, rest := args[:1:1], args[1:]
	level := root(app)
	for {
		flags, words, command, behind, err := level.split(rest)
		if err != nil {
			return nil, err
		}
		arranged = append(arranged, flags...)
		if command == nil {
			if slices.ContainsFunc(words, isFlag) {
				arranged = append(arranged, "--")
			}
			return append(arranged, words...), nil
		}
		arranged = append(arranged, command.Name)
		level, rest = level.below(command), behind
	}
}

// level is one command on the way down the tree of commands.
type level struct {
	path     string // as typed: "meridian geo"
	flags    []cli.Flag
	commands []*cli.Command
}

func root(app *cli.App) level {
	return level{app.Name, slices.Concat(app.Flags, []cli.Flag{cli.HelpFlag, cli.VersionFlag}), app.Commands}
}

func (l level) below(c *cli.Command) level {
	return level{l.path + " " + c.Name, slices.Concat(c.Flags, []cli.Flag{cli.HelpFlag}), c.Subcommands}
}

// split sorts words of this level into flags, with their values, and positional arguments. When it meets a
// subcommand, it returns it and the words behind it.
func (l level) split(args []string) (flags, words []string, command *cli.Command, behind []string, err error) {
	for i := 0; i < len(args); i++ {
		word := args[i]
		switch {
		case word == "--":
			return flags, append(words, args[i+1:]...), nil, nil, nil
		case isFlag(word):
			name, _, hasValue := strings.Cut(strings.TrimLeft(word, "-"), "=")
			f := l.flag(name)
			if f == nil {
				return nil, nil, nil, nil, fmt.Errorf("%s has no flag %s%s", l.path, word, nearest.Hint(word, l.flagNames()))
			}
			flags = append(flags, word)
			if hasValue || !takesValue(f) {
				continue
			}
			i++
			if i == len(args) {
				return nil, nil, nil, nil, fmt.Errorf("%s: flag %s needs a value", l.path, word)
			}
			flags = append(flags, args[i])
		case len(l.commands) > 0:
			for _, c := range l.commands {
				if c.HasName(word) {
					return flags, nil, c, args[i+1:], nil
				}
			}
			return nil, nil, nil, nil, fmt.Errorf("%s has no command %q%s", l.path, word, nearest.Hint(word, l.commandNames()))
		default:
			words = append(words, word)
		}
	}
	return flags, words, nil, nil, nil
}

// isFlag reports whether urfave/cli would take word for a flag. A lone "-" is standard input.
func isFlag(word string) bool { return len(word) > 1 && word[0] == '-' }

func takesValue(f cli.Flag) bool {
	d, ok := f.(cli.DocGenerationFlag)
	return ok && d.TakesValue()
}

func (l level) flag(name string) cli.Flag {
	for _, f := range l.flags {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

func (l level) flagNames() []string {
	var names []string
	for _, f := range l.flags {
		for _, name := range f.Names() {
			if len(name) > 1 {
				names = append(names, "--"+name)
			}
		}
	}
	return names
}

func (l level) commandNames() []string {
	var names []string
	for _, c := range l.commands {
		if !c.Hidden {
			names = append(names, c.Names()...)
		}
	}
	return names
}
