package admin

import (
	"fmt"
	"slices"
	"time"

	"meridian/status"
)

// StatusSchema names the form of a StatusReport.
const StatusSchema = "meridian.status/v1"

// The states of endpoints, pools and regions in a StatusReport. Partial is for what has several parts.
const (
	StateUp      = "up"
	StateDown    = "down"
	StatePartial = "partial" // some of it is down
	StateUnknown = "unknown" // neither up nor down: not probed yet
)

// AdminReady is the admin state of what no operator has touched.
const AdminReady = "ready"

// What a process is.
const (
	RoleServer  = "server"  // it answers queries, and may probe
	RoleChecker = "checker" // it probes and votes, and answers nobody
)

// StatusReport is the state of one server, or of a checker alone: GET /api/v1/status and `meridian status --json`.
type StatusReport struct {
	Schema     string       `json:"schema"` // StatusSchema
	Role       string       `json:"role"`   // RoleServer, RoleChecker
	Version    string       `json:"version"`
	Node       string       `json:"node"`
	Demo       bool         `json:"demo"`
	Time       time.Time    `json:"time"` // when the report was made
	StartedAt  time.Time    `json:"started_at"`
	Uptime     float64      `json:"uptime_seconds"`
	Generation uint64       `json:"generation"` // of the snapshot in use; 0: none yet
	Listen     []string     `json:"listen"`     // DNS, as bound: "127.0.0.1:1053"
	Zones      int          `json:"zones"`
	Config     ConfigReport `json:"config"`
	Geo        GeoReport    `json:"geo"`
	Board      BoardReport  `json:"board"`

	Checkers   []CheckerReport  `json:"checkers"`  // whose ballots are on the board, by vantage
	Overrides  []OverrideReport `json:"overrides"` // what operators said
	Automation AutomationReport `json:"automation"`

	Regions  []RegionReport `json:"regions"`
	Services []ServiceState `json:"services"`
	Warnings []string       `json:"warnings"` // what deserves attention, in words
}

// ConfigReport is the configuration in use, and how its last reload went.
type ConfigReport struct {
	Path       string        `json:"path"` // empty: built in
	Hash       string        `json:"hash"`
	LoadedAt   time.Time     `json:"loaded_at"`
	LastReload *ReloadReport `json:"last_reload"` // null: never reloaded
}

// ReloadReport is the outcome of one reload.
type ReloadReport struct {
	Time  time.Time `json:"time"`
	OK    bool      `json:"ok"`
	Error string    `json:"error,omitempty"` // when not OK: its problems, one a line
}

// GeoReport is the geographic data in use.
type GeoReport struct {
	Database  string    `json:"database"`      // file name, or "demo" for the built-in data
	Type      string    `json:"database_type"` // as in its metadata: "GeoLite2-City"
	BuildTime time.Time `json:"build_time"`
	Age       float64   `json:"age_seconds"`
	Networks  int       `json:"networks"`
	Overrides int       `json:"overrides"` // entries of networks.csv
}

// BoardReport is the place where votes are shared.
type BoardReport struct {
	Kind      string  `json:"kind"`        // "memory", "redis"
	Up        bool    `json:"up"`          // it answered last time
	Age       float64 `json:"age_seconds"` // since fresh votes last upheld the states in use; 0: never
	Holding   string  `json:"holding"`     // why the states hold; empty: they follow the votes
	LocalView bool    `json:"local_view"`  // the board is away, and this server's own checker counts alone
	Error     string  `json:"error,omitempty"`
}

// CheckerReport is one checker, as its ballot shows it.
type CheckerReport struct {
	Vantage  string  `json:"vantage"`
	Own      bool    `json:"own"`         // it is this process
	Age      float64 `json:"age_seconds"` // since its latest ballot arrived at the board
	Fresh    bool    `json:"fresh"`       // its ballot counts; a stale one is ignored
	Up       int     `json:"votes_up"`
	Down     int     `json:"votes_down"`
	Abstains int     `json:"abstentions"`
	Doubt    string  `json:"doubt,omitempty"` // why it distrusts itself, and abstains on every target
}

// AutomationReport is whether traffic follows what is observed.
type AutomationReport struct {
	Frozen bool       `json:"frozen"`
	By     string     `json:"by,omitempty"`     // "operator" or "configuration"
	Author string     `json:"author,omitempty"` // who froze it
	Reason string     `json:"reason,omitempty"`
	Since  *time.Time `json:"since"` // null: not known
	Until  *time.Time `json:"until"` // when it ends by itself; null: it doesn't
	// Withheld is how many endpoints automation would have changed by now, did something not hold them.
	Withheld int `json:"withheld"`
}

// RegionReport is one region over all services. FoldRegions makes it from the services.
type RegionReport struct {
	Name    string     `json:"name"`
	Country string     `json:"country"`
	State   string     `json:"state"` // up, down, partial, unknown
	Admin   string     `json:"admin_state"`
	Weight  float64    `json:"weight"` // the operator's dial, 1: as configured
	Since   *time.Time `json:"since"`  // when State last changed; null: not known
	Reason  string     `json:"reason,omitempty"`
	Pools   int        `json:"pools"`
	Up      int        `json:"endpoints_up"` // endpoints that several services share count once
	Down    int        `json:"endpoints_down"`
	Unknown int        `json:"endpoints_unknown"`
	// Share of the answers given since the start that sent clients here, 0..1; null: no answers yet.
	Share *float64 `json:"share"`
}

// ServiceState is one service and its pools.
type ServiceState struct {
	Name     string       `json:"name"`
	Policy   string       `json:"policy"` // the kind of the policy's root: "nearest"
	TTL      uint32       `json:"ttl"`
	Check    string       `json:"check"`    // name of its check; empty: its endpoints count as up
	State    string       `json:"state"`    // up, down, partial, unknown
	Fallback bool         `json:"fallback"` // no pool takes anything: answers come from the fallback
	Pools    []PoolReport `json:"pools"`
}

