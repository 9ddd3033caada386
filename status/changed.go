package status

// Changed returns the targets whose health, or whose being forced, differs between two tables, in no particular
// order. Evidence alone doesn't count: it changes no answer.
func Changed(before, after Table) []string {
	var changed []string
	for target, s := range after {
		if old := before[target]; old.Health != s.Health || old.Forced != s.Forced {
			changed = append(changed, target)
		}
	}
	for target, s := range before {
		if _, ok := after[target]; !ok && (s.Health != Unknown || s.Forced) {
			changed = append(changed, target)
		}
	}
	return changed
}
