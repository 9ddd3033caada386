package serve

import (
	"context"
	"errors"

	"meridian/admin"
	"meridian/status"
	"meridian/status/board"
)

// Freeze implements admin.Automation.
func (c *Core) Freeze(ctx context.Context, r admin.FreezeRequest) (admin.AutomationReport, error) {
	return c.switchAutomation(ctx, status.Freeze{On: true, Until: r.Until, Author: r.Author, Reason: r.Reason})
}

// Unfreeze implements admin.Automation.
func (c *Core) Unfreeze(ctx context.Context, r admin.FreezeRequest) (admin.AutomationReport, error) {
	mirror := c.states.Report()
	now, _ := c.sharing.switchesNow()
	switch {
	case now.Freeze.On || mirror.Freeze.On:
		return c.switchAutomation(ctx, status.Freeze{Author: r.Author, Reason: r.Reason})
	case mirror.Frozen:
		return admin.AutomationReport{}, &admin.RequestError{
			Text: "it is the configuration that freezes automation", Hint: "take freeze: true out of it, and reload",
		}
	}
	return admin.AutomationReport{}, &admin.RequestError{Text: "automation isn't frozen"}
}

// switchAutomation sets the fleet's switch, and returns what holds on this server then.
func (c *Core) switchAutomation(ctx context.Context, f status.Freeze) (admin.AutomationReport, error) {
	control, err := c.sharing.freeze(ctx, f)
	switch {
	case errors.Is(err, board.ErrConflict):
		return admin.AutomationReport{}, &admin.AwayError{Text: "others set the switch at the same moment; nothing was changed", Hint: "look at the status, and try again"}
	case err != nil:
		return admin.AutomationReport{}, &admin.AwayError{
			Text: "the switch can't be set (" + err.Error() + "); nothing was changed",
			Hint: "freeze: true in a server's configuration, and a reload, freeze that server without the board",
		}
	}
	return automationReport(c.states.Report(), control.At), nil
}

// journal is the fleet's diary as the admin listener shows it.
type journal struct{ board.Journal }

// Events implements admin.Journal.
func (j journal) Events(ctx context.Context, after string, limit int) ([]admin.Event, error) {
	events, err := j.Journal.Events(ctx, after, limit)
	if err != nil {
		return nil, &admin.AwayError{Text: "the time line can't be read: " + err.Error(), Hint: "the log of each server has its own transitions"}
	}
	all := make([]admin.Event, len(events))
	for i, e := range events {
		all[i] = admin.Event{
			ID: e.ID, Time: e.At, Kind: e.Kind, Subject: e.Subject, Places: e.Places, From: e.From, To: e.To, Reason: e.Reason,
			Author: e.Author, Until: moment(e.Until), Node: e.Node,
		}
	}
	return all, nil
}
