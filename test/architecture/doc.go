// Package architecture holds the tests that keep the house in order: who may import whom, which rooms do no I/O and
// ask no clock, and the habits that every package keeps (a package comment, files of a size that one can read, no
// test that skips itself).
//
// The import rules are two tables, in imports_test.go. allowed says what each room may name in its imports;
// unreachable says what it must not reach even through others. Each line carries its reason, and a test that fails
// prints it together with the chain of imports, so that the reader can tell a mistake from a rule that has become
// wrong. In the second case change docs/architecture.md and the table in one commit.
package architecture
