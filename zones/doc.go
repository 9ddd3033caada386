// Package zones holds what the server is authoritative for: it reads it, checks it, indexes it and packs it.
//
// The story has four steps, and each ends in a value that the next one only reads:
//
//	text --Parse--> Zone --NewIndex--> Index --Find--> Match
//
// [Parse] reads an RFC 1035 master file, and those that it includes, through miekg/dns and reports every mistake in
// one run, each with its file and line. [Synthesize] makes a small zone where the operator gave name servers instead of a file.
// [NewIndex] lays all zones and services side by side, checks what no single file can show (a service outside
// every zone, a static address beside a service, missing glue), and builds the one map that queries read.
// [Index.Find] is the look-up of RFC 1034 section 4.3.2 with the wildcards of RFC 4592: closest encloser,
// delegations, empty non-terminals; it doesn't allocate.
//
// # The index
//
// One Go map leads from an owner name in wire format, lower case, to its [Node]; it holds the names of all zones.
// A name that exists costs one probe. Every ancestor of a name up to the apex is in the map too (empty
// non-terminals), so for any other name the first ancestor that the map knows is the closest encloser. Names below
// a zone cut are not in the map: there the closest encloser is the cut, and the answer a referral. A name that is
// the apex of a zone of ours and a cut in a parent zone of ours leads to the apex; the cut hangs beneath it, for
// the one type (DS) that the parent answers.
//
// Nodes, RRsets and wire bytes of a zone lie in shared slices, without a map or slice header of their own per
// name: a million names are 300 to 400 MB.
//
// # Problems
//
// Nothing here logs or asks a clock, and files are opened only in the folder that [IncludeFrom] hands in. What is wrong comes back as [Problem] values;
// what is legal but doubtful is a warning and loads.
package zones
