package snapshot

import (
	"fmt"
	"slices"
	"strings"

	"meridian/policy"
	"meridian/zones"
)

// Step is one step of a decision, in words.
type Step struct {
	Depth  int    // of a policy within policies; 0 for everything else
	What   string // "locality", "families", "policy", "second", "fallback", "draw"
	Result string
}

// Trace tells step by step how the service comes to what it may answer to a client at loc, for questions of the type A
// or AAAA: what each node of the policy is offered, what it takes, and what flows on. It runs the very functions that
// the snapshot was compiled by, with the very inputs.
func (s *Service) Trace(qtype uint16, loc Location) []Step {
	f := familyOf(qtype)
	fam := &s.family[f]
	if fam.plan == nil {
		return []Step{{What: "policy", Result: "the service has no " + familyNames[f] + " address"}}
	}
	key := s.key(int(loc.Locality))
	in := fam.inputs.of(s.declared, key)
	t := tracer{service: s}
	t.note("locality", "%s", s.kind(loc))
	t.families(&fam.inputs, in)
	course := s.tree.Course(key, in)
	t.course("policy", course)
	if s.spec.Second {
		t.second(key, in, course, loc)
	}
	if lost := 1 - answered(course.Distribution()); lost > lossless {
		t.fallback(key, fam.inputs.open, lost)
	}
	t.draw(fam, loc)
	return t.steps
}

type tracer struct {
	service *Service
	steps   []Step
}

func (t *tracer) note(what, format string, args ...any) {
	t.steps = append(t.steps, Step{What: what, Result: fmt.Sprintf(format, args...)})
}

// kind says which of the clients that the policy tells apart the one at loc is like.
func (s *Service) kind(loc Location) string {
	if s.view == nil {
		return "the policy treats all clients alike, wherever they are"
	}
	text := fmt.Sprintf("kind %d of the %d kinds of clients that the policy tells apart", loc.Locality, s.localities())
	if loc.Locality == 0 {
		text += ": the one at an unknown place"
	}
	if loc.FromECS {
		text += fmt.Sprintf("; so are all in its /%d", loc.Scope)
	}
	return text
}

func (t *tracer) families(all *inputs, in policy.Input) {
	switch {
	case all.both == nil:
	case slices.Equal(in.Acceptance, all.both):
		t.note("families", "A and AAAA together: a pool takes what it takes over both")
	default:
		t.note("families", "A and AAAA apart: together they would leave clients without an answer")
	}
}

// course notes the steps of a course.
func (t *tracer) course(what string, c *policy.Course) {
	trace := c.Trace()
	for _, s := range trace {
		text := s.Node + ": " + s.Why
		if s.Offered > 0 {
			text = fmt.Sprintf("%s: offered %s, took %s; %s", s.Node, policy.Percent(s.Offered), policy.Percent(s.Taken), s.Why)
		}
		t.steps = append(t.steps, Step{Depth: s.Depth, What: what, Result: text})
	}
	if len(trace) > 0 && trace[0].Taken > lossless && trace[0].Taken < 1-lossless {
		t.note(what, "what was taken is scaled up to all: nobody else takes the other %s", policy.Percent(1-trace[0].Taken))
	}
}

// second notes what becomes of the clients of the likeliest first choice, or of this one's where the service is sticky.
func (t *tracer) second(key []byte, in policy.Input, first *policy.Course, loc Location) {
	dist := first.Distribution()
	likeliest := -1
	for i := range dist {
		if likeliest < 0 || dist[i].P > dist[likeliest].P {
			likeliest = i
		}
	}
	if t.service.spec.Sticky {
		likeliest = first.Draw(t.service.clientHash(loc.Address))
	}
	if likeliest < 0 || len(dist[likeliest].Pools) == 0 {
		return
	}
	pools := dist[likeliest].Pools
	next := t.service.tree.Course(key, without(in, pools))
	if answered(next.Distribution()) == 0 {
		t.note("second", "without %s nobody takes anything, so it stays", t.service.regions(pools))
		return
	}
	t.note("second", "the first choice is %s; without it:", t.service.regions(pools))
	t.course("second", next)
}

// regions names pools.
func (s *Service) regions(pools []byte) string {
	names := make([]string, len(pools))
	for i, p := range pools {
		names[i] = s.spec.Pools[p].Region.Name
	}
	return strings.Join(names, ", ")
}

// fallback notes what becomes of the share that nobody takes.
func (t *tracer) fallback(key []byte, open policy.Input, lost float64) {
	switch t.service.spec.Fallback.Kind {
	case zones.FallbackServfail:
		t.note("fallback", "nobody takes %s: SERVFAIL", policy.Percent(lost))
	case zones.FallbackAddresses:
		t.note("fallback", "nobody takes %s: the fallback addresses", policy.Percent(lost))
	default:
		t.note("fallback", "nobody takes %s: as if all were up, except for what operators forced down", policy.Percent(lost))
		t.course("fallback", t.service.tree.Course(key, open))
	}
}

// draw notes how one of the answers is chosen.
func (t *tracer) draw(fam *family, loc Location) {
	c := &fam.plan.choices[fam.plan.choice[loc.Locality]]
	how := "at random"
	if t.service.spec.Sticky {
		how = fmt.Sprintf("by the client's network %s, the same each time", stickyPrefix(loc.Address))
	}
	if len(c.entries) == 1 {
		t.note("draw", "one answer is possible")
	} else {
		t.note("draw", "one of %d answers, %s", len(c.entries), how)
	}
	if slices.ContainsFunc(c.entries, func(e entry) bool { return fam.answers[e.outcome].variants != nil }) {
		t.note("draw", "endpoints that withhold a share are left out of that share of the answers, %s", how)
	}
}
