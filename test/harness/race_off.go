//go:build !race

package harness

// buildFlags builds the binary under test as the tests themselves are built.
var buildFlags []string
