package serve

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"meridian/admin"
	"meridian/dnsserver"
	"meridian/snapshot"
	"meridian/status"
)

// everyPolicy has a service of each kind of policy and option.
const everyPolicy = `
data_dir: data
regions:
  us-east:      {coordinates: [39.04, -77.49],  country: US}
  us-west:      {coordinates: [45.60, -121.18], country: US}
  eu-west:      {coordinates: [53.35, -6.26],   country: IE}
  ap-south:     {coordinates: [19.08, 72.88],   country: IN}
  ap-northeast: {coordinates: [35.68, 139.69],  country: JP}
checks:
  web: {type: http, port: 8080}
zones:
  glb.test: {nameservers: {ns1.glb.test: [192.0.2.53]}}
x-five: &five
  us-east:      [198.18.1.1, 198.18.1.2, "2001:db8:1::1"]
  us-west:      [198.18.2.1, "2001:db8:2::1"]
  eu-west:      [198.18.3.1, 198.18.3.2]
  ap-south:     [198.18.4.1, "2001:db8:4::1"]
  ap-northeast: [198.18.5.1, "2001:db8:5::1"]
services:
  nearest.glb.test:  {check: web, pools: *five, pins: true, second: true}
  ties.glb.test:     {check: web, pools: *five, policy: {nearest: {spread: 30%}}, sticky: true, second: true}
  together.glb.test: {check: web, pools: *five, families: together}
  limit.glb.test:    {check: web, pools: *five, policy: {nearest: {max_distance: 3000km}}, fallback: servfail}
  failover.glb.test: {check: web, pools: *five, policy: {failover: [eu-west, us-east, us-west]}}
  minimum.glb.test:
    check: web
    pools: *five
    policy: {failover: [{nearest: {regions: [us-east, us-west]}, min_healthy: 2}, {all: {of: [eu-west, ap-south]}, min_healthy: 100%}, ap-northeast]}
  weighted.glb.test: {check: web, pools: *five, policy: {weighted: {us-east: 1, eu-west: 2, ap-south: 0}}}
  sticky.glb.test:   {check: web, pools: *five, policy: {weighted: {us-east: 1, eu-west: 2, ap-south: 3}}, sticky: true, second: true}
  turns.glb.test:    {check: web, pools: *five, policy: round-robin, fallback: [203.0.113.99]}
  loaded.glb.test:   {check: web, pools: *five, policy: {least-loaded: [us-east, eu-west]}, sticky: true}
  multi.glb.test:    {check: web, pools: *five, policy: {all: {of: [us-east, eu-west, ap-south]}}}
  geo.glb.test:
    check: web
    pools: *five
    sticky: true
    policy:
      geo:
        rules:
          - {cities: [JP/Tokyo], policy: {failover: [ap-northeast, us-west]}}
          - {continents: [EU], policy: {weighted: [{policy: {round-robin: [eu-west, us-east]}, weight: 2}, {policy: ap-south, weight: 1}]}}
          - {networks: [203.0.113.0/25, "2001:db8:20::/44"], policy: us-east}
        default: nearest
        fence: true
`

// explained is a running DNS server over one snapshot, with what explains it.
type explained struct {
	snap *snapshot.Snapshot
	d    *declared
	conn net.Conn
}

// serveSnapshot serves the configuration on a UDP socket, in some states.
func serveSnapshot(t *testing.T, d *declared, states status.Table) *explained {
	t.Helper()
	var current snapshot.Current
	current.Publish(d.layout.Snapshot(states, nil, nil))
	s, err := dnsserver.Listen(t.Context(), dnsserver.Options{
		Listen: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}, Workers: 1, Snapshot: &current, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve() }()
	conn, err := net.Dial("udp", s.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		<-ended
	})
	return &explained{current.Load(), d, conn}
}

// ask sends the question and returns the answer.
func (e *explained) ask(t *testing.T, name string, qtype uint16, client netip.Prefix) *dns.Msg {
	t.Helper()
	m := new(dns.Msg).SetQuestion(name, qtype)
	m.SetEdns0(1232, false)
	family := uint16(1)
	if client.Addr().Is6() {
		family = 2
	}
	opt := m.IsEdns0()
	opt.Option = append(opt.Option, &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: family, SourceNetmask: uint8(client.Bits()), Address: client.Addr().AsSlice()})
	packet, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 1500)
	// One datagram at a time over loopback isn't lost; the deadline is for a server that doesn't answer.
	if err := e.conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := e.conn.Write(packet); err != nil {
		t.Fatal(err)
	}
	n, err := e.conn.Read(buffer)
	if err != nil {
		t.Fatalf("%s from %s: %v", name, client, err)
	}
	answer := new(dns.Msg)
	if err := answer.Unpack(buffer[:n]); err != nil || answer.Id != m.Id {
		t.Fatalf("%s from %s: %v, id %d for %d", name, client, err, answer.Id, m.Id)
	}
	return answer
}

