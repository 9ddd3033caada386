package config

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ohler55/ojg/jp"

	"meridian/status"
	"meridian/zones"
)

// Defaults and bounds of shedding.
const (
	defaultShedStep  = .1
	defaultShedLeast = .2
	minShedEvery     = 30 * time.Second // a check's result takes about that long to be the fleet's
)

// loadOf builds above which load, and how, the service's pools shed clients. They are chosen by their network, so such a
// service is sticky: drawn at random, whoever asks again would be drawn again, until all of them had left.
func (b *builder) loadOf(e *entry[rawService], s *zones.Service) {
	raw, path := e.v.Load, "services."+e.name+".load"
	twoTTLs := 2 * time.Duration(s.TTL) * time.Second
	r := status.LoadRule{
		Service: s.Name, Target: shareOf(raw.Target, 0), Step: shareOf(raw.Step, defaultShedStep), Least: shareOf(raw.Least, defaultShedLeast),
		Every: raw.Every.or(max(twoTTLs, minShedEvery)),
	}
	switch {
	case !e.v.Check.set:
		b.errorf(raw.Target.at, "%s means nothing without a check: it is what learns the load", path)
	case len(s.Pools) == 1:
		b.errorf(raw.Target.at, "%s means nothing in a service with one pool: there is nowhere to shed to", path)
	}
	if raw.Every.set && (r.Every < twoTTLs || r.Every > maxTime) {
		b.errorf(raw.Every.at, "%s.every must be from two TTLs (%v) to %v, not %v: what a step did isn't seen sooner", path, twoTTLs, maxTime, r.Every)
	}
	if e.v.Sticky.set && !s.Sticky {
		b.errorf(e.v.Sticky.at, "services.%s.sticky: false contradicts load: clients are shed by their network (leave one of the two out)", e.name)
	}
	s.Sticky = true
	b.cfg.States.Loads[s.Name] = r
}

// checkLoad builds where the load of an endpoint is to be had.
func (b *builder) checkLoad(raw *rawCheck, c *zones.Check, path string) {
	l := &raw.Load
	if _, err := jp.ParseString(l.Path.v); l.Path.set && (err != nil || !strings.HasPrefix(l.Path.v, "$")) {
		b.errorf(l.at, "%s.load: %s is no JSONPath (such as $.load)", path, quote(l.Path.v))
	}
	c.Load = l.Path.v
	if l.Path.set || l.at.line == 0 {
		return
	}
	c.LoadQuery = zones.LoadQuery{URL: strings.TrimSuffix(l.Prometheus.v, "/"), Query: l.Query.v, Label: l.Label.or("instance")}
	u, err := url.Parse(c.LoadQuery.URL)
	switch {
	case l.Prometheus.v == "" || l.Query.v == "":
		b.errorf(l.at, "%s.load asks Prometheus with both prometheus (its URL) and query", path)
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		b.errorf(l.Prometheus.at, "%s.load.prometheus must be a URL such as http://prometheus:9090, not %s", path, quote(l.Prometheus.v))
	}
}

// shareOf reads a percentage, whose form the schema has checked; without one it is otherwise.
func shareOf(t text, otherwise float64) float64 {
	if !t.set {
		return otherwise
	}
	percent, _ := strconv.Atoi(strings.TrimSuffix(t.v, "%"))
	return float64(percent) / 100
}
