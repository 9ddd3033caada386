package status

import (
	"maps"
	"reflect"
	"strings"
)

// Carry returns the table for new rules: a state key that it doesn't hold begins with the state that its target has under
// another key, rather than unknown. When there is none such, the result is t itself.
func (t Table) Carry(rules Rules) Table {
	byTarget := map[string]State{}
	for key, s := range t {
		target, _, _ := strings.Cut(key, "#")
		if old, twice := byTarget[target]; !twice || old.Since.Before(s.Since) {
			byTarget[target] = s
		}
	}
	carried := t
	for key, rule := range rules.Targets {
		if _, known := t[key]; known {
			continue
		}
		s, known := byTarget[rule.Target]
		if !known {
			continue
		}
		if carried.Same(t) {
			carried = make(Table, len(t)+1)
			maps.Copy(carried, t)
		}
		carried[key] = s
	}
	return carried
}

// Same reports whether a and b are one and the same table, not only equal ones: Tally and Govern return the table that
// they were given when nothing changed.
func (t Table) Same(other Table) bool {
	return reflect.ValueOf(t).Pointer() == reflect.ValueOf(other).Pointer()
}
