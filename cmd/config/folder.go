package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// ZoneFolder returns the folder of a zone file, for zones.IncludeFrom. Nothing outside of it can be opened, links that
// lead out of it included (os.Root), and neither can pipes and devices, which could block or never end.
func ZoneFolder(file string) fs.FS { return folder(filepath.Dir(file)) }

// folder is a path that is opened when a file in it is: most zones include nothing.
type folder string

func (f folder) Open(name string) (fs.File, error) {
	root, err := os.OpenRoot(string(f))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	info, err := root.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("not a regular file")}
	}
	return root.Open(name)
}
