package zones

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"math"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

const (
	// maxProblems ends the reading of a file that is no zone file at all.
	maxProblems = 100
	// maxTTL in seconds, RFC 2181 section 8.
	maxTTL = math.MaxInt32
	// noTTL is the default TTL while there is none. It is above maxTTL, so no record can have it.
	noTTL = math.MaxUint32
)

// Parse reads an RFC 1035 master file; names in it are relative to apex until a $ORIGIN says otherwise. The name
// file is used in problems only.
//
// All mistakes of the file are reported in one run: each entry is parsed by itself, and a bad one costs only itself.
// Reading stops, and the last problem says so, at a parenthesis that is never closed and after 100 mistakes. The
// zone is never nil; with a problem that is more than a warning it is Incomplete.
//
// Beyond RFC 1035: $TTL (RFC 2308), units in TTLs ("1h30m"), unknown types (RFC 3597). A record without a TTL takes
// $TTL, else the last TTL given, else (with a warning) the SOA's minimum, as in BIND. $GENERATE is refused: what is in
// a zone is written out.
//
// $INCLUDE needs the option [IncludeFrom]. Its file name is relative to the folder of the file that includes; absolute
// paths, and paths out of the folder of the zone's own file, are refused. Problems name the included file and its line.
func Parse(apex, file string, r io.Reader, options ...Option) (*Zone, []Problem) {
	p := &parser{zone: &Zone{File: file}, ttl: noTTL, sum: sha256.New(), includes: maxIncludeFiles, room: maxIncludeBytes}
	p.in = &input{name: file, path: path.Base(filepath.ToSlash(file))}
	for _, option := range options {
		option(p)
	}
	name, err := CanonicalName(apex)
	if err != nil {
		p.complain(0, 0, "zone %q: %v", apex, err)
		return p.zone, p.problems
	}
	p.zone.Apex, p.origin = name, name
	text, err := io.ReadAll(r)
	if err != nil {
		p.complain(0, 0, "reading it failed: %v", err)
		return p.zone, p.problems
	}
	p.read(text)
	p.sum.Sum(p.zone.Sum[:0])
	p.zone.Records, p.zone.Lines = slices.Clip(p.zone.Records), slices.Clip(p.zone.Lines)
	return p.zone, p.problems
}

// read reads the entries of one file.
func (p *parser) read(text []byte) {
	fmt.Fprintf(p.sum, "%d:", len(text))
	p.sum.Write(text)
	p.zone.startFile(p.in.name)
	s := newScanner(text)
	for !p.stopped {
		e, ok := s.next()
		if !ok {
			break
		}
		p.entry(&e)
		if len(p.problems) >= maxProblems && !p.stopped {
			p.complain(s.line, 0, "after %d problems the file was read no further", maxProblems)
			p.stopped = true
		}
	}
	if p.in.parent != nil {
		p.zone.startFile(p.in.parent.name)
	}
}

// parser is the state that one entry of a file hands to the next.
type parser struct {
	zone     *Zone
	problems []Problem
	stopped  bool   // too many problems
	in       *input // the file being read
	origin   string // fully qualified
	ttl      uint32 // of records without one; noTTL: there is none yet
	fixedTTL bool   // ttl is from $TTL: a record's own TTL doesn't change it
	owner    string // of the record before, canonical; empty: there was none, or it was bad
	badOwner bool   // the owner before was bad: records that take it are checked and dropped
	minimum  *dns.SOA
	scratch  []byte

	sum      hash.Hash // of all text
	folder   fs.FS     // of $INCLUDE; nil: there is none
	includes int       // that are still allowed
	room     int64     // bytes that included files may still have
}

func (p *parser) complain(line, col int, format string, args ...any) {
	p.problems = append(p.problems, Problem{File: p.in.name, Line: line, Col: col, Text: fmt.Sprintf(format, args...)})
	p.zone.Incomplete = true
}

func (p *parser) warn(line int, format string, args ...any) {
	p.problems = append(p.problems, Problem{File: p.in.name, Line: line, Text: fmt.Sprintf(format, args...), Warning: true})
}

func (p *parser) entry(e *entry) {
	blank := e.text[0] == ' ' || e.text[0] == '\t'
	switch {
	case e.fault != "":
		line, col := e.position(e.at)
		p.complain(line, col, "%s", e.fault)
		if !blank {
			p.rememberOwner(e)
		}
	case e.text[0] == '$':
		p.directive(e)
	default:
		p.record(e, blank)
	}
}

