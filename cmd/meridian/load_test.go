package main

import (
	"testing"
	"time"

	"meridian/admin"
)

// TestLoadIsShown beside what a pool accepts, and beside a vote.
func TestLoadIsShown(t *testing.T) {
	pool := admin.PoolReport{Acceptance: .7}
	if got := accepts(&pool); got != "70%" {
		t.Errorf("without a load: %q", got)
	}
	pool.Load = &admin.PoolLoad{Load: .92}
	if got := accepts(&pool); got != "70%, load 92%" {
		t.Errorf("with a load: %q", got)
	}
	vote := admin.VoteReport{State: admin.StateUp, Withheld: .5, Load: 1.2, Fresh: true}
	if got := voteCells(time.Now(), "", &vote)[1].text; got != "up 50%, load 120%" {
		t.Errorf("a vote: %q", got)
	}
}
