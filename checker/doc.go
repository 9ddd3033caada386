// Package checker probes endpoints and votes on them.
//
//	targets -> schedule -> probe -> observation -> threshold -> verdict -> vote -> ballot -> board
//	           (spread,    (one at  (ok, latency,  (rise and    (of this checker)
//	            jitter)     a time)  reason)        fall)
//
// A target is one endpoint under one check; services that share both share the target. Each is probed over a new
// connection to the endpoint's own address. So many successes or failures in a row turn into a verdict, which goes out as
// a vote: at once when it changes, and with all the others on each heartbeat, so that a bad day costs no more than a good
// one.
//
// An endpoint that fails is found down at the latest after consecutive_down times the interval, a tenth more for jitter,
// and one timeout: with 3, 5s and 2s within 18.5s when it hangs and 16.5s when it refuses, 4s less on average.
//
// What a checker doesn't know it doesn't vote on. A probe that failed on this machine's own account (no file descriptors,
// an unreadable CA file, a machine that stood still) says nothing of the endpoint, a verdict that no probe has confirmed
// lately isn't fresh, and when nothing answers anywhere the checker distrusts its own network.
package checker
