package board

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"meridian/status"
)

func TestStatesSurviveARestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "on demand")
	synctest.Test(t, func(t *testing.T) {
		var b Memory
		m := startMirror(t, &b, Options{DataDir: dir})
		publish(t, &b, "fra", map[string]status.Vote{"a": vote(status.Down, "HTTP 503 Service Unavailable"), "b": vote(status.Up, "")})
		synctest.Wait()
		before := m.Table()
		m.stop()

		time.Sleep(time.Hour)
		m = startMirror(t, &Memory{}, Options{DataDir: dir})
		after := m.Table()
		if len(after) != 2 || after["a"].Health != status.Down || after["a"].Reason != before["a"].Reason ||
			!after["a"].Since.Equal(before["a"].Since) || after["b"].Health != status.Up {
			t.Errorf("before the restart %v, after it %v", before, after)
		}
		if age := time.Since(m.Report().Restored); age != time.Hour {
			t.Errorf("the restored states have the age %v, want 1h", age)
		}
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		m.expectHealth(t, "a", status.Down) // until fresh votes come
		m.expectTold(t)
	})
}

func TestStatesFileIsWrittenSoonAndNotOften(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var b Memory
		startMirror(t, &b, Options{DataDir: dir})
		synctest.Wait()
		path := filepath.Join(dir, "states.json")
		writes, last := 0, read(t, path)
		flip := []status.Health{status.Up, status.Down}
		for i := range 1000 { // one change each millisecond, for a second
			publish(t, &b, "fra", map[string]status.Vote{"a": vote(flip[i%2], "")})
			time.Sleep(time.Millisecond)
			synctest.Wait()
			if now := read(t, path); now != last {
				writes, last = writes+1, now
			}
		}
		if writes < 5 || writes > 10 {
			t.Errorf("a second of changes caused %d writes, want about 10", writes)
		}
		time.Sleep(time.Second)
		publish(t, &b, "fra", map[string]status.Vote{"a": vote(status.Down, "the last"), "b": vote(status.Up, "")})
		time.Sleep(saveGap)
		synctest.Wait()
		if got := read(t, path); !strings.Contains(got, "the last") {
			t.Errorf("%v after a change the file says %s", saveGap, got)
		}
	})
}

func TestStatesFileKeepsItsAgeHonest(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var b Memory
		startMirror(t, &b, Options{DataDir: dir})
		for range 20 * 12 { // twenty quiet minutes of heartbeats
			publish(t, &b, "fra", map[string]status.Vote{"a": vote(status.Up, "")})
			time.Sleep(5 * time.Second)
		}
		synctest.Wait()
		k, err := file{filepath.Join(dir, "states.json")}.load()
		if age := time.Since(k.confirmed); err != nil || age > refreshFile+10*time.Second {
			t.Errorf("a crash now would restore states with the age %v, %v", age, err)
		}
	})
}

