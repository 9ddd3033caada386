package scenario

import (
	"fmt"
	"strings"

	"meridian/cmd/config/nearest"
)

// Script is one parsed story.
type Script struct {
	File  string
	Title string
	Steps []Step
}

// Step is one line of a story.
type Step struct {
	Line int
	Verb string   // the first word
	Args []string // the words behind it
	Text string   // the lines of <<END; empty: none
}

// Mistake is something wrong with a story itself, or an expectation that was not met.
type Mistake struct {
	File string
	Line int
	Text string
}

// Error returns "file:line: text".
func (m *Mistake) Error() string { return fmt.Sprintf("%s:%d: %s", m.File, m.Line, m.Text) }

// verbs are the first words of steps.
var verbs = []string{"title:", "file", "config", "start", "at", "after", "endpoint", "region", "ask", "restart", "reload", "failback", "operator", "expect"}

// Parse reads a story and checks it with Lint. The script is nil when there are mistakes;
// all of one kind (lines that can't be read, then steps that mean nothing) are found in one run.
func Parse(file, text string) (*Script, []error) {
	script := &Script{File: file}
	var mistakes []error
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		number := i + 1
		fail := func(format string, args ...any) {
			mistakes = append(mistakes, &Mistake{file, number, fmt.Sprintf(format, args...)})
		}
		if title, ok := strings.CutPrefix(lines[i], "title:"); ok {
			script.Steps = append(script.Steps, Step{Line: number, Verb: "title:"})
			script.Title = strings.TrimSpace(title)
			continue
		}
		words, err := split(lines[i])
		if err != nil {
			fail("%v", err)
			continue
		}
		if len(words) == 0 {
			continue
		}
		step := Step{Line: number, Verb: words[0], Args: words[1:]}
		if n := len(step.Args); n > 0 && strings.HasPrefix(step.Args[n-1], "<<") {
			end := strings.TrimPrefix(step.Args[n-1], "<<")
			step.Args = step.Args[:n-1]
			body := i + 1
			for i++; i < len(lines) && lines[i] != end; i++ {
			}
			if end == "" || i == len(lines) {
				fail("the text of %q has no end: no later line says %q", step.Verb, end)
				break
			}
			step.Text = strings.Join(lines[body:i], "\n") + "\n"
		}
		script.Steps = append(script.Steps, step)
	}
	if len(mistakes) == 0 {
		mistakes = Lint(script)
	}
	if len(mistakes) > 0 {
		return nil, mistakes
	}
	return script, nil
}

// split cuts a line into words; "…" keeps spaces together, # outside of quotes begins a comment.
func split(line string) ([]string, error) {
	var words []string
	for {
		line = strings.TrimLeft(line, " \t")
		switch {
		case line == "" || line[0] == '#':
			return words, nil
		case line[0] == '"':
			word, rest, closed := strings.Cut(line[1:], `"`)
			if !closed {
				return nil, fmt.Errorf("a quote is not closed: %s", line)
			}
			words, line = append(words, word), rest
		default:
			end := strings.IndexAny(line, " \t")
			if end < 0 {
				end = len(line)
			}
			words, line = append(words, line[:end]), line[end:]
		}
	}
}

// offer ends a message about a wrong word with the valid one that is close to it, if one is.
func offer(wrong string, words []string) string {
	if word := nearest.Word(wrong, words); word != "" {
		return fmt.Sprintf("; did you mean %q?", word)
	}
	return ""
}
