package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meridian/test/harness"
)

// TestConfigCheck: the contract's configuration is good, a bad one is exit 3 with file, line and column.
func TestConfigCheck(t *testing.T) {
	dir := contract(t)
	if r := binary.Run(t, dir, "config", "check", "meridian.yaml"); r.Code != 0 {
		t.Errorf("the contract: exit %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	text, err := os.ReadFile(filepath.Join(dir, "meridian.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	bad := strings.Replace(string(text), "ttl: 30", "tll: 30", 1)
	bad = strings.Replace(bad, "failover: [us-east,", "failover: [us-eest,", 1)
	if err := os.WriteFile(filepath.Join(dir, "bad.yaml"), []byte(bad), 0o644); err != nil {
		t.Fatal(err)
	}
	r := binary.Run(t, dir, "config", "check", "bad.yaml")
	if r.Code != 3 {
		t.Errorf("exit %d, want 3", r.Code)
	}
	for _, want := range []string{"bad.yaml:", `did you mean "ttl"?`, "us-eest", "2 problems"} {
		if said := r.Stdout + r.Stderr; !strings.Contains(said, want) {
			t.Errorf("lacks %q:\n%s", want, said)
		}
	}
	if r := binary.Run(t, dir, "config", "check", "missing.yaml"); r.Code != 3 || !strings.Contains(r.Stderr, "missing.yaml") {
		t.Errorf("a missing file: exit %d\n%s", r.Code, r.Stderr)
	}
}

// contract copies test/contract and puts beside it what an operator has there: a database and networks.
func contract(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "contract"))); err != nil {
		t.Fatal(err)
	}
	addGeography(t, dir, "city.mmdb")
	return dir
}

