//go:build race

package serve

// questions is how many TestSocketAndExplainAgree asks: the race detector makes each of them ten times as long.
const questions = 5_000
