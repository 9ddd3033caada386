package checker

import "time"

// Observation is the result of one probe.
type Observation struct {
	OK           bool          // the endpoint is healthy
	Inconclusive bool          // the probe failed on this machine's own account and says nothing of the endpoint; OK is false
	Silent       bool          // nothing at all came back, not even a refusal; OK is false
	Reason       string        // short and exact: "HTTP 503 Service Unavailable"; never empty
	Status       int           // HTTP status code; 0: none came
	Latency      time.Duration // of the whole probe
	CertExpires  time.Time     // end of validity of the endpoint's certificate; zero: none was shown
}

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
	Name   string        // connect, tls, request, status, body, verdict
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
