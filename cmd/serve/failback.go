package serve

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"meridian/admin"
	"meridian/status"
	"meridian/status/board"
	"meridian/zones"
)

// Failback implements admin.Failback: what is kept down in a region comes back here at once, and on the other servers
// when they read of it in the diary.
func (c *Core) Failback(ctx context.Context, r admin.FailbackRequest) (admin.FailbackReport, error) {
	service := ""
	if r.Service != "" {
		var err error
		if service, err = zones.CanonicalName(r.Service); err != nil {
			return admin.FailbackReport{}, &admin.RequestError{Text: fmt.Sprintf("%q is not a domain name: %v", r.Service, err)}
		}
	}
	keys := c.keysIn(service, r.Region)
	if len(keys) == 0 {
		return admin.FailbackReport{}, &admin.RequestError{
			Text: "no endpoint with a check is in " + place(service, r.Region), Hint: "`meridian status` lists regions and services",
		}
	}
	report := admin.FailbackReport{Region: r.Region}
	for _, d := range c.states.Report().Divergent {
		if slices.Contains(keys, d.Key) && d.Observed.Health == status.Up && d.Effective.Held != status.HoldFreeze {
			report.Endpoints = append(report.Endpoints, d.Key)
		}
	}
	if len(report.Endpoints) == 0 {
		return admin.FailbackReport{}, &admin.RequestError{Text: "nothing that is seen up is kept down in " + place(service, r.Region)}
	}
	c.states.Failback(keys)
	err := c.sharing.journal().Append(ctx, board.Event{
		At: time.Now(), Kind: board.KindFailback, Subject: place(service, r.Region), Author: r.Author, Reason: r.Reason, Node: c.sharing.node,
	})
	if err != nil {
		return admin.FailbackReport{}, &admin.AwayError{
			Text: "it came back on this server, but the others can't be told: " + err.Error(), Hint: "say it again when the board is back",
		}
	}
	return report, nil
}

// place names a region, or one service of it, in the diary: "eu-west", "www.example.com.@eu-west".
func place(service, region string) string {
	if service == "" {
		return region
	}
	return service + "@" + region
}

// keysIn returns the state keys of the endpoints in a region; service empty: of every service.
func (c *Core) keysIn(service, region string) []string {
	var keys []string
	for _, s := range c.Services() {
		if s.Check == nil || service != "" && s.Name != service {
			continue
		}
		for _, p := range s.Pools {
			if p.Region.Name != region {
				continue
			}
			for _, addr := range p.Endpoints {
				keys = append(keys, s.StateKey(addr))
			}
		}
	}
	return keys
}

// followFailbacks does what operators said to any server, until ctx ends; twice does no harm. What was said while this server was down is
// not done later: the world may have changed.
func (c *Core) followFailbacks(ctx context.Context) {
	// Follow returns when ctx has ended, for the function that is told never fails.
	_ = board.Follow(ctx, c.sharing.journal(), "", func(events []board.Event) error {
		for _, e := range events {
			if e.Kind != board.KindFailback {
				continue
			}
			service, region, one := strings.Cut(e.Subject, "@")
			if !one {
				service, region = "", e.Subject
			}
			c.states.Failback(c.keysIn(service, region))
		}
		return nil
	})
}
