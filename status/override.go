package status

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// An operator's word over what is observed is an Override. Each has an author, a reason and an end, because an override
// that nobody remembers is worse than none; and each belongs to a slot, so that the later word replaces the earlier one
// on the same thing. What holds at one moment is a pure function of the overrides and of that moment: Effective. Every
// server evaluates it by itself, so an end needs nobody who takes care of it.

// OverrideKind is what an override says.
type OverrideKind string

// The kinds of overrides. Drain, maint, down and up are an administrative state: one at a time for each place.
const (
	OverrideDrain  OverrideKind = "drain"  // no new answers, not even as a fallback; what is there is expected to finish
	OverrideMaint  OverrideKind = "maint"  // the same, and it is expected to be down: nobody needs to be told
	OverrideDown   OverrideKind = "down"   // counts as down, whatever is observed
	OverrideUp     OverrideKind = "up"     // counts as up, whatever is observed
	OverrideDial   OverrideKind = "dial"   // takes a share of what it would take
	OverrideWeight OverrideKind = "weight" // other weights in the policy of a service
)

// OverrideKinds are all kinds.
var OverrideKinds = []OverrideKind{OverrideDrain, OverrideMaint, OverrideDown, OverrideUp, OverrideDial, OverrideWeight}

const (
	// DefaultOverride is how long an override holds when nothing else is said.
	DefaultOverride = 4 * time.Hour
	// MaxOverride is how long an override may hold from the moment of the last word on it.
	MaxOverride = 72 * time.Hour
	// MaxOverrides is how many there may be at once.
	MaxOverrides = 1000

	maxWords     = 500 // of an author or a reason, in bytes
	maxWeight    = 1e12
	returnStages = 10 // in which a region comes back
)

// OverrideWeightValue is a weight in place of the configured one.
type OverrideWeightValue struct {
	Value    float64 `json:"value"`              // 0 or above
	Relative bool    `json:"relative,omitempty"` // Value is a factor of the configured weight, 0..1
}

// Override is an operator's word. Its form in JSON is that in which it is stored and reported.
type Override struct {
	ID      string       `json:"id"` // the slot: "admin:eu-west", "dial:www.example.com.@eu-west", "weight:www.example.com."
	Kind    OverrideKind `json:"kind"`
	Region  string       `json:"region,omitempty"`  // empty only for weights
	Service string       `json:"service,omitempty"` // canonical name; empty: every service of the region
	// Percent is the share that a dial leaves, 0..100.
	Percent float64 `json:"percent,omitempty"`
	// Weights are the new weights by region, of OverrideWeight.
	Weights map[string]OverrideWeightValue `json:"weights,omitempty"`
	Author  string                         `json:"author"`
	Reason  string                         `json:"reason"`
	Start   time.Time                      `json:"start"`
	End     time.Time                      `json:"end"`
	// Return is for how long before End traffic comes back, in ten steps; 0: all at once, at End. Not for weights and up.
	Return time.Duration `json:"return_ns,omitempty"`
}

// Slot returns the ID that an override of the kind at the place has.
func Slot(kind OverrideKind, service, region string) string {
	slot := "admin"
	switch kind {
	case OverrideDial, OverrideWeight:
		slot = string(kind)
	}
	place := region
	switch {
	case service != "" && region != "":
		place = service + "@" + region
	case service != "":
		place = service
	}
	return slot + ":" + place
}

