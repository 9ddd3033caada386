package scenario

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Lint finds what is wrong with a story before it runs: unknown words, steps in an order that means nothing, time
// that goes backwards, questions whose answer nobody looks at. It is silent about whether the story is true.
func Lint(s *Script) []error {
	l := linter{script: s}
	for _, step := range s.Steps {
		if err := l.step(step); err != nil {
			l.mistake(step.Line, "%v", err)
		}
	}
	l.unanswered()
	last := 1
	if n := len(s.Steps); n > 0 {
		last = s.Steps[n-1].Line
	}
	if s.Title == "" {
		l.mistake(1, "the story has no title: begin with title: TEXT")
	}
	if !l.expects {
		l.mistake(last, "the story expects nothing, so it can't fail")
	}
	return l.mistakes
}

// linter walks the steps once and remembers what the next one may rely on.
type linter struct {
	script   *Script
	mistakes []error

	configured, expects bool
	now                 time.Duration
	asked               *Step // the last ask; nil: none yet
	times               int   // of the last ask
	looked              bool  // an expect looked at its answer
	reloaded, operated  bool
}

// mistake notes one mistake.
func (l *linter) mistake(line int, format string, args ...any) {
	l.mistakes = append(l.mistakes, &Mistake{l.script.File, line, fmt.Sprintf(format, args...)})
}

// step checks one step where it stands.
func (l *linter) step(step Step) error {
	if !slices.Contains(verbs, step.Verb) {
		return fmt.Errorf("unknown step %q%s", step.Verb, offer(step.Verb, verbs))
	}
	if !l.configured && !slices.Contains([]string{"title:", "file", "config"}, step.Verb) {
		l.configured = true // once is enough to say
		l.mistake(step.Line, "%s before config: there is nothing to run yet", step.Verb)
	}
	switch step.Verb {
	case "title:":
		if step.Line != l.script.Steps[0].Line {
			return fmt.Errorf("the title is the first step, and there is one")
		}
		return nil
	case "file":
		if len(step.Args) != 1 || step.Text == "" {
			return fmt.Errorf("say: file NAME <<END")
		}
		return nil
	case "config", "reload":
		if l.configured && step.Verb == "config" {
			return fmt.Errorf("a story has one config; use reload to change it")
		}
		l.configured, l.reloaded = true, step.Verb == "reload"
		if (len(step.Args) == 1) == (step.Text != "") || len(step.Args) > 1 {
			return fmt.Errorf("say: %s NAME, or: %s <<END", step.Verb, step.Verb)
		}
		return nil
	case "start", "restart":
		if len(step.Args) > 0 {
			return fmt.Errorf("%s stands alone", step.Verb)
		}
		return nil
	case "failback":
		if len(step.Args) != 1 {
			return fmt.Errorf("say: failback REGION")
		}
		return nil
	case "operator":
		l.operated = true
		_, err := parseOperator(step.Args)
		return err
	case "at", "after":
		return l.time(step)
	case "endpoint", "region":
		return l.behaviour(step)
	case "ask":
		l.unanswered()
		q, err := parseAsk(step.Args)
		l.asked, l.times, l.looked = &step, q.times, false
		return err
	default:
		return l.expect(step)
	}
}

// time checks at and after: time only goes on.
func (l *linter) time(step Step) error {
	d, err := parseTime(step.Args)
	if err != nil {
		return err
	}
	if step.Verb == "after" {
		d += l.now
	}
	if d < l.now {
		return fmt.Errorf("time goes backwards: it is %v already", l.now)
	}
	l.now = d
	return nil
}

// behaviour checks endpoint and region.
func (l *linter) behaviour(step Step) error {
	if len(step.Args) < 2 {
		return fmt.Errorf("say: %s WHICH is fine | reports load NUMBER | answers STATUS | refuses | hangs", step.Verb)
	}
	if step.Verb == "endpoint" {
		if _, err := netip.ParseAddr(step.Args[0]); err != nil {
			return err
		}
	}
	_, err := parseBehaviour(step.Args[1:])
	return err
}

// expect checks an expectation against what was done before it.
func (l *linter) expect(step Step) error {
	l.expects = true
	e, err := parseExpect(step.Args)
	if err != nil {
		l.looked = true // the mistake is told once
		return err
	}
	switch e.kind {
	case expectEndpoint:
		return nil
	case expectOperator:
		if !l.operated {
			return fmt.Errorf("expect operator, but no operator has said anything")
		}
		return nil
	case expectReload:
		if !l.reloaded {
			return fmt.Errorf("expect reload, but there was no reload")
		}
		return nil
	}
	if l.asked == nil {
		return fmt.Errorf("expect an answer, but nothing was asked")
	}
	l.looked = true
	if many := e.kind == expectShares || e.kind == expectSame; many && l.times < 2 {
		return fmt.Errorf("this looks at many answers, but the ask of line %d asked once", l.asked.Line)
	}
	return nil
}

// unanswered reports the last ask if no expectation looked at its answer.
func (l *linter) unanswered() {
	if l.asked != nil && !l.looked {
		l.mistake(l.asked.Line, "asks, but expects nothing of the answer")
	}
	l.asked = nil
}
