// Package e2e meets Meridian as its users do: the built binary, real sockets, a real dig, real HTTP backends on
// 127.0.0.x, real signals. What can be shown without a process is shown elsewhere (test/scenario for time and health,
// the packages for the rest); here stands what only holds when everything is put together.
//
// No test sleeps: each waits for an event (a readiness page, a log line, an answer) with a deadline.
package e2e
