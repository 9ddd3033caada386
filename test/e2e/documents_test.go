package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// fence is one fenced or indented code block of a document.
type fence struct {
	file, language, text string
	line                 int
}

// documents returns every code block of README.md, docs and deploy.
func documents(t *testing.T) []fence {
	t.Helper()
	root := filepath.Join("..", "..")
	paths := []string{filepath.Join(root, "README.md")}
	for _, dir := range []string{"docs", "deploy"} {
		more, err := filepath.Glob(filepath.Join(root, dir, "*.md"))
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, more...)
	}
	var blocks []fence
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var open *fence
		for i, line := range strings.Split(string(text), "\n") {
			language, isFence := strings.CutPrefix(line, "```")
			switch {
			case isFence && open != nil:
				open = nil
			case isFence:
				blocks = append(blocks, fence{file: filepath.Base(path), language: language, line: i + 1})
				open = &blocks[len(blocks)-1]
			case open != nil:
				open.text += line + "\n"
			case strings.HasPrefix(line, "    "):
				blocks = append(blocks, fence{file: filepath.Base(path), text: strings.TrimSpace(line) + "\n", line: i})
			}
		}
	}
	return blocks
}

// commandLine matches `meridian word word …` at the beginning of a line of a code block.
var commandLine = regexp.MustCompile(`(?m)^\s*(?:\$ |sudo )?(?:meridian|\./meridian|bin/meridian|go run \./cmd/meridian)((?: +[^#\n]*)?)`)

// TestCommandsInDocuments: each command line that a document shows exists, with its subcommand and its flags.
func TestCommandsInDocuments(t *testing.T) {
	found := 0
	for _, block := range documents(t) {
		for _, m := range commandLine.FindAllStringSubmatch(block.text, -1) {
			words := strings.Fields(m[1])
			var commands []string
			for _, word := range words {
				if !regexp.MustCompile(`^[a-z]+$`).MatchString(word) || len(commands) == 2 {
					break
				}
				commands = append(commands, word)
			}
			if len(commands) == 0 {
				continue
			}
			found++
			help := run(t, append(slices.Clone(commands[:1]), "--help")...)
			if help.Code != 0 {
				t.Errorf("%s:%d: there is no command %q", block.file, block.line, commands[0])
				continue
			}
			if len(commands) == 2 && strings.Contains(help.Stdout, "COMMANDS:") {
				if help = run(t, append(slices.Clone(commands), "--help")...); help.Code != 0 {
					t.Errorf("%s:%d: there is no command %q", block.file, block.line, strings.Join(commands, " "))
					continue
				}
			}
			for _, word := range words {
				if flag, _, _ := strings.Cut(word, "="); strings.HasPrefix(flag, "--") && !strings.Contains(help.Stdout, flag) {
					t.Errorf("%s:%d: meridian %s has no flag %s", block.file, block.line, strings.Join(commands, " "), flag)
				}
			}
		}
	}
	if found < 5 {
		t.Errorf("only %d command lines found in the documents; has their form changed?", found)
	}
}

// TestConfigurationsInDocuments: each whole configuration that a document shows in ```yaml loads as it stands.
func TestConfigurationsInDocuments(t *testing.T) {
	found := 0
	for _, block := range documents(t) {
		if block.language != "yaml" {
			continue
		}
		found++
		dir := t.TempDir()
		database := "city.mmdb"
		if m := regexp.MustCompile(`database: *([\w.-]+)`).FindStringSubmatch(block.text); m != nil {
			database = m[1]
		}
		addGeography(t, dir, database)
		if err := os.WriteFile(filepath.Join(dir, "meridian.yaml"), []byte(block.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if r := binary.Run(t, dir, "config", "check", "meridian.yaml"); r.Code != 0 {
			t.Errorf("%s:%d: exit %d\n%s%s", block.file, block.line, r.Code, r.Stdout, r.Stderr)
		}
	}
	if found == 0 {
		t.Error("the documents show no configuration in ```yaml")
	}
}
