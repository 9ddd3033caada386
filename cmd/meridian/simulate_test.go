package main

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meridian/admin"
	"meridian/simulate"
)

// wide is a configuration over the built-in demo map, of which the outcome is known.
const wide = `
dns: {listen: ["127.0.0.1:0"]}
regions:
  eu-west: {coordinates: [53.35, -6.26], country: IE}
  eu-central: {coordinates: [50.1, 8.7], country: DE}
  us-east: {coordinates: [39.04, -77.49], country: US}
zones:
  glb.test: {nameservers: {ns1.glb.test: [192.0.2.53]}}
services:
  www.glb.test:
    pools:
      eu-west: {addresses: [192.0.2.1], capacity: 5000}
      eu-central: {addresses: [192.0.2.2], capacity: 8000}
      us-east: {addresses: [192.0.2.3], capacity: 10000}
    policy: {failover: [eu-west, eu-central, us-east]}
  api.glb.test:
    pools: {eu-west: [192.0.2.1], us-east: [192.0.2.3]}
    policy: {weighted: {eu-west: 30, us-east: 70}}
`

// ledgerOfWide are 1,000 queries of 100 seconds: 800 of www, of Tokyo and New York, and 200 of api.
const ledgerOfWide = `meridian.ledger/v1 100
192.0.2.0/28 www.glb.test. 1 600
192.0.2.128/28 www.glb.test. 1 200
192.0.2.0/28 api.glb.test. 1 200
`

