package checker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

const dnsBuffer = 1232 // bytes that an answer over UDP may have

// dns asks the endpoint one question. Over UDP whatever doesn't answer it (another id or question, a query, rubbish) is
// passed over, and the wait goes on until the timeout: who takes the first thing that comes for the answer can be made to
// believe that a healthy server is down by anybody who can send it a packet (TuDoor). An answer that was truncated is asked
// for again over TCP where its records matter.
func (a *attempt) dns(ctx context.Context) error {
	q := new(dns.Msg)
	q.SetQuestion(a.check.Query.Name, a.check.Query.Type)
	q.RecursionDesired = true
	q.SetEdns0(dnsBuffer, false)
	network := "udp"
	if a.check.Query.TCP {
		network = "tcp"
	}
	answer, err := a.exchange(ctx, network, q)
	if err == nil && answer.Truncated && network == "udp" && a.check.Query.Answer != "" {
		a.trace.step("answer", "truncated: again over TCP")
		answer, err = a.exchange(ctx, "tcp", q)
	}
	if err != nil {
		return err
	}
	return a.judgeAnswer(answer)
}

// exchange sends q over a new connection and returns the answer to it.
func (a *attempt) exchange(ctx context.Context, network string, q *dns.Msg) (*dns.Msg, error) {
	raw, err := a.connect(ctx, network)
	if err != nil {
		return nil, err
	}
	defer raw.Close()
	defer interrupt(ctx, raw)()
	conn := &dns.Conn{Conn: raw, UDPSize: dnsBuffer}
	a.phase = "sending the query"
	if err := conn.WriteMsg(q); err != nil {
		return nil, err
	}
	question := q.Question[0]
	a.trace.step("query", fmt.Sprintf("%s %s over %s", question.Name, dns.TypeToString[question.Qtype], network))
	a.phase = "waiting for the answer"
	passed := 0
	for {
		packet, err := conn.ReadMsgHeader(nil)
		var system *net.OpError
		if err != nil && (network == "tcp" || errors.As(err, &system) || errors.Is(err, os.ErrDeadlineExceeded)) {
			if passed > 0 {
				a.phase += fmt.Sprintf(" (passed over: %d other packets)", passed)
			}
			return nil, err
		}
		a.heard = true
		m := new(dns.Msg)
		if err == nil && m.Unpack(packet) == nil && whole(m, packet) && answers(m, q) {
			return m, nil
		}
		if network == "tcp" {
			return nil, failure("what came back answers another question, or none")
		}
		passed++
	}
}

// whole reports whether the packet has as many records as it says; the library takes fewer for granted.
func whole(m *dns.Msg, packet []byte) bool {
	for i, records := range [][]dns.RR{m.Answer, m.Ns, m.Extra} {
		if int(binary.BigEndian.Uint16(packet[6+2*i:])) != len(records) {
			return false
		}
	}
	return true
}

// answers reports whether m is an answer to q. Names are compared without case; a server may leave the question out of an
// error that it gives.
func answers(m, q *dns.Msg) bool {
	if !m.Response || m.Id != q.Id || m.Opcode != q.Opcode {
		return false
	}
	if len(m.Question) == 0 {
		return m.Rcode == dns.RcodeFormatError || m.Rcode == dns.RcodeNotImplemented || m.Rcode == dns.RcodeServerFailure || m.Rcode == dns.RcodeRefused
	}
	asked, got := q.Question[0], m.Question[0]
	return len(m.Question) == 1 && strings.EqualFold(asked.Name, got.Name) && asked.Qtype == got.Qtype && asked.Qclass == got.Qclass
}

func (a *attempt) judgeAnswer(m *dns.Msg) error {
	want := a.check.Query
	var data []string
	for _, rr := range m.Answer {
		if rr.Header().Rrtype == want.Type || want.Type == dns.TypeANY {
			data = append(data, strings.TrimPrefix(rr.String(), rr.Header().String()))
		}
	}
	a.seen.Reason = "DNS " + dns.RcodeToString[m.Rcode]
	a.trace.step("answer", fmt.Sprintf("%s, %d records, of them: %s", a.seen.Reason, len(m.Answer), clip(strings.Join(data, " | "))))
	switch {
	case m.Rcode != want.RCode:
		return failure(fmt.Sprintf("%s, not %s", a.seen.Reason, dns.RcodeToString[want.RCode]))
	case want.Answer == "":
		return nil
	case len(data) == 0:
		return failure(fmt.Sprintf("%s without a %s record", a.seen.Reason, dns.TypeToString[want.Type]))
	case !slices.ContainsFunc(data, func(s string) bool { return sameData(s, want.Answer) }):
		return failure(fmt.Sprintf("%s, but %s %s is not among the answers: %s", a.seen.Reason, dns.TypeToString[want.Type], want.Answer, strings.Join(data, ", ")))
	}
	a.seen.Reason += " with " + want.Answer
	return nil
}

// sameData compares RDATA in presentation form: without case, quotes, or the dot that ends names.
func sameData(got, want string) bool {
	plain := func(s string) string { return strings.TrimSuffix(strings.ReplaceAll(s, `"`, ""), ".") }
	return strings.EqualFold(plain(got), plain(want))
}
