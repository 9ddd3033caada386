package admin

import (
	_ "embed"
	"html/template"
	"net/http"
)

//go:embed page.html
var pageSource string

var pageTemplate = template.Must(template.New("page").Parse(pageSource))

// page shows the status as one table of regions, for people who follow a link.
func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	report := s.report()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := pageTemplate.Execute(w, struct {
		StatusReport
		Degraded []string
	}{report, report.Degraded()}); err != nil {
		s.log.Debug("page not written", "error", err)
	}
}