// Check reports what is wrong with the override in itself, at the moment now; nil: it can be laid down. Whether its
// region and service exist is not its business.
func (o *Override) Check(now time.Time) error {
	switch {
	case !slices.Contains(OverrideKinds, o.Kind):
		return fmt.Errorf("kind %q is none of %s", o.Kind, kindNames())
	case o.Kind == OverrideWeight && (o.Service == "" || o.Region != "" || len(o.Weights) == 0):
		return errors.New("weights are those of a service: name it, and at least one region=weight")
	case o.Kind != OverrideWeight && (o.Region == "" || len(o.Weights) > 0):
		return fmt.Errorf("%s needs a region, and no weights", o.Kind)
	case !(o.Percent >= 0 && o.Percent <= 100):
		return fmt.Errorf("the dial is %g%%, not between 0%% and 100%%", o.Percent)
	case o.Kind != OverrideDial && o.Percent != 0:
		return fmt.Errorf("%s takes no percentage", o.Kind)
	case strings.TrimSpace(o.Author) == "":
		return errors.New("no author given: who are you?")
	case strings.TrimSpace(o.Reason) == "":
		return errors.New("no reason given: say why, for those who find it")
	case !o.End.After(now):
		return fmt.Errorf("the end, %s, is in the past", o.End.UTC().Format(time.RFC3339))
	case o.End.Sub(now) > MaxOverride:
		return fmt.Errorf("the end is %v from now, more than %v: say it again before it ends, with a reason", o.End.Sub(now).Round(time.Second), MaxOverride)
	case o.Return < 0 || o.Return > 0 && o.Return > o.End.Sub(o.Start):
		return fmt.Errorf("coming back takes %v, more than the override lasts", o.Return)
	case o.Return > 0 && (o.Kind == OverrideUp || o.Kind == OverrideWeight):
		return fmt.Errorf("%s ends at once: there is nothing to come back", o.Kind)
	}
	for region, w := range o.Weights {
		switch {
		case !(w.Value >= 0 && w.Value <= maxWeight):
			return fmt.Errorf("the weight %g of %s is not between 0 and %g", w.Value, region, float64(maxWeight))
		case w.Relative && w.Value > 1:
			return fmt.Errorf("the weight of %s is %g%% of the configured one, not between 0%% and 100%%", region, 100*w.Value)
		}
	}
	return errors.Join(plain("author", o.Author), plain("reason", o.Reason))
}

