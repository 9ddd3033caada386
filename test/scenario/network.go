package scenario

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"meridian/checker"
)

// latency is how long an endpoint takes to answer or to refuse.
const latency = 5 * time.Millisecond

// network is the world as probes see it. Endpoints that the story doesn't speak of are fine.
type network struct {
	mu        sync.Mutex
	endpoints map[netip.Addr]behaviour
}

// set makes the endpoint behave so from now on.
func (n *network) set(addr netip.Addr, b behaviour) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.endpoints == nil {
		n.endpoints = map[netip.Addr]behaviour{}
	}
	n.endpoints[addr] = b
}

// get returns how the endpoint behaves now.
func (n *network) get(addr netip.Addr) behaviour {
	n.mu.Lock()
	defer n.mu.Unlock()
	if b, told := n.endpoints[addr]; told {
		return b
	}
	return behaviour{fine: true}
}

// probe stands in for the checker's probes: it takes the time that a real one takes, and sees what the story says.
func (n *network) probe(ctx context.Context, t checker.Target) checker.Observation {
	b := n.get(t.Addr)
	wait := latency
	if b.hangs {
		wait = t.Check.Timeout
	}
	select {
	case <-time.After(wait):
	case <-ctx.Done():
		return checker.Observation{Inconclusive: true, Reason: "the probe was stopped"}
	}
	switch {
	case b.fine:
		return checker.Observation{OK: true, Status: http.StatusOK, Reason: "HTTP 200 OK", Load: b.load, Latency: wait}
	case b.hangs:
		return checker.Observation{Silent: true, Reason: fmt.Sprintf("no answer within %v", wait), Latency: wait}
	case b.status == 0:
		return checker.Observation{Refused: true, Reason: "connection refused", Latency: wait}
	}
	return checker.Observation{
		OK: slices.Contains(t.Check.Status, b.status), Status: b.status, Latency: wait,
		Reason: fmt.Sprintf("HTTP %d %s", b.status, http.StatusText(b.status)),
	}
}
