package admin

import (
	"fmt"
	"time"
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

// StatusReport is the state of one server: GET /api/v1/status and `meridian status --json`.
type StatusReport struct {
	Schema     string         `json:"schema"` // StatusSchema
	Version    string         `json:"version"`
	Node       string         `json:"node"`
	Demo       bool           `json:"demo"`
	Time       time.Time      `json:"time"` // when the report was made
	StartedAt  time.Time      `json:"started_at"`
	Uptime     float64        `json:"uptime_seconds"`
	Generation uint64         `json:"generation"` // of the snapshot in use; 0: none yet
	Listen     []string       `json:"listen"`     // DNS, as bound: "127.0.0.1:1053"
	Zones      int            `json:"zones"`
	Config     ConfigReport   `json:"config"`
	Geo        GeoReport      `json:"geo"`
	Board      BoardReport    `json:"board"`
	Regions    []RegionReport `json:"regions"`
	Services   []ServiceState `json:"services"`
	Warnings   []string       `json:"warnings"` // what deserves attention, in words
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
	Kind  string  `json:"kind"`        // "memory", "redis"
	Up    bool    `json:"up"`          // it answered last time
	Age   float64 `json:"age_seconds"` // of the states in use; 0: none yet
	Error string  `json:"error,omitempty"`
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
	Acceptance float64          `json:"acceptance"` // share of the traffic offered to it that it takes, 0..1
	Weight     *float64         `json:"weight"`     // in a weighted policy; null: not in one
	Share      *float64         `json:"share"`      // of the service's answers since the start, 0..1; null: none yet
	Since      *time.Time       `json:"since"`
	Reason     string           `json:"reason,omitempty"`
	Endpoints  []EndpointReport `json:"endpoints"`
}

// EndpointReport is one address of a pool.
type EndpointReport struct {
	Address string     `json:"address"`
	State   string     `json:"state"` // up, down, unknown
	Forced  bool       `json:"forced"`
	Admin   string     `json:"admin_state"`
	Since   *time.Time `json:"since"`
	Reason  string     `json:"reason,omitempty"`
}

// Degraded returns in words what keeps the server from being as it should: regions that aren't wholly up, services
// on their fallback, a failed reload, a board that is away. Empty: all is well. (Warnings alone don't degrade.)
func (r *StatusReport) Degraded() []string {
	var why []string
	for _, region := range r.Regions {
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
		why = append(why, fmt.Sprintf("the board (%s) is away; states hold", r.Board.Kind))
	}
	return why
}