// differs compares an answer of the socket with its explanation; empty: they agree. They are equal; but where explain
// says that it is drawn at random, the socket's answer must be one of regions that explain gives a probability.
func differs(e *admin.Explanation, got *dns.Msg) string {
	if rcode := dns.RcodeToString[got.Rcode]; rcode != e.RCode {
		return fmt.Sprintf("the socket says %s, explain %s", rcode, e.RCode)
	}
	var scope uint8
	for _, o := range got.IsEdns0().Option {
		if subnet, ok := o.(*dns.EDNS0_SUBNET); ok {
			scope = subnet.SourceScope
		}
	}
	if int(scope) != e.Scope {
		return fmt.Sprintf("the socket says scope %d, explain %d", scope, e.Scope)
	}
	addresses := answerTexts(got.Answer)
	want := slices.Clone(e.Answers)
	slices.Sort(addresses)
	slices.Sort(want)
	if slices.Equal(addresses, want) {
		return ""
	}
	for _, addr := range addresses {
		possible := slices.ContainsFunc(e.Candidates, func(c admin.Candidate) bool {
			return c.Probability > 0 && slices.Contains(c.Addresses, addr)
		})
		if !possible || !atRandom(e) {
			return fmt.Sprintf("the socket says %v, explain %v", addresses, e.Answers)
		}
	}
	return ""
}

// atRandom reports whether explain says that the answer is drawn at random.
func atRandom(e *admin.Explanation) bool {
	return slices.ContainsFunc(e.Steps, func(s admin.ExplainStep) bool {
		return s.What == "draw" && strings.Contains(s.Result, "at random")
	})
}

// A hundred thousand random questions get from the socket what explain says of them, in all sorts of states.
func TestSocketAndExplainAgree(t *testing.T) {
	const seed = 4
	path := filepath.Join(t.TempDir(), "meridian.yaml")
	write(t, path, everyPolicy)
	d, problems := declare(path, new(snapshot.Counters))
	if d == nil {
		t.Fatal(problems)
	}
	r := rand.New(rand.NewPCG(seed, 0))
	names := []string{"ns1.glb.test.", "glb.test.", "nothing.glb.test.", "elsewhere.test."}
	for _, s := range d.config.Services {
		names = append(names, s.Name)
	}
	const worlds = 10
	random, byRegion := 0, map[string]int{}
	for world := range worlds {
		states := status.Table{}
		for _, s := range d.config.Services {
			for _, p := range s.Pools {
				for _, addr := range p.Endpoints {
					if r.IntN(10) < world { // in the last world little is up
						states[s.StateKey(addr)] = status.State{Health: status.Down, Forced: r.IntN(4) == 0, Reason: "a test"}
					} else if r.IntN(10) < world {
						states[s.StateKey(addr)] = status.State{Health: status.Up, Withheld: r.Float64(), Reason: "a test"}
					}
				}
			}
		}
		e := serveSnapshot(t, d, states)
		for range questions / worlds {
			name, qtype := names[r.IntN(len(names))], []uint16{dns.TypeA, dns.TypeAAAA}[r.IntN(2)]
			client := someClient(r)
			if place, _ := e.snap.Atlas().Lookup(client.Addr()); place.Private {
				continue // the address that the packet came from decides, and explain doesn't know it
			}
			explanation, err := explain(e.snap, d.config, admin.ExplainRequest{Name: name, Type: dns.TypeToString[qtype], From: client.String()})
			if err != nil {
				t.Fatal(err)
			}
			got := e.ask(t, name, qtype, client)
			if text := differs(explanation, got); text != "" {
				t.Fatalf("seed %d, world %d: %s %s from %s: %s\n%+v", seed, world, name, dns.TypeToString[qtype], client, text, explanation)
			}
			if atRandom(explanation) {
				random++
			}
			byRegion[explanation.Region]++
		}
	}
	if random == 0 || random > questions/2 || len(byRegion) < 6 {
		t.Errorf("%d of %d answers were drawn at random, regions %v: the questions are too much alike", random, questions, byRegion)
	}
}

