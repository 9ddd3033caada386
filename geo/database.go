package geo

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"
)

// Database is one .mmdb file: read whole into memory (so replacing the file can't hurt whoever still reads the
// old one), opened, and its search tree walked once. It is immutable. Keep [Info] and let it go once the [Atlas]
// is made: it holds the file's bytes.
type Database struct {
	info    Info
	schema  schema
	reader  *maxminddb.Reader
	v4      steps[addr4] // value: a record's number, 0 for none
	v6      steps[addr6]
	offsets []uint32 // of each distinct record in the data section, ascending; record n is at n-1
}

// Info describes a database.
type Info struct {
	Name           string // the file's base name, or what OpenBytes was told
	Type           string // the file's own name of its type: "GeoLite2-City"
	Schema         string // maxmind (nested), enterprise (nested, with AS numbers), asn, flat (IPinfo's)
	Description    string // English, or any; may be empty
	BuildTime      time.Time
	IPVersion      int // 4: IPv4 only; 6: both
	Networks       int // networks with a record
	Records        int // distinct records
	HasCoordinates bool
	HasASN         bool
}

// Open reads a .mmdb file of MaxMind's, DB-IP's or IPinfo's. It fails if the file can't be read, is damaged, or
// is of a kind that doesn't say where networks are; trial look-ups show that its records are what its type
// promises. Whether every record can be decoded is what [NewAtlas] and [Database.Verify] find out.
func Open(path string) (*Database, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("geo database: %w", err)
	}
	d, err := OpenBytes(filepath.Base(path), data)
	if err != nil {
		return nil, fmt.Errorf("geo database %s: %w", path, err)
	}
	return d, nil
}

// OpenBytes is [Open] for a file already in memory, which the database keeps: it must not be changed.
func OpenBytes(name string, data []byte) (d *Database, err error) {
	defer recoverDamage(&err)
	reader, err := maxminddb.OpenBytes(data)
	if err != nil {
		return nil, fmt.Errorf("not a usable .mmdb file: %w", err)
	}
	m := reader.Metadata
	if m.IPVersion != 4 && m.IPVersion != 6 {
		return nil, fmt.Errorf("not a usable .mmdb file: IP version %d in its metadata", m.IPVersion)
	}
	d = &Database{
		reader: reader,
		info: Info{
			Name: name, Type: m.DatabaseType, Description: description(m.Description),
			BuildTime: m.BuildTime().UTC(), IPVersion: int(m.IPVersion),
		},
	}
	if err := d.walk(); err != nil {
		return nil, err
	}
	if err := d.detect(); err != nil {
		return nil, err
	}
	return d, nil
}

// recoverDamage turns a panic of the reader on a damaged file into an error: a bad database must change nothing.
func recoverDamage(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("the file is damaged: %v", r)
	}
}

func description(d map[string]string) string {
	if text, ok := d["en"]; ok {
		return text
	}
	for _, text := range d {
		return text
	}
	return ""
}

// Info describes the database.
func (d *Database) Info() Info { return d.info }

// walk makes step functions of the search tree, whose leaves come in the order of their addresses, and numbers
// the records.
func (d *Database) walk() error {
	d.v4, d.v6 = steps[addr4]{{}}, steps[addr6]{{}}
	var used bitset // offsets of records
	// A tree of n nodes has n+1 leaves. A damaged one, in which nodes have several parents, has up to 2^128; some
	// writers hang one subtree in a few places, so there is some room.
	budget := 16 * (uint64(d.reader.Metadata.NodeCount) + 1)
	for result := range d.reader.Networks(maxminddb.IncludeNetworksWithoutData()) {
		if err := result.Err(); err != nil {
			return fmt.Errorf("the file is damaged: %w", err)
		}
		if budget--; budget == 0 {
			return errors.New("the file is damaged: its search tree is not a tree")
		}
		value := uint32(0) // until the records are numbered: offset + 1
		if result.Found() {
			offset := uint64(result.Offset())
			if offset >= 1<<32-1 {
				return errors.New("the file is too large: its data section exceeds 4 GiB")
			}
			d.info.Networks++
			value = uint32(offset) + 1
			used.set(uint32(offset))
		}
		prefix := result.Prefix()
		if !prefix.IsValid() {
			return errors.New("the file is damaged: its search tree has a leaf without a network")
		}
		d.add(prefix, value)
	}
	d.offsets = used.members()
	rank := used.rank()
	number := func(value uint32) uint32 {
		if value == 0 {
			return 0
		}
		return rank(value-1) + 1
	}
	d.v4, d.v6 = melt(d.v4, number), melt(d.v6, number)
	d.info.Records = len(d.offsets)
	return nil
}

// records decodes each distinct record, in the order of the ids.
func (d *Database) records(each func(*Place)) error {
	decoder := newDecoder(d.schema)
	for _, offset := range d.offsets {
		place, err := decoder.place(d.reader.LookupOffset(uintptr(offset)))
		if err != nil {
			return fmt.Errorf("geo database %s: record at offset %d: %w", d.info.Name, offset, err)
		}
		each(&place)
	}
	return nil
}

// add appends one leaf to the step function of its family. Behind it is nothing, until the next leaf says
// otherwise: the iterator leaves out the places in the IPv6 tree where the IPv4 tree hangs once more.
func (d *Database) add(p netip.Prefix, id uint32) {
	if p.Addr().Is4() {
		first := from4(p.Addr())
		d.v4.add(first, id)
		if next, more := first.end(p.Bits()).next(); more {
			d.v4.add(next, 0)
		}
		return
	}
	first := from6(p.Addr())
	if first == (addr6{}) && p.Bits() <= 96 { // a leaf so wide that the whole of IPv4, at ::/96, is in it
		d.v4.add(0, id)
	}
	d.v6.add(first, id)
	if next, more := first.end(p.Bits()).next(); more {
		d.v6.add(next, 0)
	}
}
