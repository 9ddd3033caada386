package admin

import (
	"fmt"
	"strings"

	"github.com/miekg/dns"
)

// ExplainSchema names the form of an Explanation.
const ExplainSchema = "meridian.explain/v1"

// ExplainRequest asks how one question of one client would be answered.
type ExplainRequest struct {
	Name string // the question's name; any case, the last dot may be missing
	Type string // "A", "AAAA", ...; upper case
	From string // address, network, ISO 3166 country or city: see ParseFrom
	// A state of the world to suppose, on top of the one that is; as package simulate reads it. Empty: the one that is.
	Down    []string // "eu-west", "www.glb.test:eu-west" or "198.18.1.1"
	Dials   []string // "eu-west=40%" or "www.glb.test:eu-west=40%"
	Weights []string // "www.glb.test:eu-west=50" or "www.glb.test:eu-west=50%"
}

// Explanation is how a question is answered now, and why: GET /api/v1/explain and `meridian explain --json`.
type Explanation struct {
	Schema     string        `json:"schema"` // ExplainSchema
	Name       string        `json:"name"`   // canonical: "www.glb.test."
	Type       string        `json:"type"`
	Client     ClientReport  `json:"client"`
	Region     string        `json:"region"` // of the likeliest answer; empty: the answer doesn't depend on the client
	Reason     string        `json:"reason"` // one word, as in the metric answers_total: "nearest", "failover", "static"
	Answers    []string      `json:"answers"`
	RCode      string        `json:"rcode"`
	TTL        uint32        `json:"ttl"`
	Scope      int           `json:"scope"` // RFC 7871 scope prefix length of an answer with ECS
	Generation uint64        `json:"generation"`
	Candidates []Candidate   `json:"candidates"` // every pool of the service, in this client's order
	Steps      []ExplainStep `json:"steps"`      // the decision, step by step
}

// Finish makes e ready for JSON: it names the schema, and no list is null.
func (e *Explanation) Finish() {
	e.Schema = ExplainSchema
	e.Answers, e.Candidates, e.Steps = notNull(e.Answers), notNull(e.Candidates), notNull(e.Steps)
	for i := range e.Candidates {
		e.Candidates[i].Addresses = notNull(e.Candidates[i].Addresses)
	}
}

// ClientReport is what is known of the client.
type ClientReport struct {
	Address     string      `json:"address"`     // network that was looked up: "192.0.2.0/24"; empty: only the place is known
	Source      string      `json:"source"`      // "ecs" or "resolver": whose address it is; "place": nobody's
	Network     string      `json:"network"`     // the database's network that contains it; empty: none
	Country     string      `json:"country"`     // ISO 3166-1; empty: not known
	Subdivision string      `json:"subdivision"` // ISO 3166-2; empty: not known
	City        string      `json:"city"`
	Continent   string      `json:"continent"`
	ASN         uint32      `json:"asn"`         // 0: not known
	Coordinates *[2]float64 `json:"coordinates"` // latitude, longitude; null: not known
	Database    string      `json:"database"`
	Override    bool        `json:"override"` // networks.csv said (part of) this
}

// Candidate is one pool and what became of it.
type Candidate struct {
	Region      string   `json:"region"`
	Rank        int      `json:"rank"`        // by nearness, from 1; 0: nearness plays no part
	Distance    *float64 `json:"distance_km"` // null: coordinates not known
	State       string   `json:"state"`
	Forced      bool     `json:"forced"`
	Acceptance  float64  `json:"acceptance"`
	Probability float64  `json:"probability"` // that this client is sent here, 0..1
	Why         string   `json:"why"`         // why it was taken, or not
	Addresses   []string `json:"addresses"`   // what it would answer; a CNAME's target for a pool that is a name
}

// ExplainStep is one step of the decision.
type ExplainStep struct {
	What   string `json:"what"`   // "suppose", "zone", "client", "locality", "families", "policy", "second", "fallback", "draw", "answer"
	Depth  int    `json:"depth"`  // how deep a policy lies within policies; 0 for everything else
	Result string `json:"result"` // in words
}

// ParseExplainRequest checks what was asked: the name is a domain name, the type is one (empty: A), a client is given.
// A mistake is a *RequestError.
func ParseExplainRequest(name, qtype, from string) (ExplainRequest, error) {
	req := ExplainRequest{Name: name, Type: strings.ToUpper(qtype), From: from}
	if req.Type == "" {
		req.Type = "A"
	}
	if name == "" {
		return req, &RequestError{Text: "no name given", Hint: "add ?name=www.example.com&from=192.0.2.1"}
	}
	if _, ok := dns.IsDomainName(name); !ok {
		return req, &RequestError{Text: fmt.Sprintf("%q is not a domain name", name), Hint: "labels have 1 to 63 octets, a name has at most 255"}
	}
	if _, ok := dns.StringToType[req.Type]; !ok {
		return req, &RequestError{Text: fmt.Sprintf("unknown type %q", qtype), Hint: "use A, AAAA or the name of another RR type"}
	}
	if from == "" {
		return req, &RequestError{Text: "no client given", Hint: `add from= with an address, a network, a country code ("JP") or a city`}
	}
	return req, nil
}
