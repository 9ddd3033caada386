package simulate

import (
	"fmt"
	"math"
	"strings"
)

// Sentences says what the report comes to, the most important first.
func (r *Report) Sentences() []string {
	what := "queries move"
	if r.By == ByAddressSpace {
		what = "the address space moves"
	}
	first := Percent(r.Total.Moved) + " of " + what
	if r.Total.Moved < lossless {
		first = "Nothing moves"
	}
	list := []string{first + r.strain() + "."}
	if f := r.Total.Fallback; f.After > f.Before+lossless {
		list = append(list, fmt.Sprintf("No region would take %s of them; the fallback answers.", Percent(f.After)))
	}
	for i := range r.Total.Regions {
		switch g := &r.Total.Regions[i]; {
		case g.Region == Nobody && g.Traffic.After > g.Traffic.Before+lossless:
			list = append(list, fmt.Sprintf("%s of them would be sent to no region.", Percent(g.Traffic.After)))
		case g.Load != nil && g.Load.Capacity > 0 && g.Load.Used.After > 1 && g.Load.Used.After > g.Load.Used.Before+lossless && g != r.Total.Worst():
			list = append(list, fmt.Sprintf("%s would carry %s of its capacity, too.", g.Region, Percent(g.Load.Used.After)))
		}
	}
	if l := r.WorstLoss(); l != nil {
		list = append(list, l.sentence())
	}
	return list
}

// strain says who would have the most to carry.
func (r *Report) strain() string {
	if w := r.Total.Worst(); w != nil {
		return fmt.Sprintf("; %s would carry %s of its capacity", w.Region, Percent(w.Load.Used.After))
	}
	if r.Total.Moved < lossless {
		return ""
	}
	var most *RegionEffect
	for i := range r.Total.Regions {
		g := &r.Total.Regions[i]
		if gain := g.Traffic.After - g.Traffic.Before; gain > lossless && (most == nil || gain > most.Traffic.After-most.Traffic.Before) {
			most = g
		}
	}
	if most == nil || most.Region == Nobody {
		return ""
	}
	return fmt.Sprintf("; %s goes from %s to %s", most.Region, Percent(most.Traffic.Before), Percent(most.Traffic.After))
}

// WorstLoss returns the loss after which most traffic has no region left; of those, the one that strains a region most, by
// its capacity; of those, the one that moves most. nil: no losses were asked for, or none does anything.
func (r *Report) WorstLoss() *Loss {
	var most *Loss
	for i := range r.Losses {
		if l := &r.Losses[i]; l.Moved > lossless && (most == nil || l.worse(most)) {
			most = l
		}
	}
	return most
}

func (l *Loss) worse(o *Loss) bool {
	if a, b := l.lost(), o.lost(); math.Abs(a-b) > lossless {
		return a > b
	}
	if a, b := l.Strained(), o.Strained(); a != nil || b != nil {
		return b == nil || a != nil && a.Load.Used.After > b.Load.Used.After
	}
	return l.Moved > o.Moved
}

// lost is the share of the traffic that no region takes because of the loss.
func (l *Loss) lost() float64 { return max(l.Fallback.After-l.Fallback.Before, 0) }

// Strained returns the region that is nearest to its capacity of those that get more to carry; nil: none, as far as is known.
func (l *Loss) Strained() *RegionEffect {
	var most *RegionEffect
	for i := range l.Regions {
		g := &l.Regions[i]
		if g.Load != nil && g.Load.After > g.Load.Before && (most == nil || g.Load.Used.After > most.Load.Used.After) {
			most = g
		}
	}
	return most
}

func (l *Loss) sentence() string {
	what := fmt.Sprintf("it moves %s", Percent(l.Moved))
	if w := l.Strained(); w != nil {
		what = fmt.Sprintf("%s would carry %s of its capacity", w.Region, Percent(w.Load.Used.After))
	}
	if lost := l.lost(); lost > lossless {
		what = fmt.Sprintf("no region would take %s", Percent(lost))
	}
	return fmt.Sprintf("The worst single loss after that is %s: %s.", l.Region, what)
}

// Percent writes a share for people: "31%", "2.4%", "0.05%".
func Percent(share float64) string {
	p := 100 * share
	text := ""
	switch {
	case p >= 9.95 || p < lossless:
		return fmt.Sprintf("%.0f%%", p)
	case p >= 0.95:
		text = fmt.Sprintf("%.1f", p)
	case p >= 0.005:
		text = fmt.Sprintf("%.2f", p)
	default:
		return "<0.01%"
	}
	return strings.TrimRight(strings.TrimRight(text, "0"), ".") + "%"
}
