package admin

import (
	"encoding/json"
	"errors"
	"net/http"

	"meridian/zones"
)

// ErrorBody is the body of every error, RFC 9457 problem details: application/problem+json.
type ErrorBody struct {
	Type     string       `json:"type"` // always "about:blank": the status says it all
	Title    string       `json:"title"`
	Status   int          `json:"status"`
	Detail   string       `json:"detail"`
	Hint     string       `json:"hint,omitempty"`     // what to do about it
	Problems []FileReport `json:"problems,omitempty"` // of a refused reload
	Kept     string       `json:"kept,omitempty"`     // what stays in use after a refused reload
}

// FileReport is one mistake in a file, or a warning.
type FileReport struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Text    string `json:"text"`
	Warning bool   `json:"warning,omitempty"`
}

// String returns the problem as zones.Problem prints it.
func (f FileReport) String() string {
	return zones.Problem{File: f.File, Line: f.Line, Col: f.Column, Text: f.Text, Warning: f.Warning}.String()
}

// writeError answers with what err means: a RequestError is the caller's (400), a ReloadError the configuration's
// (422), an AwayError somebody else's (503), anything else ours (500).
func writeError(w http.ResponseWriter, err error) {
	body := ErrorBody{Status: http.StatusInternalServerError, Detail: err.Error()}
	if e, ok := errors.AsType[*RequestError](err); ok {
		body = ErrorBody{Status: http.StatusBadRequest, Detail: e.Text, Hint: e.Hint}
	}
	if e, ok := errors.AsType[*AwayError](err); ok {
		body = ErrorBody{Status: http.StatusServiceUnavailable, Detail: e.Text, Hint: e.Hint}
	}
	if e, ok := errors.AsType[*SafetyError](err); ok {
		body = ErrorBody{Status: http.StatusConflict, Detail: e.Text, Hint: e.Hint}
	}
	if e, ok := errors.AsType[*StaleError](err); ok {
		body = ErrorBody{Status: http.StatusPreconditionFailed, Detail: e.Text, Hint: e.Hint}
	}
	if e, ok := errors.AsType[*ReloadError](err); ok {
		body = ErrorBody{
			Status: http.StatusUnprocessableEntity, Detail: e.Error(), Kept: e.Kept,
			Hint: "mend what is named and reload again; `meridian config check FILE` tries it without a server",
		}
		for _, p := range e.Problems {
			body.Problems = append(body.Problems, FileReport{p.File, p.Line, p.Col, p.Text, p.Warning})
		}
	}
	body.write(w)
}

func (b ErrorBody) write(w http.ResponseWriter) {
	b.Type, b.Title = "about:blank", http.StatusText(b.Status)
	writeJSON(w, "application/problem+json", b.Status, b)
}

func writeJSON(w http.ResponseWriter, contentType string, status int, value any) {
	body, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the client has gone: nobody is left to tell
}
