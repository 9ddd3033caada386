//go:build !race

package serve

// questions is how many TestSocketAndExplainAgree asks.
const questions = 100_000
