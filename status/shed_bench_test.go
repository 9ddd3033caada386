package status

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkShed is one run of the governor over 1,000 services of 5 pools, all of which tell their load.
func BenchmarkShed(b *testing.B) {
	rules, observed := Rules{}, Table{}
	for s := range 1000 {
		for p := range 5 {
			key := fmt.Sprintf("web:1@198.18.%d.%d:%d", s/256, s%256, p)
			observed[key] = State{Health: Up, Load: .9, Since: t0}
			rules.Loads = append(rules.Loads, LoadRule{
				Service: fmt.Sprintf("s%d.test.", s), Region: fmt.Sprintf("r%d", p), Keys: []string{key},
				Target: .8, Step: .1, Least: .2, Every: time.Minute,
			})
		}
	}
	_, state, _, _ := Govern(GovernorInput{Observed: observed, Rules: rules}, GovernorState{}, t0)
	b.ReportAllocs()
	for b.Loop() {
		Govern(GovernorInput{Observed: observed, Rules: rules}, state, t0.Add(time.Second))
	}
}
