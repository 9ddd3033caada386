package fleet

import (
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"meridian/test/harness"
)

// fleetYAML is the configuration of every process. The upper-case words are filled in for each.
const fleetYAML = `node: NODE
dns: {listen: ["HOST:PORT"]}
admin: {listen: "ADMIN"}
data_dir: data
board: BOARD
checker: CHECKER
FLAP
regions:
  eu-west:  {coordinates: [53.35, -6.26], country: IE}
  us-east:  {coordinates: [39.04, -77.49], country: US}
  ap-south: {coordinates: [19.08, 72.88], country: IN}
checks:
  web: {type: http, port: HEALTH, path: /healthz, PACE}
zones:
  fleet.test: {nameservers: {ns1.fleet.test: [192.0.2.53]}}
services:
  www.fleet.test:
    ttl: 5
    check: web
    pools: {eu-west: [FIRST], us-east: [SECOND], ap-south: [THIRD]}
    policy: {failover: [eu-west, us-east, ap-south]}
`

// quick is how endpoints are probed where the time that it takes isn't what is tested. The time-out is long, for these
// tests leave a busy machine little time for each of its many processes.
const quick = "interval: 2500ms, timeout: 2400ms, recheck: 100ms, consecutive_up: 2, consecutive_down: 2"

// plan says what a fleet is made of.
type plan struct {
	servers, checkers int
	redis             string // where the links lead to
	board             string // instead of one Redis behind a link; LINK is the link's address
	pace              string // of the probes; empty: quick
	local             bool   // servers have a checker of their own
	brakes            bool   // on changes, as by default; otherwise there are none
	services          string // more of them
	nets              *nets  // where they run; nil: all on loopback
}

// fleet is some servers, checkers and backends that share a board.
type fleet struct {
	t        testing.TB
	plan     plan
	net      string // on loopback: the first two bytes of all its addresses: "127.101"
	health   string // port of the backends
	backends []*harness.Backend
	hosts    []string // of the backends, in the order of the policy
	servers  []*member
	checkers []*member
	members  int // that were laid out
}

// fleets counts those that were laid out, so that each has addresses of its own.
var fleets atomic.Int32

// newFleet lays out a fleet and starts its backends, and no process.
func newFleet(t testing.TB, p plan) *fleet {
	t.Helper()
	f := &fleet{t: t, plan: p, net: fmt.Sprintf("127.%d", 100+fleets.Add(1))}
	at := f.net
	if p.nets != nil {
		at = backendNet
	}
	for i := range 3 {
		// In networks of their own: when they all fail at once, that says something of the checker.
		f.hosts = append(f.hosts, fmt.Sprintf("%s.%d.1", at, i+1))
	}
	p.nets.inHub(t, func() {
		backends, port := harness.NewBackends(t, f.hosts...)
		f.health = port
		for _, host := range f.hosts {
			f.backends = append(f.backends, backends[host])
		}
	})
	for i := range p.servers {
		f.servers = append(f.servers, f.newMember(fmt.Sprintf("ns%d", i+1), p.local))
	}
	for i := range p.checkers {
		f.checkers = append(f.checkers, f.newMember(fmt.Sprintf("vantage%d", i+1), true))
	}
	return f
}

// startFleet starts all processes and returns when every server answers as all votes say.
func startFleet(t testing.TB, p plan) *fleet {
	t.Helper()
	f := newFleet(t, p)
	f.start()
	return f
}

func (f *fleet) start() {
	f.t.Helper()
	for _, c := range f.checkers {
		c.probe()
	}
	for _, s := range f.servers {
		s.serve()
	}
	voters := f.plan.checkers
	if f.plan.local {
		voters += f.plan.servers
	}
	f.AwaitVotes(voters)
}

// Kill makes the backend of a number refuse.
func (f *fleet) Kill(number int) { f.backends[number].Kill() }

// Revive brings it back.
func (f *fleet) Revive(number int) { f.plan.nets.inHub(f.t, f.backends[number].Revive) }

func (f *fleet) newMember(name string, probes bool) *member {
	f.t.Helper()
	m := &member{t: f.t, Name: name}
	f.members++
	own := fmt.Sprintf("%s.0.%d", f.net, f.members)
	host := own
	if f.plan.nets == nil {
		m.Link = newLink(f.t, listen(f.t, own), f.plan.redis)
	} else {
		m.node = f.plan.nets.newNode(f.t)
		own, host = "127.0.0.1", m.node.host // its own loopback
		f.plan.nets.inHub(f.t, func() { m.Link = newLink(f.t, listen(f.t, m.node.back), f.plan.redis) })
	}
	board, checker, pace := f.plan.board, "{enabled: false}", f.plan.pace
	if board == "" {
		board = `{redis: {addresses: ["LINK"]}}`
	}
	if probes {
		checker = "{vantage: " + name + "}"
	}
	if pace == "" {
		pace = quick
	}
	flap := "flap: {dwell: 0s, suppress: 0}"
	if f.plan.brakes {
		flap = ""
	}
	m.Server = meridian.NewServer(f.t, own, harness.Files{"meridian.yaml": fleetYAML + f.plan.services},
		"BOARD", strings.ReplaceAll(board, "LINK", m.Link.Addr), "NODE", name, "HOST", host, "CHECKER", checker, "HEALTH", f.health,
		"OWN", f.net, "PACE", pace, "FLAP", flap, "FIRST", f.hosts[0], "SECOND", f.hosts[1], "THIRD", f.hosts[2])
	m.Host = host
	return m
}

// listen listens on any port of host.
func listen(t testing.TB, host string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// load starts a load on every server; it may be answered with the backends of these numbers.
func (f *fleet) load(allowed ...int) loads {
	f.t.Helper()
	var all loads
	for _, s := range f.servers {
		conn, err := s.dial("udp", net.JoinHostPort(s.Host, s.Port))
		if err != nil {
			f.t.Fatal(err)
		}
		all = append(all, startLoad(f.t, s.Name, conn, f.addresses(allowed)...))
	}
	f.t.Cleanup(all.Stop)
	return all
}

func (f *fleet) addresses(numbers []int) []string {
	var all []string
	for _, n := range numbers {
		all = append(all, f.hosts[n])
	}
	return all
}

type loads []*load

// Stop ends them, and fails the test unless every answer was right.
func (l loads) Stop() {
	for _, one := range l {
		one.t.Helper()
		one.Stop()
	}
}

// Move waits until every server answers with the backend of number next; meanwhile either is right.
func (f *fleet) Move(l loads, last, next int) {
	f.t.Helper()
	for _, one := range l {
		one.Allow(f.addresses([]int{last, next})...)
	}
	f.AwaitAnswer(next)
	for _, one := range l {
		one.Allow(f.hosts[next])
	}
}

// AwaitAnswer waits until every server answers with the backend of a number.
func (f *fleet) AwaitAnswer(number int) {
	f.t.Helper()
	for _, s := range f.servers {
		harness.Await(f.t, func() string { return s.answers(f.hosts[number]) })
	}
}
