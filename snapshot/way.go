package snapshot

import (
	"meridian/policy"
	"meridian/zones"
)

// way is how the clients of one locality are divided where the service is sticky: a client takes its own way through
// the policy (policy.Course.Draw), the same one each time, on every server and for both families.
type way struct {
	course *policy.Course
	ends   []uint32 // index into plan.outcomes, by the part of the course's distribution
	lost   []bool   // parts that nobody answers
	fall   *way     // what the lost ones get; nil: an outcome without pools, at nobody
	nobody uint32
	after  []*way // of a name of second choices, by part: where a client goes without its first choice; nil: it stays
}

// way makes the way of one locality; in is what Pour was given.
func (b *planBuilder) way(key []byte, in policy.Input) *way {
	w := b.path(key, in, false)
	if b.d.spec.Fallback.Kind == zones.FallbackAll {
		w.fall = b.path(key, b.in.open, true)
	}
	return w
}

func (b *planBuilder) path(key []byte, in policy.Input, fallback bool) *way {
	w := b.walk(key, in, fallback)
	if !b.d.spec.Second {
		return w
	}
	dist := w.course.Distribution()
	w.after = make([]*way, len(dist))
	for i := range dist {
		if next := b.walk(key, without(in, dist[i].Pools), fallback); !w.lost[i] && answered(next.course.Distribution()) > 0 {
			w.after[i] = next
		}
	}
	return w
}

func (b *planBuilder) walk(key []byte, in policy.Input, fallback bool) *way {
	w := &way{course: b.d.tree.Course(key, in)}
	for _, part := range w.course.Distribution() {
		o := planned{part.Outcome, fallback}
		if len(part.Pools) == 0 {
			o = planned{fallback: true}
		}
		w.lost = append(w.lost, len(part.Pools) == 0)
		w.ends = append(w.ends, b.outcome(o))
	}
	w.nobody = b.outcome(planned{fallback: true})
	return w
}

// draw returns the outcome that a client of that hash gets.
func (w *way) draw(client uint64) uint32 {
	i := w.course.Draw(client)
	switch {
	case i >= 0 && w.after != nil && w.after[i] != nil:
		return w.after[i].draw(client)
	case i >= 0 && !w.lost[i]:
		return w.ends[i]
	case w.fall != nil:
		return w.fall.draw(client)
	}
	return w.nobody
}