// someClient returns a network of the demo data, or from anywhere.
func someClient(r *rand.Rand) netip.Prefix {
	known := []string{"192.0.2.0", "198.51.100.0", "203.0.113.0"}
	v := r.Uint32()
	a := [4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}
	switch r.IntN(4) {
	case 0, 1:
		a = netip.MustParseAddr(known[r.IntN(len(known))]).As4()
		a[3] = byte(v)
	case 2:
		six := netip.MustParseAddr("2001:db8::").As16()
		six[5], six[6], six[7] = byte(v>>24)%0x30, byte(v>>16), byte(v>>8)
		return netip.PrefixFrom(netip.AddrFrom16(six), 48+r.IntN(9)).Masked()
	}
	return netip.PrefixFrom(netip.AddrFrom4(a), 20+r.IntN(13)).Masked()
}

// A supposed state of the world is explained as a real one would be, and nothing of it stays.
func TestExplainSupposes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "meridian.yaml")
	write(t, path, everyPolicy)
	d, problems := declare(path, new(snapshot.Counters))
	if d == nil {
		t.Fatal(problems)
	}
	snap := d.layout.Snapshot(nil, nil, nil)
	ask := func(name string, req admin.ExplainRequest) string {
		req.Name, req.Type, req.From = name, "A", fromFrankfurt
		e, err := explain(snap, d.config, req)
		if err != nil {
			return err.Error()
		}
		probability := map[string]float64{}
		for _, c := range e.Candidates {
			probability[c.Region] = c.Probability
		}
		return fmt.Sprintf("%s %.2f %s", e.Region, probability["eu-west"], e.Steps[0].Result)
	}
	const zone = "the name is in our zone glb.test."
	for _, c := range []struct {
		name string
		req  admin.ExplainRequest
		want string
	}{
		{"nearest.glb.test", admin.ExplainRequest{}, "eu-west 1.00 " + zone},
		{"nearest.glb.test", admin.ExplainRequest{Down: []string{"eu-west"}}, "us-east 0.00 eu-west is down"},
		{"nearest.glb.test", admin.ExplainRequest{Down: []string{"nearest.glb.test:eu-west"}}, "us-east 0.00 nearest.glb.test:eu-west is down"},
		{"nearest.glb.test", admin.ExplainRequest{Down: []string{"198.18.3.1", "198.18.3.2"}}, "us-east 0.00 198.18.3.1 is down, 198.18.3.2 is down"},
		{"sticky.glb.test", admin.ExplainRequest{Weights: []string{"sticky.glb.test:eu-west=4"}}, "eu-west 0.50 the weight of sticky.glb.test:eu-west=4"},
		{"failover.glb.test", admin.ExplainRequest{Dials: []string{"eu-west=0%"}}, "us-east 0.00 the dial of eu-west=0%"},
		{"nearest.glb.test", admin.ExplainRequest{}, "eu-west 1.00 " + zone},
	} {
		if got := ask(c.name, c.req); got != c.want {
			t.Errorf("%s, %+v: got %q, want %q", c.name, c.req, got, c.want)
		}
	}
	if got := ask("nearest.glb.test", admin.ExplainRequest{Down: []string{"eu-wets"}}); !strings.Contains(got, `did you mean "eu-west"?`) {
		t.Errorf("an unknown region: %s", got)
	}
}

// Pinned and second-choice names answer, but status lists the services that are declared.
func TestOtherNamesAreNoServicesOfTheirOwn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "meridian.yaml")
	write(t, path, everyPolicy)
	d, problems := declare(path, new(snapshot.Counters))
	if d == nil {
		t.Fatal(problems)
	}
	listed := serviceStates(d.layout.Snapshot(nil, nil, nil), nil, nil)
	if declared := strings.Count(everyPolicy, "check: web"); len(listed) != declared || len(d.config.Services) <= declared {
		t.Errorf("%d services are listed, %d declared, %d names in all", len(listed), declared, len(d.config.Services))
	}
	for _, s := range d.states {
		for _, place := range s.places {
			if strings.HasPrefix(place, "second.") || strings.HasPrefix(place, "eu-west.") {
				t.Errorf("a state is said to be of %s", place)
			}
		}
	}
}
