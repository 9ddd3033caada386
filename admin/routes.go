package admin

import (
	_ "embed"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// route is one method on one path. Paths have no parameters: everything else is in the query.
type route struct {
	method, path string
	handle       http.HandlerFunc
}

func (s *Server) routes() []route {
	metrics := metricsHandler(newRegistry(s.options.Backend.Numbers))
	routes := []route{
		{"GET", "/", s.page},
		{"GET", "/livez", s.livez},
		{"GET", "/readyz", s.readyz},
		{"GET", "/metrics", metrics.ServeHTTP},
		{"GET", "/api/v1/status", s.status},
		{"POST", "/api/v1/reload", s.reload},
		{"GET", "/api/v1/openapi.json", s.openapi},
	}
	if s.options.Explainer != nil {
		routes = append(routes, route{"GET", "/api/v1/explain", s.explain})
	}
	if s.options.Simulator != nil {
		routes = append(routes,
			route{"GET", "/api/v1/simulate", s.simulateNow},
			route{"POST", "/api/v1/simulate", s.simulate})
	}
	if s.options.Journal != nil {
		routes = append(routes,
			route{"GET", "/api/v1/events", s.events},
			route{"GET", "/api/v1/events/stream", s.stream})
	}
	if s.options.Automation != nil {
		routes = append(routes,
			route{"POST", "/api/v1/freeze", s.switchAutomation(s.options.Automation.Freeze, true)},
			route{"POST", "/api/v1/unfreeze", s.switchAutomation(s.options.Automation.Unfreeze, false)})
	}
	if s.options.Failback != nil {
		routes = append(routes, route{"POST", "/api/v1/failback", s.failback})
	}
	if s.options.Overrides != nil {
		routes = append(routes,
			route{"GET", "/api/v1/overrides", s.overrides},
			route{"POST", "/api/v1/overrides", s.override},
			route{"DELETE", "/api/v1/overrides", s.endOverride})
	}
	if s.options.Mailbox != nil {
		routes = append(routes, route{"POST", "/api/v1/push", s.push})
	}
	if s.options.Demo != nil {
		routes = append(routes,
			route{"POST", "/api/v1/demo/kill", s.demoAction(s.options.Demo.Kill)},
			route{"POST", "/api/v1/demo/revive", s.demoAction(s.options.Demo.Revive)})
	}
	return routes
}

// mux dispatches by the routes; what isn't there is a problem with a hint.
func (s *Server) mux() http.Handler {
	byPath := make(map[string][]route)
	for _, r := range s.routes() {
		byPath[r.path] = append(byPath[r.path], r)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var allowed []string
		for _, route := range byPath[r.URL.Path] {
			if r.Method == route.method || r.Method == http.MethodHead && route.method == http.MethodGet {
				route.handle(w, r)
				return
			}
			allowed = append(allowed, route.method)
		}
		if allowed != nil {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			ErrorBody{
				Status: http.StatusMethodNotAllowed, Detail: r.URL.Path + " doesn't take " + r.Method,
				Hint: "use " + strings.Join(allowed, " or "),
			}.write(w)
			return
		}
		ErrorBody{
			Status: http.StatusNotFound, Detail: "there is no " + r.URL.Path,
			Hint: "GET /api/v1/openapi.json lists what is here",
		}.write(w)
	})
}

func (s *Server) livez(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintln(w, "ok")
}

// readyz answers 200 while every condition is met or only a warning, 503 otherwise. With ?verbose it lists them,
// one a line, and warnings say what they are.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	conditions := s.options.Backend.Ready()
	ready := !slices.ContainsFunc(conditions, func(c Condition) bool { return !c.OK && !c.Warning })

	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if !ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	if r.URL.Query().Has("verbose") {
		for _, c := range conditions {
			fmt.Fprintln(w, c)
		}
	}
	if !ready {
		fmt.Fprintln(w, "not ready")
		return
	}
	fmt.Fprintln(w, "ok")
}

// String returns the condition as a line of /readyz?verbose: "[+]snapshot ok", "[!]geo warning: ...",
// "[-]snapshot failed: ...".
func (c Condition) String() string {
	sign, word := "[+]", "ok"
	switch {
	case !c.OK && c.Warning:
		sign, word = "[!]", "warning"
	case !c.OK:
		sign, word = "[-]", "failed"
	}
	if c.Text != "" && !c.OK {
		word += ": " + c.Text
	}
	return sign + c.Name + " " + word
}

func (s *Server) report() StatusReport {
	report := s.options.Backend.Status()
	report.Schema = StatusSchema
	report.Listen = notNull(report.Listen)
	report.Regions = notNull(report.Regions)
	report.Overrides = notNull(report.Overrides)
	report.Services = notNull(report.Services)
	report.Checkers = notNull(report.Checkers)
	report.Warnings = notNull(report.Warnings)
	return report
}

// notNull makes an empty list of none: in JSON a list is always a list.
func notNull[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// status leaves out the votes on endpoints whose checkers agree with one another and with what is served, unless
// ?votes=all asks for them: a large fleet has many.
func (s *Server) status(w http.ResponseWriter, r *http.Request) {
	report := s.report()
	switch votes := r.URL.Query().Get("votes"); votes {
	case "all":
	case "", "disputed":
		report.leaveDisputed()
	default:
		writeError(w, &RequestError{Text: fmt.Sprintf("votes=%q is neither all nor disputed", votes)})
		return
	}
	writeJSON(w, "application/json", http.StatusOK, report)
}

func (s *Server) explain(w http.ResponseWriter, r *http.Request) {
	req, err := ParseExplainRequest(r.URL.Query().Get("name"), r.URL.Query().Get("type"), r.URL.Query().Get("from"))
	if err != nil {
		writeError(w, err)
		return
	}
	req.Down, req.Dials, req.Weights = r.URL.Query()["down"], r.URL.Query()["dial"], r.URL.Query()["weight"]
	explanation, err := s.options.Explainer.Explain(r.Context(), req)
	if err != nil {
		writeError(w, err)
		return
	}
	explanation.Finish()
	writeJSON(w, "application/json", http.StatusOK, explanation)
}

// Reloaded is the answer to a reload that succeeded.
type Reloaded struct {
	Generation uint64       `json:"generation"`
	Config     ConfigReport `json:"config"`
	Warnings   []string     `json:"warnings"`
}

func (s *Server) reload(w http.ResponseWriter, r *http.Request) {
	reload := s.options.Backend.Reload
	switch force := r.URL.Query().Get("force"); {
	case force != "" && force != "true" && force != "false":
		writeError(w, &RequestError{Text: fmt.Sprintf("force=%q is neither true nor false", force)})
		return
	case force != "true" && s.options.Cautious != nil:
		reload = s.options.Cautious.ReloadWithin
	}
	if err := reload(r.Context()); err != nil {
		writeError(w, err)
		return
	}
	report := s.report()
	writeJSON(w, "application/json", http.StatusOK, Reloaded{report.Generation, report.Config, report.Warnings})
}

// DemoRegion is the answer to killing or reviving a region.
type DemoRegion struct {
	Region string `json:"region"`
}

func (s *Server) demoAction(act func(region string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		region := r.URL.Query().Get("region")
		if region == "" {
			writeError(w, &RequestError{Text: "no region given", Hint: "add ?region=NAME; GET /api/v1/status lists the regions"})
			return
		}
		if err := act(region); err != nil {
			writeError(w, err)
			return
		}
		writeJSON(w, "application/json", http.StatusOK, DemoRegion{region})
	}
}

//go:embed openapi.json
var openapi []byte

func (s *Server) openapi(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openapi)
}
