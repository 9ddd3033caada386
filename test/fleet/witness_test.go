package fleet

import (
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"meridian/admin"
	"meridian/test/harness"
)

// answers returns an empty string if the server answers with address, or what it does instead.
func (m *member) answers(address string) string {
	got, err := m.ask(service)
	if err != nil {
		return fmt.Sprintf("%s: %v", m.Name, err)
	}
	if got != address {
		return fmt.Sprintf("%s: want %s, got %q", m.Name, address, got)
	}
	return ""
}

// ask returns the address with which the server answers; empty: none, or several.
func (m *member) ask(name string) (string, error) {
	conn, err := m.dial("udp", net.JoinHostPort(m.Host, m.Port))
	if err != nil {
		return "", err
	}
	defer conn.Close()
	client := dns.Client{Timeout: 2 * time.Second}
	reply, _, err := client.ExchangeWithConn(new(dns.Msg).SetQuestion(name, dns.TypeA), &dns.Conn{Conn: conn})
	if err != nil {
		return "", err
	}
	if len(reply.Answer) == 1 {
		if a, ok := reply.Answer[0].(*dns.A); ok {
			return a.A.String(), nil
		}
	}
	return "", nil
}

// status returns the server's report, as `meridian status --json` prints it.
func (m *member) status() (r admin.StatusReport, err error) {
	_, body, err := m.get("/api/v1/status?votes=all")
	if err == nil {
		err = json.Unmarshal([]byte(body), &r)
	}
	return r, err
}

// AwaitStatus waits until the report is as check wants it (an empty string), and then asks the command, which must agree.
func (m *member) AwaitStatus(t testing.TB, check func(admin.StatusReport) string) {
	t.Helper()
	harness.Await(t, func() string {
		r, err := m.status()
		if err != nil {
			return err.Error()
		}
		if wrong := check(r); wrong != "" {
			return m.Name + ": status: " + wrong
		}
		return ""
	})
	command := m.run("status", "--json", "--server", m.Admin)
	var r admin.StatusReport
	if err := json.Unmarshal([]byte(command.Stdout), &r); err != nil || command.Code != 0 {
		t.Fatalf("%s: status --json: exit %d, %v\n%s%s", m.Name, command.Code, err, command.Stdout, command.Stderr)
	}
	if wrong := check(r); wrong != "" {
		t.Errorf("%s: status --json, after the same was right in the API: %s", m.Name, wrong)
	}
}

// metric returns the value of the first sample whose name and labels begin as given.
func (m *member) metric(t testing.TB, sample string) (float64, bool) {
	t.Helper()
	_, body, err := m.get("/metrics")
	if err != nil {
		t.Fatalf("%s: %v", m.Name, err)
	}
	for line := range strings.Lines(body) {
		if rest, ok := strings.CutPrefix(line, sample); ok {
			fields := strings.Fields(rest)
			value, err := strconv.ParseFloat(fields[len(fields)-1], 64)
			if err != nil {
				t.Fatalf("%s: %s", m.Name, line)
			}
			return value, true
		}
	}
	return 0, false
}

// AwaitMetric waits until a sample has a value that ok accepts.
func (m *member) AwaitMetric(t testing.TB, sample string, ok func(float64) bool) {
	t.Helper()
	harness.Await(t, func() string {
		if value, found := m.metric(t, sample); !found || !ok(value) {
			return fmt.Sprintf("%s: %s is %v (there: %t)", m.Name, sample, value, found)
		}
		return ""
	})
}

// AwaitReadyPage waits until /readyz?verbose says every one of the texts. The status must be 200 all the time: whatever
// happens to the board, the server can answer.
func (m *member) AwaitReadyPage(t testing.TB, texts ...string) {
	t.Helper()
	harness.Await(t, func() string {
		status, body, err := m.get("/readyz?verbose")
		if err != nil {
			return err.Error()
		}
		if status != 200 {
			t.Fatalf("%s: /readyz?verbose is %d: %s", m.Name, status, body)
		}
		for _, text := range texts {
			if !strings.Contains(body, text) {
				return fmt.Sprintf("%s: /readyz?verbose doesn't say %q:\n%s", m.Name, text, body)
			}
		}
		return ""
	})
}

// AwaitVotes waits until every server counts so many fresh checkers, and has all endpoints up.
func (f *fleet) AwaitVotes(checkers int) {
	f.t.Helper()
	for _, s := range f.servers {
		s.AwaitStatus(f.t, func(r admin.StatusReport) string {
			fresh := 0
			for _, c := range r.Checkers {
				if c.Fresh {
					fresh++
				}
			}
			if fresh != checkers {
				return fmt.Sprintf("%d fresh checkers, want %d: %+v", fresh, checkers, r.Checkers)
			}
			for _, region := range r.Regions {
				if region.State != admin.StateUp {
					return fmt.Sprintf("%s is %s: %s", region.Name, region.State, region.Reason)
				}
			}
			return ""
		})
	}
}

func is(want float64) func(float64) bool { return func(got float64) bool { return got == want } }

func above(bound float64) func(float64) bool { return func(got float64) bool { return got > bound } }
