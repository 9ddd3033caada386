// Package ledger keeps a record of who asks for what, small enough to keep for good and true enough to reckon with.
//
// A server hands in samples of its queries: the client's network (/24 of IPv4, /48 of IPv6; where the map tells smaller
// ones apart up to /28 and /56; never an address), the service, the type. The ledger counts them in a table of fixed size:
//
//	samples ──► count, or take the smallest counter's place by lot ──► table of at most MaxEntries
//	                                                                     │ halves every HalfLife
//	                                                                     └► a file, for the next start
//
// When the table is full, a newcomer of weight w adds w to the smallest counter, c, and takes its name with probability
// w/(c+w) (unbiased space saving: Ting, SIGMOD 2018). So the sum of all counters is always the number of all queries,
// and the expected count of any set of clients is the true one: exactly what a simulation sums up. Large clients are
// there for certain; of the many small ones some stand for the others.
//
// Counts halve every HalfLife of the time that is watched, and so does the measure of that time, so that count by time
// stays the rate of recent queries. A server that doesn't run forgets nothing.
//
// Privacy: no addresses, nothing of single queries, no times; the file is readable by its owner only; nothing of it is
// in metrics; it can be switched off, and is deleted then.
package ledger