// PoolReport is one pool of a service.
type PoolReport struct {
	Region     string           `json:"region"`
	CNAME      string           `json:"cname,omitempty"`
	State      string           `json:"state"` // up, down, partial, unknown
	Forced     bool             `json:"forced"`
	Admin      string           `json:"admin_state"`
	Acceptance float64          `json:"acceptance"`                             // share of the traffic offered to it that it takes, 0..1
	Without    *float64         `json:"acceptance_without_overrides,omitempty"` // what Acceptance would be if operators had said nothing; missing: they haven't
	Weight     *float64         `json:"weight"`                                 // in a weighted policy; null: not in one
	Share      *float64         `json:"share"`                                  // of the service's answers since the start, 0..1; null: none yet
	Since      *time.Time       `json:"since"`
	Reason     string           `json:"reason,omitempty"`
	Load       *PoolLoad        `json:"load,omitempty"` // missing: not known, or of no account to the service
	Endpoints  []EndpointReport `json:"endpoints"`
}

// PoolLoad is the load of a pool as the service goes by it.
type PoolLoad struct {
	Load   float64   `json:"load"`   // as a share of what the pool can carry; may exceed 1
	Shed   float64   `json:"shed"`   // share of its traffic that goes to the next choice because of it, 0..1
	Since  time.Time `json:"since"`  // when Load was taken over: it is so at most once in the service's load.every
	Reason string    `json:"reason"` // "over its target (load 92% of 80%): takes 70%"
}

// EndpointReport is one address of a pool.
type EndpointReport struct {
	Address  string       `json:"address"`
	State    string       `json:"state"`          // up, down, unknown: what traffic goes by
	Observed string       `json:"observed"`       // up, down, unknown: what the quorum says
	Held     string       `json:"held,omitempty"` // why State isn't Observed: dwell, flap, manual, delayed, velocity, freeze
	Withheld float64      `json:"withheld"`       // share of its traffic that it is spared while up, 0..1: ramping, degraded, draining
	Forced   bool         `json:"forced"`
	Admin    string       `json:"admin_state"`
	Since    *time.Time   `json:"since"`
	Reason   string       `json:"reason,omitempty"`
	Votes    []VoteReport `json:"votes"` // null: left out, because all agree; ?votes=all has them
}

// VoteReport is one checker's vote on an endpoint, with what it last saw there.
type VoteReport struct {
	Vantage     string     `json:"vantage"`
	Check       string     `json:"check"`          // its name; of a combined check also those that it is made of
	State       string     `json:"state"`          // up, down; unknown: it abstains
	Age         float64    `json:"age_seconds"`    // of its ballot
	Fresh       bool       `json:"fresh"`          // it counts
	Since       *time.Time `json:"since"`          // when it came to this, by the checker's own clock
	Withheld    float64    `json:"withheld"`       // share that it asks to spare the endpoint
	Load        float64    `json:"load,omitempty"` // the endpoint's, as a share of what it can carry; 0: not known
	Reason      string     `json:"reason"`
	Status      int        `json:"status,omitempty"`    // HTTP
	Latency     float64    `json:"latency_seconds"`     // 0: not measured
	CertExpires *time.Time `json:"certificate_expires"` // null: none was shown
}

// disputed reports whether a person would want to see the votes: not all that count say what is served.
func (e *EndpointReport) disputed() bool {
	if e.State != StateUp || e.Held != "" || e.Withheld > 0 {
		return len(e.Votes) > 0
	}
	return slices.ContainsFunc(e.Votes, func(v VoteReport) bool { return v.State != StateUp || v.Withheld > 0 })
}

// leaveDisputed drops the votes on which all agree.
func (r *StatusReport) leaveDisputed() {
	for _, s := range r.Services {
		for _, p := range s.Pools {
			for i := range p.Endpoints {
				if e := &p.Endpoints[i]; !e.disputed() {
					e.Votes = nil
				}
			}
		}
	}
}

// Degraded returns in words what keeps the server from being as it should: regions that aren't wholly up, services
// on their fallback, a failed reload, a board that is away, checkers that can't be relied on, automation that holds
// services up. Empty: all is well. (Warnings alone don't degrade.)
func (r *StatusReport) Degraded() []string {
	var why []string
	for _, region := range r.Regions {
		if region.Admin == string(status.OverrideMaint) {
			continue // it is expected to be down
		}
		if region.State == StateDown || region.State == StatePartial {
			text := "region " + region.Name + " is " + region.State
			if region.Reason != "" {
				text += ": " + region.Reason
			}
			why = append(why, text)
		}
	}
	for _, s := range r.Services {
		if s.Fallback {
			why = append(why, "service "+s.Name+" answers from its fallback: no pool takes anything")
		}
	}
	if l := r.Config.LastReload; l != nil && !l.OK {
		why = append(why, "the last reload failed")
	}
	if !r.Board.Up {
		text := "states hold"
		if r.Board.LocalView {
			text = "this server's own checker counts alone"
		}
		why = append(why, fmt.Sprintf("the board (%s) is away; %s", r.Board.Kind, text))
	}
	for _, c := range r.Checkers {
		switch {
		case c.Doubt != "":
			why = append(why, "checker "+c.Vantage+" distrusts itself and doesn't vote: "+c.Doubt)
		case !c.Fresh:
			why = append(why, fmt.Sprintf("checker %s hasn't voted for %v", c.Vantage, time.Duration(c.Age*float64(time.Second)).Round(time.Second)))
		}
	}
	return why
}
