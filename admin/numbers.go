package admin

import "time"

// Numbers is everything /metrics shows, as plain values at one moment. Counts are totals since the start and never
// fall. Every label is bounded by the configuration or by a fixed list of words: never a client's address, a queried
// name, an ASN or a country.
type Numbers struct {
	Version   string
	Revision  string // of the source; empty: not known
	GoVersion string

	Requests  []RequestCount
	Responses []ResponseCount
	Durations []ProtoDuration // of a sample of the requests
	Dropped   []LabelCount    // by reason: "malformed", "response", ...
	Answers   []AnswerCount
	Ranks     []uint64     // answers that sent the client to its 1st, 2nd, 3rd ... nearest region
	Lookups   []LabelCount // geographic look-ups by result: "found", "unknown", "private"

	Endpoints     []EndpointNumber
	Regions       []RegionNumber
	Transitions   []TransitionCount
	Checks        []LabelCount // probes by result: "up", "down", "timeout"
	CheckDuration Histogram
	StatusAge     time.Duration // of the states in use; below 0: there are none yet

	BoardUp   bool
	BoardOps  []OperationCount
	LocalView bool         // the board is away, and this server's own checker counts alone
	VoteAges  []LabelValue // seconds since the latest ballot of each vantage
	Distrust  []LabelValue // 1 where this process' checker distrusts its network, by family; none: it doesn't probe
	Frozen    bool         // automation is frozen
	Held      []LabelValue // endpoints that aren't what is observed, by why
	Loads     []LabelValue // highest load of each region's pools, as a share of what they can carry; a region without one is missing
	Withheld  []LabelCount // changes that automation didn't make, by why

	ReloadOK      bool
	ConfigHash    string
	GeoBuildTime  time.Time // zero: no database
	Generation    uint64
	PublishLength Histogram
}

// RequestCount counts requests. Type is a well-known RR type or "other"; Zone is one of ours or "".
type RequestCount struct {
	Proto  string // "udp", "tcp"
	Family string // "ipv4", "ipv6"
	Type   string
	Zone   string
	Count  uint64
}

// ResponseCount counts responses.
type ResponseCount struct {
	Proto string
	RCode string // "NOERROR"
	Zone  string
	Count uint64
}

// ProtoDuration is how long requests of one protocol took.
type ProtoDuration struct {
	Proto string
	Histogram
}

// AnswerCount counts the answers of services.
type AnswerCount struct {
	Service string
	Region  string // empty: no region, as with a fallback list
	Reason  string
	Count   uint64
}

// LabelCount is a count with one label.
type LabelCount struct {
	Label string
	Count uint64
}

// LabelValue is a gauge with one label.
type LabelValue struct {
	Label string
	Value float64
}

// OperationCount counts what was asked of the board.
type OperationCount struct {
	Op     string // "publish", "read", …
	Result string // "success", or a word for what went wrong: "timeout", "readonly", …
	Count  uint64
}

// EndpointNumber is the state of one target of a check.
type EndpointNumber struct {
	Region  string
	Check   string
	Address string
	State   string // StateUp, StateDown, StateUnknown
}

// RegionNumber is the state of one region.
type RegionNumber struct {
	Region string
	State  string  // StateUp, StateDown, StatePartial, StateUnknown
	Admin  string  // AdminReady, or the kind of the override on all of it
	Weight float64 // the share that operators let it take, 1: all
}

// TransitionCount counts changes of endpoint states.
type TransitionCount struct {
	Region string
	To     string // StateUp, StateDown, StateUnknown
	Count  uint64
}

// Histogram is a distribution in seconds. The zero value is an empty one.
type Histogram struct {
	Bounds []float64 // upper bounds in seconds, ascending; +Inf isn't listed
	Counts []uint64  // observations at or below each bound (cumulative); parallel to Bounds
	Count  uint64    // all observations
	Sum    float64   // seconds
}
