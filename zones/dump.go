package zones

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// Dump writes a zone as a master file in canonical order (RFC 4034 section 6: names, types, RDATA), with the SOA
// first, one record to a line, everything written out. Duplicates and records outside the zone are left out. Two
// zones with the same content give the same text.
func Dump(z *Zone, w io.Writer) error {
	type line struct {
		owner []byte // wire
		wire  []byte // the record packed: its RDATA orders records of one type
		rr    dns.RR
	}
	apex, err := WireName(z.Apex)
	if err != nil {
		return fmt.Errorf("zone %q: %w", z.Apex, err)
	}
	var p packer
	lines := make([]line, 0, len(z.Records))
	for _, rr := range z.Records {
		owner, err := WireName(rr.Header().Name)
		if err != nil {
			return fmt.Errorf("%q: %w", rr.Header().Name, err)
		}
		if !IsSubdomain(owner, apex) {
			continue
		}
		rr = dns.Copy(rr)
		rr.Header().Name = NameString(owner)
		set, err := p.pack(rr.Header().Name, []dns.RR{rr})
		if err != nil {
			return err
		}
		lines = append(lines, line{owner, set.Wire, rr})
	}
	rank := func(t uint16) int { // the SOA first
		if t == dns.TypeSOA {
			return -1
		}
		return int(t)
	}
	const rdata = 2 + 10 // pointer, type, class, TTL, length
	slices.SortStableFunc(lines, func(a, b line) int {
		return cmp.Or(CompareNames(a.owner, b.owner), rank(a.rr.Header().Rrtype)-rank(b.rr.Header().Rrtype),
			bytes.Compare(a.wire[rdata:], b.wire[rdata:]))
	})
	lines = slices.CompactFunc(lines, func(a, b line) bool { return dns.IsDuplicate(a.rr, b.rr) })
	out := bufio.NewWriter(w)
	for _, l := range lines {
		out.WriteString(l.rr.String())
		out.WriteByte('\n')
	}
	return out.Flush()
}

// CheckZone parses a master file and checks it as NewIndex would, alone and without services. An empty apex is
// taken from the file: the owner of its SOA, where names are relative to the file's name without ".zone" or ".db"
// as long as no $ORIGIN says otherwise.
func CheckZone(apex, file string, r io.Reader, options ...Option) (*Zone, []Problem) {
	guessed := apex == ""
	if guessed {
		apex = strings.TrimSuffix(strings.TrimSuffix(path.Base(filepath.ToSlash(file)), ".zone"), ".db")
		if _, err := CanonicalName(apex); err != nil {
			apex = "."
		}
		apex = dns.Fqdn(apex)
	}
	z, problems := Parse(apex, file, r, options...)
	if guessed {
		for _, rr := range z.Records {
			if rr.Header().Rrtype == dns.TypeSOA {
				z.Apex = rr.Header().Name
				break
			}
		}
	}
	_, more := NewIndex([]*Zone{z}, nil)
	problems = append(problems, more...)
	sortProblems(problems)
	return z, problems
}
