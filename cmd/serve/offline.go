package serve

import (
	"context"
	"log/slog"
	"time"

	"meridian/admin"
	"meridian/zones"
)

// Offline loads the configuration at path to explain without a running server: what one would answer, in the states
// that it last wrote to its data_dir; where there are none, every endpoint counts as up. It binds, probes and writes
// nothing. It returns nil when any of the problems is not a warning.
func Offline(path string) (*Core, []zones.Problem) {
	c, problems := NewCore(path, CoreOptions{Log: slog.New(slog.DiscardHandler)})
	if c == nil {
		return nil, problems
	}
	c.offline = true
	c.publisher.layout = c.declared.Load().layout
	c.publisher.publish()
	return c, problems
}

// Explain says how a question would be answered now, by the very decision that a packet gets. A mistake of the
// caller's is an *admin.RequestError.
func (c *Core) Explain(_ context.Context, req admin.ExplainRequest) (*admin.Explanation, error) {
	e, err := explain(c.Current().Load(), c.declared.Load().config, req)
	if err == nil {
		c.explainOverrides(e, time.Now())
	}
	return e, err
}
