package admin

import (
	"context"
	"errors"
	"net/http"
	"strings"
)

// FailbackRequest is an operator's word that what is kept down though it is seen up may come back.
type FailbackRequest struct {
	Region  string `json:"region"`
	Service string `json:"service,omitempty"` // name of a service; empty: all of them
	Author  string `json:"author"`            // who; never empty
	Reason  string `json:"reason,omitempty"`
}

// FailbackReport says what came back.
type FailbackReport struct {
	Region    string   `json:"region"`
	Endpoints []string `json:"endpoints"` // state keys
}

// Failback is who can let endpoints come back, on all servers that share a board.
type Failback interface {
	// Failback lets those endpoints come back that are seen up and kept down by failback: manual, a delay or for
	// flapping. A region or service that isn't there, or where nothing is kept down, is a *RequestError; where it can't
	// be told to the other servers, an *AwayError.
	Failback(ctx context.Context, r FailbackRequest) (FailbackReport, error)
}

// check reports what is wrong with the request in itself.
func (r *FailbackRequest) check() error {
	r.Author, r.Reason = strings.TrimSpace(r.Author), strings.TrimSpace(r.Reason)
	switch {
	case r.Region == "":
		return &RequestError{Text: "no region given", Hint: `send {"region": "eu-west", "author": "…"}`}
	case r.Author == "":
		return &RequestError{Text: "no author given", Hint: `say who you are: {"author": "…"}`}
	}
	if err := errors.Join(plainWords("author", r.Author), plainWords("reason", r.Reason)); err != nil {
		return &RequestError{Text: err.Error()}
	}
	return nil
}

func (s *Server) failback(w http.ResponseWriter, r *http.Request) {
	var request FailbackRequest
	err := readJSON(r, &request)
	if err == nil {
		err = request.check()
	}
	var report FailbackReport
	if err == nil {
		report, err = s.options.Failback.Failback(r.Context(), request)
	}
	if err != nil {
		writeError(w, err)
		return
	}
	writeJSON(w, "application/json", http.StatusOK, report)
}
