package checker

import "time"

// Observation is the result of one probe.
type Observation struct {
	OK           bool          // the endpoint is healthy
	Inconclusive bool          // the probe failed on this machine's own account and says nothing of the endpoint; OK is false
	Silent       bool          // nothing at all came back, not even a refusal; OK is false
	Refused      bool          // the connection was refused, by the endpoint or by somebody on the way; OK is false
	Reason       string        // short and exact: "HTTP 503 Service Unavailable"; never empty
	Withheld     float64       // 0..1, with OK: the share of its traffic that the endpoint should be spared
	Asked        bool          // the endpoint itself asked for Withheld: it counts at once, not after so many in a row
	Load         float64       // with OK: as status.Vote has it; 0: the endpoint doesn't say
	Status       int           // HTTP status code; 0: none came
	Latency      time.Duration // of the whole probe
	CertExpires  time.Time     // end of validity of the endpoint's certificate; zero: none was shown
}

// unreached reports whether the endpoint itself may never have heard of the probe: this checker's own network, or a
// firewall near it, explains what was seen as well as a dead endpoint does.
func (o *Observation) unreached() bool { return o.Silent || o.Refused }

// Result returns "success", "failure" or "inconclusive": the label of the metric health_checks_total.
func (o Observation) Result() string {
	switch {
	case o.OK:
		return "success"
	case o.Inconclusive:
		return "inconclusive"
	default:
		return "failure"
	}
}

// Step is one part of a traced probe.
type Step struct {
	Name   string        // connect, tls, request, query, answer, status, body, verdict, …
	Detail string        // what was done, and what came of it
	Took   time.Duration // 0: no time of its own
}

// trace collects steps. A nil trace collects nothing.
type trace struct {
	steps []Step
	last  time.Time
}

func newTrace() *trace { return &trace{last: time.Now()} }

// step notes what ended now, and began when the step before ended.
func (t *trace) step(name, detail string) {
	if t == nil {
		return
	}
	now := time.Now()
	t.steps = append(t.steps, Step{name, detail, now.Sub(t.last)})
	t.last = now
}
