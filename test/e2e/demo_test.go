package e2e

import (
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// TestDemo: the first minute. Nothing configured, real backends, and a region that dies by command.
func TestDemo(t *testing.T) {
	s := newServer(t, "", nil)
	s.spawn() // no arguments at all
	s.awaitLog("dig @127.0.0.1 -p ")
	if !strings.Contains(s.log.String(), "DEMO") {
		t.Error("doesn't say that it is a demo")
	}
	// Port 1053 may be taken, then the demo takes another and says which: the pasted line is what counts.
	line := regexp.MustCompile(`dig @127\.0\.0\.1 -p (\d+)`).FindStringSubmatch(s.log.String())
	s.port = line[1]

	answers := map[string]string{}
	for _, place := range []string{"192.0.2.0/28", "192.0.2.64/28", "192.0.2.128/28"} {
		await(t, func() string {
			r := s.dig("+subnet="+place, "www.demo.test", "A")
			if r.status != "NOERROR" || len(r.answers) != 1 {
				return r.text
			}
			if !strings.HasPrefix(r.subnet, place+"/") || strings.HasSuffix(r.subnet, "/0") {
				t.Fatalf("from %s: scope %q, want one above 0", place, r.subnet)
			}
			answers[r.answers[0]] = place
			return ""
		})
	}
	if len(answers) != 3 {
		t.Fatalf("Tokyo, Frankfurt and New York are answered alike: %v", answers)
	}

	fromFrankfurt := []string{"+subnet=192.0.2.64/28", "www.demo.test", "A"}
	near := s.dig(fromFrankfurt...).answers[0]
	if r := run(t, s.adminArgs("demo", "kill", "eu-west")...); r.code != 0 {
		t.Fatalf("demo kill: exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	await(t, func() string {
		if r := s.dig(fromFrankfurt...); len(r.answers) != 1 || r.answers[0] == near {
			return "the answer doesn't move\n" + r.text
		}
		return ""
	})
	if r := run(t, s.adminArgs("demo", "revive", "eu-west")...); r.code != 0 {
		t.Fatalf("demo revive: exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	s.awaitAnswer(fromFrankfurt, near)
	if r := run(t, s.adminArgs("demo", "kill", "eu-wets")...); r.code == 0 || !strings.Contains(r.stderr, "eu-west") {
		t.Errorf("an unknown region: exit %d, want the nearest word\n%s", r.code, r.stderr)
	}
	if code := s.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit %d", code)
	}
}

// adminArgs adds the address of the demo's admin listener, as its log says it.
func (s *server) adminArgs(args ...string) []string {
	s.t.Helper()
	url := regexp.MustCompile(`http://(127\.0\.0\.1:\d+)`).FindStringSubmatch(s.log.String())
	if url == nil {
		s.t.Fatal("the demo doesn't say where its admin listener is")
	}
	return append(args, "--server", url[1])
}
