package scenario

import (
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"meridian/dnsserver"
	"meridian/zones"
)

// expect checks one expectation.
func (r *runner) expect(args []string) error {
	e, err := parseExpect(args)
	if err != nil {
		return err
	}
	switch e.kind {
	case expectEndpoint:
		return r.expectEndpoint(e)
	case expectReload:
		return r.expectReload(e)
	case expectOperator:
		return r.expectOperator(e)
	case expectShares:
		return r.expectShares(e)
	}
	for i, answer := range r.answers {
		if err := r.expectAnswer(e, answer); err != nil {
			return err
		}
		if e.kind == expectSame && !slices.Equal(addresses(answer), addresses(r.answers[0])) {
			return fmt.Errorf("answer %d is %v, the first was %v", i+1, addresses(answer), addresses(r.answers[0]))
		}
	}
	return nil
}

// expectAnswer checks one answer to the last ask.
func (r *runner) expectAnswer(e expectation, answer dnsserver.Answer) error {
	got := addresses(answer)
	switch e.kind {
	case expectSet:
		for _, addr := range got {
			if !slices.Contains(e.values, addr) {
				return fmt.Errorf("got %s, which has %s; expected %s", described(answer), addr, wanted(e))
			}
		}
		if distinct := slices.Compact(slices.Sorted(slices.Values(got))); len(distinct) != e.count || len(got) != e.count {
			return fmt.Errorf("got %s; expected %s", described(answer), wanted(e))
		}
	case expectCNAME:
		if described(answer) != e.values[0] {
			return fmt.Errorf("got %s; expected the CNAME %s", described(answer), e.values[0])
		}
	case expectRcode:
		if answer.RCode != e.rcode || len(answer.Records) != 0 {
			return fmt.Errorf("got %s; expected %s without answers", described(answer), e.rcode)
		}
		if negative := e.rcode == "NOERROR" || e.rcode == "NXDOMAIN"; negative && !hasSOA(answer) {
			return fmt.Errorf("got %s without the SOA that says how long to remember it", described(answer))
		}
	}
	return r.expectAside(e, answer)
}

// expectAside checks scope, ttl and region of one answer.
func (r *runner) expectAside(e expectation, answer dnsserver.Answer) error {
	if e.scope >= 0 && int(answer.Scope) != e.scope {
		return fmt.Errorf("scope %d; expected %d", answer.Scope, e.scope)
	}
	for _, rr := range answer.Records {
		if e.ttl >= 0 && rr.Header().Ttl != uint32(e.ttl) {
			return fmt.Errorf("TTL %d; expected %d", rr.Header().Ttl, e.ttl)
		}
	}
	if e.region == "" {
		return nil
	}
	if len(addresses(answer)) == 0 {
		return fmt.Errorf("got %s; expected addresses of %s", described(answer), e.region)
	}
	for _, addr := range addresses(answer) {
		if region := r.regionOf(r.asked.name, addr); region != e.region {
			return fmt.Errorf("%s is in %q; expected %s", addr, region, e.region)
		}
	}
	return nil
}

// expectShares counts the answers of the last ask.
func (r *runner) expectShares(e expectation) error {
	counts := map[string]int{}
	for _, answer := range r.answers {
		counts[strings.Join(addresses(answer), " ")]++
		if err := r.expectAside(e, answer); err != nil {
			return err
		}
	}
	for _, got := range slices.Sorted(maps.Keys(counts)) {
		if !slices.Contains(e.values, got) {
			return fmt.Errorf("%d of %d answers are %q, which is none of %v", counts[got], len(r.answers), got, e.values)
		}
	}
	for i, value := range e.values {
		share := float64(counts[value]) / float64(len(r.answers))
		// None at all is exact: a weight of 0 is never.
		if math.Abs(share-e.shares[i]) > e.within || e.shares[i] == 0 && share > 0 {
			return fmt.Errorf("%s got %.1f%% of %d answers; expected %.1f%% within %.1f%%", value, 100*share, len(r.answers), 100*e.shares[i], 100*e.within)
		}
	}
	return nil
}

// expectEndpoint checks the state of an endpoint in every service that checks it, or in one.
func (r *runner) expectEndpoint(e expectation) error {
	addr, found := netip.MustParseAddr(e.values[0]), false
	for _, service := range r.system.Services() {
		if service.Check == nil || e.of != "" && service.Name != e.of {
			continue
		}
		for _, pool := range service.Pools {
			if !slices.Contains(pool.Endpoints, addr) {
				continue
			}
			found = true
			state := r.system.States().View(service.Name, service.StateKey(addr))
			if state.Health.String() != e.word || !strings.Contains(state.Reason, e.text) {
				return fmt.Errorf("%s is %s (%s); expected %s", service.StateKey(addr), state.Health, state.Reason, strings.TrimSpace(e.word+" "+e.text))
			}
		}
	}
	if !found {
		return fmt.Errorf("no service with a check has the endpoint %s", addr)
	}
	return nil
}

// expectReload checks the outcome of the last reload.
func (r *runner) expectReload(e expectation) error {
	refused := slices.ContainsFunc(r.problems, func(p zones.Problem) bool { return !p.Warning })
	said := list(r.problems)
	switch {
	case e.word == "done" && refused:
		return fmt.Errorf("the reload was refused:\n%s", said)
	case e.word == "refused" && !refused:
		return fmt.Errorf("the reload was taken")
	case !strings.Contains(said, e.text):
		return fmt.Errorf("the reload doesn't say %q:\n%s", e.text, said)
	}
	return nil
}

// regionOf returns the region of the service's pool that holds the address; empty: none does.
func (r *runner) regionOf(name, addr string) string {
	for _, service := range r.system.Services() {
		for _, pool := range service.Pools {
			if service.Name == name && slices.Contains(pool.Endpoints, netip.MustParseAddr(addr)) {
				return pool.Region.Name
			}
		}
	}
	return ""
}

// addresses returns the addresses of the answer section, in its order.
func addresses(a dnsserver.Answer) []string {
	var all []string
	for _, rr := range a.Records {
		switch rr := rr.(type) {
		case *dns.A:
			all = append(all, rr.A.String())
		case *dns.AAAA:
			all = append(all, rr.AAAA.String())
		}
	}
	return all
}

// hasSOA reports whether the authority section holds exactly one record, and that is an SOA.
func hasSOA(a dnsserver.Answer) bool {
	return len(a.Authority) == 1 && a.Authority[0].Header().Rrtype == dns.TypeSOA
}

// described says what an answer is, in a few words.
func described(a dnsserver.Answer) string {
	if len(a.Records) == 0 {
		return a.RCode + " without answers"
	}
	var parts []string
	for _, rr := range a.Records {
		parts = append(parts, strings.TrimPrefix(rr.String(), rr.Header().String()))
	}
	return strings.Join(parts, " ")
}

// wanted says what was expected.
func wanted(e expectation) string {
	if e.count == len(e.values) {
		return strings.Join(e.values, " ")
	}
	return fmt.Sprintf("%d of %s", e.count, strings.Join(e.values, " "))
}
