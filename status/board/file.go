package board

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"meridian/status"
)

// fileSchema names the format of the states file. A change that an older Meridian would misread is a new name.
const fileSchema = "meridian.states/v1"

// maxFile bounds the states file in bytes, far above what 100,000 targets need.
const maxFile = 256 << 20

// file is the last known states on disk: data_dir/states.json.
type file struct{ path string }

type fileContent struct {
	Schema    string               `json:"schema"`
	Confirmed time.Time            `json:"confirmed"` // when fresh votes last upheld the states; zero: never
	States    map[string]fileState `json:"states"`
}

type fileState struct {
	Health status.Health `json:"health"`
	Since  time.Time     `json:"since,omitzero"`
	Reason string        `json:"reason,omitempty"`
}

// unusableError is about a states file that is there, and of no use to this version.
type unusableError struct{ error }

// load reads the states and when fresh votes last upheld them. No file is not an error, and gives no states. A file that
// is unusable is moved aside, so that it is neither met again nor lost, and reported as an unusableError.
func (f file) load() (status.Table, time.Time, error) {
	info, err := os.Stat(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, time.Time{}, nil
	case err != nil:
		return nil, time.Time{}, err
	case info.Size() > maxFile:
		return nil, time.Time{}, f.setAside(fmt.Errorf("it has %d bytes, more than %d", info.Size(), maxFile))
	}
	data, err := os.ReadFile(f.path)
	if err != nil {
		return nil, time.Time{}, f.setAside(err)
	}
	var content fileContent
	if err := json.Unmarshal(data, &content); err != nil {
		return nil, time.Time{}, f.setAside(err)
	}
	if content.Schema != fileSchema {
		return nil, time.Time{}, f.setAside(fmt.Errorf("its schema is %q, this version reads %q", content.Schema, fileSchema))
	}
	table := make(status.Table, len(content.States))
	for target, s := range content.States {
		table[target] = status.State{Health: s.Health, Since: s.Since, Reason: s.Reason}
	}
	return table, content.Confirmed, nil
}

// setAside renames the file, replacing one that was set aside before, and returns what to tell the operator.
func (f file) setAside(why error) error {
	aside := f.path + ".unusable"
	if err := os.Rename(f.path, aside); err != nil {
		return unusableError{fmt.Errorf("%s is unusable: %w; it stays, and will be replaced (%w)", f.path, why, err)}
	}
	return unusableError{fmt.Errorf("%s is unusable: %w; it is kept as %s", f.path, why, aside)}
}

// save writes the states so that a crash at any moment leaves either the old file or the new one.
func (f file) save(t status.Table, confirmed time.Time) error {
	content := fileContent{Schema: fileSchema, Confirmed: confirmed.UTC(), States: make(map[string]fileState, len(t))}
	for target, s := range t {
		content.States[target] = fileState{s.Health, s.Since.UTC(), s.Reason}
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
