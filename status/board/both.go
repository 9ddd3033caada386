package board

import (
	"context"

	"meridian/status"
)

// Both publishes every ballot on this process's own board as well as on the shared one, so that a server whose shared
// board is away has its own checker's view (Options.Local).
type Both struct {
	Local  *Memory
	Shared Board
}

// Publish replaces the ballot of b.Vantage on both boards. The error is the shared one's.
func (b Both) Publish(ctx context.Context, ballot status.Ballot) error {
	if err := b.Local.Publish(ctx, ballot); err != nil {
		return err
	}
	return b.Shared.Publish(ctx, ballot)
}
