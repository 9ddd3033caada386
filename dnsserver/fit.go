package dnsserver

import (
	"strings"

	"meridian/zones"
)

const (
	// plainUDP is the largest answer over UDP to a query without EDNS (RFC 1035, section 4.2.1), and what smaller
	// sizes in an OPT count as (RFC 6891, section 6.2.3).
	plainUDP = 512
	// maxUDP is the largest answer over UDP: what passes every path unfragmented (RFC 9715), and what we say that we
	// take.
	maxUDP = 1232
	// maxTCP is the largest message over TCP.
	maxTCP = 65535
)

// udpLimit returns how long the answer to q may be over UDP.
func udpLimit(q *query) int {
	return min(max(int(q.size), plainUDP), maxUDP)
}

// fit makes the answer one of at most limit bytes, the last part of deciding: both renderers leave out the same. The
// addresses of name servers outside of a delegation go first, because referrals work without them; those inside don't
// (RFC 9471). When that isn't enough the answer is truncated: TC, and all sections empty, which fits in 512 bytes.
func (a *answer) fit(q *query, id *identity, limit int) {
	a.limit = limit
	over := a.size(q, id) - limit
	for n := len(a.glue); over > 0 && n > 0 && !a.inside(a.glue[n-1]); n = len(a.glue) {
		over -= glueSize(a.glue[n-1])
		a.glue = a.glue[:n-1]
	}
	a.truncated = over > 0
}

// inside reports whether the owner of glue is at or below the delegation.
func (a *answer) inside(glue *zones.RRset) bool {
	var owner [maxNameLen]byte
	return zones.IsSubdomain(appendName(owner[:0], glue.Name), a.owner)
}

// size returns the length of the whole answer as appendFast packs it; appendSlow's is never longer.
func (a *answer) size(q *query, id *identity) int {
	n := headerLen + len(q.question) + optSize(q, id)
	for i := range a.links {
		n += a.chain[i].len()
	}
	if a.authority != nil {
		n += len(a.authority.Wire)
	}
	for _, set := range a.glue {
		n += glueSize(set)
	}
	return n
}

// len returns the packed length of the window.
func (r *records) len() int {
	if r.count == len(r.set.Ends) {
		return len(r.set.Wire)
	}
	n := 0
	for i := range r.count {
		at := (r.first + i) % len(r.set.Ends)
		n += int(r.set.Ends[at]) - start(r.set, at)
	}
	return n
}

// glueSize returns the packed length of glue: its owners are written in full.
func glueSize(set *zones.RRset) int {
	return len(set.Wire) + len(set.Ends)*(nameSize(set.Name)-2)
}

// nameSize returns the length in wire format of a name from the index.
func nameSize(name string) int {
	if name == "." || strings.IndexByte(name, '\\') >= 0 {
		var scratch [maxNameLen]byte
		return len(appendName(scratch[:0], name))
	}
	return len(name) + 1 // a length in front of each label instead of a dot behind it, and the root's
}

// optSize returns the length of the OPT record of the answer, 0 if there is none.
func optSize(q *query, id *identity) int {
	if !q.edns {
		return 0
	}
	n := optLen
	if q.subnet.present {
		n += q.subnet.len()
	}
	if q.nsid && len(id.nsid) > 0 {
		n += 4 + len(id.nsid)
	}
	return n
}
