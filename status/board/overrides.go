package board

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"meridian/status"
)

// OverrideSet is all overrides of a fleet, as they were left after one change.
type OverrideSet struct {
	Overrides []status.Override `json:"overrides"`
	Revision  int64             `json:"revision"` // grows with each change; 0: nobody has ever said anything
	At        time.Time         `json:"at"`       // of the change, by the clock of the server that was told: to be shown
}

// ErrOverridesChanged is about overrides that somebody else has changed since they were read.
var ErrOverridesChanged = errors.New("the overrides have been changed meanwhile; read them again")

// ErrOverridesUnreadable is about what is stored and is no set of overrides. SetOverrides replaces it.
var ErrOverridesUnreadable = errors.New("the overrides can't be read")

// Overrides is where the operators' overrides are kept.
type Overrides interface {
	// Overrides returns them as they are. An error means "don't know": what was known before holds.
	Overrides(ctx context.Context) (OverrideSet, error)
	// SetOverrides replaces them all if their revision is still expected, and returns them with a revision above that and
	// above next.Revision. Otherwise the error is ErrOverridesChanged.
	SetOverrides(ctx context.Context, expected int64, next OverrideSet) (OverrideSet, error)
}

// maxOverrideBytes bounds what is stored and read.
const maxOverrideBytes = 1 << 20

// advance numbers and encodes the set that replaces the one with the revision expected.
func (s OverrideSet) advance(expected int64) (OverrideSet, []byte, error) {
	s.Revision = max(expected, s.Revision) + 1
	s.At = time.Now().UTC().Truncate(time.Millisecond)
	s.Overrides = slices.Clone(s.Overrides)
	if s.Overrides == nil {
		s.Overrides = []status.Override{}
	}
	if n := len(s.Overrides); n > status.MaxOverrides {
		return s, nil, fmt.Errorf("%d overrides are more than %d: end some", n, status.MaxOverrides)
	}
	data, err := json.Marshal(s)
	if err == nil && len(data) > maxOverrideBytes {
		err = fmt.Errorf("the overrides take %d bytes, more than %d: end some", len(data), maxOverrideBytes)
	}
	return s, data, err
}

// parseOverrides reads what advance wrote. Nothing is the set that nobody has touched.
func parseOverrides(data []byte) (OverrideSet, error) {
	var s OverrideSet
	if len(data) == 0 {
		return s, nil
	}
	if len(data) > maxOverrideBytes {
		return s, fmt.Errorf("%w: %d bytes, more than %d", ErrOverridesUnreadable, len(data), maxOverrideBytes)
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return OverrideSet{}, fmt.Errorf("%w: %w", ErrOverridesUnreadable, err)
	}
	if s.Revision < 1 || len(s.Overrides) > status.MaxOverrides {
		return OverrideSet{}, fmt.Errorf("%w: revision %d, %d of them", ErrOverridesUnreadable, s.Revision, len(s.Overrides))
	}
	return s, nil
}

// OverrideFile keeps the overrides of one machine in data_dir/overrides.json, or a server's copy of the fleet's.
type OverrideFile struct {
	path string // empty: in memory
	mu   sync.Mutex
	now  OverrideSet
	err  error // of reading them at the start
}

// NewOverrideFile returns the overrides that dataDir holds; empty: in memory. A file that can't be read is an error of
// Overrides until they are set.
func NewOverrideFile(dataDir string) *OverrideFile {
	f := &OverrideFile{}
	if dataDir == "" {
		return f
	}
	f.path = filepath.Join(dataDir, "overrides.json")
	data, err := os.ReadFile(f.path)
	if err == nil {
		f.now, err = parseOverrides(data)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		f.err = fmt.Errorf("%s: %w", f.path, err)
	}
	return f
}

// Overrides returns the overrides.
func (f *OverrideFile) Overrides(context.Context) (OverrideSet, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now, f.err
}

// SetOverrides replaces the overrides.
func (f *OverrideFile) SetOverrides(_ context.Context, expected int64, next OverrideSet) (OverrideSet, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if expected != f.now.Revision {
		return f.now, ErrOverridesChanged
	}
	next, data, err := next.advance(expected)
	if err != nil {
		return f.now, err
	}
	return next, f.store(next, data)
}

// Keep makes the file a copy of the set, as it is.
func (f *OverrideFile) Keep(s OverrideSet) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return f.store(s, data)
}

func (f *OverrideFile) store(s OverrideSet, data []byte) error {
	if f.path != "" {
		if err := writeAtomic(f.path, append(data, '\n')); err != nil {
			return err
		}
	}
	f.now, f.err = s, nil
	return nil
}
