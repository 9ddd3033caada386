package main

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"meridian/cmd/config/nearest"
)

var (
	//go:embed completion.bash
	bashCompletion string
	//go:embed completion.zsh
	zshCompletion string
)

func (p *program) completionCommand() *cli.Command {
	return &cli.Command{
		Name:        "completion",
		Usage:       "print the completion script of a shell",
		ArgsUsage:   "bash|zsh|fish",
		Description: "bash: source <(meridian completion bash)\nzsh:  source <(meridian completion zsh)\nfish: meridian completion fish | source",
		Action:      p.completion,
	}
}

// completionFlag is appended to the words before the cursor by the scripts of bash and zsh.
const completionFlag = "--generate-bash-completion"

// complete returns what may come next after words: flags when the last of them has begun one, else commands.
func complete(app *cli.App, words []string) []string {
	level := root(app)
	for {
		// A line that isn't finished may have mistakes: they are for the one who ends it.
		_, _, command, behind, _ := level.split(words)
		if command == nil {
			break
		}
		level, words = level.below(command), behind
	}
	if len(words) > 0 && strings.HasPrefix(words[len(words)-1], "-") {
		return level.flagNames()
	}
	return level.commandNames()
}

func (p *program) completion(c *cli.Context) error {
	if err := arguments(c, 1, 1, "bash, zsh or fish"); err != nil {
		return err
	}
	var script string
	switch shell := c.Args().First(); shell {
	case "bash":
		script = bashCompletion
	case "zsh":
		script = zshCompletion
	case "fish":
		var err error
		if script, err = c.App.ToFishCompletion(); err != nil {
			return err
		}
	default:
		return usagef(c, "no completion for %q: bash, zsh or fish%s", shell, nearest.Hint(shell, []string{"bash", "zsh", "fish"}))
	}
	fmt.Fprint(p.out, script)
	return nil
}
