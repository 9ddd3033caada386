package zones

import (
	"fmt"
	"hash/fnv"
	"net/netip"
	"time"
)

// CheckType is how an endpoint is probed.
type CheckType string

const (
	CheckHTTP  CheckType = "http"
	CheckHTTPS CheckType = "https"
	CheckTCP   CheckType = "tcp"
	CheckTLS   CheckType = "tls"
)

// Check is the whole specification of a health check. Services that share a check and an address share the target.
type Check struct {
	Name            string // as in the configuration
	Type            CheckType
	Port            uint16
	Path            string // http, https: request target, begins with "/"
	Host            string // Host header and SNI; empty: the endpoint's address
	Status          []int  // http, https: the statuses that are healthy, ascending
	Body            string // http, https: must occur in the first MaxBody bytes; empty: not looked at
	SkipVerify      bool   // https, tls: accept any certificate
	CAFile          string // https, tls: PEM file with the only authorities to trust; empty: the system's
	Interval        time.Duration
	Timeout         time.Duration // of the whole probe; below Interval
	ConsecutiveUp   int           // this many successes in a row make it up, 1 or more
	ConsecutiveDown int           // this many failures in a row make it down, 1 or more
}

// MaxBody is how many bytes of a response body a probe looks at.
const MaxBody = 64 << 10

// Target returns the name under which the endpoint at addr is probed with c, in votes, states, logs and files:
// "web:1f2e3d4c@198.18.1.1". The middle is a hash of the rest of the specification, so a changed check is a new
// target.
func (c *Check) Target(addr netip.Addr) string {
	h := fnv.New32a()
	spec := *c
	spec.Name = ""
	fmt.Fprintf(h, "%+v", spec)
	return fmt.Sprintf("%s:%08x@%s", c.Name, h.Sum32(), addr)
}
