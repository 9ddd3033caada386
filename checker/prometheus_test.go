package checker

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"meridian/status"
	"meridian/zones"
)

// TestReadLoads reads what Prometheus answers, and what it doesn't.
func TestReadLoads(t *testing.T) {
	vector := func(elements string) string {
		return `{"status":"success","data":{"resultType":"vector","result":[` + elements + `]}}`
	}
	element := func(instance, value string) string {
		return fmt.Sprintf(`{"metric":{"instance":%q,"job":"web"},"value":[1795171200.1,%q]}`, instance, value)
	}
	for name, tt := range map[string]struct {
		code int
		body string
		want map[string]float64
		err  string
	}{
		"vector": {
			body: vector(element("192.0.2.1:9100", "0.731") + "," + element("[2001:db8::1]:80", "1.2") + "," + element("192.0.2.2", "0")),
			want: map[string]float64{"192.0.2.1": .73, "2001:db8::1": 1.2, "192.0.2.2": status.IdleLoad},
		},
		"the highest of several": {body: vector(element("192.0.2.1:1", "0.2") + "," + element("192.0.2.1:2", "0.4")), want: map[string]float64{"192.0.2.1": .4}},
		"names, and no numbers":  {body: vector(element("web:80", "0.2") + "," + element("192.0.2.1", "NaN") + "," + element("192.0.2.2", "-1")), want: map[string]float64{}},
		"nothing":                {body: vector(""), want: map[string]float64{}},
		"scalar":                 {body: `{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}`, err: `the answer is of the type "scalar", not a vector`},
		"its own error":          {code: 400, body: `{"status":"error","errorType":"bad_data","error":"parse error"}`, err: "parse error"},
		"somebody else's":        {code: 502, body: "<html>", err: "HTTP 502 Bad Gateway"},
		"no JSON":                {body: "up 1", err: "the answer can't be read: "},
		"odd elements":           {body: vector(`{"metric":3}`), err: "the answer can't be read: "},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.code == 0 {
				tt.code = http.StatusOK
			}
			loads, err := readLoads(tt.code, []byte(tt.body), "instance")
			if err == nil {
				got := map[string]float64{}
				for addr, load := range loads {
					got[addr.String()] = load
				}
				if diff := cmp.Diff(tt.want, got); diff != "" || tt.err != "" {
					t.Errorf("want error %q; loads: %s", tt.err, diff)
				}
			} else if tt.err == "" || !strings.HasPrefix(err.Error(), tt.err) {
				t.Errorf("got error %q, want %q", err, tt.err)
			}
		})
	}
}

// TestPrometheusSaysTheLoad runs a checker whose check asks Prometheus, until a vote has the load; an answer that fails
// later changes nothing until the last one is too old.
func TestPrometheusSaysTheLoad(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.URL.Path+" "+r.URL.Query().Get("query"))
		mu.Unlock()
		fmt.Fprint(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"ip":"192.0.2.1"},"value":[1,"0.92"]}]}}`)
	}))
	defer server.Close()
	check := &zones.Check{
		Name: "web", Type: zones.CheckTCP, Port: 80, Interval: 20 * time.Millisecond, Timeout: 10 * time.Millisecond, ConsecutiveUp: 1, ConsecutiveDown: 1,
		LoadQuery: zones.LoadQuery{URL: server.URL, Query: "load", Label: "ip"},
	}
	fine := func(context.Context, Target) Observation { return Observation{OK: true, Load: .1, Reason: "fine"} }
	board := make(channelBoard, 1)
	c := New("x", board, Options{Heartbeat: 20 * time.Millisecond, Probe: fine})
	var targets []Target
	for _, text := range []string{"192.0.2.1", "192.0.2.2"} {
		addr := netip.MustParseAddr(text)
		targets = append(targets, Target{Key: check.Target(addr), Check: check, Addr: addr})
	}
	c.SetTargets(targets)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var running sync.WaitGroup
	running.Go(func() { _ = c.Run(ctx) })
	for b := range board {
		if b.Votes[targets[0].Key].Load == .92 && b.Votes[targets[1].Key].Health == status.Up {
			if got := b.Votes[targets[1].Key].Load; got != 0 {
				t.Errorf("Prometheus knows nothing of it, and its load is %g", got)
			}
			break
		}
	}
	cancel()
	running.Wait()
	mu.Lock()
	defer mu.Unlock()
	if len(asked) == 0 || asked[0] != "/api/v1/query load" {
		t.Errorf("asked %q", asked)
	}
	now := c.meters.read[check.LoadQuery].at
	c.learn(check.LoadQuery, nil, context.DeadlineExceeded)
	for age, want := range map[time.Duration]float64{0: .92, meterFresh: .92, meterFresh + 1: 0} {
		if got := c.meters.load(&check.LoadQuery, targets[0].Addr, now.Add(age)); got != want {
			t.Errorf("after %v: %g, want %g", age, got, want)
		}
	}
	c.meters.keep(nil)
	if got := c.meters.load(&check.LoadQuery, targets[0].Addr, now); got != 0 {
		t.Errorf("nobody asks any more, and it is %g", got)
	}
}

// channelBoard hands ballots to a test.
type channelBoard chan status.Ballot

func (b channelBoard) Publish(ctx context.Context, ballot status.Ballot) error {
	select {
	case b <- ballot:
	case <-ctx.Done():
	}
	return nil
}
