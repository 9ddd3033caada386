package zones

import "fmt"

// report gathers the problems of one NewIndex. Of one kind of warning a zone shows the first few, then a count:
// a file with a million records outside its zone is one mistake.
type report struct {
	problems []Problem
	tallies  map[tallyKey]int
	order    []tallyKey // of tallies that went over
}

type tallyKey struct{ kind, file, apex string }

const maxAlike = 10 // warnings of one kind and zone that are shown

func newReport() *report { return &report{tallies: make(map[tallyKey]int)} }

func (r *report) fail(p Problem) { r.problems = append(r.problems, p) }

// failAt reports a mistake in record i of a zone; i < 0: in the zone as a whole.
func (r *report) failAt(s *site, i int, format string, args ...any) {
	file, line := s.zone.place(i)
	r.fail(Problem{File: file, Line: line, Text: fmt.Sprintf(format, args...)})
}

// warn reports something doubtful in record i of a zone; i < 0: in the zone as a whole.
func (r *report) warn(kind string, s *site, i int, format string, args ...any) {
	key := tallyKey{kind, s.zone.File, s.data.Apex}
	r.tallies[key]++
	switch n := r.tallies[key]; {
	case n <= maxAlike:
		file, line := s.zone.place(i)
		r.problems = append(r.problems, Problem{File: file, Line: line, Text: fmt.Sprintf(format, args...), Warning: true})
	case n == maxAlike+1:
		r.order = append(r.order, key)
	}
}

// finish returns all problems in the order of files and lines.
func (r *report) finish() []Problem {
	for _, key := range r.order {
		r.problems = append(r.problems, Problem{
			File: key.file, Warning: true,
			Text: fmt.Sprintf("zone %s: %d more warnings of the kind %q are not shown", key.apex, r.tallies[key]-maxAlike, key.kind),
		})
	}
	sortProblems(r.problems)
	return r.problems
}
