package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"
)

// leaves calls visit for every command that does something, with the words that call it.
func leaves(commands []*cli.Command, path []string, visit func(c *cli.Command, path []string)) {
	for _, c := range commands {
		here := append(slices.Clone(path), c.Name)
		if len(c.Subcommands) == 0 {
			visit(c, here)
		}
		leaves(c.Subcommands, here, visit)
	}
}

// seen is what a command got to see of its command line.
type seen struct {
	Command string
	Args    []string
	Flags   map[string]string
}

// observe runs a command line whose every command only notes what it sees.
func observe(t *testing.T, args []string) seen {
	t.Helper()
	var got seen
	p := &program{out: new(bytes.Buffer), err: new(bytes.Buffer), getenv: func(string) string { return "" }}
	app := p.app()
	note := func(c *cli.Context) error {
		got = seen{c.Command.HelpName, c.Args().Slice(), map[string]string{}}
		for _, f := range c.Command.Flags {
			name := f.Names()[0]
			got.Flags[name] = fmt.Sprint(c.Value(name))
			if _, several := f.(*cli.StringSliceFlag); several {
				got.Flags[name] = strings.Join(c.StringSlice(name), " ")
			}
		}
		return nil
	}
	var hijack func(commands []*cli.Command)
	hijack = func(commands []*cli.Command) {
		for _, c := range commands {
			c.Action = note
			hijack(c.Subcommands)
		}
	}
	hijack(app.Commands)
	arranged, err := arrange(app, append([]string{"meridian"}, args...))
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	if err := app.RunContext(t.Context(), arranged); err != nil {
		t.Fatalf("%q became %q: %v", args, arranged, err)
	}
	return got
}

// TestFlagsStandAnywhere: for every command, and each of its flags under each of its names, what the command sees is
// the same wherever the flag stands.
func TestFlagsStandAnywhere(t *testing.T) {
	commands := 0
	leaves((&program{}).app().Commands, nil, func(c *cli.Command, path []string) {
		commands++
		for _, f := range c.Flags {
			for _, name := range f.Names() {
				if name == "help" || name == "h" {
					continue
				}
				flag := []string{"--" + name}
				if takesValue(f) {
					value := "7"
					if _, isDuration := f.(*cli.DurationFlag); isDuration {
						value = "7s"
					}
					flag = append(flag, value)
				}
				want := observe(t, slices.Concat(path, flag, []string{"first", "second"}))
				if want.Command != "meridian "+strings.Join(path, " ") || len(want.Args) != 2 {
					t.Fatalf("%q sees %+v", path, want)
				}
				if set := want.Flags[f.Names()[0]]; set != "true" && set != "7" && set != "7s" {
					t.Errorf("%q: flag %s is %q", path, name, set)
				}
				for _, args := range [][]string{
					slices.Concat(path, []string{"first"}, flag, []string{"second"}),
					slices.Concat(path, []string{"first", "second"}, flag),
					slices.Concat(path, []string{"first", "second", strings.Join(flag, "=")}),
				} {
					if diff := cmp.Diff(want, observe(t, args)); diff != "" {
						t.Errorf("%q: -before +after:\n%s", args, diff)
					}
				}
			}
		}
		want := []string{"first", "--json", "-x"}
		if got := observe(t, slices.Concat(path, []string{"first", "--", "--json", "-x"})); !slices.Equal(got.Args, want) {
			t.Errorf("%q: behind -- it sees %q, want %q", path, got.Args, want)
		}
	})
	if commands < 20 {
		t.Errorf("only %d commands were tried; has the tree changed its form?", commands)
	}
}

func TestArrange(t *testing.T) {
	for line, want := range map[string]string{
		"":                                   "",
		"--version":                          "--version",
		"explain www.test --from JP":         "explain --from JP www.test",
		"explain www.test --from=JP --json":  "explain --from=JP --json www.test",
		"explain --from -1 www.test":         "explain --from -1 www.test",
		"zone check - --origin a.test":       "zone check --origin a.test -",
		"geo lookup 192.0.2.1 -d x ::1":      "geo lookup -d x 192.0.2.1 ::1",
		"demo --dns-listen 127.0.0.1:1 kill": "demo --dns-listen 127.0.0.1:1 kill",
		"query a.test -- -x":                 "query -- a.test -x",
		"query a.test -- AAAA":               "query a.test AAAA",
		"status --help":                      "status --help",
	} {
		got, err := arrange((&program{}).app(), append([]string{"meridian"}, strings.Fields(line)...))
		if err != nil || strings.Join(got[1:], " ") != want {
			t.Errorf("%q became %q, %v; want %q", line, got, err, want)
		}
	}
}

