package geo

import (
	"fmt"
	"strings"
)

// suggest ends a message about an unknown word: with the nearest valid one, or else with all of them.
func suggest(word string, valid []string) string {
	best, distance := "", len(word)/2+1
	for _, v := range valid {
		if d := editDistance(strings.ToLower(word), strings.ToLower(v)); d < distance {
			best, distance = v, d
		}
	}
	switch {
	case best != "":
		return fmt.Sprintf(" (did you mean %q?)", best)
	case len(valid) > 0:
		return fmt.Sprintf(" (defined: %s)", strings.Join(valid, ", "))
	}
	return " (none is)"
}

// unknownCountry says that a word is no country's code, and whose it may be.
func unknownCountry(word string) string {
	message := fmt.Sprintf("%q is not an ISO 3166-1 alpha-2 country code such as DE", word)
	if strings.EqualFold(word, "UK") {
		return message + ` (did you mean "GB"?)`
	}
	for _, c := range Countries() {
		if strings.EqualFold(c.Name, word) {
			return fmt.Sprintf("%s (%s is %q)", message, c.Name, c.Code)
		}
	}
	return message
}

// editDistance is Levenshtein's, in bytes.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
