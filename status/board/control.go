package board

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"meridian/status"
)

// Control is the fleet-wide switches that operators set.
type Control struct {
	Freeze   status.Freeze
	At       time.Time // when it was set, by the clock of the server that was told: to be shown
	Revision int64     // counts the changes; 0: nobody has touched the switches
}

// ErrConflict is about switches that somebody else has set since they were read.
var ErrConflict = errors.New("the switches have been changed meanwhile; read them again")

// Controls is where the switches are kept.
type Controls interface {
	// Control returns the switches as they are. An error means "don't know": what was known before holds.
	Control(ctx context.Context) (Control, error)
	// SetControl replaces the switches if their revision is still c.Revision, and returns them with the new revision.
	// Otherwise the error is ErrConflict.
	SetControl(ctx context.Context, c Control) (Control, error)
}

// fitControl checks and shortens what an operator wrote.
func fitControl(c Control) (Control, error) {
	if c.Revision < 0 {
		return c, fmt.Errorf("%d is no revision of the switches", c.Revision)
	}
	c.Freeze.Author, c.Freeze.Reason = clip(c.Freeze.Author, 500), clip(c.Freeze.Reason, 500)
	c.Freeze.Until = c.Freeze.Until.UTC().Truncate(time.Millisecond)
	c.Revision++
	c.At = time.Now().UTC().Truncate(time.Millisecond)
	return c, nil
}

// ControlFile keeps the switches of one machine in data_dir/control.json, or a server's copy of the fleet's.
type ControlFile struct {
	path string // empty: in memory
	mu   sync.Mutex
	now  Control
	err  error // of reading them at the start
}

// NewControlFile returns the switches that dataDir holds; empty: in memory. A file that can't be read is an error of
// Control until the switches are set.
func NewControlFile(dataDir string) *ControlFile {
	f := &ControlFile{}
	if dataDir == "" {
		return f
	}
	f.path = filepath.Join(dataDir, "control.json")
	data, err := os.ReadFile(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		f.err = err
	default:
		if err := json.Unmarshal(data, &f.now); err != nil {
			f.now, f.err = Control{}, fmt.Errorf("%s is unusable: %w", f.path, err)
		}
	}
	return f
}

// Control returns the switches.
func (f *ControlFile) Control(context.Context) (Control, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now, f.err
}

// SetControl replaces the switches.
func (f *ControlFile) SetControl(_ context.Context, c Control) (Control, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.Revision != f.now.Revision {
		return f.now, ErrConflict
	}
	next, err := fitControl(c)
	if err != nil {
		return f.now, err
	}
	if err := f.store(next); err != nil {
		return f.now, err
	}
	return next, nil
}

func (f *ControlFile) store(c Control) error {
	if f.path != "" {
		data, err := json.Marshal(c)
		if err != nil {
			return err
		}
		if err := writeAtomic(f.path, append(data, '\n')); err != nil {
			return err
		}
	}
	f.now, f.err = c, nil
	return nil
}
