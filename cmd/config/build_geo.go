package config

import (
	"strconv"
	"strings"

	"meridian/geo"
	"meridian/zones"
)

// demoData asks for the built-in data in so many words, which saves the warning. A file of that name is "./demo".
const demoData = "demo"

// buildGeo opens what is known of client networks. A bad file is a problem like any other.
func (b *builder) buildGeo() {
	raw, g := &b.raw.Geo, &b.cfg.Geo
	*g = Geo{Database: b.path(raw.Database), ASNDatabase: b.path(raw.ASNDatabase), Networks: b.path(raw.Networks)}
	g.Sources.Rules = rules(b.cfg)
	switch {
	case raw.Database.v == demoData:
		g.Database = ""
		g.Sources.Database = geo.Demo()
	case g.Database == "":
		g.Sources.Database = geo.Demo()
		b.warnDemo()
	default:
		g.Sources.Database = b.database(raw.Database, g.Database, "geo.database")
	}
	if g.ASNDatabase != "" {
		g.Sources.ASN = b.database(raw.ASNDatabase, g.ASNDatabase, "geo.asn_database")
		if d := g.Sources.ASN; d != nil && !d.Info().HasASN {
			b.errorf(raw.ASNDatabase.at, "geo.asn_database: %s has no AS numbers (its type is %s)", g.ASNDatabase, d.Info().Type)
		}
	}
	if g.Networks != "" {
		b.overrides(raw.Networks, g)
	}
}

func (b *builder) database(t text, path, key string) *geo.Database {
	f, err := openRegular(path)
	if err != nil {
		b.errorf(t.at, "%s %s can't be read: %v", key, path, cause(err))
		return nil
	}
	f.Close()
	d, err := geo.Open(path)
	if err != nil {
		b.errorf(t.at, "%s: %v", key, err)
		return nil
	}
	return d
}

func (b *builder) overrides(t text, g *Geo) {
	f, err := openRegular(g.Networks)
	if err != nil {
		b.errorf(t.at, "geo.networks %s can't be read: %v", g.Networks, cause(err))
		return
	}
	defer f.Close()
	overrides, errs := geo.ReadOverrides(g.Networks, f, b.cfg.Regions)
	g.Sources.Overrides = overrides
	for _, err := range errs {
		b.add(placed(g.Networks, err))
	}
}

// placed takes an error of the form "file:line:col: text" apart.
func placed(file string, err error) zones.Problem {
	p := zones.Problem{File: file, Text: err.Error()}
	rest, ok := strings.CutPrefix(p.Text, file+":")
	if !ok {
		return p
	}
	parts := strings.SplitN(rest, ":", 3)
	if len(parts) < 3 {
		return p
	}
	line, errLine := strconv.Atoi(parts[0])
	col, errCol := strconv.Atoi(parts[1])
	if errLine != nil || errCol != nil {
		return p
	}
	p.Line, p.Col, p.Text = line, col, strings.TrimSpace(parts[2])
	return p
}

// warnDemo warns of real services located by demo data.
func (b *builder) warnDemo() {
	if b.cfg.Geo.Networks != "" {
		return
	}
	for _, s := range b.cfg.Services {
		if s.Tree().Geographic() {
			b.warnf(pos{file: b.cfg.Path}, "geo.database is not set: clients are located by the built-in demo data, which knows documentation networks only")
			return
		}
	}
}
