//go:build !race

package harness

// buildFlags builds the binary under test as the tests themselves are built.
var buildFlags []string

// Race says whether the tests, and the binary, run with the race detector, which makes all of it several times slower.
const Race = false
