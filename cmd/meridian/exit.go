package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"
)

// The exit codes of every command.
const (
	exitDone        = 0
	exitFailed      = 1 // or: what was compared differs
	exitUsage       = 2 // the command line is wrong
	exitBadConfig   = 3 // a configuration, zone file or database is bad
	exitUnreachable = 4 // the server doesn't answer
	exitRefused     = 5 // the server, or a safety rule, said no
	exitDegraded    = 6 // status --exit-code: it works, but not as it should
)

// exitError is an error that knows its exit code. With no error, the command has said everything already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// silent ends the command with code; what there was to say has been said.
func silent(code int) error { return &exitError{code: code} }

func withCode(code int, err error) error { return &exitError{code, err} }

// usagef says what is wrong with the command line, and points to the command's help.
func usagef(c *cli.Context, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return withCode(exitUsage, fmt.Errorf("%w\nTry: %s --help", err, c.Command.HelpName))
}

// report tells the error, if there is something left to tell, and returns the exit code that it means.
func (p *program) report(err error) int {
	if err == nil || errors.Is(err, context.Canceled) {
		return exitDone
	}
	code := exitFailed
	if e, ok := errors.AsType[*exitError](err); ok {
		if e.err == nil {
			return e.code
		}
		code = e.code
	}
	fmt.Fprintln(p.err, "meridian: "+err.Error())
	return code
}
