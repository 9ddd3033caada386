package status

// Changed returns the keys whose health, whose being forced, or whose withheld share differs between two tables, in no
// particular order, and those of pools whose load does. Evidence alone doesn't count, nor the load of an endpoint: they
// change no answer.
func Changed(before, after Table) []string {
	var changed []string
	for key, s := range after {
		if old := before[key]; old.Health != s.Health || old.Forced != s.Forced || old.Withheld != s.Withheld || old.Load != s.Load && alone(key) {
			changed = append(changed, key)
		}
	}
	for key, s := range before {
		if _, ok := after[key]; !ok && (s.Health != Unknown || s.Forced) {
			changed = append(changed, key)
		}
	}
	return changed
}

func alone(key string) bool {
	_, alone := ServiceOf(key)
	return alone
}
