// Package serve is one running server: it assembles the rooms and keeps them running.
//
//	config ──► declared ──► publisher ──► snapshot.Current ──► dnsserver
//	              │            ▲
//	              ▼            │ states
//	           checker ──► board.States
//
// A declared value is a configuration compiled as far as health doesn't matter. The start, a reload, a changed GeoIP
// database and `meridian explain --config` all make one in the same way, whole, before anything changes.
package serve
