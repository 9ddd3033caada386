package zones

import "fmt"

// Problem is one mistake in a file of the operator's: what, where, and the nearest valid word where there is one.
type Problem struct {
	File    string
	Line    int // from 1; 0: the file as a whole
	Col     int // from 1; 0: the line as a whole
	Text    string
	Warning bool // legal but doubtful: reported, and the file loads
}

// String returns "file:line:col: text", without the parts that are 0; a warning's text begins with "warning: ".
func (p Problem) String() string {
	s := p.File
	if p.Line > 0 {
		s += fmt.Sprintf(":%d", p.Line)
		if p.Col > 0 {
			s += fmt.Sprintf(":%d", p.Col)
		}
	}
	if p.Warning {
		return s + ": warning: " + p.Text
	}
	return s + ": " + p.Text
}