// wideConfig writes wide with its ledger, and returns its path.
func wideConfig(t *testing.T) string {
	t.Helper()
	path := file(t, "meridian.yaml", wide)
	data := filepath.Join(filepath.Dir(path), "data")
	if err := os.MkdirAll(data, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "ledger"), []byte(ledgerOfWide), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (s said) prints(t *testing.T, code int, want string) {
	t.Helper()
	if s.code != code || s.out != strings.TrimPrefix(want, "\n") {
		t.Errorf("exit %d, want %d\n%s\nwant\n%s\nstderr: %s", s.code, code, s.out, want, s.err)
	}
	for line := range strings.Lines(s.out) {
		if len([]rune(line)) > 121 {
			t.Errorf("%d columns: %s", len([]rune(line)), line)
		}
	}
}

func TestSimulateOutput(t *testing.T) {
	path := wideConfig(t)
	meridian(t, "simulate", "--offline", path, "--down", "eu-west", "--demand", "www.glb.test=7000", "--n-1").prints(t, exitDone, `
86% of queries move; eu-central would carry 88% of its capacity.
The worst single loss after that is us-east: no region would take 20%.
Weighed by 1000 recorded queries (10 a second).

REGION      TRAFFIC     IPV4 SPACE  IPV6 SPACE  COUNTRIES  LOAD       OF CAPACITY
eu-central  0% -> 80%   0% -> 50%   0% -> 50%   0 -> 35    0 -> 7000  0% -> 88%
eu-west     86% -> 0%   65% -> 0%   65% -> 0%   35 -> 0    7000 -> 0  140% -> 0%
us-east     14% -> 20%  35% -> 50%  35% -> 50%  0          0          0%

FROM     TO          SHARE  MOSTLY FROM
eu-west  eu-central  80%    JP 60%, US 20%
eu-west  us-east     6%     JP 6%

SERVICE        MOVES  REGIONS
api.glb.test.  30%    eu-west 30% -> 0%, us-east 70% -> 100%
www.glb.test.  100%   eu-central 0% -> 100%, eu-west 100% -> 0%

LOSS OF     MOVES  MOST STRAINED BY IT  THE OTHERS THEN
eu-central  80%    us-east 0% -> 70%    us-east 100%
eu-west     0%     -                    eu-central 80%, us-east 20%
us-east     6%     -                    eu-central 80%, eu-west 6%, us-east 14%, 20% of this by fallback
`)
	meridian(t, "simulate", "--offline", path, "--by", "address-space", "--service", "api.glb.test", "--weight", "api.glb.test:us-east=50%").prints(t, exitDone, `
16% of the address space moves; eu-west goes from 30% to 46%.
Weighed by the IPv4 addresses that the map knows; each service counts alike.

REGION   TRAFFIC     IPV4 SPACE  IPV6 SPACE  COUNTRIES  LOAD  OF CAPACITY
eu-west  30% -> 46%  30% -> 46%  30% -> 46%  0          -     -
us-east  70% -> 54%  70% -> 54%  70% -> 54%  35         -     -

FROM     TO       SHARE  MOSTLY FROM
us-east  eu-west  16%    US 2.7%, CA 1%, IN 1%, AU 0.67%, JP 0.67%

SERVICE        MOVES  REGIONS
api.glb.test.  16%    eu-west 30% -> 46%, us-east 70% -> 54%
`)
	var s admin.Simulation
	asJSON := meridian(t, "simulate", "--offline", path, "--dial", "eu-west=50%", "--json", "--from-ledger")
	if err := json.Unmarshal([]byte(asJSON.out), &s); err != nil || asJSON.code != exitDone || s.Schema != admin.SimulateSchema || s.By != simulate.ByLedger {
		t.Errorf("exit %d, %v\n%s%s", asJSON.code, err, asJSON.out, asJSON.err)
	}
}

// TestSimulateMistakes: each is refused before anything is asked, with the nearest word.
func TestSimulateMistakes(t *testing.T) {
	path := wideConfig(t)
	for _, tc := range []struct {
		args []string
		code int
		err  string
	}{
		{[]string{"--down", "eu-wset"}, exitUsage, `no service has a pool in region "eu-wset" (did you mean "eu-west"?)`},
		{[]string{"--down", "ww.glb.test:eu-west"}, exitUsage, `(did you mean "www.glb.test."?)`},
		{[]string{"--dial", "eu-west=140%"}, exitUsage, "not between 0% and 100%"},
		{[]string{"--weight", "api.glb.test:eu-west=-1"}, exitUsage, "can't be below 0"},
		{[]string{"--weight", "www.glb.test:eu-west=1"}, exitUsage, "no weighted node names it"},
		{[]string{"--service", "nothing.glb.test"}, exitUsage, "there is no service nothing.glb.test."},
		{[]string{"--by", "guess"}, exitUsage, "neither ledger nor address-space"},
		{[]string{"--by", "address-space", "--from-ledger"}, exitUsage, "exclude each other"},
		{[]string{"--demand", "many"}, exitUsage, "no number"},
		{[]string{"--config", "/nowhere.yaml"}, exitBadConfig, "/nowhere.yaml"},
		{[]string{"--geo", path}, exitBadConfig, "meridian.yaml"},
		{[]string{"what"}, exitUsage, "takes no argument"},
	} {
		meridian(t, append([]string{"simulate", "--offline", path}, tc.args...)...).is(t, tc.code, "", tc.err)
	}
	meridian(t, "simulate", "--offline", "/nowhere.yaml").is(t, exitBadConfig, "", "/nowhere.yaml")
	meridian(t, "simulate", "--admin", nobody(t), "--down", "eu-west").is(t, exitUnreachable, "", "no server answers")
}

func TestConfigDiffOutput(t *testing.T) {
	path := wideConfig(t)
	next := file(t, "next.yaml", strings.NewReplacer("eu-west: 30", "eu-west: 60", "capacity: 5000", "capacity: 6000", "[eu-west, eu-central, us-east]", "[eu-central, us-east, eu-west]").Replace(wide))
	got := meridian(t, "config", "diff", next, "--offline", path)
	got.prints(t, exitFailed, `
~ services / www.glb.test / pools / eu-west / capacity: 5000 -> 6000
~ services / www.glb.test / policy / failover:
    [eu-west, eu-central, us-east]
    -> [eu-central, us-east, eu-west]
~ services / api.glb.test / policy / weighted:
    [{policy: eu-west, weight: 30}, {policy: us-east, weight: 70}]
    -> [{policy: eu-west, weight: 60}, {policy: us-east, weight: 70}]

83% of queries move; eu-central would carry 0.1% of its capacity.
Weighed by 1000 recorded queries (10 a second).

REGION      TRAFFIC      IPV4 SPACE  IPV6 SPACE  COUNTRIES  LOAD    OF CAPACITY
eu-central  0% -> 80%    0% -> 50%   0% -> 50%   0 -> 35    0 -> 8  0% -> 0.1%
eu-west     86% -> 9.2%  65% -> 23%  65% -> 23%  35 -> 0    8 -> 0  0.16% -> 0%
us-east     14% -> 11%   35% -> 27%  35% -> 27%  0          0       0%

FROM     TO          SHARE  MOSTLY FROM
eu-west  eu-central  80%    JP 60%, US 20%
us-east  eu-west     3.2%   JP 3.2%

SERVICE        MOVES  REGIONS
api.glb.test.  16%    eu-west 30% -> 46%, us-east 70% -> 54%
www.glb.test.  100%   eu-central 0% -> 100%, eu-west 100% -> 0%
`)
	got.is(t, exitFailed, "", "more than 30% (safety.reload_threshold)")
	meridian(t, "config", "diff", path, "--offline", path).prints(t, exitDone, "No difference.\n")
	meridian(t, "config", "diff", "/nowhere.yaml", "--offline", path).is(t, exitBadConfig, "", "/nowhere.yaml")
}

// simulator is a server that simulates and weighs reloads, as far as the command line sees it.
type simulator struct {
	*backend
	asked  []admin.SimulateRequest
	within error
}

func (s *simulator) Simulate(_ context.Context, r admin.SimulateRequest) (*admin.Simulation, error) {
	s.asked = append(s.asked, r)
	if strings.HasSuffix(r.Config, "bad.yaml") {
		return nil, refusedReload()
	}
	return &admin.Simulation{Summary: []string{"Nothing moves."}, Report: simulate.Report{By: simulate.ByAddressSpace}}, nil
}

func (s *simulator) ReloadWithin(context.Context) error { return s.within }

// TestSimulateAsksTheServer: with absolute paths, and its refusals are shown.
func TestSimulateAsksTheServer(t *testing.T) {
	s := &simulator{backend: &backend{}}
	web := httptest.NewServer(admin.New(admin.Options{Backend: s, Simulator: s, Cautious: s}).Handler())
	t.Cleanup(web.Close)
	meridian(t, "simulate", "--admin", web.URL, "--down", "eu-west", "--dial", "us-east=40%", "--config", "next.yaml", "--n-1").is(t, exitDone, "Nothing moves.", "")
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if r := s.asked[0]; r.Config != filepath.Join(here, "next.yaml") || !r.Each || len(r.Down) != 1 || len(r.Dials) != 1 {
		t.Errorf("asked %+v", r)
	}
	meridian(t, "config", "diff", "next.yaml", "--admin", web.URL).is(t, exitDone, "No difference.", "")
	meridian(t, "config", "diff", "bad.yaml", "--admin", web.URL).is(t, exitBadConfig, "", `meridian.yaml:8:9: unknown key "wieght"`)

	s.within = &admin.SafetyError{Text: "This reload moves more.", Hint: "meridian reload --force does it"}
	meridian(t, "reload", "--admin", web.URL).is(t, exitRefused, "", "This reload moves more.\nmeridian reload --force does it")
	meridian(t, "reload", "--admin", web.URL, "--force").is(t, exitDone, "Reloaded", "")
}
