package build

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"meridian/geo"
)

// Input is one text file.
type Input struct {
	Name   string // for error messages
	Reader io.Reader
}

// Summary says what was written.
type Summary struct {
	Networks int // ranges or networks that the input placed
	// Skipped are lines that place nothing: "??", "None", codes that are no country's ("A1", "T1"), and networks
	// that stand for IPv4 ones.
	Skipped int
	Bytes   int64
}

// source is one kind of input.
type source struct {
	describe     string
	databaseType string
	read         func(in Input, add func(line)) []error
}

// line is what one line of input says.
type line struct {
	first, last netip.Addr
	place       geo.Place // the zero Place: nothing to say of them
}

var sources = map[string]source{
	"tor":     {"countries, from tor-geoipdb's geoip and geoip6", TypeCountry, lineByLine(torLine)},
	"ip2asn":  {"countries and AS numbers, from ip2asn TSV", TypeEnterprise, lineByLine(ip2asnLine)},
	"geofeed": {"cities, from RFC 8805 geofeeds", TypeCity, lineByLine(geofeedLine)},
	"csv":     {"cities, from network,country,subdivision,city,latitude,longitude", TypeCity, readCSV},
}

// Kinds returns the kinds of input that [Build] reads: tor, ip2asn, geofeed, csv.
func Kinds() []string {
	kinds := make([]string, 0, len(sources))
	for kind := range sources {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	return kinds
}

// Describe says in a few words what a kind of input is; empty for none of [Kinds].
func Describe(kind string) string { return sources[kind].describe }

// Build reads the inputs and writes one database. A bad line is an error of the form "name:line: text", the first
// maxErrors of them are returned joined, and then nothing is written. Where lines overlap, the narrower one
// counts. built is recorded as the time of the build.
func Build(kind string, inputs []Input, out io.Writer, built time.Time) (Summary, error) {
	s, ok := sources[kind]
	if !ok {
		return Summary{}, fmt.Errorf("geo build: unknown source %q (known: %s)", kind, strings.Join(Kinds(), ", "))
	}
	var summary Summary
	var lines []line
	var errs []error
	for _, in := range inputs {
		errs = append(errs, s.read(in, func(l line) {
			if l.place == (geo.Place{}) {
				summary.Skipped++
				return
			}
			lines = append(lines, l)
		})...)
	}
	if len(errs) > maxErrors {
		errs = append(errs[:maxErrors], errors.New("… and more"))
	}
	if len(errs) > 0 {
		return summary, errors.Join(errs...)
	}
	if len(lines) == 0 {
		return summary, errors.New("geo build: the input places no network")
	}
	// Widest first, because a later insertion replaces an earlier one.
	slices.SortStableFunc(lines, func(a, b line) int { return size(b) - size(a) })
	w, err := NewWriter(Options{Type: s.databaseType, Description: s.describe, BuildTime: built})
	if err != nil {
		return summary, err
	}
	for _, l := range lines {
		inserted, err := w.Insert(l.first, l.last, l.place)
		switch {
		case err != nil:
			return summary, err
		case inserted:
			summary.Networks++
		default:
			summary.Skipped++
		}
	}
	summary.Bytes, err = w.WriteTo(out)
	return summary, err
}

const maxErrors = 20

// size orders ranges by their number of addresses, as the position of the highest bit in which the ends differ.
func size(l line) int {
	a, b := l.first.AsSlice(), l.last.AsSlice()
	for i := range a {
		if x := a[i] ^ b[i]; x != 0 {
			bits := (len(a) - i - 1) * 8
			for ; x != 0; x >>= 1 {
				bits++
			}
			return bits
		}
	}
	return 0
}

// lineByLine reads a file in which each line stands for itself, leaving out empty lines and comments.
func lineByLine(parse func(text string) (line, error)) func(Input, func(line)) []error {
	return func(in Input, add func(line)) []error {
		var errs []error
		scanner := bufio.NewScanner(in.Reader)
		n := 0
		for scanner.Scan() && len(errs) <= maxErrors {
			n++
			text := strings.TrimSuffix(scanner.Text(), "\r")
			if trimmed := strings.TrimSpace(text); trimmed == "" || trimmed[0] == '#' {
				continue
			}
			l, err := parse(text)
			if err == nil {
				err = check(l)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("%s:%d: %w", in.Name, n, err))
				continue
			}
			add(l)
		}
		if err := scanner.Err(); err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: %w", in.Name, n+1, err))
		}
		return errs
	}
}

func check(l line) error {
	switch {
	case l.first.BitLen() != l.last.BitLen():
		return fmt.Errorf("the range begins with %s and ends with %s: two families", l.first, l.last)
	case l.last.Less(l.first):
		return fmt.Errorf("the range ends at %s, before it begins at %s", l.last, l.first)
	}
	return nil
}
