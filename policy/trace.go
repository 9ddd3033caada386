package policy

import (
	"fmt"
	"slices"
	"strings"
)

// Step says what became of one node of a tree, or of one pool of a node that lists pools.
type Step struct {
	Depth int    // 0: the root
	Node  string // the kind of the node, or of a pool "region" and its name
	Pool  int    // index into Tree.Pools; -1: not a single pool
	// What it was offered and what it took, as shares of all the mass; the rest flowed on.
	Offered, Taken float64
	Why            string
}

// Trace tells the decision step by step, parents before children, with what was passed over and why.
func (c *Course) Trace() []Step {
	if c.root == nil {
		return nil
	}
	t := tracer{course: c}
	t.trace(c.root, 0, 1, "")
	return t.steps
}

type tracer struct {
	course *Course
	steps  []Step
}

// trace notes s, whose parent hands on that mass. blocked says why s gets none of it whatever it takes; empty: it does.
func (t *tracer) trace(s *step, depth int, mass float64, blocked string) {
	offered := mass * s.offered
	step := Step{Depth: depth, Pool: -1, Node: string(KindOf(s.node)), Offered: offered, Taken: offered * s.flow.placed()}
	if s.kind == kindTake {
		step.Pool, step.Node = s.pool, t.region(s.pool)
		step.Why = s.taking()
	} else {
		step.Why = s.handing(t)
	}
	if blocked == "" && offered == 0 {
		blocked = "nothing left to take"
	}
	if blocked != "" {
		step.Offered, step.Taken = 0, 0
		if s.kind != kindTake || len(s.flow.parts) > 0 {
			step.Why = blocked
		}
	}
	t.steps = append(t.steps, step)
	if blocked == "" && s.tooFew() && len(s.flow.parts) == 0 {
		blocked = "too few of its siblings are alive"
	}
	for _, child := range s.children {
		why := blocked
		if why == "" && s.kind == kindDraw && child.weight == 0 {
			why = "its weight is 0"
		}
		t.trace(child, depth+1, offered, why)
	}
	if n, ok := s.node.(*Nearest); ok && s.kind == kindChain {
		t.tooFar(s, n, depth+1)
	}
}

func (t *tracer) region(pool int) string { return "region " + t.course.tree.Pools[pool].Name }

// tooFar notes the pools that the node's distance limit leaves out.
func (t *tracer) tooFar(s *step, n *Nearest, depth int) {
	for _, pool := range n.Pools {
		if !s.lists(pool) {
			t.steps = append(t.steps, Step{Depth: depth, Node: t.region(pool), Pool: pool,
				Why: fmt.Sprintf("farther than max_distance %gkm", n.MaxDistance)})
		}
	}
}

// lists reports whether the pool is among the step's children.
func (s *step) lists(pool int) bool {
	return slices.ContainsFunc(s.children, func(c *step) bool {
		return c.kind == kindTake && c.pool == pool || c.ties && c.lists(pool)
	})
}

// taking says how a pool takes what it is offered.
func (s *step) taking() string {
	switch {
	case len(s.flow.parts) == 0:
		return "takes nothing"
	case s.flow.left() > 0:
		return fmt.Sprintf("takes %s of what it is offered", Percent(s.flow.placed()))
	}
	return "takes all that it is offered"
}

func (s *step) tooFew() bool { return s.kind != kindTake && s.alive < s.need }

// handing says how a node hands on what it is offered.
func (s *step) handing(t *tracer) string {
	var how string
	switch n := s.node.(type) {
	case *Geo:
		how = n.selected(s.rule)
		if n.Fence {
			how += "; fence: nothing flows out"
		}
		return how
	case *Nearest:
		how = "in the order of distance"
		if s.ties {
			how = "evenly: about equally near"
		}
	case *Failover:
		how = "in order"
	case *Weighted:
		how = "by weight " + s.weights(t)
	case *RoundRobin:
		how = "evenly"
	case *LeastLoaded:
		how = "by load, at weights of " + s.weights(t)
	case *All:
		how = "every child answers"
	}
	if s.tooFew() && len(s.flow.parts) == 0 && s.alive > 0 {
		return fmt.Sprintf("counts as down: %d of %d alive, %d needed", s.alive, s.of, s.need)
	}
	if s.alive < s.of {
		how += fmt.Sprintf("; %d of %d alive", s.alive, s.of)
	}
	return how
}

// weights lists the weights of a draw, each with its child.
func (s *step) weights(t *tracer) string {
	var parts []string
	for _, child := range s.children {
		name := string(KindOf(child.node))
		if child.kind == kindTake {
			name = t.course.tree.Pools[child.pool].Name
		}
		parts = append(parts, fmt.Sprintf("%s %.4g", name, child.weight))
	}
	return strings.Join(parts, ", ")
}

// selected says which branch a geographic node takes.
func (n *Geo) selected(rule int) string {
	switch {
	case rule != noRule:
		return fmt.Sprintf("rule %d (%s)", rule+1, n.Rules[rule].String())
	case n.Default != nil:
		return "no rule matches: default"
	}
	return "no rule matches, and there is no default"
}

// String lists what the rule selects: "countries DE, FR; asns 64496".
func (r *Rule) String() string {
	var parts []string
	add := func(what string, list any) {
		if text := strings.Trim(strings.ReplaceAll(fmt.Sprint(list), " ", ", "), "[]"); text != "" {
			parts = append(parts, what+" "+text)
		}
	}
	add("continents", r.Continents)
	add("countries", r.Countries)
	add("subdivisions", r.Subdivisions)
	cities := make([]string, len(r.Cities))
	for i, c := range r.Cities {
		cities[i] = c.String()
	}
	if len(cities) > 0 {
		parts = append(parts, "cities "+strings.Join(cities, ", "))
	}
	add("asns", r.ASNs)
	add("networks", r.Networks)
	return strings.Join(parts, "; ")
}

// String writes a city as in the configuration: "US-TX/Paris".
func (c City) String() string { return c.In + "/" + c.Name }

// KindOf names the kind of a node in the words of the configuration.
func KindOf(n Node) Reason {
	switch n.(type) {
	case *Failover:
		return ReasonFailover
	case *Nearest:
		return ReasonNearest
	case *Weighted:
		return ReasonWeighted
	case *RoundRobin:
		return ReasonRoundRobin
	case *LeastLoaded:
		return ReasonLeastLoaded
	case *Geo:
		return ReasonGeo
	case *All:
		return ReasonAll
	}
	return ReasonRegion
}

// Percent writes a share: "33.33%".
func Percent(share float64) string { return fmt.Sprintf("%.4g%%", 100*share) }
