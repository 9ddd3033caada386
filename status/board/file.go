package board

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"time"

	"meridian/status"
)

// fileSchema names the format of the states file. A change that an older Meridian would misread is a new name.
const fileSchema = "meridian.states/v2"

// oldSchema is the format before there was a governor: the same without what it remembers.
const oldSchema = "meridian.states/v1"

// maxFile bounds the states file in bytes, far above what 100,000 targets need.
const maxFile = 256 << 20

// file is the last known states on disk: data_dir/states.json.
type file struct{ path string }

type fileContent struct {
	Schema    string                   `json:"schema"`
	Confirmed time.Time                `json:"confirmed"` // when fresh votes last upheld the states; zero: never
	States    map[string]fileState     `json:"states"`
	Observed  map[string]fileState     `json:"observed,omitempty"` // where it differs from States
	Keys      map[string]status.Memory `json:"keys,omitempty"`
	Outs      map[string][]status.Out  `json:"outs,omitempty"`
	Freeze    *fileFreeze              `json:"freeze,omitempty"`
}

type fileState struct {
	Health   status.Health `json:"health"`
	Held     status.Hold   `json:"held,omitempty"`
	Withheld float64       `json:"withheld,omitempty"`
	Load     float64       `json:"load,omitempty"` // of pools; that of endpoints isn't kept
	Since    time.Time     `json:"since,omitzero"`
	Reason   string        `json:"reason,omitempty"`
}

type fileFreeze struct {
	Until  time.Time `json:"until,omitzero"`
	Author string    `json:"author,omitempty"`
	Reason string    `json:"reason,omitempty"`
}

// kept is what the states file holds.
type kept struct {
	observed  status.Table
	governor  status.GovernorState
	freeze    status.Freeze
	confirmed time.Time // when fresh votes last upheld the states; zero: never
}

// unusableError is about a states file that is there, and of no use to this version.
type unusableError struct{ error }

// load reads the file. No file is not an error, and gives no states. A file that is unusable is moved aside, so that it
// is neither met again nor lost, and reported as an unusableError.
func (f file) load() (kept, error) {
	info, err := os.Stat(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return kept{}, nil
	case err != nil:
		return kept{}, err
	case info.Size() > maxFile:
		return kept{}, f.setAside(fmt.Errorf("it has %d bytes, more than %d", info.Size(), maxFile))
	}
	data, err := os.ReadFile(f.path)
	if err != nil {
		return kept{}, f.setAside(err)
	}
	var content fileContent
	if err := json.Unmarshal(data, &content); err != nil {
		return kept{}, f.setAside(err)
	}
	if content.Schema != fileSchema && content.Schema != oldSchema {
		return kept{}, f.setAside(fmt.Errorf("its schema is %q, this version reads %q and %q", content.Schema, fileSchema, oldSchema))
	}
	return content.kept(), nil
}

func (c *fileContent) kept() kept {
	k := kept{
		governor: status.GovernorState{Table: table(c.States), Keys: c.Keys, Outs: c.Outs}, confirmed: c.Confirmed,
		observed: make(status.Table, len(c.States)),
	}
	for key, s := range k.governor.Table {
		if _, alone := status.ServiceOf(key); alone || s.Held == status.HoldVelocity {
			continue // belongs to one service, and is never observed
		}
		s.Held, s.Withheld = "", 0
		k.observed[key] = s
	}
	maps.Copy(k.observed, table(c.Observed))
	if c.Freeze != nil {
		k.freeze = status.Freeze{On: true, Until: c.Freeze.Until.UTC(), Author: c.Freeze.Author, Reason: c.Freeze.Reason}
	}
	return k
}

func table(states map[string]fileState) status.Table {
	t := make(status.Table, len(states))
	for key, s := range states {
		t[key] = status.State{Health: s.Health, Held: s.Held, Withheld: s.Withheld, Load: s.Load, Since: s.Since, Reason: s.Reason}
	}
	return t
}

func newFileState(s status.State) fileState {
	return fileState{Health: s.Health, Held: s.Held, Withheld: s.Withheld, Since: s.Since.UTC(), Reason: s.Reason}
}

// setAside renames the file, replacing one that was set aside before, and returns what to tell the operator.
func (f file) setAside(why error) error {
	aside := f.path + ".unusable"
	if err := os.Rename(f.path, aside); err != nil {
		return unusableError{fmt.Errorf("%s is unusable: %w; it stays, and will be replaced (%w)", f.path, why, err)}
	}
	return unusableError{fmt.Errorf("%s is unusable: %w; it is kept as %s", f.path, why, aside)}
}

// save writes the file so that a crash at any moment leaves either the old file or the new one.
func (f file) save(k kept) error {
	content := fileContent{
		Schema: fileSchema, Confirmed: k.confirmed.UTC(), Keys: k.governor.Keys, Outs: k.governor.Outs,
		States: make(map[string]fileState, len(k.governor.Table)), Observed: map[string]fileState{},
	}
	for key, s := range k.governor.Table {
		state := newFileState(s)
		if _, alone := status.ServiceOf(key); alone {
			state.Load = s.Load
		}
		content.States[key] = state
		if seen, shared := k.observed[key]; shared && (s.Health != seen.Health || s.Withheld != seen.Withheld) {
			content.Observed[key] = newFileState(seen)
		}
	}
	if k.freeze.On {
		content.Freeze = &fileFreeze{k.freeze.Until, k.freeze.Author, k.freeze.Reason}
	}
	data, err := json.Marshal(content)
	if err != nil {
		return err
	}
	return writeAtomic(f.path, append(data, '\n'))
}

// writeAtomic replaces the file at path: written beside it, synced, renamed over it, and the directory synced, so that
// the rename lasts too. The directory is made if it isn't there. There is one writer at a time.
func writeAtomic(path string, data []byte) error {
	dir, tmp := filepath.Dir(path), path+".tmp"
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := writeSynced(tmp, data); err != nil {
		os.Remove(tmp) // it may fill the disk
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.Close())
	}
	return errors.Join(f.Sync(), f.Close())
}
