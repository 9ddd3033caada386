package geo

import (
	"fmt"
	"net/netip"
)

// Report is what [Database.Verify] found.
type Report struct {
	Info            Info
	Networks4       int // IPv4 networks with a record
	Networks6       int // IPv6 networks with a record
	NoCountry       int // networks whose record has no country
	NoCoordinates   int // networks whose record has no coordinates of its own
	CountryCentre   int // of these, networks placed at their country's centre
	Nothing         int // networks whose record has nothing that we use
	BadRecords      int // records that can't be decoded
	BadCountryCodes int // records with a country code that is no country's ("EU", "ZZ")
	// Problems are the first maxProblems mistakes, and whatever the format's own verification says. A database
	// without any is sound; the counts above are for the operator to judge.
	Problems []error
}

const maxProblems = 20

// Verify reads the whole database: it checks the file's structure, decodes each record and counts what the
// networks have.
func (d *Database) Verify() Report {
	r := Report{Info: d.info}
	if err := d.verifyFormat(); err != nil {
		r.Problems = append(r.Problems, err)
	}
	raw, finished := d.verifyRecords(&r)
	count := func(p netip.Prefix, value uint32) bool {
		if value == 0 {
			return true
		}
		if p.Addr().Is4() {
			r.Networks4++
		} else {
			r.Networks6++
		}
		own, place := &raw[value-1], &finished[value-1]
		if place.Country == "" {
			r.NoCountry++
		}
		if !own.Coordinates.Known {
			r.NoCoordinates++
			if place.Coordinates.Known {
				r.CountryCentre++
			}
		}
		if place.IsUnknown() {
			r.Nothing++
		}
		return true
	}
	_ = d.v4.blocks(count) && d.v6.blocks(count)
	return r
}

func (d *Database) verifyFormat() (err error) {
	defer recoverDamage(&err)
	return d.reader.Verify()
}

// verifyRecords decodes every record, as it stands and finished; those that can't be are left zero.
func (d *Database) verifyRecords(r *Report) (raw, finished []Place) {
	raw, finished = make([]Place, len(d.offsets)), make([]Place, len(d.offsets))
	decoder := newDecoder(d.schema)
	one := func(i int) (err error) {
		defer recoverDamage(&err)
		result := d.reader.LookupOffset(uintptr(d.offsets[i]))
		if raw[i], err = decoder.decode(result); err != nil {
			return err
		}
		finished[i], err = decoder.place(result)
		return err
	}
	for i := range d.offsets {
		if err := one(i); err != nil {
			r.BadRecords++
			if len(r.Problems) < maxProblems {
				r.Problems = append(r.Problems, fmt.Errorf("record at offset %d: %w", d.offsets[i], err))
			}
		} else if raw[i].Country != "" && finished[i].Country == "" {
			r.BadCountryCodes++
		}
	}
	return raw, finished
}
