package serve

import (
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"meridian/admin"
	"meridian/checker"
	"meridian/status"
	"meridian/status/board"
)

// well is a server of which there is nothing to say.
func well() *facts {
	return &facts{
		now: time.Now(), reloaded: true, mirror: board.Report{Source: board.Fleet, Confirmed: time.Now()},
		fleet: newFleet([]status.Arrival{{Ballot: status.Ballot{Vantage: "fra"}, Age: time.Second}}, nil, nil),
	}
}

// bad returns the names of the conditions that aren't met, and what they say.
func bad(cs []admin.Condition) (names, texts string) {
	var n, t []string
	for _, c := range cs {
		if !c.OK {
			n, t = append(n, c.Name), append(t, c.Text)
		}
	}
	return strings.Join(n, " "), strings.Join(t, "\n")
}

func TestConditions(t *testing.T) {
	now := time.Now()
	away := errors.New("connection refused")
	ballot := func(vantage, doubt string, age time.Duration) status.Arrival {
		return status.Arrival{Ballot: status.Ballot{Vantage: vantage, Doubt: doubt}, Age: age}
	}
	for _, tc := range []struct {
		what  string
		wrong func(f *facts)
		names string
		text  string
	}{
		{"nothing", func(*facts) {}, "", ""},
		{"nothing was read yet", func(f *facts) { f.mirror = board.Report{} }, "", ""},
		{"Redis is away", func(f *facts) {
			f.mirror.Source, f.mirror.Board, f.mirror.Why = board.Held, away, "the board can't be read (connection refused)"
		}, "board", "the board can't be read (connection refused); states hold"},
		{"Redis has no votes", func(f *facts) { f.mirror.Source, f.mirror.Why = board.Held, "the board has no fresh votes" },
			"board", "the board has no fresh votes; states hold"},
		{"nobody votes, on nothing", func(f *facts) { f.mirror.Source, f.idle = board.Held, true }, "", ""},
		{"the local view", func(f *facts) {
			f.mirror.Source, f.mirror.Board, f.mirror.Why = board.Local, away, "the board can't be read"
		}, "board local_view", "this server's own checker counts alone"},
		{"a start from the disk", func(f *facts) {
			f.mirror.Source, f.mirror.Why = board.Held, "the board has no fresh votes"
			f.mirror.Restored = now.Add(-time.Hour)
			f.mirror.Confirmed = f.mirror.Restored
		}, "board restored", "the states are those of 1h0m0s ago"},
		{"votes that don't arrive", func(f *facts) { f.publish = away }, "publish", "connection refused"},
		{"its own uplink", func(f *facts) { f.checker = checker.Stats{DistrustV6: true} }, "uplink", "(IPv6)"},
		{"checkers", func(f *facts) {
			f.fleet = newFleet([]status.Arrival{ballot("nyc", "", time.Minute), ballot("sin", "none of its references answers", 0), ballot("fra", "", 0)}, nil, nil)
		}, "checkers", "distrusting themselves, and not voting: sin (none of its references answers); not heard of lately, and ignored: nyc (1m0s)"},
		{"many checkers", func(f *facts) {
			f.fleet = newFleet([]status.Arrival{ballot("a", "", time.Minute), ballot("b", "", time.Minute), ballot("c", "", time.Minute), ballot("d", "", time.Minute)}, nil, nil)
		}, "checkers", "a (1m0s), b (1m0s), c (1m0s) and 1 more"},
		{"an operator's freeze", func(f *facts) {
			f.mirror.Frozen = true
			f.mirror.Freeze = status.Freeze{On: true, Author: "ana", Reason: "maintenance", Until: now.Add(time.Hour)}
		}, "automation", "frozen by ana (maintenance) until "},
		{"a configured freeze", func(f *facts) { f.mirror.Frozen = true }, "automation", "frozen by the configuration"},
		{"switches", func(f *facts) { f.switching = away }, "switches", "connection refused"},
		{"a limit", func(f *facts) { f.mirror.Limited = []board.Limited{{Service: "www.test.", Why: "2 of 3 pools"}} },
			"limits", "www.test. (2 of 3 pools)"},
		{"holds", func(f *facts) {
			for _, h := range []status.Hold{status.HoldFlap, status.HoldFreeze, status.HoldVelocity, status.HoldDwell} {
				f.mirror.Divergent = append(f.mirror.Divergent, board.Divergence{Key: string(h), Effective: status.State{Held: h, Reason: "because"}})
			}
		}, "held", "not served as observed: flap (because)"},
		{"a refused reload", func(f *facts) { f.reloaded = false }, "config", "stays in use"},
		{"the disk", func(f *facts) { f.mirror.Disk = errors.New("disk full") }, "data_dir", "disk full"},
		{"bad geography", func(f *facts) { f.geoError = "no such file" }, "geo", "no such file"},
		{"old geography", func(f *facts) { f.geoFile, f.geoBuilt = true, now.Add(-61*24*time.Hour) }, "geo_age", "61 days old"},
	} {
		f := well()
		tc.wrong(f)
		names, texts := bad(f.conditions())
		if names != tc.names || !strings.Contains(texts, tc.text) {
			t.Errorf("%s: conditions %q, want %q and %q:\n%s", tc.what, names, tc.names, tc.text, texts)
		}
	}
	for _, c := range well().conditions() {
		if !c.Warning || c.Text != "" {
			t.Errorf("condition %+v makes a server unready, or speaks without need", c)
		}
	}
}

// TestEachFailureIsDocumented: the table in deploy/README.md has every condition, and names only conditions and metrics
// that there are.
func TestEachFailureIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../deploy/README.md")
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := os.ReadFile("../../admin/metrics.go")
	if err != nil {
		t.Fatal(err)
	}
	var conditions []string
	for _, c := range well().conditions() {
		conditions = append(conditions, c.Name)
	}
	quoted := regexp.MustCompile("`([a-z_]+)`")
	told := map[string]bool{}
	rows := 0
	for line := range strings.Lines(string(text)) {
		columns := strings.Split(line, "|")
		if len(columns) != 6 || !strings.Contains(columns[3], "`") || strings.Contains(columns[3], "/readyz") {
			continue
		}
		rows++
		for _, m := range quoted.FindAllStringSubmatch(columns[3], -1) {
			told[m[1]] = true
			if !slices.Contains(conditions, m[1]) {
				t.Errorf("there is no condition %s: %s", m[1], line)
			}
		}
		for _, m := range quoted.FindAllStringSubmatch(columns[4], -1) {
			if name, ok := strings.CutPrefix(m[1], "meridian_"); !ok || !strings.Contains(string(metrics), `metric("`+name+`"`) {
				t.Errorf("there is no metric %s: %s", m[1], line)
			}
		}
	}
	for _, name := range conditions {
		if !told[name] {
			t.Errorf("deploy/README.md doesn't say what the condition %s is about", name)
		}
	}
	if rows < 15 {
		t.Errorf("only %d rows found; has the table changed its form?", rows)
	}
}
