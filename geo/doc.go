// Package geo says where clients are: it turns a GeoIP database and the operator's own networks into a table
// that gives every address a locality, in a few nanoseconds and without allocating.
//
//	.mmdb (City, Country, …)  Open ─┐
//	.mmdb (ASN)               Open ─┤             every network        Compile(locate)
//	networks.csv     ReadOverrides ─┼─ NewAtlas ─▶  → Place   ─────────────────────────▶ Table: address
//	private networks      built in ─┤              (Atlas)        Place → Locality         → Locality, scope
//	networks in geo rules   Rules  ─┘
//
// The sources are step functions over the address space: sorted first addresses, each with what holds from there
// to the next. They are laid on top of each other, lowest line of the picture last, in one linear sweep per
// source; the result, the [Atlas], knows all that is known of each network. The file is read whole and closed;
// each distinct record is decoded once; nothing here is decoded per query.
//
// What a place means for a service is not known here: a policy's locate function maps a [Place] to a [Locality],
// a small number for "all clients that are treated alike". [Atlas.Compile] asks it once per distinct place, melts
// neighbouring networks of one locality together and packs the rest in a multi-bit table. The depth at which the
// answer is certain is stored with it: the scope prefix length of RFC 7871. It is not the database's prefix
// length: with 10.0.0.0/8 → A and 10.1.0.0/16 → B, the answer for 10.0.0.1 holds for 10.0.0.0/16 only.
//
// An IPv6 address with an IPv4 address embedded (mapped, NAT64, 6to4, Teredo) is where its IPv4 address is.
//
// The package knows no DNS, asks no clock, writes no log, and does no I/O beyond reading the files it is given.
package geo
