//go:build !race

package e2e

// buildFlags builds the binary under test as the tests themselves are built.
var buildFlags []string
