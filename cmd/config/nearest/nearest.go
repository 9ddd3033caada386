// Package nearest finds the word that somebody probably meant.
//
// Every message of Meridian that turns a word down (a key of the configuration, a region, a command's argument)
// offers the valid word closest to it. This package is the one place that decides what "close" is.
package nearest

import (
	"fmt"
	"strings"
)

// Word returns the one of known that is closest to word, or "" when none is close enough to be worth offering.
// Case doesn't count. Of several equally close words the first in known is returned.
func Word(word string, known []string) string {
	best, bestDistance := "", limit(word)+1
	for _, k := range known {
		if d := distance(strings.ToLower(word), strings.ToLower(k), bestDistance-1); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// Hint returns ` (did you mean "weight"?)` with a leading space, or "" when no known word is close.
func Hint(word string, known []string) string {
	if w := Word(word, known); w != "" {
		return fmt.Sprintf(" (did you mean %q?)", w)
	}
	return ""
}

// limit is how many edits are forgiven: a third of the letters, at most three. Words of one or two letters, country
// codes for instance, are all close to each other, so only their case is forgiven.
func limit(word string) int {
	return min(len(word)/3, 3)
}

// distance counts the insertions, deletions, replacements and swaps of neighbours that turn a into b (optimal
// string alignment). It gives up as soon as the result must be above most, and returns most+1 then.
func distance(a, b string, most int) int {
	if len(a)-len(b) > most || len(b)-len(a) > most {
		return most + 1
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			least = min(least, row[j])
		}
		if least > most {
			return most + 1
		}
		before, last, row = last, row, before
	}
	return min(last[len(b)], most+1)
}
