package dnsserver

import (
	"bytes"

	"github.com/miekg/dns"

	"meridian/snapshot"
	"meridian/zones"
)

// maxLinks bounds an answer: a chain of this many RRsets, CNAMEs and what they lead to. A longer one is sent as far as
// it goes, and the resolver asks on.
const maxLinks = 9

// answer is what a query gets, without a byte of it.
type answer struct {
	rcode         uint16 // with the bits that go into the OPT
	dnames        uint16 // bit i: chain[i] is a DNAME above the name; the CNAME that leads on is behind it
	authoritative bool

	links     int
	chain     [maxLinks]records // the answer section; each but the last is a CNAME that leads to the next one's owner, or a DNAME
	authority *zones.RRset      // SOA of a negative answer, NS of a delegation, or nil
	owner     []byte            // owner name of authority, wire format: a suffix of the last name
	glue      []*zones.RRset    // the additional section of a delegation

	limit     int  // of the whole message in bytes
	truncated bool // it is longer than that

	scope uint8 // of the client subnet option: the longest that any step depended on

	zone     *zones.ZoneData // that the question's name is in; nil: none of ours
	service  int             // the last service that took part, as zones.Node.Service numbers them; -1: none
	location snapshot.Location
	outcome  snapshot.Outcome

	target [maxNameLen]byte // scratch: the name that the chain has led to, in lower case
	cut    [maxNameLen]byte // scratch: the owner of a delegation
}

// records is a window of an RRset: count records from first on, circularly.
type records struct {
	set          *zones.RRset
	first, count int
}

func (a *answer) reset() {
	a.rcode, a.authoritative = dns.RcodeSuccess, false
	a.links, a.dnames, a.authority, a.owner, a.glue = 0, 0, nil, nil, nil
	a.scope, a.zone, a.service = 0, nil, -1
}

// identity is what the server says of itself, apart from any zone.
type identity struct {
	nsid    []byte       // RFC 5001; empty: the option isn't answered
	id      *zones.RRset // CH TXT of id.server and hostname.bind (RFC 4892); nil: refused
	version *zones.RRset // CH TXT of version.bind and version.server; nil: refused
}

// decide is the whole policy of answering. It reads one snapshot and writes a; equal arguments give equal answers. f is
// what the query's name was found to lead to, random a uniform random number.
func (id *identity) decide(snap *snapshot.Snapshot, q *query, f *finding, random uint64, a *answer) {
	a.reset()
	if rcode := refusal(q); rcode != dns.RcodeSuccess {
		a.rcode = rcode
		return
	}
	if q.class == dns.ClassCHAOS {
		id.decideChaos(q, a)
		return
	}
	a.decideName(snap, f, q.name, q.qtype, random)
}

// refusal returns the RCODE of queries that get no look at the zones, NOERROR for all others.
func refusal(q *query) uint16 {
	switch {
	case q.opcode != dns.OpcodeQuery:
		return dns.RcodeNotImplemented
	case q.malformed:
		return dns.RcodeFormatError
	case q.version != 0:
		return dns.RcodeBadVers
	case q.tsig != nil:
		return dns.RcodeNotAuth
	case q.class != dns.ClassINET && q.class != dns.ClassCHAOS:
		return dns.RcodeRefused
	}
	switch q.qtype {
	case dns.TypeNone, dns.TypeOPT, dns.TypeTSIG, dns.TypeNXNAME:
		return dns.RcodeFormatError
	case dns.TypeAXFR, dns.TypeIXFR:
		return dns.RcodeRefused
	case dns.TypeTKEY, dns.TypeMAILA, dns.TypeMAILB:
		return dns.RcodeNotImplemented
	}
	return dns.RcodeSuccess
}

// decideName follows RFC 6672, section 3.2 (once RFC 1034, section 4.3.2), from the zone to the node to the RRset, and
// along CNAMEs and DNAMEs in our zones.
func (a *answer) decideName(snap *snapshot.Snapshot, f *finding, name []byte, qtype uint16, random uint64) {
	if snap == nil { // none was published yet
		a.rcode = dns.RcodeServerFailure
		return
	}
	a.zone = f.match.Zone
	for {
		m := &f.match
		switch m.Kind {
		case zones.Refused:
			if a.links == 0 {
				a.rcode = dns.RcodeRefused
			}
			return
		case zones.Delegation:
			// Behind a CNAME the resolver asks for the target anyway, and gets the referral then.
			if a.links == 0 {
				a.refer(m.Node)
			}
			return
		case zones.NXDomain:
			// The RCODE speaks of the last name in the chain (RFC 6604, section 3).
			a.authoritative = true
			a.rcode = dns.RcodeNameError
			a.deny(m.Zone)
			return
		case zones.Redirection:
			name = a.redirect(m.Node, name)
		default:
			name = a.decideNode(snap, f, qtype, random)
		}
		if name == nil {
			return
		}
		name = lower(&a.target, name)
		f.find(snap, name, qtype)
		f.fetch(snap, qtype)
		random = random<<32 | random>>32 // the same draw twice along one chain would tie the two services together
	}
}

// decideNode answers from a node that exists. It returns the wire name that the answer goes on at; nil: it is done.
func (a *answer) decideNode(snap *snapshot.Snapshot, f *finding, qtype uint16, random uint64) []byte {
	a.authoritative = true
	m := &f.match
	if f.service >= 0 {
		return a.decideService(snap, f, qtype, random)
	}
	if qtype == dns.TypeANY {
		a.decideAny(*m)
		return nil
	}
	if set := f.set; set != nil {
		a.add(records{set, 0, len(set.Ends)})
		return nil
	}
	if set := m.Node.CNAME(); set != nil {
		return a.follow(records{set, 0, len(set.Ends)})
	}
	a.deny(m.Zone)
	return nil
}

