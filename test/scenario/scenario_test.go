package scenario

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
)

// TestStories runs every story of testdata.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.scenario")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories in testdata: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".scenario"), func(t *testing.T) {
			script, mistakes := Parse(file, string(text))
			for _, m := range mistakes {
				t.Error(m)
			}
			if script == nil {
				return
			}
			dir := beside(t)
			synctest.Test(t, func(t *testing.T) {
				if err := Run(script, dir, "testdata"); err != nil {
					t.Errorf("%v\n(%s)", err, script.Title)
				}
			})
		})
	}
}

// beside returns a directory with the files that the configurations of testdata name.
func beside(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"networks.csv", "glb.test.zone"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestFalseStories tells stories that aren't true, and wants each to fail where it is false: an expectation that can't
// fail is none.
func TestFalseStories(t *testing.T) {
	const tokyo = "title: False\nconfig world\nask www.glb.test A from 192.0.2.1/28\n"
	for _, c := range []struct{ text, want string }{
		{tokyo + "expect 198.18.3.1", ":4: got 198.18.5.1, which has 198.18.5.1; expected 198.18.3.1"},
		{tokyo + "expect 198.18.5.1 198.18.3.1", ":4: got 198.18.5.1; expected 198.18.5.1 198.18.3.1"},
		{tokyo + "expect one of 198.18.3.1 198.18.4.1", "expected 1 of 198.18.3.1 198.18.4.1"},
		{tokyo + "expect region eu-west", `:4: 198.18.5.1 is in "ap-northeast"; expected eu-west`},
		{tokyo + "expect scope 24", ":4: scope 28; expected 24"},
		{tokyo + "expect ttl 60", ":4: TTL 30; expected 60"},
		{tokyo + "expect nxdomain", ":4: got 198.18.5.1; expected NXDOMAIN without answers"},
		{tokyo + "expect nodata", ":4: got 198.18.5.1; expected NOERROR without answers"},
		{tokyo + "expect cname us.cdn.example.net", ":4: got 198.18.5.1; expected the CNAME us.cdn.example.net."},
		{tokyo + "expect 198.18.5.1\nexpect endpoint 198.18.5.1 up", "198.18.5.1 is unknown"},
		{tokyo + "expect 198.18.5.1\nafter 30s\nexpect endpoint 198.18.5.1 down", "is up (checker story: HTTP 200 OK); expected down"},
		{tokyo + "expect 198.18.5.1\nexpect endpoint 192.0.2.7 up", ":5: no service with a check has the endpoint 192.0.2.7"},
		{tokyo + "expect 198.18.5.1\nregion eu-wets refuses", `:5: no service has the region eu-wets; did you mean "eu-west"?`},
		{"title: False\nconfig world\nask w.glb.test A 1000 times\nexpect always the same", ":4: answer "},
		{"title: False\nconfig world\nask w.glb.test A 1000 times\nexpect shares 198.18.1.1 50% 198.18.3.1 50%", "which is none of"},
		{"title: False\nconfig world\nask w.glb.test A 1000 times\nexpect shares 198.18.1.1 33.3% 198.18.3.1 33.3% 198.18.5.1 33.3%", "expected 33.3% within 3.0%"},
		{tokyo + "expect 198.18.5.1\nreload <<END\nnode: [\nEND\nexpect reload done", ":8: the reload was refused:"},
		{tokyo + "expect 198.18.5.1\nreload world\nexpect reload refused", ":6: the reload was taken"},
		{"title: False\nconfig <<END\nzonse: {}\nEND\nask a.test A\nexpect refused", `:5: the configuration doesn't load:`},
	} {
		script, mistakes := Parse("false", c.text+"\n")
		if script == nil {
			t.Errorf("%q doesn't parse: %v", c.text, mistakes)
			continue
		}
		dir := beside(t)
		synctest.Test(t, func(t *testing.T) {
			if err := Run(script, dir, "testdata"); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q ended with %v, want %q", c.text, err, c.want)
			}
		})
	}
}
