package main

import (
	"errors"
	"io/fs"
	"strings"

	"meridian/admin"
	"meridian/cmd/config/nearest"
	"meridian/zones"
)

// sayProblems prints problems, one a line, and returns how many of them are mistakes.
func (p *program) sayProblems(problems []zones.Problem) (mistakes int) {
	for _, problem := range problems {
		p.sayf("%s", problem)
		if !problem.Warning {
			mistakes++
		}
	}
	return mistakes
}

// badConfiguration prints the problems of files that can't be used, and is the end of the command.
func (p *program) badConfiguration(problems []zones.Problem) error {
	mistakes := p.sayProblems(problems)
	p.sayf("%s. A server doesn't start with this, and a running one keeps what it has.", admin.Count(mistakes, "problem"))
	return silent(exitBadConfig)
}

// fileReports puts problems into their JSON form.
func fileReports(problems []zones.Problem) []admin.FileReport {
	reports := make([]admin.FileReport, len(problems))
	for i, problem := range problems {
		reports[i] = admin.FileReport{File: problem.File, Line: problem.Line, Column: problem.Col, Text: problem.Text, Warning: problem.Warning}
	}
	return reports
}

// cause is the system's word for why a file can't be used, without the path that the message names already.
func cause(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}

// hint offers what there is: the nearest word, or the whole of a short list.
func hint(word string, known []string) string {
	if h := nearest.Hint(word, known); h != "" || len(known) == 0 || len(known) > 12 {
		return h
	}
	return " (there is: " + strings.Join(known, ", ") + ")"
}
