package board

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"meridian/status"
	"meridian/test/redistest"
)

func someOverride(author string) status.Override {
	start := time.Unix(1_800_000_000, 0).UTC()
	return status.Override{ID: "admin:eu-west", Kind: status.OverrideDrain, Region: "eu-west", Author: author, Reason: "rack move", Start: start, End: start.Add(time.Hour)}
}

// testOverrides: what every store does. Of two who know the same revision one wins.
func testOverrides(t *testing.T, s Overrides) {
	t.Helper()
	set, err := s.Overrides(t.Context())
	if err != nil || set.Revision != 0 || len(set.Overrides) != 0 {
		t.Fatalf("at first: %+v, %v", set, err)
	}
	done, err := s.SetOverrides(t.Context(), 0, OverrideSet{Overrides: []status.Override{someOverride("ann")}})
	if err != nil || done.Revision != 1 || done.At.IsZero() {
		t.Fatalf("%+v, %v", done, err)
	}
	if _, err := s.SetOverrides(t.Context(), 0, OverrideSet{Overrides: []status.Override{someOverride("ben")}}); !errors.Is(err, ErrOverridesChanged) {
		t.Errorf("the slower one: %v", err)
	}
	set, err = s.Overrides(t.Context())
	if err != nil || set.Revision != 1 || len(set.Overrides) != 1 || set.Overrides[0].Author != "ann" || !set.Overrides[0].End.Equal(someOverride("").End) {
		t.Errorf("%+v, %v", set, err)
	}
	if done, err = s.SetOverrides(t.Context(), 1, OverrideSet{Revision: 7}); err != nil || done.Revision != 8 || done.Overrides == nil {
		t.Errorf("a revision that was known is never reached again: %+v, %v", done, err)
	}
	many := OverrideSet{Overrides: make([]status.Override, status.MaxOverrides+1)}
	if _, err := s.SetOverrides(t.Context(), 8, many); err == nil {
		t.Error("too many were taken")
	}
}

func TestOverrideFile(t *testing.T) {
	dir := t.TempDir()
	testOverrides(t, NewOverrideFile(dir))
	testOverrides(t, NewOverrideFile(""))
	if set, err := NewOverrideFile(dir).Overrides(t.Context()); err != nil || set.Revision != 8 {
		t.Errorf("after a restart: %+v, %v", set, err)
	}
	path := filepath.Join(dir, "overrides.json")
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := NewOverrideFile(dir)
	if _, err := f.Overrides(t.Context()); !errors.Is(err, ErrOverridesUnreadable) {
		t.Errorf("garbage: %v", err)
	}
	if _, err := f.SetOverrides(t.Context(), 0, OverrideSet{}); err != nil {
		t.Errorf("garbage isn't replaced: %v", err)
	}
	if _, err := f.Overrides(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestRedisOverrides(t *testing.T) {
	s := redistest.Start(t)
	r := NewRedis(RedisOptions{Addresses: []string{s.Addr}, Timeout: time.Second})
	t.Cleanup(func() { _ = r.client.close() })
	testOverrides(t, r)
	for _, garbage := range [][]string{{"SET", "{meridian}:v1:overrides", "garbage"}, {"SET", "{meridian}:v1:overrides", `{"revision": -1}`}} {
		s.Do(garbage...)
		if _, err := r.Overrides(t.Context()); !errors.Is(err, ErrOverridesUnreadable) {
			t.Errorf("%q: %v", garbage, err)
		}
		if set, err := r.SetOverrides(t.Context(), 0, OverrideSet{Revision: 3}); err != nil || set.Revision != 4 {
			t.Errorf("%q isn't replaced: %+v, %v", garbage, set, err)
		}
	}
}
