package zones

import (
	"cmp"
	"fmt"
	"slices"
)

// Problem is one mistake in a file of the operator's: what, where, and the nearest valid word where there is one.
type Problem struct {
	File    string // empty: the file isn't known here; see Service
	Line    int    // from 1; 0: the file as a whole
	Col     int    // from 1; 0: the line as a whole
	Text    string
	Warning bool // legal but doubtful: reported, and the file loads
	// Service is the canonical owner name of the service that this is about; empty: none. Who knows where the
	// service was written fills in File, Line and Col where File is empty.
	Service string
}

// String returns "file:line:col: text", without the parts that are empty or 0; a warning's text begins with
// "warning: ".
func (p Problem) String() string {
	s := p.File
	if s != "" && p.Line > 0 {
		s += fmt.Sprintf(":%d", p.Line)
		if p.Col > 0 {
			s += fmt.Sprintf(":%d", p.Col)
		}
	}
	if s != "" {
		s += ": "
	}
	if p.Warning {
		s += "warning: "
	}
	return s + p.Text
}

// HasErrors reports whether any of the problems is more than a warning.
func HasErrors(problems []Problem) bool {
	return slices.ContainsFunc(problems, func(p Problem) bool { return !p.Warning })
}

// sortProblems orders problems as an operator reads a file; what concerns a whole file comes before its lines.
func sortProblems(problems []Problem) {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
}
