package serve

import (
	"os"
	"runtime"
)

// cores is how many processors Go would use by itself: those of the machine, or as many as the container may.
var cores = runtime.GOMAXPROCS(0)

// makeRoom gives the packet loops, which mostly wait in system calls that Go's scheduler isn't told of, processors
// beside those that everything else runs on. An operator's GOMAXPROCS stays as it is.
func (s *server) makeRoom() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(cores + s.dns.Threads())
	}
}
