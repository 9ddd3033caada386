package serve

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"

	"github.com/miekg/dns"

	"meridian/admin"
	"meridian/cmd/config"
	"meridian/dnsserver"
	"meridian/geo"
	"meridian/snapshot"
	"meridian/zones"
)

// explain says how the snapshot answers the question, or would under what the request supposes, by the very decision
// that a packet gets.
func explain(snap *snapshot.Snapshot, cfg *config.Config, req admin.ExplainRequest) (*admin.Explanation, error) {
	snap, supposed, err := suppose(snap, req)
	if err != nil {
		return nil, err
	}
	from, err := admin.ParseFrom(req.From, snap.Atlas().Networks())
	if err != nil {
		return nil, err
	}
	client := snapshot.Client{ECS: from.Prefix, Source: from.Prefix.Addr()}
	if from.Place != nil {
		// Wherever its address is looked up, it is there.
		if snap, err = snap.At(from.Place); err != nil {
			return nil, err
		}
		client = snapshot.Client{Source: netip.IPv4Unspecified()}
	}
	a, err := dnsserver.Decide(snap, dnsserver.Question{
		Name: req.Name, Type: dns.StringToType[req.Type], Client: client, Random: drawFor(from.Prefix),
	})
	if err != nil {
		return nil, &admin.RequestError{Text: err.Error()}
	}
	e := &admin.Explanation{
		Name: a.Name, Type: req.Type, Answers: answerTexts(a.Records), RCode: a.RCode, TTL: a.TTL,
		Scope: int(a.Scope), Generation: snap.Generation, Reason: reasonOf(a), Candidates: []admin.Candidate{},
	}
	var place *geo.Place
	if from.Place != nil {
		e.Client, place = placeReport(from.Place, cfg), from.Place
	} else {
		e.Client, place = clientReport(snap, cfg, from.Prefix, a)
	}
	if supposed != "" {
		e.Steps = append(e.Steps, admin.ExplainStep{What: "suppose", Result: supposed})
	}
	e.Steps = append(e.Steps, zoneStep(snap, a), clientStep(e.Client))
	if a.Service < 0 {
		e.Steps = append(e.Steps, admin.ExplainStep{What: "answer", Result: answerText(e)})
		return e, nil
	}
	svc := snap.Service(a.Service)
	if a.Outcome.Set != nil || a.Outcome.Servfail {
		label := snap.Label(a.Outcome)
		e.Region, e.Reason = label.Region, label.Reason
	}
	for _, c := range svc.Candidates(snap.States(), dns.StringToType[req.Type], a.Location, place) {
		e.Candidates = append(e.Candidates, candidate(svc, c))
	}
	for _, step := range svc.Trace(dns.StringToType[req.Type], a.Location) {
		e.Steps = append(e.Steps, admin.ExplainStep{What: step.What, Depth: step.Depth, Result: step.Result})
	}
	e.Steps = append(e.Steps, admin.ExplainStep{What: "answer", Result: answerText(e)})
	return e, nil
}

