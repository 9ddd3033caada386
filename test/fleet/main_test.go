package fleet

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"meridian/test/harness"
)

// meridian is the built binary.
var meridian harness.Binary

// atOnce is how many tests run side by side. They wait most of the time: for votes to run out, for Redis to elect.
const atOnce = "8"

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", atOnce); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(harness.Main(m, &meridian, "redis-server=redis-server", "redis-cli=redis-tools", "redis-sentinel=redis-sentinel", "ip=iproute2"))
}
