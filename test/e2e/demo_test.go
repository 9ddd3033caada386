package e2e

import (
	"regexp"
	"strings"
	"syscall"
	"testing"

	"meridian/test/harness"
)

// TestDemo: the first minute. Nothing configured, real backends, and a region that dies by command.
func TestDemo(t *testing.T) {
	s := newServer(t, "", nil)
	s.Spawn() // no arguments at all
	s.AwaitLog("dig @127.0.0.1 -p ")
	if !strings.Contains(s.Log.String(), "DEMO") {
		t.Error("doesn't say that it is a demo")
	}
	// Port 1053 may be taken, then the demo takes another and says which: the pasted line is what counts.
	line := regexp.MustCompile(`dig @127\.0\.0\.1 -p (\d+)`).FindStringSubmatch(s.Log.String())
	s.Port = line[1]

	answers := map[string]string{}
	for _, place := range []string{"192.0.2.0/28", "192.0.2.64/28", "192.0.2.128/28"} {
		harness.Await(t, func() string {
			r := s.Dig("+subnet="+place, "www.demo.test", "A")
			if r.Status != "NOERROR" || len(r.Answers) != 1 {
				return r.Text
			}
			if !strings.HasPrefix(r.Subnet, place+"/") || strings.HasSuffix(r.Subnet, "/0") {
				t.Fatalf("from %s: scope %q, want one above 0", place, r.Subnet)
			}
			answers[r.Answers[0]] = place
			return ""
		})
	}
	if len(answers) != 3 {
		t.Fatalf("Tokyo, Frankfurt and New York are answered alike: %v", answers)
	}

	fromFrankfurt := []string{"+subnet=192.0.2.64/28", "www.demo.test", "A"}
	near := s.Dig(fromFrankfurt...).Answers[0]
	if r := run(t, adminArgs(t, s, "demo", "kill", "eu-west")...); r.Code != 0 {
		t.Fatalf("demo kill: exit %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	harness.Await(t, func() string {
		if r := s.Dig(fromFrankfurt...); len(r.Answers) != 1 || r.Answers[0] == near {
			return "the answer doesn't move\n" + r.Text
		}
		return ""
	})
	if r := run(t, adminArgs(t, s, "demo", "revive", "eu-west")...); r.Code != 0 {
		t.Fatalf("demo revive: exit %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	s.AwaitAnswer(fromFrankfurt, near)
	if r := run(t, adminArgs(t, s, "demo", "kill", "eu-wets")...); r.Code == 0 || !strings.Contains(r.Stderr, "eu-west") {
		t.Errorf("an unknown region: exit %d, want the nearest word\n%s", r.Code, r.Stderr)
	}
	if code := s.Stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit %d", code)
	}
}

// adminArgs adds the address of the demo's admin listener, as its log says it.
func adminArgs(t *testing.T, s *harness.Server, args ...string) []string {
	t.Helper()
	url := regexp.MustCompile(`http://(127\.0\.0\.1:\d+)`).FindStringSubmatch(s.Log.String())
	if url == nil {
		t.Fatal("the demo doesn't say where its admin listener is")
	}
	return append(args, "--server", url[1])
}