// directive obeys a line that begins with a dollar sign.
func (p *parser) directive(e *entry) {
	word := firstField(e.text)
	switch strings.ToUpper(word) {
	case "$ORIGIN":
		p.setOrigin(e)
	case "$TTL":
		p.setDefaultTTL(e)
	case "$INCLUDE":
		p.include(e)
	case "$GENERATE":
		p.complain(e.line, 1, "$GENERATE isn't supported: a zone file has all its records; "+
			"\"named-compilezone -o OUT %s IN\" writes one that has", p.zone.Apex)
	default:
		p.complain(e.line, 1, "unknown directive %s%s", quote(word), didYouMean(strings.ToUpper(word), []string{"$ORIGIN", "$TTL", "$INCLUDE"}))
	}
}

// originForm is RFC 1035 section 5.1: $ORIGIN <domain-name> [<comment>].
var originForm = regexp.MustCompile(`^\S+[ \t]+([^\s"();]+)[ \t\r]*(?:;.*)?\n$`)

// setOrigin obeys $ORIGIN. (miekg's parser takes "$ORIGIN mx" for the record type.)
func (p *parser) setOrigin(e *entry) {
	m := originForm.FindSubmatchIndex(e.text)
	if m == nil {
		p.complain(e.line, 1, "$ORIGIN takes one name")
		return
	}
	if name, ok := p.name(e, m[2], m[3]); ok {
		p.origin = name
	}
}

// name returns the name that the bytes from..to of an entry are, fully qualified and canonical.
func (p *parser) name(e *entry, from, to int) (string, bool) {
	word := string(e.text[from:to])
	name, err := CanonicalName(p.absolute(word))
	if err != nil {
		p.complain(e.line, from+1, "%s is not a name: %v", quote(word), err)
	}
	return name, err == nil
}

// setDefaultTTL lets miekg's parser interpret $TTL: a record placed behind it shows what it said.
func (p *parser) setDefaultTTL(e *entry) {
	zp := dns.NewZoneParser(bytes.NewReader(slices.Concat(e.text, []byte("@ TXT x\n"))), p.origin, "")
	rr, ok := zp.Next()
	if !ok {
		p.parseError(e, zp.Err())
		return
	}
	if rr.Header().Ttl > maxTTL {
		p.complain(e.line, 0, "$TTL is above %d seconds", uint32(maxTTL))
		return
	}
	p.ttl, p.fixedTTL = rr.Header().Ttl, true
}

func (p *parser) record(e *entry, blank bool) {
	zp := dns.NewZoneParser(bytes.NewReader(e.text), p.origin, "")
	zp.SetDefaultTTL(p.ttl)
	rr, ok := zp.Next()
	if !ok {
		if !blank {
			p.rememberOwner(e)
		}
		p.parseError(e, zp.Err())
		return
	}
	h := rr.Header()
	if h.Name == "" {
		if p.owner == "" && !p.badOwner {
			p.complain(e.line, 1, "the line has no owner name (it begins with a blank), and there is none before it to take over")
			return
		}
		h.Name = cmp.Or(p.owner, ".") // the record of a bad owner is checked, and dropped below
	} else {
		if !p.setOwner(e, h.Name) {
			return
		}
		h.Name = p.owner
	}
	if text := p.defect(e, rr); text != "" {
		p.complain(e.line, 0, "%s", text)
		return
	}
	if !p.setTTL(e, rr) || p.badOwner {
		return
	}
	p.zone.Records = append(p.zone.Records, rr)
	p.zone.Lines = append(p.zone.Lines, int32(e.line))
}

// setOwner makes a name the owner of this record and of those behind it that have none.
func (p *parser) setOwner(e *entry, name string) bool {
	if name == p.owner { // the string that is shared already
		return true
	}
	canonical, err := CanonicalName(name)
	if err != nil {
		p.owner, p.badOwner = "", true
		p.complain(e.line, 1, "%s is not a name: %v", quote(firstField(e.text)), err)
		return false
	}
	p.owner, p.badOwner = canonical, false
	return true
}

// rememberOwner does setOwner's work for an entry that is bad in some other way, so that the entries behind it
// aren't blamed.
func (p *parser) rememberOwner(e *entry) {
	canonical, err := CanonicalName(p.absolute(firstField(e.text)))
	p.owner, p.badOwner = canonical, err != nil
}

