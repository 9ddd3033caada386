package zones_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"pgregory.net/rapid"

	"meridian/zones"
)

// naive is the slow twin of Index: a plain list of records and services, searched as RFC 6672 section 3.2 (once RFC 1034
// section 4.3.2) and RFC 4592 say. Names are in presentation format, lower case.
type naive struct {
	zones []naiveZone
}

type naiveZone struct {
	apex     string
	records  []naiveRecord
	services []string
}

type naiveRecord struct {
	name   string
	rtype  uint16
	target string // of NS and DNAME
}

type naiveMatch struct {
	kind       zones.MatchKind
	apex, node string
}

// below reports whether a name is at or below another.
func below(name, ancestor string) bool {
	return ancestor == "." || name == ancestor || strings.HasSuffix(name, "."+ancestor)
}

// ancestors returns a name and all names above it, the name first and the root last.
func ancestors(name string) []string {
	all := []string{name}
	for name != "." {
		_, name, _ = strings.Cut(name, ".")
		if name == "" {
			name = "."
		}
		all = append(all, name)
	}
	return all
}

// under returns a name with labels put before it.
func under(labels, name string) string {
	if name == "." {
		return labels + "."
	}
	return labels + "." + name
}

// has reports whether the zone has a record of the type at the name.
func (z *naiveZone) has(name string, rtype uint16) bool {
	return slices.ContainsFunc(z.records, func(r naiveRecord) bool { return r.name == name && r.rtype == rtype })
}

// exists: a name exists if there is something at it or below it (RFC 4592 section 2.2.2). A zone of ours that lies
// below counts: its apex exists.
func (n *naive) exists(z *naiveZone, name string) bool {
	for _, r := range z.records {
		if below(r.name, z.apex) && below(r.name, name) {
			return true
		}
	}
	for _, other := range n.zones {
		if below(other.apex, z.apex) && below(other.apex, name) {
			return true
		}
	}
	return slices.ContainsFunc(z.services, func(s string) bool { return below(s, name) })
}

func (n *naive) find(name string, qtype uint16) naiveMatch {
	// Step 2: the nearest zone above. DS at an apex belongs to the parent, if that is ours.
	var above []*naiveZone // nearest first
	for _, a := range ancestors(name) {
		for i := range n.zones {
			if n.zones[i].apex == a {
				above = append(above, &n.zones[i])
			}
		}
	}
	if len(above) == 0 {
		return naiveMatch{kind: zones.Refused}
	}
	z := above[0]
	if qtype == dns.TypeDS && z.apex == name && len(above) > 1 {
		z = above[1]
	}
	// Step 3: down from the apex. b: a cut on the way is a referral. c: a DNAME above the name redirects it.
	path := ancestors(name)
	slices.Reverse(path)
	for _, a := range path {
		if below(a, z.apex) && a != z.apex && z.has(a, dns.TypeNS) && !(a == name && qtype == dns.TypeDS) {
			return naiveMatch{zones.Delegation, z.apex, a}
		}
		if below(a, z.apex) && a != name && z.has(a, dns.TypeDNAME) {
			return naiveMatch{zones.Redirection, z.apex, a}
		}
	}
	// a: the whole name matches.
	if n.exists(z, name) {
		return naiveMatch{zones.Exact, z.apex, name}
	}
	// c: it doesn't; the asterisk label below the closest encloser.
	for _, encloser := range ancestors(name)[1:] {
		if n.exists(z, encloser) {
			wildcard := under("*", encloser)
			if n.exists(z, wildcard) {
				return naiveMatch{zones.Wildcard, z.apex, wildcard}
			}
			break
		}
	}
	return naiveMatch{kind: zones.NXDomain, apex: z.apex}
}

// types returns the types of the records at a name of a zone.
func (n *naive) types(apex, name string) []uint16 {
	var types []uint16
	for _, z := range n.zones {
		for _, r := range z.records {
			if z.apex == apex && r.name == name && !slices.Contains(types, r.rtype) {
				types = append(types, r.rtype)
			}
		}
	}
	slices.Sort(types)
	return types
}

// glue returns the owner and type of the addresses that a referral to a cut takes along, sorted.
func (n *naive) glue(apex, cut string) []string {
	var glue []string
	for _, z := range n.zones {
		if z.apex != apex {
			continue
		}
		for _, ns := range z.records {
			if ns.name != cut || ns.rtype != dns.TypeNS {
				continue
			}
			for _, r := range z.records {
				if r.name == ns.target && below(r.name, apex) && (r.rtype == dns.TypeA || r.rtype == dns.TypeAAAA) && !n.moved(&z, r.name) {
					glue = append(glue, fmt.Sprint(r.name, dns.Type(r.rtype)))
				}
			}
		}
	}
	slices.Sort(glue)
	return slices.Compact(glue)
}

// moved reports whether a name of a zone lies below a DNAME that is the zone's own to answer: it is not below a cut or
// another zone of ours.
func (n *naive) moved(z *naiveZone, name string) bool {
	path := ancestors(name)
	slices.Reverse(path)
	for _, a := range path {
		child := slices.ContainsFunc(n.zones, func(other naiveZone) bool { return other.apex == a })
		switch {
		case !below(a, z.apex) || a == name:
		case a != z.apex && (child || z.has(a, dns.TypeNS)):
			return false
		case z.has(a, dns.TypeDNAME):
			return true
		}
	}
	return false
}

