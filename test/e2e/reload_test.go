package e2e

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

// TestReload: a good configuration is taken, by command and by signal; a bad one changes nothing and says why.
func TestReload(t *testing.T) {
	s, _ := startWorld(t)
	static := []string{"static.glb.test", "A"}
	s.awaitAnswer(static, "192.0.2.80")

	s.edit("glb.test.zone", "192.0.2.80", "192.0.2.180")
	if r := run(t, "reload", "--config", s.config()); r.code != 0 {
		t.Fatalf("reload: exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if r := s.dig(static...); !r.is("192.0.2.180") {
		t.Errorf("reload returns when the new data is served\n%s", r.text)
	}

	s.edit("glb.test.zone", "192.0.2.180", "192.0.2.181")
	s.signal(syscall.SIGHUP)
	s.awaitAnswer(static, "192.0.2.181")

	t.Run("bad configuration", func(t *testing.T) {
		s.edit("glb.test.zone", "192.0.2.181", "192.0.2.182")
		s.edit("meridian.yaml", "path: /healthz", "paht: /healthz")
		r := run(t, "reload", "--config", s.config())
		if r.code != 3 {
			t.Errorf("exit %d, want 3", r.code)
		}
		for _, want := range []string{"meridian.yaml:", `"paht"`, `did you mean "path"?`, "stays in use"} {
			if !strings.Contains(r.stderr, want) {
				t.Errorf("the message lacks %q:\n%s", want, r.stderr)
			}
		}
		if r := s.dig(static...); !r.is("192.0.2.181") {
			t.Errorf("all or nothing: the zone beside a bad configuration is not taken\n%s", r.text)
		}
		s.signal(syscall.SIGHUP)
		s.awaitLog(`paht`)
		if r := s.dig(static...); !r.is("192.0.2.181") {
			t.Error(r.text)
		}
		_, metrics, err := get("http://" + s.admin + "/metrics")
		if err != nil || !strings.Contains(metrics, "meridian_config_last_reload_successful 0") {
			t.Errorf("metrics don't tell of the failure: %v", err)
		}
	})
	t.Run("bad zone", func(t *testing.T) {
		s.edit("meridian.yaml", "paht: /healthz", "path: /healthz")
		s.edit("glb.test.zone", "192.0.2.182", "192.0.2.1820")
		r := run(t, "reload", "--config", s.config())
		if r.code != 3 || !strings.Contains(r.stderr, "glb.test.zone:") {
			t.Errorf("exit %d, want 3 and the file's name\n%s", r.code, r.stderr)
		}
		if r := s.dig(static...); !r.is("192.0.2.181") {
			t.Error(r.text)
		}
	})
	t.Run("no YAML at all", func(t *testing.T) {
		good, err := os.ReadFile(s.config())
		if err != nil {
			t.Fatal(err)
		}
		s.write("meridian.yaml", "dns: [\n")
		if r := run(t, "reload", "--server", s.admin); r.code != 3 || !strings.Contains(r.stderr, "meridian.yaml:") {
			t.Errorf("exit %d, want 3 and the file's name\n%s", r.code, r.stderr)
		}
		if r := s.dig(static...); !r.is("192.0.2.181") {
			t.Error(r.text)
		}
		s.write("meridian.yaml", string(good))
	})
	t.Run("mended", func(t *testing.T) {
		s.edit("glb.test.zone", "192.0.2.1820", "192.0.2.183")
		s.edit("meridian.yaml", "  cdn.glb.test:", "  new.glb.test:")
		if r := run(t, "reload", "--config", s.config()); r.code != 0 {
			t.Fatalf("exit %d\n%s", r.code, r.stderr)
		}
		if r := s.dig(static...); !r.is("192.0.2.183") {
			t.Error(r.text)
		}
		if r := s.dig("new.glb.test", "A"); !r.is("us.cdn.example.net.") {
			t.Errorf("a new service\n%s", r.text)
		}
		if r := s.dig("cdn.glb.test", "A"); r.status != "NXDOMAIN" {
			t.Errorf("a service that was removed\n%s", r.text)
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		if code := s.stop(syscall.SIGTERM); code != 0 {
			t.Fatalf("exit %d", code)
		}
		if r := run(t, "reload", "--config", s.config()); r.code != 4 || !strings.Contains(r.stderr, s.admin) {
			t.Errorf("exit %d, want 4 (server unreachable) and the address that was tried\n%s", r.code, r.stderr)
		}
	})
}
