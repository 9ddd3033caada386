package checker

import (
	"net/http"
	"strings"
	"testing"

	"meridian/zones"
)

func TestJSONMembers(t *testing.T) {
	body := `{"status": "ok", "load": 0.5, "ready": true, "leader": null, "checks": [{"name": "db", "ok": true}, {"name": "cache", "ok": true}], "nested": {"a": 1}}`
	addr := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(body)) })
	for _, tt := range []struct {
		path   string
		want   any
		reason string // of the failure; empty: healthy
	}{
		{"$.status", "ok", ""},
		{"$['status']", "ok", ""},
		{"$.load", 0.5, ""},
		{"$.ready", true, ""},
		{"$.leader", nil, ""},
		{"$.checks[*].ok", true, ""},
		{"$.checks[?(@.name == 'db')].ok", true, ""},
		{"$..a", 1.0, ""},
		{"$.status", "down", `HTTP 200 OK, but $.status is "ok", not "down"`},
		{"$.status", true, `HTTP 200 OK, but $.status is "ok", not true`},
		{"$.load", "0.5", `HTTP 200 OK, but $.load is 0.5, not "0.5"`},
		{"$.checks[*].name", "db", `HTTP 200 OK, but $.checks[*].name is "cache", not "db"`},
		{"$.nested", nil, `HTTP 200 OK, but $.nested is {"a":1}, not null`},
		{"$.absent", nil, "HTTP 200 OK, but the body has no $.absent"},
	} {
		c := probeOf(zones.CheckHTTP, addr)
		c.JSON = []zones.Member{{Path: "$.ready", Want: true}, {Path: tt.path, Want: tt.want}}
		if o := see(t, c, addr); tt.reason == "" {
			expectUp(t, o, "HTTP 200 OK")
		} else {
			expectDown(t, o, tt.reason)
		}
	}
}

func TestJSONThatIsNone(t *testing.T) {
	body := ""
	addr := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(body)) })
	c := probeOf(zones.CheckHTTP, addr)
	c.JSON = []zones.Member{{Path: "$.a", Want: "b"}}
	for text, want := range map[string]string{
		"":                                    "HTTP 200 OK, but the body is no JSON: unexpected end of JSON input",
		`{"a": "b"} trailing`:                 "HTTP 200 OK, but the body is no JSON: ",
		`{"a": "b"`:                           "HTTP 200 OK, but the body is no JSON: ",
		strings.Repeat("[", 20000):            "HTTP 200 OK, but the body is no JSON: invalid character '[' exceeded max depth",
		`{"x":"` + strings.Repeat("x", 70000): "HTTP 200 OK, but the body is no JSON within the first 65536 bytes: ",
	} {
		body = text
		if o := see(t, c, addr); o.OK || o.Inconclusive || !strings.HasPrefix(o.Reason, want) {
			t.Errorf("%.20q: %+v", text, o)
		}
	}
}

// TestH30DrainHeader: a healthy response asks to be spared, and that isn't a failure; an unhealthy one is down whatever it asks.
func TestH30DrainHeader(t *testing.T) {
	value, code := "", http.StatusOK
	addr := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("x-meridian-drain", value)
		w.WriteHeader(code)
	})
	c := probeOf(zones.CheckHTTP, addr)
	for _, tt := range []struct {
		value    string
		withheld float64
		reason   string
	}{
		{"", 0, "HTTP 200 OK"}, {"0", 0, "HTTP 200 OK"},
		{"1", 1, "asks to be drained (X-Meridian-Drain: 1)"},
		{"0.25", 0.25, "asks to be drained (X-Meridian-Drain: 0.25)"},
	} {
		value = tt.value
		o := see(t, c, addr)
		expectUp(t, o, tt.reason)
		if o.Withheld != tt.withheld || o.Asked != (tt.withheld > 0) {
			t.Errorf("%q: %+v", tt.value, o)
		}
	}
	for _, v := range []string{"yes", "-1", "2", "NaN", "1e999"} {
		value = v
		if o := see(t, c, addr); !o.OK || o.Withheld != 0 || !strings.HasPrefix(o.Reason, "HTTP 200 OK (X-Meridian-Drain: ") {
			t.Errorf("%q: %+v", v, o)
		}
	}
	value, code = "1", http.StatusServiceUnavailable
	expectDown(t, see(t, c, addr), "HTTP 503 Service Unavailable")
}
