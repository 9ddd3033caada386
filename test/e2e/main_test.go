package e2e

import (
	"os"
	"testing"

	"meridian/test/harness"
)

// patience is how long a test waits for an event.
const patience = harness.Patience

// binary is the built meridian.
var binary harness.Binary

// TestMain builds the binary once for all tests.
func TestMain(m *testing.M) {
	os.Exit(harness.Main(m, &binary, "dig=bind9-dnsutils", "named-checkzone=bind9-utils"))
}

type files = harness.Files

// run runs the binary to its end.
func run(t *testing.T, args ...string) harness.Result {
	t.Helper()
	return binary.Run(t, "", args...)
}

// newServer lays out a server's folder with free ports, and starts nothing. In the files, HEALTH is the backends' port.
func newServer(t *testing.T, health string, contents files) *harness.Server {
	t.Helper()
	return binary.NewServer(t, "127.0.0.1", contents, "HEALTH", health)
}
