package config

import (
	"net/netip"
	"strings"
	"testing"

	"meridian/zones"
)

func TestParseTarget(t *testing.T) {
	for _, tt := range []struct {
		text string
		typ  zones.CheckType
		port uint16
	}{
		{"http://192.0.2.1/", zones.CheckHTTP, 80},
		{"https://[2001:db8::1]:8443/healthz?deep=1", zones.CheckHTTPS, 8443},
		{"tcp://192.0.2.1:25", zones.CheckTCP, 25},
		{"tls://192.0.2.1", zones.CheckTLS, 443},
		{"grpc://192.0.2.1:50051/shop.v1.Shop", zones.CheckGRPC, 50051},
		{"grpcs://192.0.2.1", zones.CheckGRPC, 443},
		{"dns://192.0.2.1/www.example?type=A", zones.CheckDNS, 53},
		{"dns://192.0.2.1:5353/example?type=MX&over=tcp", zones.CheckDNS, 5353},
		{"dns://192.0.2.1", zones.CheckDNS, 53}, // the root's SOA
		{"icmp://192.0.2.1", zones.CheckICMP, 0},
	} {
		c, host, err := ParseTarget(tt.text)
		if err != nil || c.Type != tt.typ || c.Port != tt.port {
			t.Errorf("%s: %+v, %v", tt.text, c, err)
			continue
		}
		// What is shown means the same.
		addr := netip.MustParseAddr(host)
		shown := showTarget(Reference{c, addr})
		again, host, err := ParseTarget(shown)
		if err != nil || host != addr.String() || again.Target(addr) != c.Target(addr) {
			t.Errorf("%s is shown as %s: %+v, %v", tt.text, shown, again, err)
		}
	}
	for text, want := range map[string]string{
		"192.0.2.1":                         "is not a URL with a host",
		"http://":                           "is not a URL with a host",
		"ftp://192.0.2.1":                   `no check of type "ftp"`,
		"htttp://192.0.2.1":                 `(did you mean "http"?)`,
		"tcp://192.0.2.1":                   "needs a port",
		"tcp://192.0.2.1:0":                 `"0" is not a port`,
		"tcp://192.0.2.1:99999":             `"99999" is not a port`,
		"dns://192.0.2.1/a?type=NOPE":       `"NOPE" is not a record type`,
		"dns://192.0.2.1/a?type=A&over=doh": "a query goes over udp or tcp",
	} {
		if _, _, err := ParseTarget(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
