package zones

import (
	"fmt"
	"hash/fnv"
	"net/netip"
	"reflect"
	"slices"
	"time"
)

// CheckType is how an endpoint is probed.
type CheckType string

const (
	CheckHTTP     CheckType = "http"
	CheckHTTPS    CheckType = "https"
	CheckTCP      CheckType = "tcp"      // a connection is enough
	CheckTLS      CheckType = "tls"      // a handshake is enough
	CheckGRPC     CheckType = "grpc"     // grpc.health.v1.Health/Check
	CheckDNS      CheckType = "dns"      // one query
	CheckICMP     CheckType = "icmp"     // one echo request
	CheckExec     CheckType = "exec"     // a program of the operator's
	CheckPush     CheckType = "push"     // not probed: heartbeats are sent to the checker
	CheckCombined CheckType = "combined" // several checks, folded into one by each checker
)

// Check is the whole specification of a health check. Services that share a check and an address share the target.
type Check struct {
	Name            string // as in the configuration
	Type            CheckType
	Port            uint16        // 0 where the type knows none: icmp, push, combined, perhaps exec
	Path            string        // http, https: request target, begins with "/"
	Host            string        // Host header, :authority and SNI; empty: the endpoint's address
	Status          []int         // http, https: the statuses that are healthy, ascending
	Body            string        // http, https: must occur in the first MaxBody bytes; empty: not looked at
	JSON            []Member      // http, https: what the body must hold as JSON, within MaxBody bytes; empty: not looked at
	TLS             bool          // grpc: over TLS instead of in plain text (h2c)
	GRPCService     string        // grpc: the service asked for; empty: the server as a whole
	Query           Query         // dns
	Command         []string      // exec: program and arguments; no shell is involved
	SkipVerify      bool          // https, tls, grpc: accept any certificate
	CAFile          string        // https, tls, grpc: PEM file with the only authorities to trust; empty: the system's
	Slow            time.Duration // an endpoint that takes longer is degraded, see Degraded; 0: however long
	Interval        time.Duration // push: lifetime of a heartbeat
	Timeout         time.Duration // of the whole probe; below Interval
	Recheck         time.Duration // to the next probe while observations speak against the verdict; below Interval; 0: Interval
	ConsecutiveUp   int           // this many successes in a row make it up, 1 or more
	ConsecutiveDown int           // this many failures in a row make it down, 1 or more
	Combined        *Combination  // combined, and then set
}

// MaxBody is how many bytes of a response body a probe looks at.
const MaxBody = 64 << 10

// Degraded is the share of its traffic that a degraded endpoint is spared: one that is slow, or says so, or fails a
// check that isn't its critical one.
const Degraded = 0.5

// Member is a demand on a JSON text: the path selects something, and all that it selects equals Want.
type Member struct {
	Path string // JSONPath (RFC 9535)
	Want any    // string, float64, bool or nil
}

// Query is what a dns check asks and expects.
type Query struct {
	Name   string // fully qualified
	Type   uint16
	TCP    bool   // over TCP instead of UDP
	RCode  int    // expected; 0: NOERROR
	Answer string // RDATA that one record of Type in the answer section must have; empty: any answer, or none
}

// Combination folds several checks of one endpoint into one:
//
//   - All: down when one is down, up when all are up.
//   - Any: up when one is up, down when all are down.
//   - Critical: it alone decides up or down. When the others (All or Any) are down, an endpoint that is up is Degraded.
//   - Observe: probed, voted on and shown, but never counted.
//
// At most one of All and Any is set, and something beside Observe.
type Combination struct {
	All, Any []*Check
	Critical *Check
	Observe  []*Check
}

// Parts returns the checks that c is made of, each once, counted ones first; only c where it isn't combined.
func (c *Check) Parts() []*Check {
	if c.Combined == nil {
		return []*Check{c}
	}
	var parts []*Check
	for _, p := range slices.Concat([]*Check{c.Combined.Critical}, c.Combined.All, c.Combined.Any, c.Combined.Observe) {
		if p != nil && !slices.Contains(parts, p) {
			parts = append(parts, p)
		}
	}
	return parts
}

// Target returns the name under which the endpoint at addr is probed with c, in votes, states, logs and files:
// "web:1f2e3d4c@198.18.1.1". The middle is a hash of the rest of the specification, so a changed check is a new
// target.
func (c *Check) Target(addr netip.Addr) string {
	return fmt.Sprintf("%s:%08x@%s", c.Name, c.fingerprint(), addr)
}

// fingerprint hashes the specification without the name. Fields that aren't used don't count, so that a version of
// Meridian with a new one goes on to share the targets of those without.
func (c *Check) fingerprint() uint32 {
	h := fnv.New32a()
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		field := v.Type().Field(i).Name
		if v.Field(i).IsZero() || field == "Name" || field == "Combined" {
			continue
		}
		fmt.Fprintf(h, "%s=%#v\n", field, v.Field(i).Interface())
	}
	if m := c.Combined; m != nil {
		for i, role := range [][]*Check{m.All, m.Any, {m.Critical}, m.Observe} {
			for _, p := range role {
				if p != nil {
					fmt.Fprintf(h, "%d=%08x\n", i, p.fingerprint())
				}
			}
		}
	}
	return h.Sum32()
}
