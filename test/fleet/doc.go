// Package fleet shows that a fleet loses nothing when it loses Redis, a checker, a server or a network: several real
// `meridian serve` and `meridian probe` processes vote through real redis-server processes, while a load of queries runs
// against every server and counts answers that are wrong and answers that are missing. Both counts must be zero in
// every test, whatever breaks.
//
//	backends --probes-- checkers --votes--> link --> redis-server --> link --> servers <--queries-- load
//
// Each test breaks one thing and looks at four witnesses: the answers, the log, the metrics and the pages
// (/readyz?verbose, `meridian status --json`). docs/fleet.md has the table of what happens when, and names the test
// that shows each row.
//
// The tests run side by side, each on loopback addresses of its own; those about networks that fail silently need
// root, for network namespaces of their own.
package fleet
