package config

import (
	"crypto/x509"
	"slices"
	"strings"
	"time"

	"meridian/zones"
)

// Defaults and bounds of checks. With these defaults a dead endpoint is noticed within 14 seconds at the latest:
// three intervals and a time-out.
const (
	defaultInterval = 4 * time.Second
	defaultTimeout  = 2 * time.Second
	minInterval     = 100 * time.Millisecond
	maxInterval     = time.Hour
	defaultUp       = 2
	defaultDown     = 3
)

func (b *builder) buildChecks() {
	for i := range b.raw.Checks {
		e := &b.raw.Checks[i]
		c := b.check(e)
		b.checks[e.name] = c
		b.cfg.Checks = append(b.cfg.Checks, c)
	}
}

func (b *builder) check(e *entry[rawCheck]) *zones.Check {
	raw, path := &e.v, "checks."+e.name
	if !regionName.MatchString(e.name) {
		b.errorf(e.at, "%s is no name for a check: letters, digits, dots, hyphens and underscores, at most 63", quote(e.name))
	}
	c := &zones.Check{
		Name: e.name, Type: zones.CheckType(raw.Type.v), Port: uint16(raw.Port.v), Path: raw.Path.v, Host: raw.Host.v,
		Body: raw.Expect.Body.v, SkipVerify: raw.SkipVerify.v, CAFile: b.path(raw.CAFile),
		Interval: raw.Interval.or(defaultInterval), Timeout: raw.Timeout.or(defaultTimeout),
		ConsecutiveUp: int(raw.ConsecutiveUp.or(defaultUp)), ConsecutiveDown: int(raw.ConsecutiveDown.or(defaultDown)),
	}
	if raw.Type.set {
		b.checkApplies(e, c)
	}
	b.checkTimes(raw, c, path)
	if len(c.Body) > zones.MaxBody {
		b.errorf(raw.Expect.Body.at, "%s.expect.body must not be longer than the %d bytes that are looked at", path, zones.MaxBody)
	}
	for i, s := range raw.Expect.Status {
		if s.set && (s.v < 100 || s.v > 599) {
			b.errorf(s.at, "%s.expect.status[%d]: %d is no HTTP status (100 to 599)", path, i, s.v)
		}
		c.Status = append(c.Status, int(s.v))
	}
	slices.Sort(c.Status)
	c.Status = slices.Compact(c.Status)
	if raw.CAFile.set {
		switch pem, err := readSmall(c.CAFile); {
		case err != nil:
			b.errorf(raw.CAFile.at, "%s.ca_file %s can't be read: %v", path, c.CAFile, cause(err))
		case !x509.NewCertPool().AppendCertsFromPEM(pem):
			b.errorf(raw.CAFile.at, "%s.ca_file %s has no PEM certificate", path, c.CAFile)
		}
	}
	return c
}

// checkApplies reports keys that mean nothing to a check of this type, and fills in the type's defaults.
func (b *builder) checkApplies(e *entry[rawCheck], c *zones.Check) {
	raw, path := &e.v, "checks."+e.name
	http := c.Type == zones.CheckHTTP || c.Type == zones.CheckHTTPS
	tls := c.Type == zones.CheckHTTPS || c.Type == zones.CheckTLS
	for _, k := range []struct {
		name string
		at   pos
		ok   bool
		only string
	}{
		{"path", raw.Path.at, http, "http and https"},
		{"expect.status", firstAt(raw.Expect.Status), http, "http and https"},
		{"expect.body", raw.Expect.Body.at, http, "http and https"},
		{"host", raw.Host.at, http || tls, "http, https and tls"},
		{"skip_verify", raw.SkipVerify.at, tls, "https and tls"},
		{"ca_file", raw.CAFile.at, tls, "https and tls"},
	} {
		if k.at.line > 0 && !k.ok {
			b.errorf(k.at, "%s: %s means nothing to a %s check (only to %s)", path, k.name, c.Type, k.only)
		}
	}
	switch {
	case raw.Port.at.line > 0:
	case c.Type == zones.CheckTCP:
		b.errorf(e.at, "%s: a tcp check needs a port", path)
	case tls:
		c.Port = 443
	default:
		c.Port = 80
	}
	if http {
		if c.Path = raw.Path.or("/"); !strings.HasPrefix(c.Path, "/") || strings.ContainsAny(c.Path, " \t\r\n") {
			b.errorf(raw.Path.at, "%s.path must begin with / and have no blanks, not %s", path, quote(c.Path))
		}
		if raw.Expect.Status == nil {
			c.Status = []int{200}
		}
	}
	if c.Host != "" && strings.ContainsAny(c.Host, " /\t\r\n@") {
		b.errorf(raw.Host.at, "%s.host must be a host name, with a port at most, not %s", path, quote(c.Host))
	}
	if tls && c.Host == "" && !c.SkipVerify {
		b.warnf(e.at, "%s: without host, certificates are verified against the endpoint's address, which few certificates name", path)
	}
}

func (b *builder) checkTimes(raw *rawCheck, c *zones.Check, path string) {
	switch {
	case c.Interval < minInterval || c.Interval > maxInterval:
		b.errorf(raw.Interval.at, "%s.interval must be from %v to %v, not %v", path, minInterval, maxInterval, c.Interval)
	case c.Timeout <= 0:
		b.errorf(raw.Timeout.at, "%s.timeout must be above 0", path)
	case c.Timeout >= c.Interval && raw.Timeout.at.line > 0:
		b.errorf(raw.Timeout.at, "%s: the timeout (%v) must be below the interval (%v)", path, c.Timeout, c.Interval)
	case c.Timeout >= c.Interval: // a short interval alone: the default would be above it
		c.Timeout = c.Interval / 2
	}
}

func firstAt[T string | int64 | float64 | bool](list []leaf[T]) pos {
	if len(list) == 0 {
		return pos{}
	}
	return list[0].at
}

// checkUsed warns of checks that no service names, and of checks that nobody carries out.
func (b *builder) checkUsed() {
	if len(b.used) > 0 && !b.cfg.Checker.Enabled && b.cfg.Board.Redis == nil {
		b.warnf(pos{file: b.cfg.Path}, "nobody carries out the checks: there is no checker here, and no board with the votes of others; every endpoint counts as up (add checker: {})")
	}
	for i := range b.raw.Checks {
		if e := &b.raw.Checks[i]; !b.used[e.name] {
			b.warnf(e.at, "check %q is not used by any service", e.name)
		}
	}
}
