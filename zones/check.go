package zones

import (
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"
	"strconv"
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
	Load            string        // http, https: JSONPath of the endpoint's load in the body; empty: only the header tells it
	LoadQuery       LoadQuery     // asks Prometheus for the endpoint's load, instead of the endpoint
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

// LoadQuery is a PromQL query for a vector of loads, as shares of what endpoints can carry. The zero value asks nothing.
type LoadQuery struct {
	URL   string // of the Prometheus server, without a slash at its end: "http://prometheus:9090"
	Query string
	Label string // of the vector's elements that holds an endpoint's address, with a port or without
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
	h := fnv.New32a()
	h.Write(c.specification(make([]byte, 0, 512)))
	b := append(make([]byte, 0, len(c.Name)+64), c.Name...)
	b = append(b, ':')
	b = hex.AppendEncode(b, h.Sum(nil))
	b = append(b, '@')
	return string(addr.AppendTo(b))
}

// specification appends all of c but its name. What isn't used is left out, so that a version of Meridian with a new field
// goes on to share the targets of those without.
func (c *Check) specification(b []byte) []byte {
	s := spec(b)
	s.text("type", string(c.Type))
	s.number("port", int64(c.Port))
	s.text("path", c.Path)
	s.text("host", c.Host)
	for _, code := range c.Status {
		s.number("status", int64(code))
	}
	s.text("body", c.Body)
	for _, m := range c.JSON {
		s.text("json", m.Path)
		s.text("is", fmt.Sprintf("%#v", m.Want)) // "1" and 1 differ
	}
	s.text("load", c.Load)
	s.text("prometheus", c.LoadQuery.URL)
	s.text("promql", c.LoadQuery.Query)
	s.text("label", c.LoadQuery.Label)
	s.flag("tls", c.TLS)
	s.text("service", c.GRPCService)
	s.text("query", c.Query.Name)
	s.number("qtype", int64(c.Query.Type))
	s.flag("tcp", c.Query.TCP)
	s.number("rcode", int64(c.Query.RCode))
	s.text("answer", c.Query.Answer)
	for _, word := range c.Command {
		s.text("command", word)
	}
	s.flag("skip_verify", c.SkipVerify)
	s.text("ca_file", c.CAFile)
	s.number("slow", int64(c.Slow))
	s.number("interval", int64(c.Interval))
	s.number("timeout", int64(c.Timeout))
	s.number("recheck", int64(c.Recheck))
	s.number("up", int64(c.ConsecutiveUp))
	s.number("down", int64(c.ConsecutiveDown))
	if m := c.Combined; m != nil {
		for _, role := range []struct {
			name  string
			parts []*Check
		}{{"all", m.All}, {"any", m.Any}, {"critical", []*Check{m.Critical}}, {"observe", m.Observe}} {
			for _, p := range role.parts {
				if p != nil {
					s.text(role.name, string(p.specification(nil)))
				}
			}
		}
	}
	return s
}

// spec is a specification being written: names and values that aren't zero, each with its length, so that no two are alike.
type spec []byte

func (s *spec) text(name, value string) {
	if value != "" {
		*s = append(append(*s, name...), '=')
		*s = append(strconv.AppendInt(*s, int64(len(value)), 10), ':')
		*s = append(*s, value...)
	}
}

func (s *spec) number(name string, value int64) {
	if value != 0 {
		*s = append(append(*s, name...), '=')
		*s = append(strconv.AppendInt(*s, value, 10), ';')
	}
}

func (s *spec) flag(name string, value bool) {
	if value {
		s.number(name, 1)
	}
}
