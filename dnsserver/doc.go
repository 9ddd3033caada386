// Package dnsserver answers DNS queries from a snapshot: it reads packets, reads the snapshot, and writes packets.
//
//	packet ─► parseQuery ─► query ─► find ─► finding ─► decide ─► answer ─► appendFast ─► packet
//	              │ declined          ▲                                       ▲
//	              ▼                   │                                       │ equal messages (FuzzParity)
//	          parseSlow ─► query ─────┘                         answer ─► appendSlow ─► packet
//
// Four steps, and none does the work of another. A parser turns bytes into a query, a value that points into the
// packet. find looks up the name, and the client where the name is a service; packet loops do both for all packets of
// a batch first, because to look up is mostly to wait for memory. decide is the whole policy of answering and knows no
// bytes: it turns a query, what was found and a snapshot into an answer, a few pointers to RRsets that were packed when
// the snapshot was compiled. A renderer turns the answer into bytes and decides nothing.
//
// There are two parsers and two renderers. The fast ones know the one shape that resolvers send (opcode QUERY, one
// question of class IN, nothing else but one well-formed OPT) and neither allocate nor lock, log or ask the time.
// What has another shape is declined to the slow ones, which work through miekg/dns, and which are the oracle that
// the fast ones are fuzzed against. Explain, for people and APIs, runs the same decide (see Decide).
//
// What a query gets that isn't an ordinary question:
//
//	shorter than a header, or QR=1              nothing, ever: that is how loops between servers begin
//	opcode other than QUERY                     NOTIMP (NOTIFY and UPDATE included)
//	QDCOUNT not 1, records in answer or         FORMERR, as NSD does (an IXFR's SOA is no mistake)
//	  authority, bytes after the last record,
//	  a compressed question name, two OPTs, an
//	  OPT that isn't well-formed, an invalid
//	  client subnet (RFC 7871, section 7.1.2)
//	EDNS version above 0                        BADVERS (RFC 6891, section 6.1.3)
//	TSIG as the last record                     NOTAUTH, BADKEY (RFC 8945, section 5.2.1): we hold no keys
//	TSIG elsewhere                              FORMERR
//	SIG(0) and other additional records         ignored, as RFC 2931, section 3.1 allows
//	QTYPE 0, OPT, TSIG, NXNAME                  FORMERR
//	AXFR, IXFR                                  REFUSED
//	TKEY, MAILA, MAILB                          NOTIMP
//	ANY                                         the CNAME, or one HINFO (RFC 8482)
//	class CH                                    id.server, version.bind and their kin if configured, else REFUSED
//	other classes, names outside our zones      REFUSED
//
// In every answer RD is copied, and RA, Z, AD and CD are clear (RFC 4035, section 3.1.6). The DO bit comes back in the
// OPT; there are no signatures. Options other than client subnet and NSID are ignored.
package dnsserver
