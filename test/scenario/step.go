package scenario

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"

	"meridian/status"
)

// behaviour is what an endpoint does when it is probed.
type behaviour struct {
	fine   bool
	status int     // answers with this HTTP status; 0: doesn't answer
	hangs  bool    // neither answers nor refuses
	load   float64 // fine, and reports this load; 0: none
}

// parseBehaviour reads "is fine", "reports load 0.9", "answers 503", "refuses" or "hangs".
func parseBehaviour(words []string) (behaviour, error) {
	switch {
	case slices.Equal(words, []string{"is", "fine"}):
		return behaviour{fine: true}, nil
	case slices.Equal(words, []string{"refuses"}):
		return behaviour{}, nil
	case slices.Equal(words, []string{"hangs"}):
		return behaviour{hangs: true}, nil
	case len(words) == 3 && words[0] == "reports" && words[1] == "load":
		v, err := strconv.ParseFloat(words[2], 64)
		load, ok := status.NewLoad(v)
		if err != nil || !ok {
			return behaviour{}, fmt.Errorf("%q is no load, such as 0.9", words[2])
		}
		return behaviour{fine: true, load: load}, nil
	case len(words) == 2 && words[0] == "answers":
		status, err := strconv.Atoi(words[1])
		if err != nil || status < 100 || status > 599 {
			return behaviour{}, fmt.Errorf("%q is no HTTP status", words[1])
		}
		return behaviour{status: status}, nil
	}
	return behaviour{}, fmt.Errorf("%q is nothing that an endpoint does; it is fine, reports load NUMBER, answers STATUS, refuses, or hangs", strings.Join(words, " "))
}

// ask is a question, asked once or several times.
type ask struct {
	name   string
	qtype  uint16
	subnet netip.Prefix // of the EDNS Client Subnet option; invalid: none
	source netip.Addr
	times  int
	crowd  bool // each time another client asks, from a network of its own
}

// maxCrowd is how many networks clients can be from: the /24s of 100.64.0.0/10.
const maxCrowd = 1 << 14

// from returns where the n-th question comes from.
func (q *ask) from(n int) netip.Addr {
	if !q.crowd {
		return q.source
	}
	return netip.AddrFrom4([4]byte{100, 64 | byte(n>>8), byte(n), 1})
}

// parseAsk reads "NAME TYPE [from PREFIX] [source ADDRESS] [N times | N clients]".
func parseAsk(words []string) (ask, error) {
	q := ask{source: netip.MustParseAddr("127.0.0.1"), times: 1}
	if len(words) < 2 {
		return q, fmt.Errorf("ask needs a name and a type: ask www.glb.test A")
	}
	q.name = dns.Fqdn(words[0])
	qtype, known := dns.StringToType[words[1]]
	if !known {
		return q, fmt.Errorf("%q is no RR type", words[1])
	}
	q.qtype = qtype
	for words = words[2:]; len(words) > 0; words = words[2:] {
		if len(words) == 1 {
			return q, fmt.Errorf("%q lacks its second word", words[0])
		}
		var err error
		switch {
		case words[0] == "from":
			q.subnet, err = netip.ParsePrefix(words[1])
			q.subnet = q.subnet.Masked()
		case words[0] == "source":
			q.source, err = netip.ParseAddr(words[1])
		case words[1] == "times", words[1] == "clients":
			q.times, err = strconv.Atoi(words[0])
			q.crowd = words[1] == "clients"
			switch {
			case err == nil && q.times < 1:
				err = fmt.Errorf("%d %s is not asking", q.times, words[1])
			case q.crowd && q.times > maxCrowd:
				err = fmt.Errorf("there are %d client networks", maxCrowd)
			}
		default:
			err = fmt.Errorf("%q is nothing that ask knows (from PREFIX, source ADDRESS, N times, N clients)", words[0]+" "+words[1])
		}
		if err != nil {
			return q, err
		}
	}
	return q, nil
}

// expectKind enumerates what can be expected.
type expectKind uint8

const (
	expectSet      expectKind = iota // count answers out of values; all of them when count is len(values)
	expectCNAME                      // the CNAME values[0]
	expectRcode                      // rcode, and no answers
	expectShares                     // values in shares of the asks
	expectSame                       // all asks answered alike
	expectEndpoint                   // endpoint values[0] is in state word
	expectReload                     // the last reload was taken (word "done") or refused (text)
	expectOperator                   // the operator's last word was obeyed (word "obeyed") or refused (text)
	expectAside                      // only what stands behind: scope, ttl, region
)

// expectation is one parsed expect step.
type expectation struct {
	kind   expectKind
	count  int
	values []string
	rcode  string
	shares []float64 // parallel to values, 0..1
	within float64   // the deviation of a share that is taken for chance, 0..1
	word   string    // expectEndpoint: up, down, unknown; expectReload: done, refused
	text   string    // expectReload: part of the message; expectEndpoint: part of the reason
	of     string    // expectEndpoint: as this service sees it; empty: as all do
	// The rest applies to the answers of the last ask; -1 and "": not said.
	scope  int
	ttl    int
	region string
}

// rcodes are the answers without records. NODATA is NOERROR without answers.
var rcodes = map[string]string{"nodata": "NOERROR", "nxdomain": "NXDOMAIN", "refused": "REFUSED", "servfail": "SERVFAIL"}

