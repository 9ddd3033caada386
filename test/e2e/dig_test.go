package e2e

import (
	"errors"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// reply is what dig printed, taken apart.
type reply struct {
	text    string   // all of it
	status  string   // NOERROR, NXDOMAIN, …; empty: no reply
	flags   []string // qr, aa, …
	answers []string // RDATA of the answer section, sorted
	subnet  string   // address/source/scope of the ECS option; empty: none
}

var (
	statusLine = regexp.MustCompile(`status: (\w+),`)
	flagsLine  = regexp.MustCompile(`;; flags: ([\w ]+);`)
	subnetLine = regexp.MustCompile(`CLIENT-SUBNET: (\S+)`)
)

// dig asks the server over 127.0.0.1. Arguments are dig's own.
func (s *server) dig(args ...string) reply {
	s.t.Helper()
	return dig(s.t, append([]string{"@127.0.0.1", "-p", s.port}, args...)...)
}

// dig runs dig. That no server answers is a reply without status, not a failure: tests wait for that, too.
func dig(t *testing.T, args ...string) reply {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "dig", append([]string{"+tries=1", "+timeout=2", "+noidnin", "+noidnout"}, args...)...).CombinedOutput()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	r := reply{text: string(out)}
	if m := statusLine.FindStringSubmatch(r.text); m != nil {
		r.status = m[1]
	}
	if m := flagsLine.FindStringSubmatch(r.text); m != nil {
		r.flags = strings.Fields(m[1])
	}
	if m := subnetLine.FindStringSubmatch(r.text); m != nil {
		r.subnet = m[1]
	}
	for _, fields := range r.section("ANSWER") {
		r.answers = append(r.answers, strings.Join(fields[4:], " "))
	}
	slices.Sort(r.answers)
	return r
}

// section returns the records of one section, each cut into name, TTL, class, type and RDATA words.
func (r reply) section(name string) [][]string {
	_, rest, found := strings.Cut(r.text, ";; "+name+" SECTION:\n")
	if !found {
		return nil
	}
	rest, _, _ = strings.Cut(rest, "\n\n")
	var records [][]string
	for line := range strings.Lines(rest) {
		if fields := strings.Fields(line); len(fields) > 4 && fields[0][0] != ';' {
			records = append(records, fields)
		}
	}
	return records
}

// has reports whether the header carries the flag.
func (r reply) has(flag string) bool { return slices.Contains(r.flags, flag) }

// is reports whether the reply is NOERROR with exactly these answers, in any order.
func (r reply) is(answers ...string) bool {
	slices.Sort(answers)
	return r.status == "NOERROR" && slices.Equal(r.answers, answers)
}

// awaitAnswer digs until the answers are these.
func (s *server) awaitAnswer(args []string, answers ...string) {
	s.t.Helper()
	await(s.t, func() string {
		if r := s.dig(args...); !r.is(answers...) {
			return "want " + strings.Join(answers, " ") + ", dig " + strings.Join(args, " ") + " says:\n" + r.text
		}
		return ""
	})
}