// draw makes random zones with few labels, so that names meet, and a twin of them.
func draw(t *rapid.T) (*naive, []*zones.Zone, []*zones.Service) {
	label := rapid.SampledFrom([]string{"a", "b", "*", "c"})
	apexes := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{".", "test.", "a.test.", "b.test.", "a.a.test.", "b.a.a.test.", "other."}),
		1, 4, rapid.ID[string]).Draw(t, "apexes")
	twin := &naive{}
	var zs []*zones.Zone
	for _, apex := range apexes {
		nz := naiveZone{apex: apex}
		var text strings.Builder
		add := func(name string, rtype uint16, target string) {
			data := map[uint16]string{dns.TypeA: "192.0.2.1", dns.TypeAAAA: "2001:db8::1", dns.TypeTXT: "x", dns.TypeDS: "1 13 2 " + strings.Repeat("00", 32),
				dns.TypeSOA: "ns. h. 1 2 3 4 5", dns.TypeNS: target, dns.TypeDNAME: target}[rtype]
			fmt.Fprintf(&text, "%s 60 IN %s %s\n", name, dns.Type(rtype), data)
			nz.records = append(nz.records, naiveRecord{name, rtype, target})
		}
		name := rapid.Custom(func(t *rapid.T) string {
			if labels := rapid.SliceOfN(label, 0, 4).Draw(t, "labels"); len(labels) > 0 {
				return under(strings.Join(labels, "."), apex)
			}
			return apex
		})
		add(apex, dns.TypeSOA, "")
		add(apex, dns.TypeNS, "ns.elsewhere.")
		for range rapid.IntRange(0, 8).Draw(t, "records") {
			owner := name.Draw(t, "owner")
			rtype := rapid.SampledFrom([]uint16{dns.TypeA, dns.TypeAAAA, dns.TypeTXT, dns.TypeNS, dns.TypeDS, dns.TypeDNAME}).Draw(t, "type")
			switch { // what is refused at load
			case rtype == dns.TypeNS && (strings.HasPrefix(owner, "*.") || owner != apex && nz.has(owner, dns.TypeDNAME)),
				rtype == dns.TypeDNAME && (nz.has(owner, dns.TypeDNAME) || owner != apex && nz.has(owner, dns.TypeNS)):
				rtype = dns.TypeTXT
			}
			add(owner, rtype, name.Draw(t, "target"))
		}
		z, problems := zones.Parse(apex, "", strings.NewReader(text.String()))
		if len(problems) > 0 {
			t.Fatal(problems, text.String())
		}
		zs = append(zs, z)
		twin.zones = append(twin.zones, nz)
	}
	var services []*zones.Service
	for range rapid.IntRange(0, 3).Draw(t, "services") {
		name := strings.Join(rapid.SliceOfN(label, 1, 4).Draw(t, "service"), ".") + ".test."
		m := twin.find(name, dns.TypeTXT)
		if m.kind == zones.Refused || m.kind == zones.Delegation || m.kind == zones.Redirection || slices.ContainsFunc(services, func(s *zones.Service) bool { return s.Name == name }) {
			continue // refused at load
		}
		i := slices.IndexFunc(twin.zones, func(z naiveZone) bool { return z.apex == m.apex })
		if twin.zones[i].has(name, dns.TypeA) || twin.zones[i].has(name, dns.TypeAAAA) {
			continue
		}
		twin.zones[i].services = append(twin.zones[i].services, name)
		services = append(services, &zones.Service{Name: name})
	}
	return twin, zs, services
}

// findsAlike is the property: Index.Find and its twin say the same of every name near the zones.
func findsAlike(t *rapid.T) {
	twin, zs, services := draw(t)
	x, problems := zones.NewIndex(zs, services)
	if x == nil {
		t.Fatalf("%v", problems)
	}
	names := []string{"."}
	for _, z := range twin.zones {
		names = append(names, z.services...)
		for _, r := range z.records {
			names = append(names, ancestors(r.name)...)
			names = append(names, under("a", r.name), under("*", r.name), under("x.y", r.name))
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		for _, qtype := range []uint16{dns.TypeA, dns.TypeDS} {
			w, err := zones.WireName(name)
			if err != nil {
				t.Fatal(err)
			}
			want, got := twin.find(name, qtype), x.Find(w, qtype)
			g := naiveMatch{kind: got.Kind}
			if got.Zone != nil {
				g.apex = got.Zone.Apex
			}
			if got.Node != nil {
				g.node = got.Node.Name()
			}
			if g != want {
				t.Fatalf("%s %s: got %v, want %v\n%v\n%v", name, dns.Type(qtype), g, want, twin.zones, problems)
			}
			if got.Node == nil {
				continue
			}
			if types := twin.types(want.apex, want.node); !slices.Equal(got.Node.Types(), types) {
				t.Fatalf("%s: types %v, want %v\n%v", name, got.Node.Types(), types, twin.zones)
			}
			service := slices.IndexFunc(services, func(s *zones.Service) bool { return s.Name == want.node })
			if got.Kind != zones.Delegation && got.Node.Service() != service && want.apex == twin.find(want.node, dns.TypeA).apex {
				t.Fatalf("%s: service %d, want %d", name, got.Node.Service(), service)
			}
			if got.Kind == zones.Delegation {
				var glue []string
				for _, set := range got.Node.Glue() {
					glue = append(glue, fmt.Sprint(set.Name, dns.Type(set.Type)))
				}
				slices.Sort(glue)
				if want := twin.glue(want.apex, want.node); !slices.Equal(slices.Compact(glue), want) {
					t.Fatalf("%s: glue %v, want %v\n%v", name, glue, want, twin.zones)
				}
			}
		}
	}
}

func TestFindEqualsNaive(t *testing.T) { rapid.Check(t, findsAlike) }

func FuzzFind(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(findsAlike))
}
