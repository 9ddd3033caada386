package admin

import (
	"context"
	"net/http"
	"strconv"

	"meridian/simulate"
)

// SimulateSchema names the form of a Simulation.
const SimulateSchema = "meridian.simulate/v1"

// SimulateRequest asks what would become of the traffic. Everything may be left out; it all counts together.
type SimulateRequest struct {
	Down     []string `json:"down,omitempty"`    // REGION, SERVICE:REGION or an endpoint's address, each down
	Dials    []string `json:"dial,omitempty"`    // REGION=40% or SERVICE:REGION=40%
	Weights  []string `json:"weight,omitempty"`  // SERVICE:REGION=50, or 50% of the configured one
	Config   string   `json:"config,omitempty"`  // path of another configuration, on the server's host
	Geo      string   `json:"geo,omitempty"`     // path of another GeoIP database, on the server's host
	Services []string `json:"service,omitempty"` // only these; empty: all
	By       string   `json:"by,omitempty"`      // ledger or address-space; empty: the ledger, if it holds any queries
	Demand   []string `json:"demand,omitempty"`  // N or SERVICE=N queries or requests per second; omitted: those of the ledger
	Each     bool     `json:"n_1,omitempty"`     // also the loss of each single region
}

// Simulation is what would become of the traffic: POST /api/v1/simulate and `meridian simulate --json`.
type Simulation struct {
	Schema     string         `json:"schema"` // SimulateSchema
	Generation uint64         `json:"generation"`
	Summary    []string       `json:"summary"`   // sentences, the most important first
	Changes    []ConfigChange `json:"changes"`   // of the configuration; empty: none, or no other one was given
	Threshold  float64        `json:"threshold"` // share of the traffic that a reload moves without being forced, 0..1
	simulate.Report
}

// ConfigChange is one difference between two configurations.
type ConfigChange struct {
	What   string   `json:"what"` // added, removed, changed
	Path   []string `json:"path"` // keys from the top
	Before string   `json:"before,omitempty"`
	After  string   `json:"after,omitempty"`
}

// Simulator says what would become of the traffic.
type Simulator interface {
	// Simulate changes nothing and counts nothing. A mistake of the caller's is a *RequestError, another configuration
	// that is bad a *ReloadError.
	Simulate(ctx context.Context, r SimulateRequest) (*Simulation, error)
}

// Cautious is a Backend that can weigh a reload before it takes effect.
type Cautious interface {
	// ReloadWithin is Backend.Reload, but for a configuration that moves more of the traffic than the running one allows:
	// that is a *SafetyError, and the old one stays in use.
	ReloadWithin(ctx context.Context) error
}

// SafetyError is what a safety rule forbids, until it is forced. Nothing was changed.
type SafetyError struct {
	Text string // as a sentence
	Hint string // how to look at it, and how to force it
}

func (e *SafetyError) Error() string { return e.Text }

// Finish makes s ready for JSON: it names the schema, and no list is null.
func (s *Simulation) Finish() {
	s.Schema = SimulateSchema
	s.Summary, s.Changes = notNull(s.Summary), notNull(s.Changes)
	for i := range s.Changes {
		s.Changes[i].Path = notNull(s.Changes[i].Path)
	}
}

// simulateNow answers GET, for what is supposed only: it reads no file, so that a link can't make it.
func (s *Server) simulateNow(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	for key := range q {
		switch key {
		case "down", "dial", "weight", "service", "by", "demand", "n_1":
		case "config", "geo":
			writeError(w, &RequestError{Text: key + " is for POST", Hint: "send a JSON object to POST /api/v1/simulate"})
			return
		default:
			writeError(w, &RequestError{Text: "unknown parameter " + strconv.Quote(key), Hint: "there are down, dial, weight, service, by, demand, n_1"})
			return
		}
	}
	each := q.Get("n_1")
	if each != "" && each != "true" && each != "false" {
		writeError(w, &RequestError{Text: "n_1=" + strconv.Quote(each) + " is neither true nor false"})
		return
	}
	s.answerSimulation(w, r, SimulateRequest{
		Down: q["down"], Dials: q["dial"], Weights: q["weight"], Services: q["service"], By: q.Get("by"), Demand: q["demand"], Each: each == "true",
	})
}

func (s *Server) simulate(w http.ResponseWriter, r *http.Request) {
	var request SimulateRequest
	if err := readJSON(r, &request); err != nil {
		writeError(w, err)
		return
	}
	s.answerSimulation(w, r, request)
}

func (s *Server) answerSimulation(w http.ResponseWriter, r *http.Request, request SimulateRequest) {
	simulation, err := s.options.Simulator.Simulate(r.Context(), request)
	if err != nil {
		writeError(w, err)
		return
	}
	simulation.Finish()
	writeJSON(w, "application/json", http.StatusOK, simulation)
}
