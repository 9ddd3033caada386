package admin

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"meridian/simulate"
	"meridian/status"
)

// OverrideRequest lays down an override, or replaces the one in its slot: POST /api/v1/overrides.
type OverrideRequest struct {
	Kind    string            `json:"kind"`              // drain, maint, up, down, dial, weight
	Region  string            `json:"region,omitempty"`  // of all kinds but weight
	Service string            `json:"service,omitempty"` // only this service; needed for weight
	Percent string            `json:"percent,omitempty"` // of dial: "40" or "40%"
	Weights map[string]string `json:"weights,omitempty"` // by region: "50", or "50%" of the configured one
	Author  string            `json:"author"`
	Reason  string            `json:"reason"`
	For     string            `json:"for,omitempty"`    // a duration up to 72h; omitted: 4h
	Return  string            `json:"return,omitempty"` // a duration before the end in which traffic comes back in ten steps
	Force   bool              `json:"force,omitempty"`  // whatever the safety rules say
	DryRun  bool              `json:"dry_run,omitempty"`
}

// EndRequest ends an override: DELETE /api/v1/overrides.
type EndRequest struct {
	ID             string
	Author, Reason string
	DryRun, Force  bool
	Match          int64 // the revision that the caller knows; below 0: none
}

// Override returns what is asked for, checked in itself. A mistake is a *RequestError.
func (r *OverrideRequest) Override(now time.Time) (status.Override, error) {
	o := status.Override{
		Kind: status.OverrideKind(r.Kind), Region: r.Region, Author: strings.TrimSpace(r.Author), Reason: strings.TrimSpace(r.Reason),
		Start: now.UTC(),
	}
	var err error
	if r.Service != "" {
		if o.Service, err = simulate.ParseService(r.Service); err != nil {
			return o, &RequestError{Text: err.Error()}
		}
	}
	if o.End, err = r.end(now); err != nil {
		return o, err
	}
	if r.Return != "" {
		if o.Return, err = time.ParseDuration(r.Return); err != nil {
			return o, &RequestError{Text: fmt.Sprintf("return %q is no duration", r.Return), Hint: "such as 10m"}
		}
	}
	if o.Kind == status.OverrideDial && r.Percent == "" {
		return o, &RequestError{Text: "the dial says no share", Hint: `send {"percent": "40%"}`}
	}
	if r.Percent != "" {
		if o.Percent, err = strconv.ParseFloat(strings.TrimSuffix(r.Percent, "%"), 64); err != nil {
			return o, &RequestError{Text: fmt.Sprintf("the dial %q is no percentage", r.Percent), Hint: "such as 40%"}
		}
	}
	for region, text := range r.Weights {
		digits, relative := strings.CutSuffix(text, "%")
		value, err := strconv.ParseFloat(digits, 64)
		if err != nil {
			return o, &RequestError{Text: fmt.Sprintf("the weight %q of %s is no number", text, region), Hint: "such as 50, or 50% of the configured one"}
		}
		if relative {
			value /= 100
		}
		if o.Weights == nil {
			o.Weights = map[string]status.OverrideWeightValue{}
		}
		o.Weights[region] = status.OverrideWeightValue{Value: value, Relative: relative}
	}
	o.ID = status.Slot(o.Kind, o.Service, o.Region)
	if err := o.Check(now); err != nil {
		return o, &RequestError{Text: err.Error()}
	}
	return o, nil
}

func (r *OverrideRequest) end(now time.Time) (time.Time, error) {
	if r.For == "" {
		return now.Add(status.DefaultOverride).UTC(), nil
	}
	span, err := time.ParseDuration(r.For)
	if err != nil {
		return now, &RequestError{Text: fmt.Sprintf("for %q is no duration", r.For), Hint: "such as 30m or 2h; at most " + status.MaxOverride.String()}
	}
	return now.Add(span).UTC(), nil
}

// OverrideReport is an override as it stands.
type OverrideReport struct {
	ID       string            `json:"id"`
	Kind     string            `json:"kind"`
	Region   string            `json:"region,omitempty"`
	Service  string            `json:"service,omitempty"`
	Percent  *float64          `json:"percent,omitempty"` // of dial
	Weights  map[string]string `json:"weights,omitempty"`
	Author   string            `json:"author"`
	Reason   string            `json:"reason"`
	Start    time.Time         `json:"start"`
	End      time.Time         `json:"end"`
	Return   float64           `json:"return_seconds"`     // before End, in which traffic comes back; 0: at once
	Take     float64           `json:"take"`               // share of what it would take that the place takes now, 0..1
	Sentence string            `json:"sentence"`           // "eu-west: drained by ann until 14:00:00Z: rack move"
	Unknown  string            `json:"unknown,omitempty"`  // why it does nothing: what it is about isn't in the configuration
	Progress *EmptyReport      `json:"progress,omitempty"` // of what takes nothing
}

// EmptyReport says whether a place that takes nothing is empty, as far as one server knows: nobody may use an answer
// after its TTL.
type EmptyReport struct {
	Answers    uint64    `json:"answers"`     // that this server gave with the place since the override began
	LastAnswer time.Time `json:"last_answer"` // when at the latest this server gave one
	EmptyAt    time.Time `json:"empty_at"`    // LastAnswer and the longest TTL of what is there
	Empty      bool      `json:"empty"`
}