// parseExpect reads what stands behind "expect".
func parseExpect(words []string) (expectation, error) {
	e := expectation{kind: expectAside, scope: -1, ttl: -1}
	if len(words) == 0 {
		return e, fmt.Errorf("expect what?")
	}
	switch words[0] {
	case "endpoint":
		e.kind = expectEndpoint
		err := e.parseEndpoint(words[1:])
		return e, err
	case "reload":
		e.kind = expectReload
		if len(words) < 2 || words[1] != "done" && words[1] != "refused" || words[1] == "done" && len(words) > 2 {
			return e, fmt.Errorf("say: expect reload done, or: expect reload refused [TEXT]")
		}
		e.word, e.text = words[1], strings.Join(words[2:], " ")
		return e, nil
	case "operator":
		e.kind = expectOperator
		if len(words) < 2 || words[1] != "obeyed" && words[1] != "refused" || words[1] == "obeyed" && len(words) > 2 {
			return e, fmt.Errorf("say: expect operator obeyed, or: expect operator refused [TEXT]")
		}
		e.word, e.text = words[1], strings.Join(words[2:], " ")
		return e, nil
	}
	words, err := e.parseAside(words)
	if err != nil || len(words) == 0 {
		return e, err
	}
	err = e.parseAnswer(words)
	return e, err
}

// parseEndpoint reads "ADDRESS [of SERVICE] up|down|unknown [because TEXT]".
func (e *expectation) parseEndpoint(words []string) error {
	mistake := fmt.Errorf("say: expect endpoint ADDRESS [of SERVICE] up|down|unknown [because TEXT]")
	if len(words) < 2 {
		return mistake
	}
	e.values, words = words[:1], words[1:]
	if len(words) > 2 && words[0] == "of" {
		e.of, words = dns.Fqdn(words[1]), words[2:]
	}
	if len(words) > 2 && words[1] == "because" {
		e.text, words = strings.Join(words[2:], " "), words[:1]
	}
	if len(words) != 1 || !slices.Contains([]string{"up", "down", "unknown"}, words[0]) {
		return mistake
	}
	e.word = words[0]
	_, err := netip.ParseAddr(e.values[0])
	return err
}

// parseAside takes scope, ttl and region off the end, and returns what stands before them.
func (e *expectation) parseAside(words []string) ([]string, error) {
	for n := len(words); n >= 2; n = len(words) {
		var err error
		switch value := words[n-1]; words[n-2] {
		case "scope":
			e.scope, err = strconv.Atoi(value)
		case "ttl":
			e.ttl, err = strconv.Atoi(value)
		case "region":
			e.region = value
		default:
			return words, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s %q is no number", words[n-2], words[n-1])
		}
		words = words[:n-2]
	}
	return words, nil
}

// parseAnswer reads the expectation of the answer itself.
func (e *expectation) parseAnswer(words []string) error {
	rcode, isRcode := rcodes[words[0]]
	switch {
	case isRcode && len(words) == 1:
		e.kind, e.rcode = expectRcode, rcode
		return nil
	case words[0] == "cname" && len(words) == 2:
		e.kind, e.values = expectCNAME, []string{dns.Fqdn(words[1])}
		return nil
	case slices.Equal(words, []string{"always", "the", "same"}):
		e.kind = expectSame
		return nil
	case words[0] == "shares":
		return e.parseShares(words[1:])
	}
	e.kind, e.count = expectSet, len(words)
	if len(words) > 2 && words[1] == "of" {
		n, err := strconv.Atoi(words[0])
		if words[0] == "one" {
			n, err = 1, nil
		}
		if err != nil || n < 1 || n > len(words)-2 {
			return fmt.Errorf("%q of %d addresses can't be", words[0], len(words)-2)
		}
		e.count, words = n, words[2:]
	}
	for _, word := range words {
		addr, err := netip.ParseAddr(word)
		if err != nil {
			return fmt.Errorf("%q is neither an address nor a word that expect knows%s", word,
				offer(word, []string{"one", "of", "cname", "nodata", "nxdomain", "refused", "servfail", "shares", "always", "endpoint", "reload", "scope", "ttl", "region"}))
		}
		e.values = append(e.values, addr.String())
	}
	return nil
}

// parseShares reads "ADDRESS 25% ADDRESS 75% [within 3%]".
func (e *expectation) parseShares(words []string) error {
	e.kind, e.within = expectShares, 0.03
	sum := 0.0
	for ; len(words) > 0; words = words[2:] {
		if len(words) == 1 {
			return fmt.Errorf("%q lacks its share", words[0])
		}
		number, isPercent := strings.CutSuffix(words[1], "%")
		share, err := strconv.ParseFloat(number, 64)
		if err != nil || !isPercent || share < 0 || share > 100 {
			return fmt.Errorf("%q is no share from 0%% to 100%%", words[1])
		}
		if words[0] == "within" {
			e.within = share / 100
			continue
		}
		addr, err := netip.ParseAddr(words[0])
		if err != nil {
			return err
		}
		e.values = append(e.values, addr.String())
		e.shares = append(e.shares, share/100)
		sum += share
	}
	if sum < 99.5 || sum > 100.5 {
		return fmt.Errorf("the shares add up to %g%%, not 100%%", sum)
	}
	return nil
}

// parseTime reads the one argument of at and after.
func parseTime(words []string) (time.Duration, error) {
	if len(words) != 1 {
		return 0, fmt.Errorf("say one duration: 15s")
	}
	d, err := time.ParseDuration(words[0])
	if err == nil && d < 0 {
		err = fmt.Errorf("time doesn't go backwards: %v", d)
	}
	return d, err
}
