package simulate

import (
	"fmt"
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

// WorstLoss returns the loss that brings a region nearest to its capacity, or where no load is known the one that moves
// most; nil: no losses were asked for.
func (r *Report) WorstLoss() *Loss {
	var most *Loss
	score := func(l *Loss) float64 {
		if w := l.Worst(); w != nil {
			return 1 + w.Load.Used.After
		}
		return l.Moved
	}
	for i := range r.Losses {
		if l := &r.Losses[i]; most == nil || score(l) > score(most) {
			most = l
		}
	}
	return most
}

func (l *Loss) sentence() string {
	if w := l.Worst(); w != nil {
		return fmt.Sprintf("The worst single loss after that is %s: %s would carry %s of its capacity.", l.Region, w.Region, Percent(w.Load.Used.After))
	}
	return fmt.Sprintf("The worst single loss after that is %s: it moves %s.", l.Region, Percent(l.Moved))
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