// NewOverrideReport reports an override at the moment now.
func NewOverrideReport(o *status.Override, now time.Time) OverrideReport {
	take, _ := o.Take(now)
	r := OverrideReport{
		ID: o.ID, Kind: string(o.Kind), Region: o.Region, Service: o.Service, Author: o.Author, Reason: o.Reason, Start: o.Start, End: o.End,
		Return: o.Return.Seconds(), Take: take, Sentence: o.Subject() + ": " + o.Sentence(now),
	}
	if o.Kind == status.OverrideDial {
		r.Percent = &o.Percent
	}
	for region, w := range o.Weights {
		if r.Weights == nil {
			r.Weights = map[string]string{}
		}
		r.Weights[region] = fmt.Sprintf("%g", w.Value)
		if w.Relative {
			r.Weights[region] = fmt.Sprintf("%g%%", 100*w.Value)
		}
	}
	return r
}

// OverrideList is every override: GET /api/v1/overrides. The ETag is its revision.
type OverrideList struct {
	Revision  int64            `json:"revision"`
	Overrides []OverrideReport `json:"overrides"`
	Error     string           `json:"error,omitempty"` // why they can't be read now; those known before hold
}

// OverrideOutcome is what a word of an operator's came to.
type OverrideOutcome struct {
	Revision int64           `json:"revision"`
	DryRun   bool            `json:"dry_run"`  // nothing was changed
	Override *OverrideReport `json:"override"` // that holds now; null: it was ended
	Before   *OverrideReport `json:"before"`   // that held in its place; null: none
	Moved    float64         `json:"moved"`    // share of the traffic of the services concerned that goes elsewhere
	Impact   []string        `json:"impact"`   // the same in sentences
	Risks    []string        `json:"risks"`    // what safety rules have against it
}

// Overrides is who can lay down the operators' words, on all servers that share a board.
type Overrides interface {
	// Overrides returns what holds.
	Overrides(ctx context.Context) OverrideList
	// Override lays down what is asked for, if the revision is still match (below 0: whatever it is), and returns when this server's answers follow it. A mistake is a
	// *RequestError, what safety rules forbid a *SafetyError, others who were faster a *StaleError, a store that doesn't
	// answer an *AwayError. Nothing was changed then.
	Override(ctx context.Context, r OverrideRequest, match int64) (OverrideOutcome, error)
	// EndOverride ends an override, with the same errors.
	EndOverride(ctx context.Context, r EndRequest) (OverrideOutcome, error)
}

// StaleError is a change of what others have changed meanwhile. Nothing was changed.
type StaleError struct {
	Text string
	Hint string
}

func (e *StaleError) Error() string { return e.Text }

func etag(revision int64) string { return `"` + strconv.FormatInt(revision, 10) + `"` }

// ifMatch reads the revision that the caller knows; -1: it names none.
func ifMatch(r *http.Request) (int64, error) {
	text := r.Header.Get("If-Match")
	if text == "" || text == "*" {
		return -1, nil
	}
	revision, err := strconv.ParseInt(strings.Trim(text, `"`), 10, 64)
	if err != nil || revision < 0 {
		return -1, &RequestError{Text: fmt.Sprintf("If-Match %s is no revision", text), Hint: "send the ETag of GET /api/v1/overrides as it came"}
	}
	return revision, nil
}

func (s *Server) overrides(w http.ResponseWriter, r *http.Request) {
	list := s.options.Overrides.Overrides(r.Context())
	list.Overrides = notNull(list.Overrides)
	w.Header().Set("ETag", etag(list.Revision))
	writeJSON(w, "application/json", http.StatusOK, list)
}

func (s *Server) override(w http.ResponseWriter, r *http.Request) {
	var request OverrideRequest
	err := readJSON(r, &request)
	match := int64(-1)
	if err == nil {
		match, err = ifMatch(r)
	}
	var outcome OverrideOutcome
	if err == nil {
		outcome, err = s.options.Overrides.Override(r.Context(), request, match)
	}
	answerOutcome(w, outcome, err)
}

func (s *Server) endOverride(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	request := EndRequest{ID: q.Get("id"), Author: strings.TrimSpace(q.Get("author")), Reason: strings.TrimSpace(q.Get("reason"))}
	var err error
	for key, into := range map[string]*bool{"dry_run": &request.DryRun, "force": &request.Force} {
		switch text := q.Get(key); text {
		case "", "false":
		case "true":
			*into = true
		default:
			err = &RequestError{Text: fmt.Sprintf("%s=%q is neither true nor false", key, text)}
		}
	}
	switch {
	case err != nil:
	case request.ID == "":
		err = &RequestError{Text: "no override given", Hint: "add ?id=…; GET /api/v1/overrides lists them"}
	case request.Author == "":
		err = &RequestError{Text: "no author given", Hint: "say who you are: &author=…"}
	default:
		if words := plainWords("author", request.Author); words != nil {
			err = &RequestError{Text: words.Error()}
		} else if words := plainWords("reason", request.Reason); words != nil {
			err = &RequestError{Text: words.Error()}
		}
	}
	if err == nil {
		request.Match, err = ifMatch(r)
	}
	var outcome OverrideOutcome
	if err == nil {
		outcome, err = s.options.Overrides.EndOverride(r.Context(), request)
	}
	answerOutcome(w, outcome, err)
}

func answerOutcome(w http.ResponseWriter, outcome OverrideOutcome, err error) {
	if err != nil {
		writeError(w, err)
		return
	}
	outcome.Impact, outcome.Risks = notNull(outcome.Impact), notNull(outcome.Risks)
	w.Header().Set("ETag", etag(outcome.Revision))
	writeJSON(w, "application/json", http.StatusOK, outcome)
}
