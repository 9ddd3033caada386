// Command meridian is the server and everything around it, in one binary: without arguments it is the demo.
//
// main wires streams and signals to a program, and nothing else; each command has a file of its own. What a command
// prints for others to read goes to standard output, what it says to people goes to standard error, and how it ended
// is its exit code (exit.go).
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the linker: -X main.version=v1.2.3.
var version = ""

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	p := &program{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		getenv:   os.Getenv,
		terminal: isTerminal(os.Stdout), logTerminal: isTerminal(os.Stderr),
		version: versionOf(version),
	}
	code := p.run(ctx, os.Args)
	stop()
	os.Exit(code)
}

// isTerminal reports whether f is a character device: near enough to a terminal to be written for eyes.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
