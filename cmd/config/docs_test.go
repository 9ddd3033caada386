package config

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"meridian/zones"
)

// TestDocumentsLoad: what users copy loads as it stands.
func TestDocumentsLoad(t *testing.T) {
	for _, name := range []string{"../../docs/minimal.yaml", "../../docs/reference.yaml"} {
		cfg, _ := loads(t, name)
		if len(cfg.Services) == 0 {
			t.Errorf("%s has no service", name)
		}
	}
}

func TestInit(t *testing.T) {
	cfg, problems := loadText(t, string(Init()))
	if cfg == nil {
		t.Fatalf("the starter doesn't load:\n%s", lines(problems))
	}
	if len(problems) != 1 || !strings.Contains(problems[0].Text, "demo data") || !cfg.Checker.Enabled {
		t.Errorf("problems:\n%s", lines(problems))
	}
}

// commented is an option that the reference has commented out because it names a file.
var commented = regexp.MustCompile(`(?m)^( *)# ([a-z_.]+: )`)

// TestReferenceIsComplete uncomments what is commented out in the reference, loads it with the files that it names, and
// demands that every option of the raw structs is given a value in it.
func TestReferenceIsComplete(t *testing.T) {
	text, err := os.ReadFile("../../docs/reference.yaml")
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile("testdata/ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	zone := "@ 300 IN SOA ns hostmaster 1 2 3 4 5\n@ 300 IN NS ns\nns 300 IN A 192.0.2.53\n"
	all := commented.ReplaceAll(text, []byte("$1$2"))
	dir := files(t, map[string]string{
		"meridian.yaml": string(all), "admin.token": "secret", "redis.password": "secret", "city.mmdb": cityDatabase(t),
		"networks.csv": "", "ca.pem": string(ca), "client.pem": "", "client.key": "",
		"static.example.zone": zone, "zones/more.example.zone": zone,
	})
	all = bytes.Replace(all, []byte("asn.mmdb"), []byte("city.mmdb"), 1) // it has none, which is the one problem left
	if err := os.WriteFile(filepath.Join(dir, "meridian.yaml"), all, 0o644); err != nil {
		t.Fatal(err)
	}
	cfg, problems := Load(filepath.Join(dir, "meridian.yaml"))
	for _, p := range problems {
		if !p.Warning && !strings.Contains(p.Text, "has no AS numbers") {
			t.Error(p)
		}
	}
	if cfg != nil {
		t.Error("the database of AS numbers has none, and it loads")
	}
	var raw rawConfig
	decode(readAll(&report{}, filepath.Join(dir, "meridian.yaml")), &raw)
	given := map[string]bool{"rawRedis.password": strings.Contains(string(text), `password: "${REDIS_PASSWORD}"`)}
	note(reflect.ValueOf(raw), given)
	for option := range given {
		if !given[option] && option != "rawWeighted.regions" && option != "rawWeighted.shares" { // which aren't options
			t.Errorf("docs/reference.yaml has no %s", option)
		}
	}
	if len(given) < 60 {
		t.Errorf("only %d options were looked at", len(given))
	}
}

// note records for each option in v, named "type.key", whether some value is given to it.
func note(v reflect.Value, given map[string]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			note(v.Elem(), given)
		}
	case reflect.Slice:
		for i := range v.Len() {
			note(v.Index(i), given)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if key := f.Tag.Get("json"); key != "" && key != "-" {
				option := v.Type().Name() + "." + key
				given[option] = given[option] || !v.Field(i).IsZero()
			}
			note(v.Field(i), given)
		}
	}
}

// TestShowLoadsAgain: what "config show" prints means the same.
func TestShowLoadsAgain(t *testing.T) {
	for _, path := range []string{
		filepath.Join(contractFolder(t), "meridian.yaml"), "../../docs/reference.yaml", "../../docs/minimal.yaml", "starter.yaml",
	} {
		cfg, _ := loads(t, path)
		shown := Show(cfg)
		again, _ := loads(t, filepath.Join(files(t, map[string]string{"meridian.yaml": string(shown)}), "meridian.yaml"))
		if second := Show(again); !bytes.Equal(shown, second) {
			t.Errorf("%s: shown again:\n%s\nafter:\n%s", path, second, shown)
		}
		for i := range cfg.Services {
			a, b := cfg.Services[i], again.Services[i]
			if a.Tree().Shape() != b.Tree().Shape() || a.MinHealthy != b.MinHealthy && b.MinHealthy != (zones.MinHealthy{Count: 1}) {
				t.Errorf("%s: service %s has changed", path, a.Name)
			}
		}
	}
}

// TestShowEscapes: text that looks like a variable, a number or a flag comes back as text.
func TestShowEscapes(t *testing.T) {
	for _, node := range []string{"a ${HOME} b", "12", "true", "no", "~", "a: b # c", "$$", "'"} {
		quoted := "\"" + strings.ReplaceAll(node, "${", "$${") + "\""
		cfg, problems := loadText(t, "zones: {glb.test: {nameservers: {ns1.glb.test: [192.0.2.53]}}}\nnode: "+quoted)
		if cfg == nil || cfg.Node != node {
			t.Fatalf("%s: %+v\n%s", node, cfg, lines(problems))
		}
		if again, problems := loadText(t, string(Show(cfg))); again == nil || again.Node != node {
			t.Errorf("%s: shown, it loads as %+v\n%s", node, again, lines(problems))
		}
	}
}

func TestShowHidesSecrets(t *testing.T) {
	t.Setenv("PASSWORD", "correct-horse")
	cfg, problems := loadText(t, `
zones: {glb.test: {nameservers: {ns1.glb.test: [192.0.2.53]}}}
board: {redis: {addresses: ["127.0.0.1:6379"], username: me, password: "${PASSWORD}"}}
`)
	if cfg == nil {
		t.Fatalf("problems:\n%s", lines(problems))
	}
	if shown := string(Show(cfg)); strings.Contains(shown, "correct-horse") || !strings.Contains(shown, "password: (hidden)") {
		t.Error(shown)
	}
	if cfg.Board.Redis.Password != "correct-horse" || strings.Contains(lines(problems), "correct-horse") {
		t.Errorf("%+v\n%s", cfg.Board.Redis, lines(problems))
	}
}
