package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"meridian/geo"
	"meridian/policy"
	"meridian/zones"
)

// files writes a folder of files and returns its path.
func files(t testing.TB, contents map[string]string) string {
	dir := t.TempDir()
	for name, text := range contents {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// loads loads a configuration that has to load, and returns it with its warnings.
func loads(t testing.TB, path string) (*Config, []zones.Problem) {
	t.Helper()
	cfg, problems := Load(path)
	if cfg == nil {
		t.Fatalf("doesn't load:\n%s", lines(problems))
	}
	return cfg, problems
}

// loadText loads a text as the only file.
func loadText(t testing.TB, text string) (*Config, []zones.Problem) {
	return Load(filepath.Join(files(t, map[string]string{"meridian.yaml": text}), "meridian.yaml"))
}

func TestDefaults(t *testing.T) {
	cfg, _ := loads(t, filepath.Join(files(t, map[string]string{"meridian.yaml": `
zones: {glb.test: {nameservers: {ns1.glb.test: [192.0.2.53]}}}
regions: {a: {coordinates: [1, 2]}, b: {coordinates: [3, 4]}}
checks: {web: {type: https, host: www.glb.test}, fast: {type: tcp, port: 25, interval: 1s}}
services: {www.glb.test: {pools: {a: [192.0.2.1], b: [192.0.2.2]}, check: web}}
checker:
`}), "meridian.yaml"))
	if got := cfg.DNS.Listen; len(got) != 2 || got[0].String() != "0.0.0.0:53" || got[1].String() != "[::]:53" {
		t.Errorf("dns.listen = %v", got)
	}
	if cfg.Admin.Listen.String() != "127.0.0.1:8053" || !cmp.Equal(cfg.Checker, Checker{Vantage: "local"}) {
		t.Errorf("admin %+v, checker %+v", cfg.Admin, cfg.Checker)
	}
	web := zones.Check{
		Name: "web", Type: zones.CheckHTTPS, Port: 443, Path: "/", Host: "www.glb.test", Status: []int{200},
		Interval: 4 * time.Second, Timeout: 2 * time.Second, Recheck: time.Second, ConsecutiveUp: 2, ConsecutiveDown: 3,
	}
	if diff := cmp.Diff(&web, cfg.Checks[0]); diff != "" {
		t.Error(diff)
	}
	if fast := cfg.Checks[1]; fast.Timeout != 500*time.Millisecond || fast.Recheck != 250*time.Millisecond {
		t.Errorf("under an interval of 1s the time-out is %v and the re-check comes after %v", fast.Timeout, fast.Recheck)
	}
	s := cfg.Services[0]
	if diff := cmp.Diff(&policy.Nearest{Pools: []int{0, 1}}, s.Policy); diff != "" || s.TTL != 30 || s.Fallback.Kind != zones.FallbackAll {
		t.Errorf("service: %+v, policy: %s", s, diff)
	}
	if cfg.Geo.Sources.Database != geo.Demo() {
		t.Error("no built-in database")
	}
}

// TestZonesAlone: a server without services, checks and databases is fine.
func TestZonesAlone(t *testing.T) {
	cfg, problems := loadText(t, "zones: {glb.test: {nameservers: {ns1.glb.test: [192.0.2.53]}}}")
	if cfg == nil || len(problems) > 0 {
		t.Fatalf("problems:\n%s", lines(problems))
	}
	if cfg.Zones[0].Apex != "glb.test." || cfg.Index.Len() != 2 {
		t.Errorf("zones: %+v", cfg.Zones)
	}
}

func TestGeoFiles(t *testing.T) {
	dir := files(t, map[string]string{
		"city.mmdb": cityDatabase(t), "broken.mmdb": cityDatabase(t)[:200],
		"meridian.yaml": "zones: {glb.test: {nameservers: {ns1.glb.test: [192.0.2.53]}}}\n" +
			"geo:\n  database: broken.mmdb\n  asn_database: city.mmdb\n",
	})
	t.Chdir(dir)
	cfg, problems := Load("meridian.yaml")
	if cfg != nil || len(problems) != 2 {
		t.Fatalf("problems:\n%s", lines(problems))
	}
	if got := problems[0].String(); !strings.HasPrefix(got, "meridian.yaml:3:13: geo.database: geo database broken.mmdb: not a usable .mmdb file") {
		t.Error(got)
	}
	if got, want := problems[1].String(), "meridian.yaml:4:17: geo.asn_database: city.mmdb has no AS numbers (its type is GeoLite2-City)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestNorway: the country code NO is text, also where YAML 1.1 takes it for "false".
func TestNorway(t *testing.T) {
	cfg, problems := loadText(t, `
zones: {glb.test: {nameservers: {ns1.glb.test: [192.0.2.53]}}}
geo: {networks: n.csv}
regions: {a: {coordinates: [1, 2], country: NO}, "on": {coordinates: [3, 4]}}
services:
  www.glb.test:
    pools: {a: [192.0.2.1], on: [192.0.2.2]}
    policy: {geo: {rules: [{countries: [NO], policy: on}], default: a}}
`)
	if len(problems) != 1 || cfg != nil || !strings.Contains(problems[0].Text, "n.csv") {
		t.Fatalf("problems:\n%s", lines(problems)) // nothing but the file that isn't there
	}
}

func TestVariables(t *testing.T) {
	t.Setenv("PORT", "1053")
	t.Setenv("NODE", "ns1: {evil: true}")
	t.Setenv("N", "3")
	cfg, problems := loadText(t, `
node: ${NODE}
dns: {listen: ["127.0.0.1:${PORT}"], workers: "${N}"}
data_dir: /x/$${N}/$N
quorum: ${N}
zones: {glb.test: {nameservers: {ns1.glb.test: [192.0.2.53]}}}
`)
	if cfg != nil || len(problems) != 1 || !strings.Contains(problems[0].Text, `dns.workers must be a whole number, not "3"`) {
		t.Fatalf("a quoted variable is text; problems:\n%s", lines(problems))
	}
	cfg, problems = loadText(t, `
node: ${NODE}
dns:
  listen: ["127.0.0.1:${PORT}"]
  workers: ${N}
data_dir: /x/$${N}/$N
quorum: ${N}
zones: {glb.test: {nameservers: {ns1.glb.test: [192.0.2.53]}}}
`)
	if cfg == nil {
		t.Fatalf("problems:\n%s", lines(problems))
	}
	if cfg.Node != "ns1: {evil: true}" || cfg.DNS.Workers != 3 || cfg.DNS.Listen[0].Port() != 1053 || cfg.DataDir != "/x/${N}/$N" || cfg.States.Rules[""].Quorum.Down.N != 3 {
		t.Errorf("%+v", cfg)
	}
}

// TestAnchors: merge keys are explicit-first, and a mistake in an anchor is told once, where it stands.
func TestAnchors(t *testing.T) {
	cfg, problems := loadText(t, `
x-pools: &pools {a: [192.0.2.1], b: [192.0.2.2]}
zones: {glb.test: {nameservers: {ns1.glb.test: [192.0.2.53]}}}
regions: {a: {coordinates: [1, 2]}, b: {coordinates: [3, 4]}}
services:
  one.glb.test: {pools: *pools, policy: {failover: [a, b]}}
  two.glb.test: {pools: {<<: *pools, b: [192.0.2.3]}, policy: {failover: [a, b]}}
`)
	if cfg == nil || len(problems) > 0 {
		t.Fatalf("problems:\n%s", lines(problems))
	}
	two := cfg.Services[1].Pools
	if len(two) != 2 || two[0].Region.Name != "b" || two[0].Endpoints[0] != netip.MustParseAddr("192.0.2.3") || two[1].Region.Name != "a" {
		t.Errorf("pools of two: %+v", two)
	}
}

func TestConfD(t *testing.T) {
	dir := files(t, map[string]string{
		"meridian.yaml":    "node: ns1\nzones: {a.test: {nameservers: {ns1.a.test: [192.0.2.53]}}}\nregions: {x: {coordinates: [1, 2]}}\n",
		"conf.d/20.yaml":   "services: {www.b.test: {pools: {y: [192.0.2.1]}}}\n",
		"conf.d/10.yml":    "zones: {b.test: {file: b.zone}}\nregions: {y: {coordinates: [3, 4]}}\n",
		"conf.d/notes.txt": "not: [read",
		"b.zone":           "@ 300 IN SOA ns hostmaster 1 2 3 4 5\n@ 300 IN NS ns\nns 300 IN A 192.0.2.53\n",
	})
	cfg, problems := loads(t, filepath.Join(dir, "meridian.yaml"))
	if len(cfg.Zones) != 2 || len(cfg.Services) != 1 || len(cfg.Regions) != 2 || cfg.Services[0].Pools[0].Region.Name != "y" {
		t.Errorf("%+v\n%s", cfg, lines(problems))
	}
}

func TestUnreadable(t *testing.T) {
	t.Chdir(files(t, map[string]string{"folder/conf.d/a.yaml/x": "", "plain/meridian.yaml": "", "plain/conf.d": "a file"}))
	for _, tc := range []struct{ path, want string }{
		{"no.yaml", "no.yaml: can't be read: no such file or directory (\"meridian config init\" writes one to begin with)\n"},
		{"folder", "folder: can't be read: is a directory\n"},
		{"plain/meridian.yaml", "plain/meridian.yaml: there is no zone, so nothing would be answered (add zones, or zones_dir)\n"},
	} {
		cfg, problems := Load(tc.path)
		if got := lines(problems); cfg != nil || got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.path, got, tc.want)
		}
	}
	if err := os.Symlink("conf.d", "plain/loop"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("loop.yaml", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("conf.d", "conf.d"); err != nil {
		t.Fatal(err)
	}
	_, problems := Load("loop.yaml")
	if got := lines(problems); !strings.Contains(got, "conf.d: the folder can't be read: too many levels of symbolic links") {
		t.Error(got)
	}
}

func TestManyProblems(t *testing.T) {
	var b strings.Builder
	b.WriteString("regions:\n")
	for i := range 3000 {
		b.WriteString("  r" + strings.Repeat("x", i%40) + string(rune('a'+i%26)) + "_" + strings.Repeat("y", i/40) + ": {x: 1}\n")
	}
	_, problems := loadText(t, b.String())
	if len(problems) != maxProblems+1 || !strings.Contains(problems[maxProblems].Text, "more problems") {
		t.Errorf("%d problems, the last: %v", len(problems), problems[len(problems)-1])
	}
}

// TestHash: comments, white space and quotes don't count; values and zone data do.
func TestHash(t *testing.T) {
	zone := "@ 300 IN SOA ns hostmaster 1 2 3 4 5\n@ 300 IN NS ns\nns 300 IN A 192.0.2.53\n"
	load := func(text, zone string) string {
		cfg, _ := loads(t, filepath.Join(files(t, map[string]string{"meridian.yaml": text, "a.zone": zone}), "meridian.yaml"))
		return cfg.Hash
	}
	base := load("zones: {a.test: {file: a.zone}}\nnode: a", zone)
	if len(base) != 16 {
		t.Errorf("hash %q", base)
	}
	if got := load("# a comment\nzones:\n  a.test:\n    file: a.zone\nnode: 'a'\n", zone); got != base {
		t.Error("the way of writing counts")
	}
	if load("zones: {a.test: {file: a.zone}}\nnode: b", zone) == base {
		t.Error("a value doesn't count")
	}
	if load("zones: {a.test: {file: a.zone}}\nnode: a", zone+"; a comment\n") == base {
		t.Error("zone data don't count")
	}
}
