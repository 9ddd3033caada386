package checker

import (
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"meridian/status"
	"meridian/zones"
)

// TestLoadOfAResponse: the header and the body say it, the header has the last word, and nonsense is told.
func TestLoadOfAResponse(t *testing.T) {
	for name, tt := range map[string]struct {
		header, path, body string
		load               float64
		reason             string
	}{
		"header":             {header: " 0.731 ", load: .73, reason: "HTTP 200 OK"},
		"member":             {path: "$.load.now", body: `{"load": {"now": 1.2}}`, load: 1.2, reason: "HTTP 200 OK"},
		"member as text":     {path: "$.load", body: `{"load": "0.5"}`, load: .5, reason: "HTTP 200 OK"},
		"both":               {header: "0", path: "$.load", body: `{"load": 0.5}`, load: status.IdleLoad, reason: "HTTP 200 OK"},
		"none":               {body: `{"load": 0.5}`, reason: "HTTP 200 OK"},
		"negative":           {header: "-1", reason: `HTTP 200 OK (X-Meridian-Load: "-1" is no load, such as 0.73)`},
		"not a number":       {header: "NaN", reason: `HTTP 200 OK (X-Meridian-Load: "NaN" is no load, such as 0.73)`},
		"no such member":     {path: "$.load", body: `{}`, reason: `HTTP 200 OK ($.load: "0 values" is no load, such as 0.73)`},
		"several":            {path: "$[*]", body: `[1, 2]`, reason: `HTTP 200 OK ($[*]: "2 values" is no load, such as 0.73)`},
		"a member of no use": {path: "$.load", body: `{"load": [1]}`, reason: `HTTP 200 OK ($.load: "[1]" is no load, such as 0.73)`},
		"no JSON":            {path: "$.load", body: `fine`, reason: `HTTP 200 OK ($.load: "no JSON" is no load, such as 0.73)`},
	} {
		t.Run(name, func(t *testing.T) {
			addr := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if tt.header != "" {
					w.Header().Set("X-Meridian-Load", tt.header)
				}
				io.WriteString(w, tt.body)
			})
			c := probeOf(zones.CheckHTTP, addr)
			c.Load = tt.path
			if o := see(t, c, addr); !o.OK || o.Load != tt.load || o.Reason != tt.reason {
				t.Errorf("ok %v, load %g, %q; want %g, %q", o.OK, o.Load, o.Reason, tt.load, tt.reason)
			}
		})
	}
}

// TestLoadGoesWithTheVote: of the latest observation, while the endpoint is up; of a combined check the highest.
func TestLoadGoesWithTheVote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, two := beating().Check, *beating().Check
		two.Name = "two"
		both := combinedTarget(&zones.Combination{All: []*zones.Check{one, &two}})
		w := newWorld(t, both)
		expect := func(load float64) {
			t.Helper()
			time.Sleep(DefaultHeartbeat + time.Second)
			if got := w.latest().Votes[both.Key].Load; got != load {
				t.Errorf("the vote says a load of %g, want %g", got, load)
			}
		}
		w.push(t, one.Target(both.Addr), Beat{Load: .4})
		expect(0) // the other part isn't known, so nothing is
		w.push(t, two.Target(both.Addr), Beat{Load: .7})
		expect(.7)
		w.push(t, two.Target(both.Addr), Beat{})
		expect(.4)
		w.push(t, two.Target(both.Addr), Beat{Health: status.Down, Load: .9})
		expect(0)
		if err := w.Push(one.Target(both.Addr), Beat{Load: math.NaN()}); err == nil || !strings.Contains(err.Error(), "load") {
			t.Errorf("no number: %v", err)
		}
	})
}