func kindNames() string {
	var names []string
	for _, k := range OverrideKinds {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}

// plain reports what of a text doesn't belong into a log line or a table.
func plain(what, text string) error {
	switch {
	case len(text) > maxWords:
		return fmt.Errorf("the %s has %d bytes, more than %d", what, len(text), maxWords)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return fmt.Errorf("the %s holds control characters", what)
	}
	return nil
}

// Active reports whether the override holds at the moment now.
func (o *Override) Active(now time.Time) bool { return !now.Before(o.Start) && now.Before(o.End) }

// Touches reports whether the override is about the pool of a service in a region.
func (o *Override) Touches(service, region string) bool {
	if o.Service != "" && o.Service != service {
		return false
	}
	_, weighed := o.Weights[region]
	return o.Region == region || weighed
}

// Take returns the share that the place takes under the override at the moment now, 0..1, and when that changes next,
// its end at the latest.
func (o *Override) Take(now time.Time) (take float64, next time.Time) {
	switch o.Kind {
	case OverrideUp, OverrideWeight:
		return 1, o.End
	case OverrideDial:
		take = o.Percent / 100
	}
	if o.Return <= 0 {
		return take, o.End
	}
	// The first step of the return is at its begin, the last one at End is the end of the override itself.
	begin, step := o.End.Add(-o.Return), max(o.Return/returnStages, 1)
	if now.Before(begin) {
		return take, begin
	}
	done := int(now.Sub(begin)/step) + 1
	if done >= returnStages+1 {
		return 1, o.End
	}
	next = begin.Add(time.Duration(done) * step)
	if next.After(o.End) {
		next = o.End
	}
	return take + (1-take)*float64(done)/(returnStages+1), next
}

// Place is a region (Service empty), or one service of it.
type Place struct{ Service, Region string }

// Share is what a place takes by the operators' words.
type Share struct {
	Take float64 // 0..1
	Up   bool    // endpoints count as up, whatever is observed
}

// Effect is what overrides amount to at one moment.
type Effect struct {
	Shares  map[Place]Share
	Weights map[Place]OverrideWeightValue
	Next    time.Time // when it changes without anybody's doing; zero: never
}

// Effective returns what the overrides amount to at the moment now. Overrides on a region and on one service of it both
// count: what the service's pool takes is the product. On the same place an administrative state goes before a dial.
// The order of the overrides doesn't matter: their slots differ.
func Effective(overrides []Override, now time.Time) Effect {
	e := Effect{Shares: map[Place]Share{}, Weights: map[Place]OverrideWeightValue{}}
	wake := func(t time.Time) {
		if t.After(now) && (e.Next.IsZero() || t.Before(e.Next)) {
			e.Next = t
		}
	}
	for i := range overrides {
		o := &overrides[i]
		if !o.Active(now) {
			wake(o.Start)
			continue
		}
		wake(o.End)
		if o.Kind == OverrideWeight {
			for region, w := range o.Weights {
				e.Weights[Place{o.Service, region}] = w
			}
			continue
		}
		take, next := o.Take(now)
		wake(next)
		at := Place{o.Service, o.Region}
		share, said := e.Shares[at]
		if !said {
			share.Take = 1
		}
		share.Take *= take
		share.Up = share.Up || o.Kind == OverrideUp
		e.Shares[at] = share
	}
	return e
}

// Equal reports whether two effects are the same for traffic.
func (e Effect) Equal(o Effect) bool {
	return maps.Equal(e.Shares, o.Shares) && maps.Equal(e.Weights, o.Weights)
}

// With returns the overrides with o in its slot, and what was there before; the list itself isn't changed. What has
// ended by now is left out.
func With(overrides []Override, o Override, now time.Time) (all []Override, before *Override) {
	all = []Override{o}
	for i := range overrides {
		switch old := overrides[i]; {
		case !now.Before(old.End):
		case old.ID == o.ID:
			before = &old
		default:
			all = append(all, old)
		}
	}
	sortOverrides(all)
	return all, before
}

// Without returns the overrides without the one with the ID, which is returned too; nil: there is none. What has ended
// by now is left out.
func Without(overrides []Override, id string, now time.Time) (all []Override, gone *Override) {
	all = []Override{}
	for i := range overrides {
		switch old := overrides[i]; {
		case !now.Before(old.End):
		case old.ID == id:
			gone = &old
		default:
			all = append(all, old)
		}
	}
	return all, gone
}

func sortOverrides(all []Override) {
	slices.SortFunc(all, func(a, b Override) int { return cmp.Compare(a.ID, b.ID) })
}

// Subject names what the override is about: "eu-west", "www.example.com.@eu-west", "www.example.com.".
func (o *Override) Subject() string {
	_, place, _ := strings.Cut(Slot(o.Kind, o.Service, o.Region), ":")
	return place
}

// Setting says what the override sets: "drain", "dial 40%", "weight eu-west=50%".
func (o *Override) Setting() string {
	switch o.Kind {
	case OverrideDial:
		return fmt.Sprintf("dial %g%%", o.Percent)
	case OverrideWeight:
		text := "weight"
		for _, region := range slices.Sorted(maps.Keys(o.Weights)) {
			w := o.Weights[region]
			if w.Relative {
				text += fmt.Sprintf(" %s=%g%%", region, 100*w.Value)
			} else {
				text += fmt.Sprintf(" %s=%g", region, w.Value)
			}
		}
		return text
	}
	return string(o.Kind)
}

// Sentence says who did what until when, and why: "drained by ann until 14:00:00Z: rack move".
func (o *Override) Sentence(now time.Time) string {
	did := map[OverrideKind]string{
		OverrideDrain: "drained", OverrideMaint: "taken out for maintenance", OverrideDown: "forced down", OverrideUp: "forced up",
		OverrideDial: fmt.Sprintf("dialled to %g%%", o.Percent), OverrideWeight: "given " + o.Setting(),
	}[o.Kind]
	layout := "15:04:05Z"
	if o.End.Sub(now) > 12*time.Hour {
		layout = "2006-01-02 15:04Z"
	}
	return fmt.Sprintf("%s by %s until %s: %s", did, o.Author, o.End.UTC().Format(layout), o.Reason)
}
