package config

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
	"github.com/ohler55/ojg/jp"

	"meridian/zones"
)

// Defaults and bounds of checks. With these defaults a dead endpoint is noticed within 10.4 seconds at the latest: an
// interval with its jitter, and three probes that time out.
const (
	defaultInterval = 4 * time.Second
	defaultTimeout  = 2 * time.Second
	defaultRecheck  = time.Second
	minInterval     = 100 * time.Millisecond
	maxInterval     = time.Hour
	minRecheck      = 10 * time.Millisecond
	defaultUp       = 2
	defaultDown     = 3
	defaultLifetime = 30 * time.Second // of heartbeats, of which one decides
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
	up, down := int64(defaultUp), int64(defaultDown)
	if raw.Type.v == string(zones.CheckPush) {
		up, down = 1, 1
	}
	c := &zones.Check{
		Name: e.name, Type: zones.CheckType(raw.Type.v), Port: uint16(raw.Port.v), Path: raw.Path.v, Host: raw.Host.v,
		Body: raw.Expect.Body.v, TLS: raw.TLS.v, GRPCService: raw.Service.v,
		SkipVerify: raw.SkipVerify.v, CAFile: b.path(raw.CAFile), Slow: raw.Degraded.Latency.d,
		Interval: raw.Interval.or(defaultInterval), Timeout: raw.Timeout.or(defaultTimeout),
		ConsecutiveUp: int(raw.ConsecutiveUp.or(up)), ConsecutiveDown: int(raw.ConsecutiveDown.or(down)),
	}
	if raw.Type.set {
		b.checkApplies(e, c)
	}
	b.checkTimes(raw, c, path)
	b.checkResponse(raw, c, path)
	b.checkLoad(raw, c, path)
	b.checkQuery(raw, c, path)
	b.checkCommand(raw, c, path)
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
	b.checkKeys(raw, c, path)
	switch {
	case raw.Port.at.line > 0:
	case c.Type == zones.CheckTCP, c.Type == zones.CheckGRPC:
		b.errorf(e.at, "%s: a %s check needs a port", path, c.Type)
	case c.Type == zones.CheckHTTPS, c.Type == zones.CheckTLS:
		c.Port = 443
	case c.Type == zones.CheckHTTP:
		c.Port = 80
	case c.Type == zones.CheckDNS:
		c.Port = 53
	}
	switch {
	case c.Type == zones.CheckDNS && raw.Query == nil:
		b.errorf(e.at, "%s: a dns check needs a query", path)
	case c.Type == zones.CheckExec && raw.Command == nil:
		b.errorf(e.at, "%s: an exec check needs a command", path)
	}
	if c.Type == zones.CheckHTTP || c.Type == zones.CheckHTTPS {
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
	if secure(c) && c.Host == "" && !c.SkipVerify {
		b.warnf(e.at, "%s: without host, certificates are verified against the endpoint's address, which few certificates name", path)
	}
}

// secure reports whether the check verifies certificates.
func secure(c *zones.Check) bool {
	return c.Type == zones.CheckHTTPS || c.Type == zones.CheckTLS || c.Type == zones.CheckGRPC && c.TLS
}

// checkKeys reports keys that mean nothing to a check of this type.
func (b *builder) checkKeys(raw *rawCheck, c *zones.Check, path string) {
	type types = []zones.CheckType
	var (
		http   = types{zones.CheckHTTP, zones.CheckHTTPS}
		tls    = types{zones.CheckHTTPS, zones.CheckTLS, zones.CheckGRPC}
		grpc   = types{zones.CheckGRPC}
		dns    = types{zones.CheckDNS}
		ports  = types{zones.CheckHTTP, zones.CheckHTTPS, zones.CheckTCP, zones.CheckTLS, zones.CheckGRPC, zones.CheckDNS, zones.CheckExec}
		probed = append(ports[:len(ports):len(ports)], zones.CheckICMP)
	)
	var query pos
	if raw.Query != nil {
		query = raw.Query.Name.at
	}
	var members pos
	if len(raw.Expect.JSON) > 0 {
		members = raw.Expect.JSON[0].at
	}
	for _, k := range []struct {
		name string
		at   pos
		only types
	}{
		{"port", raw.Port.at, ports},
		{"path", raw.Path.at, http},
		{"expect.status", firstAt(raw.Expect.Status), http},
		{"expect.body", raw.Expect.Body.at, http},
		{"expect.json", members, http},
		{"load", raw.Load.Path.at, http},
		{"expect.rcode", raw.Expect.RCode.at, dns},
		{"expect.answer", raw.Expect.Answer.at, dns},
		{"host", raw.Host.at, types{zones.CheckHTTP, zones.CheckHTTPS, zones.CheckTLS, zones.CheckGRPC, zones.CheckExec}},
		{"tls", raw.TLS.at, grpc},
		{"service", raw.Service.at, grpc},
		{"query", query, dns},
		{"command", firstAt(raw.Command), types{zones.CheckExec}},
		{"lifetime", raw.Lifetime.at, types{zones.CheckPush}},
		{"degraded", raw.Degraded.Latency.at, probed},
		{"interval", raw.Interval.at, probed},
		{"timeout", raw.Timeout.at, probed},
		{"recheck", raw.Recheck.at, probed},
		{"skip_verify", raw.SkipVerify.at, tls},
		{"ca_file", raw.CAFile.at, tls},
	} {
		if k.at.line > 0 && !slices.Contains(k.only, c.Type) {
			b.errorf(k.at, "%s: %s means nothing to %s check (only to %s)", path, k.name, aOr(c.Type), enumerate(k.only))
		}
	}
	if c.Type == zones.CheckGRPC && !c.TLS && (raw.SkipVerify.at.line > 0 || raw.CAFile.at.line > 0) {
		b.errorf(raw.Type.at, "%s: skip_verify and ca_file mean nothing to a grpc check without tls: true", path)
	}
}

// aOr returns the type with its article.
func aOr(t zones.CheckType) string {
	if strings.ContainsAny(string(t[:1]), "aeiou") {
		return "an " + string(t)
	}
	return "a " + string(t)
}

// enumerate returns "a, b and c".
func enumerate(types []zones.CheckType) string {
	text := ""
	for i, t := range types {
		switch {
		case i == 0:
		case i == len(types)-1:
			text += " and "
		default:
			text += ", "
		}
		text += string(t)
	}
	return text
}

func (b *builder) checkTimes(raw *rawCheck, c *zones.Check, path string) {
	if c.Type == zones.CheckPush {
		c.Interval, c.Timeout = raw.Lifetime.or(defaultLifetime), 0
		if c.Interval < minInterval || c.Interval > maxInterval {
			b.errorf(raw.Lifetime.at, "%s.lifetime must be from %v to %v, not %v", path, minInterval, maxInterval, c.Interval)
		}
		return
	}
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
	c.Recheck = raw.Recheck.or(min(defaultRecheck, c.Interval/4))
	if raw.Recheck.set && (c.Recheck < minRecheck || c.Recheck > c.Interval) {
		b.errorf(raw.Recheck.at, "%s.recheck must be from %v to the interval (%v), not %v", path, minRecheck, c.Interval, c.Recheck)
	}
	if raw.Degraded.Latency.set && (c.Slow <= 0 || c.Slow >= c.Timeout) {
		b.errorf(raw.Degraded.Latency.at, "%s.degraded.latency must be above 0 and below the timeout (%v), not %v", path, c.Timeout, c.Slow)
	}
}

// checkResponse builds what an HTTP response must be like.
func (b *builder) checkResponse(raw *rawCheck, c *zones.Check, path string) {
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
	for i := range raw.Expect.JSON {
		e := &raw.Expect.JSON[i]
		if _, err := jp.ParseString(e.name); err != nil || !strings.HasPrefix(e.name, "$") {
			b.errorf(e.at, "%s.expect.json: %s is no JSONPath (such as $.status or $.checks[*].ok)", path, quote(e.name))
			continue
		}
		c.JSON = append(c.JSON, zones.Member{Path: e.name, Want: e.v.v})
	}
}

func (b *builder) checkQuery(raw *rawCheck, c *zones.Check, path string) {
	q := raw.Query
	if q == nil || c.Type != zones.CheckDNS {
		return
	}
	c.Query = zones.Query{Type: dns.TypeA, TCP: q.Over.v == "tcp", Answer: raw.Expect.Answer.v}
	if q.Name.set {
		name, err := zones.CanonicalName(q.Name.v)
		if err != nil {
			b.errorf(q.Name.at, "%s.query.name: %s is not a domain name: %v", path, quote(q.Name.v), err)
		}
		c.Query.Name = name
	}
	if q.Type.set {
		t, ok := dns.StringToType[strings.ToUpper(q.Type.v)]
		if !ok {
			b.errorf(q.Type.at, "%s.query.type: %s is not a record type", path, quote(q.Type.v))
		}
		c.Query.Type = t
	}
	if r := raw.Expect.RCode; r.set {
		code, ok := dns.StringToRcode[strings.ToUpper(r.v)]
		if !ok {
			b.errorf(r.at, "%s.expect.rcode: %s is not a response code (such as NOERROR or NXDOMAIN)", path, quote(r.v))
		}
		c.Query.RCode = code
	}
}

// checkCommand takes over the program of an exec check. A program that isn't there is no mistake of the file's: other
// checkers may have it.
func (b *builder) checkCommand(raw *rawCheck, c *zones.Check, path string) {
	for _, t := range raw.Command {
		c.Command = append(c.Command, t.v)
	}
	if c.Type != zones.CheckExec || len(raw.Command) == 0 || !raw.Command[0].set {
		return
	}
	program := raw.Command[0]
	if !filepath.IsAbs(program.v) {
		b.errorf(program.at, "%s.command: the program must be an absolute path, not %s (no shell is involved, and no search path)", path, quote(program.v))
		return
	}
	if info, err := os.Stat(program.v); b.cfg.Checker.Enabled && (err != nil || info.IsDir() || info.Mode()&0o111 == 0) {
		b.warnf(program.at, "%s.command: %s can't be run here, so this checker abstains from endpoints with this check", path, quote(program.v))
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
