package config

import (
	"strconv"
	"strings"

	"meridian/policy"
)

// rawPolicy is a word (nearest, all, weighted or a region) or a mapping with exactly one kind of policy in it.
type rawPolicy struct {
	at          pos
	bad         bool          // the schema found something wrong with some part of it
	Word        text          `json:"-"`
	Nearest     *rawNearest   `json:"nearest" jsonschema_description:"The regions in order of distance from the client; an empty mapping: all pools."`
	Failover    []rawPolicy   `json:"failover" jsonschema:"minItems=1" jsonschema_description:"The first; what it doesn't take, the second; and so on."`
	Weighted    *rawWeighted  `json:"weighted" jsonschema_description:"Shares by weight."`
	RoundRobin  []rawPolicy   `json:"round-robin" jsonschema:"minItems=1" jsonschema_description:"Even shares: each answer draws one of these."`
	LeastLoaded []text        `json:"least-loaded" jsonschema:"minItems=1" jsonschema_description:"Shares by load: half of the load is twice the share. Without known loads even ones."`
	Geo         *rawGeoRules  `json:"geo" jsonschema_description:"The child that the client's place selects, the most specific rule first."`
	All         *rawAll       `json:"all" jsonschema_description:"Several healthy addresses in one answer."`
	MinHealthy  rawMinHealthy `json:"min_healthy" jsonschema_description:"How many of its children, or what share of them, must take traffic; with fewer it takes nothing, and all of it flows on. Default: 1."`
}

func (p *rawPolicy) decode(n *node) {
	p.at, p.bad = n.at, !n.sound()
	if n.kind == scalar {
		decode(n, &p.Word)
		return
	}
	decodeFields(n, p)
}

// kinds returns how many kinds of policies are in the mapping.
func (p *rawPolicy) kinds() (n int) {
	for _, there := range []bool{p.Nearest != nil, p.Failover != nil, p.Weighted != nil, p.RoundRobin != nil, p.LeastLoaded != nil, p.Geo != nil, p.All != nil} {
		if there {
			n++
		}
	}
	return n
}

type rawNearest struct {
	Regions     []text        `json:"regions" jsonschema:"minItems=1" jsonschema_description:"Only these. Omitted: all pools."`
	Bias        dict[integer] `json:"bias" jsonschema_description:"-99..99 by region: above 0 draws clients in, below 0 pushes them away (Route 53's formula)."`
	MaxDistance distance      `json:"max_distance" jsonschema_description:"Regions farther away than this, after bias, are left out."`
	Spread      rawSpread     `json:"spread" jsonschema_description:"Regions that are farther than the nearest one by no more than this, in % of its distance or in km, share its clients evenly."`
}

// rawSpread is a percentage or a distance.
type rawSpread struct {
	v   policy.Spread
	at  pos
	set bool
}

func (s *rawSpread) decode(n *node) {
	s.at = n.at
	text, ok := n.value.(string)
	if !ok || n.bad {
		return
	}
	var err error
	if percent, ok := strings.CutSuffix(text, "%"); ok {
		s.v.Share, err = strconv.ParseFloat(percent, 64)
		s.v.Share /= 100
	} else {
		s.v.Km, err = strconv.ParseFloat(strings.TrimSuffix(text, "km"), 64)
	}
	s.set = err == nil
}

// rawWeighted is a mapping of regions to weights or a list of policies with weights.
type rawWeighted struct {
	at      pos
	Regions dict[number] `json:"regions"` // the keys of these two are never written:
	Shares  []rawShare   `json:"shares"`  // they bring the types into the schema
}

func (w *rawWeighted) decode(n *node) {
	w.at = n.at
	if n.kind == sequence {
		decode(n, &w.Shares)
		return
	}
	decode(n, &w.Regions)
}

type rawShare struct {
	Policy *rawPolicy `json:"policy" jsonschema:"required"`
	Weight number     `json:"weight" jsonschema:"required,minimum=0" jsonschema_description:"Its share of the sum. 0 is never."`
}

type rawGeoRules struct {
	Rules   []rawRule  `json:"rules" jsonschema:"required,minItems=1" jsonschema_description:"Their order doesn't matter: networks go before ASNs, cities, subdivisions, countries, continents."`
	Default *rawPolicy `json:"default" jsonschema_description:"For clients that no rule matches."`
	Fence   boolean    `json:"fence" jsonschema_description:"What the selected child doesn't take stays untaken. Default: false."`
}

type rawRule struct {
	at           pos
	Continents   []text     `json:"continents" jsonschema:"minItems=1" jsonschema_description:"AF, AN, AS, EU, NA, OC, SA."`
	Countries    []text     `json:"countries" jsonschema:"minItems=1" jsonschema_description:"ISO 3166-1 alpha-2."`
	Subdivisions []text     `json:"subdivisions" jsonschema:"minItems=1" jsonschema_description:"ISO 3166-2, such as US-CA."`
	Cities       []text     `json:"cities" jsonschema:"minItems=1" jsonschema_description:"COUNTRY/NAME or SUBDIVISION/NAME, as the database calls them in English: FR/Paris, US-TX/Paris."`
	ASNs         []integer  `json:"asns" jsonschema:"minItems=1" jsonschema_description:"Autonomous system numbers."`
	Networks     []text     `json:"networks" jsonschema:"minItems=1" jsonschema_description:"Prefixes, such as 203.0.113.0/24."`
	Policy       *rawPolicy `json:"policy" jsonschema:"required"`
}

func (r *rawRule) decode(n *node) {
	r.at = n.at
	decodeFields(n, r)
}

type rawAll struct {
	Max integer     `json:"max" jsonschema:"minimum=1,maximum=8" jsonschema_description:"Addresses in one answer, chosen at random. Default: 8."`
	Of  []rawPolicy `json:"of" jsonschema:"minItems=1" jsonschema_description:"Whose addresses. Omitted: every pool's."`
}
