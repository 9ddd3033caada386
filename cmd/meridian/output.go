package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"meridian/admin"
)

// outputFlags choose the form of a command's data.
func outputFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "json", Usage: "print JSON"},
		&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "`FORM` of what is printed: table or json", Value: "table"},
	}
}

// wantsJSON reads the output flags.
func wantsJSON(c *cli.Context) (bool, error) {
	switch form := c.String("output"); form {
	case "json":
		return true, nil
	case "table":
		return c.Bool("json"), nil
	default:
		return false, usagef(c, "--output %q is neither table nor json", form)
	}
}

func (p *program) printJSON(value any) error {
	e := json.NewEncoder(p.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(value)
}

// cell is one cell of a table, with the colour it may have.
type cell struct {
	text   string
	colour string // the number of an ANSI colour; empty: none
}

func plain(format string, args ...any) cell { return cell{text: fmt.Sprintf(format, args...)} }

// stateCell shows a state; its colour repeats what the word says.
func stateCell(state string, forced bool) cell {
	c := cell{text: state}
	switch state {
	case admin.StateUp:
		c.colour = "32"
	case admin.StateDown:
		c.colour = "31"
	case admin.StatePartial, admin.StateUnknown:
		c.colour = "33"
	}
	if forced {
		c.text += " (forced)"
	}
	return c
}

// table prints rows in aligned columns, the first row being the heading.
func (p *program) table(rows [][]cell) {
	var widths []int
	for _, row := range rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c.text))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, c := range row {
			padding := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c.text)+2)
			line.WriteString(p.paint(c) + padding)
		}
		fmt.Fprintln(p.out, strings.TrimRight(line.String(), " "))
	}
}

// paint returns the cell's text in its colour, where there are colours.
func (p *program) paint(c cell) string {
	if c.colour == "" || !p.terminal || p.getenv("NO_COLOR") != "" {
		return c.text
	}
	return "\x1b[" + c.colour + "m" + c.text + "\x1b[0m"
}

func heading(names ...string) []cell {
	row := make([]cell, len(names))
	for i, n := range names {
		row[i] = cell{text: n}
	}
	return row
}

// age says how long ago t was, in its two largest units.
func age(now time.Time, t *time.Time) string {
	if t == nil || t.IsZero() {
		return "-"
	}
	return span(now.Sub(*t))
}

func span(d time.Duration) string {
	d = max(d, 0)
	switch day := 24 * time.Hour; {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < day:
		return fmt.Sprintf("%dh%dm", int(d.Hours()), int(d.Minutes())%60)
	default:
		return fmt.Sprintf("%dd%dh", int(d/day), int(d.Hours())%24)
	}
}

// share shows a share of 0..1 in percent; nil is not known.
func share(s *float64) string {
	if s == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", *s*100)
}
