package dnsserver

import (
	"fmt"
	"slices"

	"github.com/miekg/dns"

	"meridian/snapshot"
	"meridian/zones"
)

// Question asks what the server would answer, without a packet.
type Question struct {
	Name   string // presentation format, in any case; a final dot is taken as there
	Type   uint16 // RR type
	Client snapshot.Client
	// Random decides where an answer is drawn. Equal numbers give equal answers from one snapshot.
	Random uint64
}

// Answer is what the server answers, as values.
type Answer struct {
	Name          string // the question's name, canonical
	RCode         string // as in RFC 6895: NOERROR, NXDOMAIN, ...
	Authoritative bool
	Records       []dns.RR // answer section, a CNAME chain included
	Authority     []dns.RR // SOA of a negative answer, NS of a delegation
	Additional    []dns.RR // glue
	TTL           uint32   // seconds that the answer may be kept: the least of all its records
	Scope         uint8    // of the client subnet option; 0 without one

	Service  int // the service that took part, as snapshot.Snapshot.Service numbers them; -1: none
	Location snapshot.Location
	Outcome  snapshot.Outcome
}

// Decide runs the very decision that packets get. It fails only for what is no name.
func Decide(snap *snapshot.Snapshot, q Question) (Answer, error) {
	wire, err := zones.WireName(q.Name)
	if err != nil {
		return Answer{}, fmt.Errorf("%q is not a domain name: %w", q.Name, err)
	}
	var a answer
	a.reset()
	if a.rcode = refusal(&query{class: dns.ClassINET, qtype: q.Type}); a.rcode == dns.RcodeSuccess {
		f := finding{client: q.Client}
		f.find(snap, wire, q.Type)
		f.fetch(snap, q.Type)
		a.decideName(snap, &f, wire, q.Type, q.Random)
	}
	m := &dns.Msg{Question: []dns.Question{{Name: zones.NameString(wire)}}}
	sections(m, &a)
	out := Answer{
		Name:          m.Question[0].Name,
		RCode:         rcodeName(a.rcode),
		Authoritative: a.authoritative,
		Records:       m.Answer,
		Authority:     m.Ns,
		Additional:    m.Extra,
		Scope:         a.scope,
		Service:       a.service,
		Location:      a.location,
		Outcome:       a.outcome,
	}
	for i, rr := range slices.Concat(m.Answer, m.Ns, m.Extra) {
		if ttl := rr.Header().Ttl; i == 0 || ttl < out.TTL {
			out.TTL = ttl
		}
	}
	return out, nil
}
