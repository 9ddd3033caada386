package checker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"sync"
	"time"

	"meridian/status"
	"meridian/zones"
)

const (
	meterEvery   = 15 * time.Second // from one round of queries to the next
	meterTimeout = 5 * time.Second  // of one query
	meterFresh   = 3 * meterEvery   // for how long an answer counts
	maxMetrics   = 8 << 20          // bytes of an answer
)

// meters holds what Prometheus says of the loads of endpoints. One question is about all endpoints of a check, so that
// the work for Prometheus doesn't grow with them. The zero value is ready to use.
type meters struct {
	mu      sync.Mutex
	read    map[zones.LoadQuery]reading
	failing map[zones.LoadQuery]bool
}

// reading is an answer of Prometheus. It is never written again.
type reading struct {
	at    time.Time
	loads map[netip.Addr]float64
}

// load returns what the latest fresh answer to q says of the endpoint; 0: nothing.
func (m *meters) load(q *zones.LoadQuery, addr netip.Addr, now time.Time) float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.read[*q]
	if now.Sub(r.at) > meterFresh {
		return 0
	}
	return r.loads[addr.Unmap()]
}

// queries returns the questions for the loads of the targets and their parts, each once.
func queries(targets []Target) map[zones.LoadQuery]bool {
	asked := map[zones.LoadQuery]bool{}
	for _, t := range targets {
		for _, p := range t.Check.Parts() {
			if p.LoadQuery.URL != "" {
				asked[p.LoadQuery] = true
			}
		}
	}
	return asked
}

// keep forgets the answers to other questions.
func (m *meters) keep(asked map[zones.LoadQuery]bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	read, failing := map[zones.LoadQuery]reading{}, map[zones.LoadQuery]bool{}
	for q := range asked {
		if r, ok := m.read[q]; ok {
			read[q] = r
		}
		failing[q] = m.failing[q]
	}
	m.read, m.failing = read, failing
}

// meter asks Prometheus for as long as there is anything to ask, one question after the other, until ctx ends. It holds
// up no probe, and what it doesn't learn isn't known: then what loads have led to holds.
func (c *Checker) meter(ctx context.Context) {
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true}, // no proxy, whatever the environment says
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	again := time.NewTimer(0)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.metering:
		case <-again.C:
		}
		c.mu.Lock()
		asked := queries(c.duties.Targets)
		c.mu.Unlock()
		c.meters.keep(asked)
		for q := range asked {
			loads, err := askLoads(ctx, client, &q)
			if ctx.Err() != nil {
				return
			}
			c.learn(q, loads, err)
		}
		if len(asked) > 0 {
			again.Reset(meterEvery)
		} else {
			again.Stop()
		}
	}
}

// learn takes in an answer, and logs when answers begin or cease to fail.
func (c *Checker) learn(q zones.LoadQuery, loads map[netip.Addr]float64, err error) {
	m := &c.meters
	m.mu.Lock()
	before := m.failing[q]
	m.failing[q] = err != nil
	if err == nil {
		m.read[q] = reading{time.Now(), loads}
	}
	m.mu.Unlock()
	switch {
	case err != nil && !before:
		c.log.Warn("Prometheus doesn't tell loads; what was decided by them holds", "url", q.URL, "query", q.Query, "error", err)
	case err == nil && before:
		c.log.Info("Prometheus tells loads again", "url", q.URL, "query", q.Query)
	}
}

// askLoads asks one instant query (https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries).
func askLoads(ctx context.Context, client *http.Client, q *zones.LoadQuery) (map[netip.Addr]float64, error) {
	limited, cancel := context.WithTimeout(ctx, meterTimeout)
	defer cancel()
	target := q.URL + "/api/v1/query?" + url.Values{"query": {q.Query}, "timeout": {meterTimeout.String()}}.Encode()
	req, err := http.NewRequestWithContext(limited, http.MethodGet, target, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", userAgent)
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxMetrics+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxMetrics {
		return nil, fmt.Errorf("the answer has more than %d bytes", maxMetrics)
	}
	return readLoads(resp.StatusCode, body, q.Label)
}

// readLoads reads the answer to an instant query: a vector, of which each element's label holds an endpoint's address,
// with a port or without. Elements of something else are passed over; of several for one address the highest counts.
func readLoads(code int, body []byte, label string) (map[netip.Addr]float64, error) {
	var answer struct {
		Status, Error string
		Data          struct {
			ResultType string
			Result     json.RawMessage
		}
	}
	err := json.Unmarshal(body, &answer)
	switch {
	case err == nil && answer.Status == "error":
		return nil, errors.New(clip(answer.Error))
	case code != http.StatusOK:
		return nil, errors.New(statusText(code))
	case err != nil:
		return nil, fmt.Errorf("the answer can't be read: %w", err)
	case answer.Data.ResultType != "vector":
		return nil, fmt.Errorf("the answer is of the type %q, not a vector", clip(answer.Data.ResultType))
	}
	var vector []struct {
		Metric map[string]string
		Value  [2]any // when, and what as text
	}
	if err := json.Unmarshal(answer.Data.Result, &vector); err != nil {
		return nil, fmt.Errorf("the answer can't be read: %w", err)
	}
	loads := map[netip.Addr]float64{}
	for _, e := range vector {
		addr, err := netip.ParseAddr(e.Metric[label])
		if err != nil {
			with, err := netip.ParseAddrPort(e.Metric[label])
			if err != nil {
				continue
			}
			addr = with.Addr()
		}
		text, _ := e.Value[1].(string)
		v, err := strconv.ParseFloat(text, 64)
		if load, ok := status.NewLoad(v); err == nil && ok {
			loads[addr.Unmap()] = max(loads[addr.Unmap()], load)
		}
	}
	return loads, nil
}