// absolute makes a name of the file fully qualified; it may be none.
func (p *parser) absolute(name string) string {
	switch {
	case name == "@":
		return p.origin
	case dns.IsFqdn(name):
		return name
	case p.origin == ".":
		return name + "."
	}
	return name + "." + p.origin
}

// setTTL gives a record its TTL where it has none of its own.
func (p *parser) setTTL(e *entry, rr dns.RR) bool {
	h := rr.Header()
	if soa, ok := rr.(*dns.SOA); ok && p.minimum == nil {
		p.minimum = soa
	}
	switch {
	case h.Ttl == noTTL && p.minimum == nil:
		p.complain(e.line, 0, "the record has no TTL, and no $TTL stands before it")
		return false
	case h.Ttl == noTTL:
		h.Ttl = p.minimum.Minttl
		p.warn(e.line, "no $TTL: records without a TTL get the SOA's minimum, %d seconds", h.Ttl)
		p.ttl, p.fixedTTL = h.Ttl, true
	case !p.fixedTTL:
		p.ttl = h.Ttl
	}
	if h.Ttl > maxTTL {
		p.complain(e.line, 0, "the TTL is above %d seconds", uint32(maxTTL))
		return false
	}
	return true
}

// defect says what makes a record that could be parsed unfit to be served; empty: nothing.
func (p *parser) defect(e *entry, rr dns.RR) string {
	h := rr.Header()
	rtype := dns.Type(h.Rrtype)
	switch {
	case h.Class != dns.ClassINET:
		return fmt.Sprintf("class %s: only IN is served", dns.Class(h.Class))
	case h.Rrtype == dns.TypeNone || h.Rrtype == dns.TypeOPT || h.Rrtype >= 128 && h.Rrtype <= 255:
		return fmt.Sprintf("type %s is not a type of data (RFC 6895 section 3.1)", rtype) // queries and transactions
	}
	if dataMissing(e, rr) {
		return fmt.Sprintf("the %s record has no data", rtype)
	}
	// miekg's parser takes base64, hex and the length of names on trust; packing and unpacking shows.
	if p.scratch == nil {
		p.scratch = make([]byte, 2048)
	}
	end, err := dns.PackRR(rr, p.scratch, 0, nil, false)
	if err != nil && len(p.scratch) < math.MaxUint16 {
		p.scratch = make([]byte, 1<<17)
		end, err = dns.PackRR(rr, p.scratch, 0, nil, false)
	}
	if err == nil {
		_, _, err = dns.UnpackRR(p.scratch[:end], 0)
	}
	if err == nil && bytes.Contains(e.text, []byte(`\#`)) {
		// Unpacking is content with RDATA that ends early; its text then isn't.
		_, err = dns.NewRR(rr.String())
	}
	if err != nil {
		return fmt.Sprintf("the data of this %s record is malformed (%s)", rtype, plainError(err))
	}
	return ""
}

// dataMissing reports whether a record ends after its type, which miekg's parser takes for a dynamic update
// (RFC 2136) and fills with zeros.
func dataMissing(e *entry, rr dns.RR) bool {
	h := rr.Header()
	newRR, known := dns.TypeToRR[h.Rrtype]
	if !known || h.Rrtype == dns.TypeAPL { // an empty list is one
		return false
	}
	empty := newRR()
	*empty.Header() = *h
	if !dns.IsDuplicate(rr, empty) {
		return false
	}
	last := ""
	for line := range bytes.Lines(e.text) {
		text, _, _ := bytes.Cut(bytes.ReplaceAll(line, []byte(`\;`), nil), []byte{';'})
		if words := bytes.Fields(bytes.Trim(text, "() \t\r\n")); len(words) > 0 {
			last = strings.ToUpper(string(words[len(words)-1]))
		}
	}
	// "0" is the length in the empty RDATA \# 0 of RFC 3597.
	return dns.StringToType[last] == h.Rrtype || last == fmt.Sprintf("TYPE%d", h.Rrtype) || last == "0"
}

// firstField returns what stands before the first blank or parenthesis.
func firstField(text []byte) string {
	if i := bytes.IndexAny(text, " \t\r\n();\""); i >= 0 {
		text = text[:i]
	}
	return string(text)
}