// decideService draws. The scope is the map's: it goes with every answer of the name and type, NODATA and SERVFAIL
// included, or a resolver would keep one for the whole world.
func (a *answer) decideService(snap *snapshot.Snapshot, f *finding, qtype uint16, random uint64) []byte {
	a.service, a.location = f.service, f.location
	snap.Service(f.service).DrawTo(qtype, &a.location, random, &a.outcome)
	a.scope = max(a.scope, a.location.Scope)
	switch set := a.outcome.Set; {
	case a.outcome.Servfail:
		a.links, a.authoritative = 0, false
		a.rcode = dns.RcodeServerFailure
	case set == nil:
		a.deny(f.match.Zone)
	case set.Type == dns.TypeCNAME:
		return a.follow(records{set, a.outcome.First, 1})
	default:
		a.add(records{set, a.outcome.First, a.outcome.Count})
	}
	return nil
}

// decideAny answers ANY with as little as RFC 8482 allows: the CNAME where there is one (section 4.2), else a HINFO
// that stands for everything.
func (a *answer) decideAny(m zones.Match) {
	switch set := m.Node.CNAME(); {
	case set != nil:
		a.add(records{set, 0, len(set.Ends)})
	case m.Node.Service() < 0 && len(m.Node.Types()) == 0:
		a.deny(m.Zone)
	default:
		a.add(records{anyHINFO, 0, 1})
	}
}

// anyHINFO is the answer to ANY (RFC 8482, section 4.2), with the TTL of the RFC's example.
var anyHINFO = must(zones.NewRRset(".", []dns.RR{&dns.HINFO{
	Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeHINFO, Class: dns.ClassINET, Ttl: 3789},
	Cpu: "RFC8482",
}}))

func must(set *zones.RRset, err error) *zones.RRset {
	if err != nil {
		panic(err)
	}
	return set
}

// add appends to the answer section.
func (a *answer) add(r records) {
	a.chain[a.links] = r
	a.links++
}

// follow adds a CNAME and returns its target in wire format; nil if the chain is as long as it may be, or a circle.
func (a *answer) follow(r records) []byte {
	for i := range a.links {
		if a.chain[i].set == r.set {
			return nil
		}
	}
	a.add(r)
	if a.links == maxLinks {
		return nil
	}
	return cnameTarget(r)
}

// redirect adds the DNAME of owner, which name is below, and the CNAME made from it, whose target it returns; nil as in follow, and
// when that would be too long for a name (RFC 6672, section 2.2).
func (a *answer) redirect(owner *zones.Node, name []byte) []byte {
	a.authoritative = true
	if a.links+2 > maxLinks {
		return nil
	}
	dname := owner.RRset(dns.TypeDNAME)
	cname := dname.Redirect(name)
	if cname != nil && a.redirected(dname, cname) {
		return nil
	}
	a.dnames |= 1 << a.links
	a.add(records{dname, 0, 1})
	if cname == nil {
		a.rcode = dns.RcodeYXDomain
		return nil
	}
	return a.follow(records{cname, 0, 1})
}

// redirected reports whether the same DNAME made the same CNAME before: the chain is a circle.
func (a *answer) redirected(dname, cname *zones.RRset) bool {
	for i := range a.links {
		if a.isDNAME(i) && a.chain[i].set == dname && bytes.Equal(a.chain[i+1].set.Wire, cname.Wire) {
			return true
		}
	}
	return false
}

// isDNAME reports whether link i is a DNAME above the name, so that its owner is a suffix of the name.
func (a *answer) isDNAME(i int) bool { return a.dnames != 0 && a.dnames>>(i&15)&1 != 0 }

// recordFixed is what precedes the RDATA in zones.RRset.Wire: owner pointer, TYPE, CLASS, TTL, RDLENGTH.
const recordFixed = 12

// cnameTarget returns the RDATA of the window's first record: the target, uncompressed.
func cnameTarget(r records) []byte {
	return r.set.Wire[start(r.set, r.first)+recordFixed : r.set.Ends[r.first]]
}

// start returns where record i of a packed RRset begins.
func start(set *zones.RRset, i int) int {
	if i == 0 {
		return 0
	}
	return int(set.Ends[i-1])
}

// deny makes the answer negative: NODATA, or with its RCODE NXDOMAIN (RFC 2308, section 2).
func (a *answer) deny(zone *zones.ZoneData) {
	a.authority, a.owner = zone.Negative, zone.ApexWire
}

// refer makes the answer a referral to the name servers of a delegation.
func (a *answer) refer(cut *zones.Node) {
	a.authority, a.glue = cut.RRset(dns.TypeNS), cut.Glue()
	a.owner = appendName(a.cut[:0], a.authority.Name)
}

// appendName appends the wire format of a name from the index, which holds none that has no such format.
func appendName(dst []byte, name string) []byte {
	dst, _ = zones.AppendWireName(dst, name)
	return dst
}

// decideChaos answers the questions about the server itself (RFC 4892, and the older names of BIND).
func (id *identity) decideChaos(q *query, a *answer) {
	var set *zones.RRset
	switch string(q.name) {
	case "\x02id\x06server\x00", "\x08hostname\x04bind\x00":
		set = id.id
	case "\x07version\x04bind\x00", "\x07version\x06server\x00":
		set = id.version
	}
	if set == nil || q.qtype != dns.TypeTXT && q.qtype != dns.TypeANY {
		a.rcode = dns.RcodeRefused
		return
	}
	a.authoritative = true
	a.add(records{set, 0, 1})
}
