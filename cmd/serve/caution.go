package serve

import (
	"context"
	"fmt"
	"strings"

	"meridian/admin"
	"meridian/simulate"
)

// ReloadWithin implements admin.Cautious: it refuses a configuration that would move more of the traffic than the running
// one allows (safety.reload_threshold) with an *admin.SafetyError, before anything is bound or changed. Reload, which is
// for those who can't be asked (SIGHUP), only warns.
func (c *Core) ReloadWithin(ctx context.Context) error {
	return c.reload(ctx, func(r *simulate.Report, threshold float64) error {
		return &admin.SafetyError{
			Text: fmt.Sprintf("This reload moves more of the traffic than the %s that safety.reload_threshold allows. %s Nothing was changed.",
				simulate.Percent(threshold), strings.Join(r.Sentences(), " ")),
			Hint: "meridian config diff shows what moves; meridian reload --force does it",
		}
	})
}

// weigh reports what next would move to excess, if it moves more than is allowed.
func (c *Core) weigh(old, next *declared, excess func(r *simulate.Report, threshold float64) error) error {
	threshold := old.config.ReloadThreshold
	before := c.Current().Load()
	if before == nil || threshold >= 1 {
		return nil
	}
	q := simulate.Question{Before: before, After: before.Under(next.layout), TrafficOnly: true}
	q.Queries, q.Seconds = c.book.queries()
	report, err := simulate.Run(q)
	if err != nil || report.Total.Moved <= threshold {
		return err
	}
	return excess(report, threshold)
}

// warnOfMove is for reloads that nobody can be asked about.
func (c *Core) warnOfMove(r *simulate.Report, threshold float64) error {
	c.log.Warn("THIS RELOAD MOVES MUCH OF THE TRAFFIC", "moved", simulate.Percent(r.Total.Moved), "threshold", simulate.Percent(threshold),
		"by", string(r.By), "effect", strings.Join(r.Sentences(), " "))
	return nil
}