func TestUnusableStatesFile(t *testing.T) {
	for name, content := range map[string]string{
		"empty":         "",
		"cut off":       `{"schema":"meridian.states/v1","states":{"a":{"hea`,
		"not JSON":      "health: up\n",
		"other version": `{"schema":"meridian.states/v3","states":{"a":{"health":"down"}}}`,
		"other health":  `{"schema":"meridian.states/v1","states":{"a":{"health":"poorly"}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "states.json")
			if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) {
				m := startMirror(t, &Memory{}, Options{DataDir: dir})
				if n := m.logged("is unusable"); n != 1 {
					t.Errorf("said %d times", n)
				}
				if len(m.Table()) != 0 || !m.Report().Restored.IsZero() {
					t.Errorf("states came from it: %v", m.Table())
				}
				synctest.Wait()
				m.stop()
			})
			if got := read(t, path+".unusable"); got != content {
				t.Errorf("kept aside: %q, want %q", got, content)
			}
			if _, err := (file{path}).load(); err != nil {
				t.Errorf("the file written since: %v", err)
			}
		})
	}
}

// TestH37WallClockJumpedBack: states from the future are as good as others, and their age isn't negative.
func TestH37WallClockJumpedBack(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f := file{filepath.Join(dir, "states.json")}
		if err := f.save(keeping(status.Table{"a": {Health: status.Down}}, time.Now().Add(time.Hour))); err != nil {
			t.Fatal(err)
		}
		var b Memory
		m := startMirror(t, &b, Options{DataDir: dir})
		m.expectHealth(t, "a", status.Down)
		if m.logged("age=0s") != 1 {
			t.Errorf("the log says %s", m.log.String())
		}
		publish(t, &b, "fra", map[string]status.Vote{"a": vote(status.Up, "")})
		synctest.Wait()
		m.expectHealth(t, "a", status.Up)
	})
}

// TestUnwritableDataDir: the server goes on, says so at once and once, and notices the remedy.
func TestUnwritableDataDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(dir, nil, 0o644); err != nil { // a file in its place: root can't write through that either
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		var b Memory
		m := startMirror(t, &b, Options{DataDir: dir})
		synctest.Wait()
		if m.Report().Disk == nil {
			t.Error("nothing is reported")
		}
		for range 10 {
			publish(t, &b, "fra", map[string]status.Vote{"a": vote(status.Up, "")})
			publish(t, &b, "fra", map[string]status.Vote{"a": vote(status.Down, "")})
			time.Sleep(time.Minute)
		}
		m.expectHealth(t, "a", status.Down)
		if n := m.logged("states are not kept"); n != 1 {
			t.Errorf("said %d times, want once", n)
		}
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
		time.Sleep(saveRetry)
		synctest.Wait()
		if err := m.Report().Disk; err != nil || m.logged("states are kept") != 1 {
			t.Errorf("after the remedy: %v", err)
		}
	})
}

// TestFullDiskLeavesTheOldFile: a write that fails midway neither harms the file nor leaves rubbish behind.
func TestFullDiskLeavesTheOldFile(t *testing.T) {
	dir := t.TempDir()
	f := file{filepath.Join(dir, "states.json")}
	if err := f.save(keeping(status.Table{"a": {Health: status.Up}}, time.Now())); err != nil {
		t.Fatal(err)
	}
	before := read(t, f.path)
	if err := os.Symlink("/dev/full", f.path+".tmp"); err != nil { // every write to it fails with ENOSPC
		t.Fatal(err)
	}
	if err := f.save(keeping(status.Table{"a": {Health: status.Down}}, time.Now())); err == nil {
		t.Fatal("the disk is full, and nobody noticed")
	}
	if got := read(t, f.path); got != before {
		t.Errorf("the old file was changed to %s", got)
	}
	if _, err := os.Lstat(f.path + ".tmp"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the temporary file is still there: %v", err)
	}
}

// keeping is the content of a file in which everything observed is followed.
func keeping(t status.Table, confirmed time.Time) kept {
	return kept{observed: t, governor: status.GovernorState{Table: t}, confirmed: confirmed}
}

func TestStatesFileFormat(t *testing.T) {
	f := file{filepath.Join(t.TempDir(), "states.json")}
	since := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	table := status.Table{"web:1f2e3d4c@198.18.1.1": {Health: status.Down, Since: since, Reason: "checker fra: HTTP 503 Service Unavailable"}}
	if err := f.save(keeping(table, since.Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	want := `{"schema":"meridian.states/v2","confirmed":"2026-03-01T13:00:00Z","states":{"web:1f2e3d4c@198.18.1.1":` +
		`{"health":"down","since":"2026-03-01T12:00:00Z","reason":"checker fra: HTTP 503 Service Unavailable"}}}` + "\n"
	if got := read(t, f.path); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
}

func FuzzStatesFile(f *testing.F) {
	f.Add([]byte(`{"schema":"meridian.states/v1","confirmed":"2026-03-01T13:00:00Z","states":{"a":{"health":"down"}}}`))
	f.Add([]byte(`{"schema":"meridian.states/v1","states":null}`))
	f.Add([]byte(`{"schema":"meridian.states/v2","states":{"a":{"health":"up","held":"dwell"}},"observed":{"a":{"health":"down"}},` +
		`"keys":{"a":{"penalty":1.5,"charged":"2026-03-01T13:00:00Z","flaps":3}},"outs":{"www.glb.test. IPv4":[{"region":"eu-west"}]}}`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "states.json")
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		k, err := file{path}.load()
		if err != nil {
			if _, statErr := os.Stat(path + ".unusable"); statErr != nil || len(k.governor.Table) != 0 {
				t.Fatalf("%v, but it isn't kept aside (%v), or states came of it", err, statErr)
			}
			return
		}
		if !json.Valid(data) {
			t.Fatalf("%q was read", data)
		}
	})
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
