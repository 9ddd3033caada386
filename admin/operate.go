package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	maxWords  = 500                 // of an operator's or an endpoint's text, in bytes
	maxFreeze = 30 * 24 * time.Hour // how long automation may be frozen: an override that nobody remembers is worse than none
)

// FreezeRequest is who switches automation off or on, and why.
type FreezeRequest struct {
	Author string    // who; never empty
	Reason string    // why; empty only to unfreeze
	Until  time.Time // when it ends by itself; zero to unfreeze
}

// freezeBody is what is sent to /api/v1/freeze and /api/v1/unfreeze.
type freezeBody struct {
	Author string `json:"author"`
	Reason string `json:"reason"`
	For    string `json:"for"` // a duration: "2h"
}

// DefaultFreeze is how long automation stays frozen when nothing else is said.
const DefaultFreeze = 2 * time.Hour

// request checks the body. freeze: it is to be switched off, which needs a reason and has an end.
func (b *freezeBody) request(freeze bool, now time.Time) (FreezeRequest, error) {
	r := FreezeRequest{Author: strings.TrimSpace(b.Author), Reason: strings.TrimSpace(b.Reason)}
	switch {
	case r.Author == "":
		return r, &RequestError{Text: "no author given", Hint: "say who you are: {\"author\": \"…\"}"}
	case freeze && r.Reason == "":
		return r, &RequestError{Text: "no reason given", Hint: "say why, for those who find automation frozen: {\"reason\": \"…\"}"}
	}
	if err := errors.Join(plainWords("author", r.Author), plainWords("reason", r.Reason)); err != nil {
		return r, &RequestError{Text: err.Error()}
	}
	if !freeze {
		if b.For != "" {
			return r, &RequestError{Text: "automation is unfrozen now; there is no time for it", Hint: "leave out \"for\""}
		}
		return r, nil
	}
	span := DefaultFreeze
	if b.For != "" {
		var err error
		if span, err = time.ParseDuration(b.For); err != nil || span <= 0 || span > maxFreeze {
			return r, &RequestError{Text: fmt.Sprintf("for %q is not a duration up to %v", b.For, maxFreeze), Hint: "such as 30m or 2h"}
		}
	}
	r.Until = now.Add(span)
	return r, nil
}

// plainWords reports what of a text doesn't belong into a log line or a table.
func plainWords(what, text string) error {
	switch {
	case len(text) > maxWords:
		return fmt.Errorf("the %s has %d bytes, more than %d", what, len(text), maxWords)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return fmt.Errorf("the %s holds control characters", what)
	}
	return nil
}

func (s *Server) switchAutomation(act func(context.Context, FreezeRequest) (AutomationReport, error), freeze bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var body freezeBody
		err := readJSON(r, &body)
		var request FreezeRequest
		if err == nil {
			request, err = body.request(freeze, time.Now())
		}
		var report AutomationReport
		if err == nil {
			report, err = act(r.Context(), request)
		}
		if err != nil {
			writeError(w, err)
			return
		}
		writeJSON(w, "application/json", http.StatusOK, report)
	}
}

// PushRequest is a heartbeat for the push check of an endpoint: POST /api/v1/push.
type PushRequest struct {
	Service  string  `json:"service"`            // name of the service; the last dot may be missing
	Region   string  `json:"region,omitempty"`   // empty: the endpoint says it
	Endpoint string  `json:"endpoint,omitempty"` // address; empty: the pool's only one
	Check    string  `json:"check,omitempty"`    // name of the push check, where several count for the service; empty: the only one
	State    string  `json:"state,omitempty"`    // up (also when empty) or down
	Withheld float64 `json:"withheld,omitempty"` // share of its traffic that the endpoint should be spared, 0..1
	// Load is the endpoint's load as a share of what it can carry: 0.73. nil: not said.
	Load   *float64 `json:"load,omitempty"`
	Reason string   `json:"reason,omitempty"`
}

// check reports what is wrong with the request in itself.
func (p *PushRequest) check() error {
	switch {
	case p.Service == "":
		return &RequestError{Text: "no service given", Hint: `send {"service": "www.example.com", "region": "eu-west"}`}
	case p.Region == "" && p.Endpoint == "":
		return &RequestError{Text: "neither region nor endpoint given", Hint: `send {"service": "www.example.com", "region": "eu-west"}, or "endpoint" with an address`}
	case p.State != "" && p.State != StateUp && p.State != StateDown:
		return &RequestError{Text: fmt.Sprintf("state %q is neither up nor down", p.State)}
	case !(p.Withheld >= 0 && p.Withheld <= 1):
		return &RequestError{Text: fmt.Sprintf("withheld %g is not within 0 and 1", p.Withheld)}
	case p.Load != nil && *p.Load < 0:
		return &RequestError{Text: fmt.Sprintf("load %g is below 0", *p.Load), Hint: "it is a share of what the endpoint can carry, such as 0.73"}
	}
	if err := plainWords("reason", p.Reason); err != nil {
		return &RequestError{Text: err.Error()}
	}
	return nil
}

// push takes in a heartbeat. It answers 204: senders are many and small.
func (s *Server) push(w http.ResponseWriter, r *http.Request) {
	var request PushRequest
	err := readJSON(r, &request)
	if err == nil {
		err = request.check()
	}
	if err == nil {
		err = s.options.Mailbox.Push(r.Context(), request)
	}
	if err != nil {
		writeError(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// readJSON decodes the body of a request strictly: one object, and no key that isn't known. A mistake is a *RequestError.
func readJSON(r *http.Request, into any) error {
	body, err := io.ReadAll(r.Body)
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &RequestError{Text: fmt.Sprintf("the body has more than %d bytes", tooLarge.Limit)}
	}
	if err != nil {
		return &RequestError{Text: "the body broke off: " + err.Error()}
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return &RequestError{Text: "the body is empty", Hint: "send a JSON object; GET /api/v1/openapi.json describes it"}
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return &RequestError{Text: "the body isn't what is expected here: " + strings.TrimPrefix(err.Error(), "json: "), Hint: "GET /api/v1/openapi.json describes it"}
	}
	if d.More() {
		return &RequestError{Text: "the body goes on behind its JSON object"}
	}
	return nil
}
