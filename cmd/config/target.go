package config

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"meridian/cmd/config/nearest"
	"meridian/zones"
)

// targetPorts are the schemes of ParseTarget, with the port of those that have one of their own.
var targetPorts = map[string]uint16{"http": 80, "https": 443, "tcp": 0, "tls": 443, "grpc": 0, "grpcs": 443, "dns": 53, "icmp": 0}

var targetSchemes = []string{"http", "https", "tcp", "tls", "grpc", "grpcs", "dns", "icmp"}

// ParseTarget reads a URL as a check and the host that it is for, a name or an address:
//
//	http://HOST/PATH  https://HOST/PATH  tcp://HOST:PORT  tls://HOST  icmp://HOST
//	grpc://HOST:PORT/SERVICE  grpcs://HOST/SERVICE  dns://HOST/NAME?type=TYPE  dns://HOST/NAME?over=tcp
//
// Interval, timeout and thresholds are the defaults. The error is about the text alone.
func ParseTarget(text string) (c *zones.Check, host string, err error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return nil, "", fmt.Errorf("%s is not a URL with a host", quote(text))
	}
	port, ok := targetPorts[u.Scheme]
	if !ok {
		return nil, "", fmt.Errorf("%s: there is no check of type %q%s", quote(text), u.Scheme, nearest.Hint(u.Scheme, targetSchemes))
	}
	c = &zones.Check{
		Name: u.Scheme, Type: zones.CheckType(u.Scheme), Port: port, Interval: defaultInterval, Timeout: defaultTimeout,
		Recheck: defaultRecheck, ConsecutiveUp: defaultUp, ConsecutiveDown: defaultDown,
	}
	if text := u.Port(); text != "" {
		p, err := strconv.ParseUint(text, 10, 16)
		if err != nil || p == 0 {
			return nil, "", fmt.Errorf("%s: %q is not a port", quote(u.Redacted()), text)
		}
		c.Port = uint16(p)
	}
	rest := strings.TrimPrefix(u.Path, "/")
	switch u.Scheme {
	case "http", "https":
		c.Path, c.Status = u.RequestURI(), []int{http.StatusOK}
	case "grpc", "grpcs":
		c.Type, c.TLS, c.GRPCService = zones.CheckGRPC, u.Scheme == "grpcs", rest
	case "dns":
		c.Query, err = targetQuery(rest, u.Query())
	case "icmp":
		c.Port = 0
	}
	if c.Port == 0 && u.Scheme != "icmp" {
		return nil, "", fmt.Errorf("%s needs a port: %s://%s:PORT", quote(text), u.Scheme, u.Host)
	}
	return c, u.Hostname(), err
}

func targetQuery(name string, options url.Values) (zones.Query, error) {
	q := zones.Query{Name: dns.Fqdn(name), Type: dns.TypeSOA, TCP: options.Get("over") == "tcp"}
	if word := options.Get("type"); word != "" {
		t, ok := dns.StringToType[strings.ToUpper(word)]
		if !ok {
			return q, fmt.Errorf("%q is not a record type", word)
		}
		q.Type = t
	}
	if over := options.Get("over"); over != "" && !slices.Contains([]string{"udp", "tcp"}, over) {
		return q, fmt.Errorf("over=%s: a query goes over udp or tcp", over)
	}
	return q, nil
}
