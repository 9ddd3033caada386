package config

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"meridian/zones"
)

const zoneExt = ".zone" // of the files in zones_dir

// source is one zone to be read.
type source struct {
	apex string // as it was written
	at   pos
	file string          // empty: made from nameservers
	zone *entry[rawZone] // nil: from zones_dir

	// What reading it gave.
	read     *zones.Zone
	problems []zones.Problem
}

// buildZones reads all zones, on all cores, and makes the index of zones and services.
func (b *builder) buildZones() {
	sources := b.unique(append(b.declaredZones(), b.zonesDir()...))
	if len(sources) == 0 && b.errors == 0 {
		b.errorf(pos{file: b.cfg.Path}, "there is no zone, so nothing would be answered (add zones, or zones_dir)")
	}
	work := make(chan *source)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for s := range work {
				s.parse()
			}
		})
	}
	for _, s := range sources {
		if s.file != "" {
			work <- s
		}
	}
	close(work)
	wg.Wait()
	for _, s := range sources {
		if s.file == "" {
			b.synthesize(s)
		}
		b.add(s.problems...)
		b.cfg.Zones = append(b.cfg.Zones, s.read)
	}
	b.sources = sources
	b.buildIndex(sources)
}

// declaredZones returns what "zones" names.
func (b *builder) declaredZones() []*source {
	var sources []*source
	for i := range b.raw.Zones {
		e := &b.raw.Zones[i]
		s := &source{apex: e.name, at: e.at, zone: e, file: b.path(e.v.File)}
		switch {
		case s.file != "" && e.v.Nameservers != nil:
			b.errorf(e.at, "zone %q has both file and nameservers: with a file, the name servers are in it", e.name)
		case s.file == "" && len(e.v.Nameservers) == 0 && !e.v.File.set && e.v.File.at.line == 0:
			b.errorf(e.at, "zone %q has neither file nor nameservers", e.name)
		}
		sources = append(sources, s)
	}
	return sources
}

// zonesDir returns the zone files of the folder zones_dir.
func (b *builder) zonesDir() []*source {
	dir := b.path(b.raw.ZonesDir)
	if dir == "" {
		return nil
	}
	entries, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		b.errorf(b.raw.ZonesDir.at, "zones_dir %s can't be read: %v", dir, cause(err))
		return nil
	}
	var sources []*source
	for _, e := range entries {
		apex, ok := strings.CutSuffix(e.Name(), zoneExt)
		if !ok || apex == "" || e.IsDir() {
			continue
		}
		file := filepath.Join(dir, e.Name())
		sources = append(sources, &source{apex: apex, at: pos{file: file}, file: file})
	}
	if len(sources) == 0 {
		b.warnf(b.raw.ZonesDir.at, "zones_dir %s has no file NAME%s", dir, zoneExt)
	}
	return sources
}

// unique leaves out zones with a bad name and those that are there already.
func (b *builder) unique(sources []*source) []*source {
	first := make(map[string]*source, len(sources))
	kept := sources[:0]
	for _, s := range sources {
		name, err := zones.CanonicalName(s.apex)
		if err != nil {
			b.errorf(s.at, "zone %s: not a domain name: %v", quote(s.apex), err)
			continue
		}
		if f := first[name]; f != nil {
			b.errorf(s.at, "zone %q is defined twice (first at %s)", s.apex, f.at)
			continue
		}
		first[name] = s
		s.read = &zones.Zone{Apex: name, File: s.file, Incomplete: true} // until it is read
		kept = append(kept, s)
	}
	return kept
}

// parse reads the zone's file.
func (s *source) parse() {
	fail := func(err error) {
		at := s.at
		if s.zone != nil {
			at = s.zone.v.File.at
		}
		text := fmt.Sprintf("zone %q: %s can't be read: %v", s.apex, s.file, cause(err))
		s.problems = append(s.problems, zones.Problem{File: at.file, Line: at.line, Col: at.col, Text: text})
	}
	f, err := openRegular(s.file)
	if err != nil {
		fail(err)
		return
	}
	defer f.Close()
	s.read, s.problems = zones.Parse(s.apex, s.file, f, zones.IncludeFrom(ZoneFolder(s.file)))
}

// synthesize makes a zone from nameservers.
func (b *builder) synthesize(s *source) {
	if s.zone == nil || len(s.zone.v.Nameservers) == 0 {
		return
	}
	before := b.errors
	var nameservers []zones.Nameserver
	for i := range s.zone.v.Nameservers {
		e := &s.zone.v.Nameservers[i]
		ns := zones.Nameserver{Name: e.name}
		ns.Addresses = b.endpoints(e.v, fmt.Sprintf("zones.%s.nameservers.%s", s.apex, e.name))
		b.nameserver(s, e)
		nameservers = append(nameservers, ns)
	}
	if b.errors > before {
		return
	}
	zone, problems := zones.Synthesize(s.apex, nameservers)
	for _, p := range problems {
		p.File, p.Line, p.Col = s.at.file, s.at.line, s.at.col
		b.add(p)
	}
	s.read = zone
}

// nameserver checks that a name server in the zone has an address. (zones.Synthesize would say so as well, but not
// where.)
func (b *builder) nameserver(s *source, e *entry[[]text]) {
	name, err := zones.CanonicalName(e.name)
	if err != nil {
		b.errorf(e.at, "zone %q: nameserver %s is not a domain name: %v", s.apex, quote(e.name), err)
		return
	}
	if _, err := netip.ParseAddr(e.name); err == nil {
		b.errorf(e.at, "zone %q: nameserver %s is an address (write NAME: [%s])", s.apex, quote(e.name), e.name)
		return
	}
	if len(e.v) == 0 && (name == s.read.Apex || strings.HasSuffix(name, "."+s.read.Apex)) {
		b.errorf(e.at, "zone %q: nameserver %q lies in the zone and needs an address here, or nobody finds it", s.apex, e.name)
	}
}

// buildIndex joins zones and services, and gives the problems of that their places.
func (b *builder) buildIndex(sources []*source) {
	index, problems := zones.NewIndex(b.cfg.Zones, b.cfg.Services)
	b.cfg.Index = index
	if len(problems) == 0 {
		return
	}
	for _, p := range problems {
		at, isService := b.names[p.Service]
		switch {
		case p.File == "" && isService:
			p.File, p.Line, p.Col = at.file, at.line, at.col
		case p.File == "":
			at := b.zoneIn(p.Text, sources)
			p.File, p.Line, p.Col = at.file, at.line, at.col
		case isService:
			p.Text += fmt.Sprintf(" (the service is at %s)", at)
		}
		b.add(p)
	}
}

// zoneIn returns the place of the zone without a file that a problem speaks of.
func (b *builder) zoneIn(text string, sources []*source) pos {
	for _, s := range sources {
		if s.file == "" && strings.Contains(text, s.read.Apex) {
			return s.at
		}
	}
	return pos{file: b.cfg.Path}
}