// addGeography puts a City database (the demo's, under the name that the configuration wants) and networks.csv into dir.
func addGeography(t *testing.T, dir, database string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "geo", "demo.mmdb"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{database: data, "networks.csv": []byte(networksCSV)} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestExplainOffline: a decision explained from the files alone, with the keys of the contract.
func TestExplainOffline(t *testing.T) {
	dir := contract(t)
	args := []string{"explain", "www.glb.test", "--from", "192.0.2.0/24", "--type", "A", "--json", "--config", "meridian.yaml"}
	r := binary.Run(t, dir, args...)
	if r.Code != 0 {
		t.Fatalf("exit %d\n%s", r.Code, r.Stderr)
	}
	var got, want map[string]any
	if err := json.Unmarshal([]byte(r.Stdout), &got); err != nil {
		t.Fatalf("%v\n%s", err, r.Stdout)
	}
	text, err := os.ReadFile(filepath.Join(dir, "explain.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	sameKeys(t, "explain", got, want)
	if candidates, _ := got["candidates"].([]any); len(candidates) != 5 {
		t.Errorf("%d candidates, want all 5 pools", len(candidates))
	}
	if got["schema"] != "meridian.explain/v1" || got["region"] != "ap-northeast" || got["rcode"] != "NOERROR" {
		t.Errorf("%s", r.Stdout)
	}
}

// sameKeys checks that got has every key that want has, at every depth; of a list the first element, if there is one,
// speaks for all.
func sameKeys(t *testing.T, path string, got, want any) {
	t.Helper()
	switch want := want.(type) {
	case map[string]any:
		have, ok := got.(map[string]any)
		if !ok {
			t.Errorf("%s is %T, want an object", path, got)
			return
		}
		for key := range want {
			value, ok := have[key]
			if !ok {
				t.Errorf("%s lacks the key %q", path, key)
				continue
			}
			sameKeys(t, path+"."+key, value, want[key])
		}
	case []any:
		have, ok := got.([]any)
		if !ok {
			t.Errorf("%s is %T, want a list", path, got)
			return
		}
		if len(have) > 0 && len(want) > 0 {
			sameKeys(t, path+"[0]", have[0], want[0])
		}
	}
}

// TestExplainOnline: the command and the HTTP API tell the same as an answer does.
func TestExplainOnline(t *testing.T) {
	s, backends := startWorld(t)
	fromTokyo := []string{"+subnet=" + tokyo, "www.glb.test", "A"}
	s.AwaitAnswer(fromTokyo, apNortheast)
	backends[apNortheast].Kill()
	s.AwaitAnswer(fromTokyo, apSouth)

	ask := []string{"explain", "www.glb.test", "--from", tokyo, "--json", "--server", s.Admin}
	r := run(t, ask...)
	if r.Code != 0 {
		t.Fatalf("exit %d\n%s", r.Code, r.Stderr)
	}
	_, body, err := harness.Get("http://" + s.Admin + "/api/v1/explain?name=www.glb.test&type=A&from=192.0.2.0/24")
	if err != nil {
		t.Fatal(err)
	}
	for source, text := range map[string]string{"the command": r.Stdout, "the API": body} {
		var said struct {
			Region     string
			Answers    []string
			Scope      int
			Candidates []struct {
				Region, State, Why string
				Rank               int
			}
		}
		if err := json.Unmarshal([]byte(text), &said); err != nil {
			t.Fatalf("%s: %v\n%s", source, err, text)
		}
		if said.Region != "ap-south" || len(said.Answers) != 1 || said.Answers[0] != apSouth || said.Scope != 28 {
			t.Errorf("%s:\n%s", source, text)
		}
		if c := said.Candidates; len(c) != 5 || c[0].Region != "ap-northeast" || c[0].State != "down" || c[0].Rank != 1 || c[0].Why == "" {
			t.Errorf("%s: candidates %+v", source, c)
		}
	}
	table := run(t, "explain", "--from", tokyo, "--server", s.Admin, "www.glb.test")
	if table.Code != 0 || !strings.Contains(table.Stdout, "ap-south") || !strings.Contains(table.Stdout, "down") {
		t.Errorf("as a table: exit %d\n%s%s", table.Code, table.Stdout, table.Stderr)
	}
}

// TestStatus: one screen, and the same from the API.
func TestStatus(t *testing.T) {
	s, _ := startWorld(t)
	s.AwaitAnswer([]string{"+subnet=" + tokyo, "www.glb.test", "A"}, apNortheast)
	r := run(t, "status", "--server", s.Admin)
	if r.Code != 0 {
		t.Fatalf("exit %d\n%s", r.Code, r.Stderr)
	}
	for _, region := range []string{"us-east", "us-west", "eu-west", "ap-south", "ap-northeast"} {
		if !strings.Contains(r.Stdout, region) {
			t.Errorf("status doesn't name %s:\n%s", region, r.Stdout)
		}
	}
	asJSON := run(t, "status", "--server", s.Admin, "--json")
	var command, api map[string]any
	if err := json.Unmarshal([]byte(asJSON.Stdout), &command); err != nil {
		t.Fatalf("%v\n%s", err, asJSON.Stdout)
	}
	_, body, err := harness.Get("http://" + s.Admin + "/api/v1/status")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(body), &api); err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	sameKeys(t, "status --json", command, api)
}

// TestFlagsAfterArguments: `check TARGET --json` is the same as `check --json TARGET`, for a command that would do
// harm if a flag were taken for an argument.
func TestFlagsAfterArguments(t *testing.T) {
	dir := contract(t)
	before := binary.Run(t, dir, "explain", "--json", "--config", "meridian.yaml", "--from", "192.0.2.0/24", "fo.glb.test")
	after := binary.Run(t, dir, "explain", "fo.glb.test", "--from", "192.0.2.0/24", "--config", "meridian.yaml", "--json")
	if before.Code != 0 || before.Stdout != after.Stdout {
		t.Errorf("exit %d\n%s%s---\n%s%s", before.Code, before.Stdout, before.Stderr, after.Stdout, after.Stderr)
	}
}

// TestUsage: a mistake on the command line is exit 2, names the nearest word, and goes to stderr.
func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"statsu"}, {"status", "--jsno"}, {"explain"}, {"config", "chekc"}} {
		if r := run(t, args...); r.Code != 2 || r.Stdout != "" || r.Stderr == "" {
			t.Errorf("%q: exit %d, want 2\nstdout: %s\nstderr: %s", args, r.Code, r.Stdout, r.Stderr)
		}
	}
	if r := run(t, "statsu"); !strings.Contains(r.Stderr, `"status"`) {
		t.Errorf("doesn't name the nearest command: %s", r.Stderr)
	}
}

// TestHealthcheck: what the container image asks.
func TestHealthcheck(t *testing.T) {
	s := newServer(t, "", files{"meridian.yaml": minimal}).Start()
	if r := run(t, "healthcheck", "--server", s.Admin); r.Code != 0 {
		t.Errorf("exit %d\n%s", r.Code, r.Stderr)
	}
	s.Stop(9)
	if r := run(t, "healthcheck", "--server", s.Admin); r.Code == 0 {
		t.Error("healthy, but nobody is there")
	}
}
