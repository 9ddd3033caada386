package harness

import (
	"errors"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Reply is what dig printed, taken apart.
type Reply struct {
	Text    string   // all of it
	Status  string   // NOERROR, NXDOMAIN, …; empty: no reply
	Flags   []string // qr, aa, …
	Answers []string // RDATA of the answer section, sorted
	Subnet  string   // address/source/scope of the ECS option; empty: none
}

var (
	statusLine = regexp.MustCompile(`status: (\w+),`)
	flagsLine  = regexp.MustCompile(`;; flags: ([\w ]+);`)
	subnetLine = regexp.MustCompile(`CLIENT-SUBNET: (\S+)`)
)

// Dig asks the server over its address. Arguments are dig's own.
func (s *Server) Dig(args ...string) Reply {
	s.t.Helper()
	return Dig(s.t, append([]string{"@" + s.Host, "-p", s.Port}, args...)...)
}

// Dig runs dig. That no server answers is a reply without status, not a failure: tests wait for that, too.
func Dig(t testing.TB, args ...string) Reply {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "dig", append([]string{"+tries=1", "+timeout=2", "+noidnin", "+noidnout"}, args...)...).CombinedOutput()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	r := Reply{Text: string(out)}
	if m := statusLine.FindStringSubmatch(r.Text); m != nil {
		r.Status = m[1]
	}
	if m := flagsLine.FindStringSubmatch(r.Text); m != nil {
		r.Flags = strings.Fields(m[1])
	}
	if m := subnetLine.FindStringSubmatch(r.Text); m != nil {
		r.Subnet = m[1]
	}
	for _, fields := range r.Section("ANSWER") {
		r.Answers = append(r.Answers, strings.Join(fields[4:], " "))
	}
	slices.Sort(r.Answers)
	return r
}

// Section returns the records of one section, each cut into name, TTL, class, type and RDATA words.
func (r Reply) Section(name string) [][]string {
	_, rest, found := strings.Cut(r.Text, ";; "+name+" SECTION:\n")
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

// Has reports whether the header carries the flag.
func (r Reply) Has(flag string) bool { return slices.Contains(r.Flags, flag) }

// Is reports whether the reply is NOERROR with exactly these answers, in any order.
func (r Reply) Is(answers ...string) bool {
	slices.Sort(answers)
	return r.Status == "NOERROR" && slices.Equal(r.Answers, answers)
}

// AwaitAnswer digs until the answers are these.
func (s *Server) AwaitAnswer(args []string, answers ...string) {
	s.t.Helper()
	Await(s.t, func() string {
		if r := s.Dig(args...); !r.Is(answers...) {
			return "want " + strings.Join(answers, " ") + ", dig " + strings.Join(args, " ") + " says:\n" + r.Text
		}
		return ""
	})
}
