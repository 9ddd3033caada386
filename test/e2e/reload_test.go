package e2e

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"meridian/test/harness"
)

// TestReload: a good configuration is taken, by command and by signal; a bad one changes nothing and says why.
func TestReload(t *testing.T) {
	s, _ := startWorld(t)
	static := []string{"static.glb.test", "A"}
	s.AwaitAnswer(static, "192.0.2.80")

	s.Edit("glb.test.zone", "192.0.2.80", "192.0.2.180")
	if r := run(t, "reload", "--config", s.Config()); r.Code != 0 {
		t.Fatalf("reload: exit %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	if r := s.Dig(static...); !r.Is("192.0.2.180") {
		t.Errorf("reload returns when the new data is served\n%s", r.Text)
	}

	s.Edit("glb.test.zone", "192.0.2.180", "192.0.2.181")
	s.Signal(syscall.SIGHUP)
	s.AwaitAnswer(static, "192.0.2.181")

	t.Run("bad configuration", func(t *testing.T) {
		s.Edit("glb.test.zone", "192.0.2.181", "192.0.2.182")
		s.Edit("meridian.yaml", "path: /healthz", "paht: /healthz")
		r := run(t, "reload", "--config", s.Config())
		if r.Code != 3 {
			t.Errorf("exit %d, want 3", r.Code)
		}
		for _, want := range []string{"meridian.yaml:", `"paht"`, `did you mean "path"?`, "stays in use"} {
			if !strings.Contains(r.Stderr, want) {
				t.Errorf("the message lacks %q:\n%s", want, r.Stderr)
			}
		}
		if r := s.Dig(static...); !r.Is("192.0.2.181") {
			t.Errorf("all or nothing: the zone beside a bad configuration is not taken\n%s", r.Text)
		}
		s.Signal(syscall.SIGHUP)
		s.AwaitLog(`paht`)
		if r := s.Dig(static...); !r.Is("192.0.2.181") {
			t.Error(r.Text)
		}
		_, metrics, err := harness.Get("http://" + s.Admin + "/metrics")
		if err != nil || !strings.Contains(metrics, "meridian_config_last_reload_successful 0") {
			t.Errorf("metrics don't tell of the failure: %v", err)
		}
	})
	t.Run("bad zone", func(t *testing.T) {
		s.Edit("meridian.yaml", "paht: /healthz", "path: /healthz")
		s.Edit("glb.test.zone", "192.0.2.182", "192.0.2.1820")
		r := run(t, "reload", "--config", s.Config())
		if r.Code != 3 || !strings.Contains(r.Stderr, "glb.test.zone:") {
			t.Errorf("exit %d, want 3 and the file's name\n%s", r.Code, r.Stderr)
		}
		if r := s.Dig(static...); !r.Is("192.0.2.181") {
			t.Error(r.Text)
		}
	})
	t.Run("no YAML at all", func(t *testing.T) {
		good, err := os.ReadFile(s.Config())
		if err != nil {
			t.Fatal(err)
		}
		s.Write("meridian.yaml", "dns: [\n")
		if r := run(t, "reload", "--server", s.Admin); r.Code != 3 || !strings.Contains(r.Stderr, "meridian.yaml:") {
			t.Errorf("exit %d, want 3 and the file's name\n%s", r.Code, r.Stderr)
		}
		if r := s.Dig(static...); !r.Is("192.0.2.181") {
			t.Error(r.Text)
		}
		s.Write("meridian.yaml", string(good))
	})
	t.Run("mended", func(t *testing.T) {
		s.Edit("glb.test.zone", "192.0.2.1820", "192.0.2.183")
		s.Edit("meridian.yaml", "  cdn.glb.test:", "  new.glb.test:")
		if r := run(t, "reload", "--config", s.Config()); r.Code != 0 {
			t.Fatalf("exit %d\n%s", r.Code, r.Stderr)
		}
		if r := s.Dig(static...); !r.Is("192.0.2.183") {
			t.Error(r.Text)
		}
		if r := s.Dig("new.glb.test", "A"); !r.Is("us.cdn.example.net.") {
			t.Errorf("a new service\n%s", r.Text)
		}
		if r := s.Dig("cdn.glb.test", "A"); r.Status != "NXDOMAIN" {
			t.Errorf("a service that was removed\n%s", r.Text)
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		if code := s.Stop(syscall.SIGTERM); code != 0 {
			t.Fatalf("exit %d", code)
		}
		if r := run(t, "reload", "--config", s.Config()); r.Code != 4 || !strings.Contains(r.Stderr, s.Admin) {
			t.Errorf("exit %d, want 4 (server unreachable) and the address that was tried\n%s", r.Code, r.Stderr)
		}
	})
}