// drawFor returns the random number of an explanation: the client's own, so that the same question gets the same words.
func drawFor(p netip.Prefix) uint64 {
	h := uint64(14695981039346656037)
	for _, b := range p.Addr().As16() {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return h
}

func answerTexts(rrs []dns.RR) []string {
	texts := []string{}
	for _, rr := range rrs {
		texts = append(texts, strings.TrimPrefix(rr.String(), rr.Header().String()))
	}
	return texts
}

// reasonOf names why an answer that doesn't depend on the client is what it is.
func reasonOf(a dnsserver.Answer) string {
	switch {
	case a.RCode == dns.RcodeToString[dns.RcodeRefused]:
		return "refused"
	case a.RCode == dns.RcodeToString[dns.RcodeNameError]:
		return "nxdomain"
	case !a.Authoritative && len(a.Authority) > 0:
		return "delegation"
	case len(a.Records) == 0:
		return "nodata"
	}
	return "static"
}

// placeReport is the report of a client of whom nothing is known but the place.
func placeReport(place *geo.Place, cfg *config.Config) admin.ClientReport {
	r := admin.ClientReport{Source: "place", Country: place.Country, Continent: place.Continent, Database: databaseName(cfg)}
	if place.Coordinates.Known {
		r.Coordinates = &[2]float64{place.Coordinates.Lat, place.Coordinates.Lon}
	}
	return r
}

func clientReport(snap *snapshot.Snapshot, cfg *config.Config, p netip.Prefix, a dnsserver.Answer) (admin.ClientReport, *geo.Place) {
	place, network := snap.Atlas().Lookup(p.Addr())
	r := admin.ClientReport{
		Address: p.String(), Source: "ecs", Country: place.Country, Subdivision: place.Subdivision, City: place.City,
		Continent: place.Continent, ASN: place.ASN, Override: place.Override, Database: databaseName(cfg),
	}
	if a.Service >= 0 && !a.Location.FromECS {
		r.Source = "resolver"
	}
	if network.IsValid() {
		r.Network = network.String()
	}
	if place.Coordinates.Known {
		r.Coordinates = &[2]float64{place.Coordinates.Lat, place.Coordinates.Lon}
	}
	return r, place
}

// databaseName is how people call the GeoIP database in use.
func databaseName(cfg *config.Config) string {
	if cfg.Geo.Database == "" {
		return "demo"
	}
	return filepath.Base(cfg.Geo.Database)
}

func candidate(svc *snapshot.Service, c snapshot.Candidate) admin.Candidate {
	out := admin.Candidate{
		Region: c.Region, Rank: c.Rank, State: c.Health.String(), Forced: c.Forced,
		Acceptance: c.Acceptance, Probability: c.Probability, Why: c.Why, Addresses: []string{},
	}
	if c.DistanceKm >= 0 {
		km := float64(int(c.DistanceKm + .5))
		out.Distance = &km
	}
	for _, p := range svc.Spec().Pools {
		if p.Region.Name != c.Region {
			continue
		}
		if p.CNAME != "" {
			out.Addresses = append(out.Addresses, p.CNAME)
		}
		for _, addr := range p.Endpoints {
			out.Addresses = append(out.Addresses, addr.String())
		}
	}
	return out
}

func zoneStep(snap *snapshot.Snapshot, a dnsserver.Answer) admin.ExplainStep {
	wire, err := zones.WireName(a.Name)
	if err == nil {
		if m := snap.Index.Find(wire, dns.TypeA); m.Zone != nil {
			return admin.ExplainStep{What: "zone", Result: "the name is in our zone " + m.Zone.Apex}
		}
	}
	return admin.ExplainStep{What: "zone", Result: "the name is outside our zones"}
}

func clientStep(c admin.ClientReport) admin.ExplainStep {
	var known []string
	for _, s := range []string{c.City, c.Subdivision, c.Country, c.Continent} {
		if s != "" {
			known = append(known, s)
		}
	}
	if c.Source == "place" {
		return admin.ExplainStep{What: "client", Result: fmt.Sprintf(
			"somewhere in %s, taken to be at its centre: %s knows no network there, so rules by network don't apply", strings.Join(known, ", "), c.Database)}
	}
	text := c.Address + " is at an unknown place"
	if len(known) > 0 {
		text = c.Address + " is in " + strings.Join(known, ", ")
	}
	if c.Network != "" {
		text += " (" + c.Network + " in " + c.Database + ")"
	}
	return admin.ExplainStep{What: "client", Result: text}
}

func answerText(e *admin.Explanation) string {
	text := e.RCode
	if len(e.Answers) > 0 {
		text += ", " + strings.Join(e.Answers, ", ")
	} else if e.RCode == "NOERROR" {
		text += ", no data of that type"
	}
	return fmt.Sprintf("%s, TTL %d, scope /%d", text, e.TTL, e.Scope)
}
