package scenario

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"meridian/admin"
	"meridian/checker"
	"meridian/cmd/serve"
	"meridian/zones"
)

// system is one running Meridian: the core of `meridian serve`, which is everything but its sockets.
type system struct {
	*serve.Core
	cancel context.CancelFunc
	ended  sync.WaitGroup
}

// assemble starts the system that the configuration describes, with a prober of the story's.
// It returns nil and the problems when the configuration doesn't load.
func assemble(path string, probe func(context.Context, checker.Target) checker.Observation) (*system, []zones.Problem) {
	core, problems := serve.NewCore(path, serve.CoreOptions{Log: slog.New(slog.DiscardHandler), Probe: probe})
	if core == nil {
		return nil, problems
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &system{Core: core, cancel: cancel}
	s.ended.Go(func() { core.Run(ctx) })
	return s, problems
}

// reload loads the configuration again. It returns the problems that keep the old one in use, none when it was taken.
func (s *system) reload() []zones.Problem {
	err := s.Reload(context.Background())
	var refused *admin.ReloadError
	if errors.As(err, &refused) {
		return refused.Problems
	}
	return nil
}

// stop returns when everything has come to rest.
func (s *system) stop() {
	s.cancel()
	s.ended.Wait()
}