// TestUsageMistakes: exit code 2, the nearest word, nothing on standard output, and nothing done.
func TestUsageMistakes(t *testing.T) {
	for line, want := range map[string]string{
		"statsu":                            `meridian has no command "statsu" (did you mean "status"?)`,
		"config chekc":                      `meridian config has no command "chekc" (did you mean "check"?)`,
		"status --jsno":                     `meridian status has no flag --jsno (did you mean "--json"?)`,
		"status --output":                   "flag --output needs a value",
		"status --timeout soon":             `invalid value "soon"`,
		"status --output xml":               `--output "xml" is neither table nor json`,
		"status eu-west":                    `meridian status takes no argument, but got "eu-west"`,
		"status --admin ftp://x":            `"ftp://x" is not a URL`,
		"probe eu-west":                     `but got "eu-west"`,
		"probe --admin-listen 8053":         `--admin-listen "8053" is neither ADDRESS:PORT nor none`,
		"freeze":                            "why? Add --reason",
		"freeze now --reason x":             `but got "now"`,
		"freeze --reason x --for long":      `invalid value "long"`,
		"freeze --raeson x":                 `(did you mean "--reason"?)`,
		"unfreeze all":                      `but got "all"`,
		"failback":                          "failback needs REGION",
		"failback eu-west us-east":          `but got more: "us-east"`,
		"events eu-west":                    `but got "eu-west"`,
		"events --since -5m":                "in the future",
		"events --limit 0":                  "--limit 0 is not from 1 to 1000",
		"events --since 5m --limit 3":       "exclude each other",
		"explain":                           "meridian explain needs one NAME",
		"explain a.test":                    "whose question?",
		"explain a b --from JP":             `but got more: "b"`,
		"explain a.test --from JP --type Q": `unknown type "Q"`,
		"query a..b":                        `"a..b" is not a domain name`,
		"query a.test AAAAA":                `there is no type "AAAAA" (did you mean "AAAA"?)`,
		"query a.test --subnet nowhere":     `--subnet "nowhere" is neither`,
		"check www.test":                    "for a service add --config FILE",
		"check htttp://127.0.0.1/":          `no check of type "htttp" (did you mean "http"?)`,
		"check tcp://127.0.0.1":             "needs a port",
		"check http://127.0.0.1:99999":      `"99999" is not a port`,
		"geo lookup tokyo":                  `"tokyo" is not an address`,
		"geo lookup ::1 -c a -d b":          "exclude each other",
		"completion ksh":                    `(did you mean "zsh"?)`,
		"demo kill":                         "meridian demo kill needs one REGION",
		"demo klil eu-west":                 `(did you mean "kill"?)`,
		"--dns-listen 1053":                 `--dns-listen "1053" is not ADDRESS:PORT`,
		"demo --admin-listen 0.0.0.0:8053":  "the demo stays on this machine",
		"zone check a..b zonefile":          `"a..b" is not a domain name`,
	} {
		got := meridian(t, strings.Fields(line)...)
		if got.code != exitUsage || got.out != "" || !strings.Contains(got.err, want) {
			t.Errorf("%q: exit %d, want %d and %q\nstdout: %s\nstderr: %s", line, got.code, exitUsage, want, got.out, got.err)
		}
		if !strings.Contains(got.err, "--help") && !strings.Contains(line, "--type") {
			t.Errorf("%q doesn't point to the help:\n%s", line, got.err)
		}
	}
}

// TestHelp: every command has one, on standard output, that names its flags.
func TestHelp(t *testing.T) {
	leaves((&program{}).app().Commands, nil, func(c *cli.Command, path []string) {
		got := meridian(t, append(path, "--help")...)
		if got.code != exitDone || got.err != "" || c.Usage == "" || !strings.Contains(got.out, c.Usage) {
			t.Errorf("%q: exit %d\n%s%s", path, got.code, got.out, got.err)
		}
		for _, f := range c.Flags {
			if !strings.Contains(got.out, "--"+f.Names()[0]) {
				t.Errorf("%q: the help doesn't have --%s", path, f.Names()[0])
			}
		}
	})
	if got := meridian(t, "--help"); !strings.Contains(got.out, "COMMANDS:") || !strings.Contains(got.out, "6 degraded") {
		t.Errorf("%s", got.out)
	}
	if got := meridian(t, "geo"); got.code != exitUsage || !strings.Contains(got.out+got.err, "lookup") {
		t.Errorf("a command that is only a group: exit %d\n%s%s", got.code, got.out, got.err)
	}
}
