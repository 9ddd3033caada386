package ledger

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// header begins a ledger file; the watched seconds follow. A change that an older Meridian would misread is a new header.
const header = "meridian.ledger/v1"

// maxFile bounds what is read of a file, in bytes: MaxEntries of the longest lines.
const maxFile = MaxEntries * 512

// AppendText appends the ledger in the form of its file: a header, then a line for each entry, the largest first.
func (l *Ledger) AppendText(b []byte) []byte {
	b = fmt.Appendf(b, "%s %s\n", header, number(l.watched))
	for _, e := range l.Entries() {
		b = fmt.Appendf(b, "%s %s %d %s\n", e.Client, e.Service, e.Type, number(e.Count))
	}
	return b
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 8, 64) }

// Parse reads what AppendText wrote. An error names the line.
func Parse(text []byte, most int, source rand.Source) (*Ledger, error) {
	l := New(most, source)
	lines := bufio.NewScanner(bytes.NewReader(text))
	if !lines.Scan() {
		return nil, errors.New("line 1: it is empty")
	}
	name, seconds, _ := strings.Cut(lines.Text(), " ")
	var err error
	if name != header {
		return nil, fmt.Errorf("line 1: its form is %q, this version reads %q", name, header)
	}
	if l.watched, err = count(seconds); err != nil {
		return nil, fmt.Errorf("line 1: %w", err)
	}
	for n := 2; lines.Scan(); n++ {
		e, err := parseEntry(lines.Text())
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		l.Add(e.Key, e.Count)
	}
	return l, lines.Err()
}

func parseEntry(line string) (e Entry, err error) {
	fields := strings.Fields(line)
	if len(fields) != 4 {
		return e, fmt.Errorf("it has %d fields instead of 4", len(fields))
	}
	if e.Client, err = netip.ParsePrefix(fields[0]); err != nil || e.Client != Cut(e.Client) {
		return e, fmt.Errorf("%q is no client network", fields[0])
	}
	qtype, err := strconv.ParseUint(fields[2], 10, 16)
	if err != nil {
		return e, fmt.Errorf("%q is no record type", fields[2])
	}
	e.Service, e.Type = fields[1], uint16(qtype)
	e.Count, err = count(fields[3])
	return e, err
}

func count(text string) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= 0) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("%q is no count", text)
	}
	return v, nil
}

// Load reads the file at path. No file is an empty ledger; one that can't be read is an empty ledger too, and the error
// says why.
func Load(path string, most int, source rand.Source) (*Ledger, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return New(most, source), nil
	case err == nil && info.Size() > maxFile:
		err = fmt.Errorf("%s has %d bytes, more than %d", path, info.Size(), maxFile)
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return New(most, source), err
	}
	l, err := Parse(text, most, source)
	if err != nil {
		return New(most, source), fmt.Errorf("%s: %w", path, err)
	}
	return l, nil
}

// Save writes the file at path so that a crash at any moment leaves either the old file or the new one. Its folder is
// made if it isn't there; only its owner can read the file.
func (l *Ledger) Save(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	tmp := path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(l.AppendText(nil))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		os.Remove(tmp) // it may fill the disk
		return err
	}
	return os.Rename(tmp, path)
}

// Remove deletes the file at path, if there is one.
func Remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
