package dnsserver

import (
	"net/netip"

	"github.com/miekg/dns"

	"meridian/snapshot"
	"meridian/zones"
)

// finding is what there is to know of a query before anything is decided: where its name is, and where the client is.
//
// To find is mostly to wait for memory: of names and networks, each packet asks for others. A packet loop therefore
// finds for all packets of a batch, one right after the other, so that the processor waits for several at a time, and
// decides afterwards.
type finding struct {
	client   snapshot.Client // who asks
	match    zones.Match
	service  int               // that answers, as zones.Node.Service numbers them; -1: none
	location snapshot.Location // of the client, for that service
	set      *zones.RRset      // without a service: the name's RRset of the type asked; nil: none
}

// find looks a name up.
func (f *finding) find(snap *snapshot.Snapshot, name []byte, qtype uint16) {
	f.service = -1
	if snap == nil {
		f.match = zones.Match{}
		return
	}
	f.match = snap.Index.Find(name, qtype)
	if (qtype == dns.TypeA || qtype == dns.TypeAAAA) && exists(&f.match) {
		f.service = f.match.Node.Service()
	}
}

// fetch gets what the name has: the client's location if it is a service, else its RRset of the type.
func (f *finding) fetch(snap *snapshot.Snapshot, qtype uint16) {
	f.set = nil
	switch {
	case f.service >= 0:
		snap.Service(f.service).LocateTo(&f.client, &f.location)
	case exists(&f.match):
		f.set = f.match.Node.RRset(qtype)
	}
}

// exists reports whether there is a node to answer from.
func exists(m *zones.Match) bool { return m.Kind == zones.Exact || m.Kind == zones.Wildcard }

// asked is one packet on its way to an answer.
type asked struct {
	packet  []byte
	query   query
	why     decline
	finding finding
	found   bool // query, why and finding are those of this packet
	name    [maxNameLen]byte
}

// take begins with a packet.
func (k *asked) take(packet []byte, source netip.Addr) {
	k.packet, k.finding.client.Source, k.found = packet, source, false
}

// parse reads the packet, as far as the fast path knows it.
func (k *asked) parse() { k.why = parseQuery(k.packet, &k.name, &k.query) }

// parseSlow reads the packet whatever its form, as long as it may be answered at all.
func (k *asked) parseSlow() { parseSlow(k.packet, &k.name, &k.query) }

// find looks up the name of a packet that wasn't declined.
func (k *asked) find(snap *snapshot.Snapshot) {
	if k.why == plain {
		k.findAnyway(snap)
	}
}

func (k *asked) findAnyway(snap *snapshot.Snapshot) {
	if k.query.subnet.present || k.finding.client.ECS.IsValid() {
		k.finding.client.ECS = k.query.subnet.prefix()
	}
	k.finding.find(snap, k.query.name, k.query.qtype)
}

// fetch gets what the name of a packet that wasn't declined has.
func (k *asked) fetch(snap *snapshot.Snapshot) {
	if k.why == plain {
		k.finding.fetch(snap, k.query.qtype)
	}
	k.found = true
}
