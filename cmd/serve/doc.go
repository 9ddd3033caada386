// Package serve is one running server, or one checker alone: it assembles the rooms and keeps them running.
//
//	config ──► declared ──► publisher ──► snapshot.Current ──► dnsserver
//	              │            ▲
//	              ▼            │ states
//	           checker      board.States
//	              │            ▲
//	              └─► sharing ─┘   board, diary, switches: this machine's own, or a fleet's in Redis
//
// A Core is all of that but the sockets. A Probe is a checker with what it shares, and nothing else; what both have in
// common is a process.
//
// A declared value is a configuration compiled as far as health doesn't matter. The start, a reload, a changed GeoIP
// database and `meridian explain --config` all make one in the same way, whole, before anything changes.
package serve
