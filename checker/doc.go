// Package checker probes endpoints and votes on them.
//
//	targets -> roster -> schedule -> probe -> observation -> threshold -> verdict -> fold -> vote -> ballot -> board
//	           (mine?)   (spread,    (one at  (ok, latency,  (rise and    (of this  (combined
//	                      jitter)     a time)  reason)        fall)        checker)  checks)
//
// A target is one endpoint under one check; services that share both share the target. Each is probed over a new
// connection to the endpoint's own address; no name is ever resolved. So many successes or failures in a row turn into a
// verdict, which goes out as a vote: at once when it changes, and with all the others on each heartbeat, so that a bad day
// costs no more than a good one.
//
// An observation that speaks against the verdict is followed by a re-check, one second later unless said otherwise, until
// there is a verdict or the endpoint has changed its mind. An endpoint that fails is so found down at the latest after the
// interval, a tenth more for jitter, and consecutive_down probes: with 4s, 2s and 3, which are the defaults, within 10.4s
// when it hangs and 6.4s when it refuses; with an interval of 1s within 2.6s. Re-checks are bounded work, see observe.
//
// What a checker doesn't know it doesn't vote on. A probe that failed on this machine's own account (no file descriptors,
// an unreadable CA file, a machine that stood still) says nothing of the endpoint, a verdict that no probe has confirmed
// lately isn't fresh, and when its references or all unrelated targets fail together the checker distrusts its own network
// (sanity). Before one endpoint that can't be reached is called down, somebody unrelated must have been heard.
//
// Checkers may share the targets: with Duties.Vantages each is probed by so many of those that are alive, chosen by
// rendezvous hashing, and handed over without a gap when one comes or goes.
package checker
