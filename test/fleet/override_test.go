package fleet

import (
	"strings"
	"syscall"
	"testing"

	"meridian/test/redistest"
)

// TestOperatorDrains: what an operator says to one server holds on all of them, under load; over a restart while Redis is
// away; until it is ended at another server. What was said would move is what moves.
func TestOperatorDrains(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t)
	f := startFleet(t, plan{servers: 2, checkers: 3, redis: r.Addr})
	loads := f.load(0)
	one, other := f.servers[0], f.servers[1]
	operator := func(m *member, args ...string) string {
		t.Helper()
		got := m.run(append(args, "--admin", m.Admin)...)
		if got.Code != 0 {
			t.Fatalf("%q: exit %d\n%s%s", args, got.Code, got.Stdout, got.Stderr)
		}
		return got.Stdout
	}
	if said := operator(one, "drain", "eu-west", "--dry-run", "--author", "ann", "--reason", "rack move"); !strings.Contains(said, "100% from eu-west to us-east.") {
		t.Errorf("the dry run says\n%s", said)
	}
	f.AwaitAnswer(0)

	either := func() { // answers move as soon as the operator is told
		for _, l := range loads {
			l.Allow(f.addresses([]int{0, 1})...)
		}
	}
	either()
	said := operator(one, "drain", "eu-west", "--author", "ann", "--reason", "rack move", "--for", "2h")
	if !strings.Contains(said, "eu-west: drained by ann until ") {
		t.Errorf("the drain says\n%s", said)
	}
	f.Move(loads, 0, 1)
	if said := operator(one, "drain", "eu-west", "--author", "ann", "--reason", "it takes longer", "--for", "3h", "--watch"); !strings.Contains(said, "eu-west is empty since ") {
		t.Errorf("after its TTL\n%s", said)
	}
	if said := operator(other, "overrides"); !strings.Contains(said, "it takes longer") {
		t.Errorf("the other server lists\n%s", said)
	}

	loads.Stop()
	other.Link.Cut()
	other.Stop(syscall.SIGTERM)
	other.serve()
	f.AwaitAnswer(1)
	other.Link.Mend()
	loads = f.load(1)
	either()
	operator(other, "undrain", "eu-west", "--author", "ann", "--reason", "done")
	f.Move(loads, 1, 0)
	loads.Stop()
	if said := operator(one, "events"); !strings.Contains(said, "override") || strings.Count(said, "by ann") != 3 {
		t.Errorf("the time line\n%s", said)
	}
}
