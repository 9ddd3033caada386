package serve

import "meridian/status/board"

// live returns the vantages that vote and trust themselves; nil: the board can't be read, so it isn't known.
func (c *Core) live() []string {
	r := c.states.Report()
	if r.Board != nil {
		return nil
	}
	vantages := []string{}
	for _, a := range r.Ballots {
		if a.Age <= board.DefaultMaxAge && a.Ballot.Doubt == "" {
			vantages = append(vantages, a.Ballot.Vantage)
		}
	}
	return vantages
}
