package config

// What votes become, and how fast: quorum, flap, failback, safety.

// rawNeed is a word, a number or a percentage.
type rawNeed struct {
	Word   text    `json:"-"` // majority, any, all, 60%
	Number integer `json:"-"`
}

func (q *rawNeed) decode(n *node) {
	decode(n, &q.Word)
	decode(n, &q.Number)
}

// rawQuorum is a need for both ways, or a mapping with one for each.
type rawQuorum struct {
	at   pos
	Both rawNeed `json:"-"`
	Down rawNeed `json:"down" jsonschema_description:"What takes an endpoint down. Default: majority."`
	Up   rawNeed `json:"up" jsonschema_description:"What brings it back. Default: the counterpart of down: as many for majority, a number or a percentage; all for any; any for all."`
}

func (q *rawQuorum) decode(n *node) {
	q.at = n.at
	if n.kind == mapping {
		decodeFields(n, q)
		return
	}
	decode(n, &q.Both)
}

type rawFlap struct {
	at       pos
	Dwell    duration `json:"dwell" jsonschema_description:"Least time between two changes of a state. Default: 10s."`
	HalfLife duration `json:"half_life" jsonschema_description:"Each change adds 1 to an endpoint's penalty, which halves in this time. Default: 2m."`
	Suppress number   `json:"suppress" jsonschema:"minimum=0,maximum=1000" jsonschema_description:"The penalty from which on an endpoint is kept down, until it has decayed to half of that. 0: never. Default: 4."`
	MaxHold  duration `json:"max_hold" jsonschema_description:"The longest time for which it is kept down after its last change. Default: 10m."`
}

func (f *rawFlap) decode(n *node) {
	f.at = n.at
	decodeFields(n, f)
}

// rawFailback is a word or a mapping with one key.
type rawFailback struct {
	at      pos
	Word    text     `json:"-"`
	Delayed duration `json:"delayed" jsonschema_description:"An endpoint must be seen up for this long."`
	Ramp    duration `json:"ramp" jsonschema_description:"An endpoint takes a tenth of its traffic at once, and all of it after this time."`
}

func (f *rawFailback) decode(n *node) {
	f.at = n.at
	if n.kind == mapping {
		decodeFields(n, f)
		return
	}
	decode(n, &f.Word)
}

type rawSafety struct {
	MaxUnavailable text     `json:"max_unavailable" jsonschema:"required,pattern=^([1-9][0-9]?|100)%$,title=a percentage from 1% to 100%" jsonschema_description:"The share of a service's pools that may go down within the window; one always may. What fails beyond it is held up."`
	Window         duration `json:"window" jsonschema_description:"Default: 5m."`
}

// rawBrakes is the safety section of the whole configuration.
type rawBrakes struct {
	MaxUnavailable  text     `json:"max_unavailable" jsonschema:"pattern=^([1-9][0-9]?|100)%$,title=a percentage from 1% to 100%" jsonschema_description:"The share of a service's pools that may go down within the window; one always may. What fails beyond it is held up. Omitted: all of them."`
	Window          duration `json:"window" jsonschema_description:"Default: 5m."`
	MinRegions      integer  `json:"min_regions" jsonschema:"minimum=1,maximum=64" jsonschema_description:"How many regions of each service must go on to take traffic; an operator's override that leaves fewer needs --force. Default: 1."`
	MinCapacity     text     `json:"min_capacity" jsonschema:"pattern=^([1-9]?[0-9]|100)%$,title=a percentage from 0% to 100%" jsonschema_description:"The share of each service's capacity that must go on to take traffic; an operator's override that leaves less needs --force. Pools without a capacity count alike. Default: 0%."`
	ReloadThreshold text     `json:"reload_threshold" jsonschema:"pattern=^([1-9]?[0-9]|100)%$,title=a percentage from 0% to 100%" jsonschema_description:"The share of the traffic that meridian reload moves without --force. Default: 30%. 100%: all of it."`
}

// limit returns what the section says of services; nil: nothing.
func (s *rawBrakes) limit() *rawSafety {
	if s == nil || s.MaxUnavailable.at.line == 0 {
		return nil
	}
	return &rawSafety{MaxUnavailable: s.MaxUnavailable, Window: s.Window}
}

// rawLoad is above which load, and how, the pools of a service shed clients.
type rawLoad struct {
	Target text     `json:"target" jsonschema:"required,pattern=^([1-9][0-9]?|100)%$,title=a percentage from 1% to 100%" jsonschema_description:"A pool whose load is above it sheds the smallest share of its clients that brings it back; it takes them back from 10% below it."`
	Step   text     `json:"step" jsonschema:"pattern=^([1-9][0-9]?|100)%$,title=a percentage from 1% to 100%" jsonschema_description:"How much one step moves at most. Default: 10%."`
	Every  duration `json:"every" jsonschema_description:"Least time between two steps; at least two TTLs. Default: two TTLs, or 30s if that is more."`
	Least  text     `json:"least" jsonschema:"pattern=^([1-9][0-9]|100)%$,title=a percentage from 10% to 100%" jsonschema_description:"What a pool takes however loaded it is. Default: 20%."`
}
