package config

import (
	"cmp"
	"fmt"
	"slices"

	"meridian/zones"
)

// maxProblems bounds what one run reports: nobody reads more, and a broken generator can make millions.
const maxProblems = 1000

// pos is a place in a file of the operator's. The zero value is nowhere.
type pos struct {
	file      string
	line, col int
}

func (p pos) String() string {
	if p.line == 0 {
		return p.file
	}
	return fmt.Sprintf("%s:%d:%d", p.file, p.line, p.col)
}

// report collects the problems of one run.
type report struct {
	problems []zones.Problem
	dropped  int // problems behind maxProblems
	errors   int // problems that aren't warnings
}

// errorf reports a mistake that keeps the configuration from loading.
func (r *report) errorf(at pos, format string, args ...any) {
	r.add(zones.Problem{File: at.file, Line: at.line, Col: at.col, Text: fmt.Sprintf(format, args...)})
}

// warnf reports what is legal but doubtful.
func (r *report) warnf(at pos, format string, args ...any) {
	r.add(zones.Problem{File: at.file, Line: at.line, Col: at.col, Text: fmt.Sprintf(format, args...), Warning: true})
}

func (r *report) add(ps ...zones.Problem) {
	for _, p := range ps {
		if !p.Warning {
			r.errors++
		}
		if len(r.problems) >= maxProblems {
			r.dropped++
			continue
		}
		r.problems = append(r.problems, p)
	}
}

// sorted returns the problems by file, line and column, without repetitions (an alias can repeat a mistake).
func (r *report) sorted() []zones.Problem {
	ps := slices.Clone(r.problems)
	slices.SortStableFunc(ps, func(a, b zones.Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	ps = slices.Compact(ps)
	if r.dropped > 0 {
		ps = append(ps, zones.Problem{File: ps[len(ps)-1].File, Text: fmt.Sprintf("and %d more problems", r.dropped)})
	}
	return ps
}
