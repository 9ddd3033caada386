package snapshot

import (
	"slices"
	"strings"
	"testing"

	"meridian/zones"
)

// TestZoneNumbersStay: when other zones come and go, so that the index numbers its zones anew.
func TestZoneNumbersStay(t *testing.T) {
	counters := new(Counters)
	number := func(apexes ...string) map[string]uint32 {
		var zs []*zones.Zone
		for _, apex := range apexes {
			z, problems := zones.Parse(apex, apex+"zone", strings.NewReader("$ORIGIN "+apex+"\n@ 60 IN SOA ns1 h 1 2 3 4 5\n@ 60 IN NS ns1\nns1 60 IN A 192.0.2.53\n"))
			if z == nil {
				t.Fatal(problems)
			}
			zs = append(zs, z)
		}
		index, problems := zones.NewIndex(zs, nil)
		if index == nil {
			t.Fatal(problems)
		}
		l, err := NewLayout(index, nil, nil, counters)
		if err != nil {
			t.Fatal(err)
		}
		snap, numbers := l.Snapshot(nil, nil, nil), map[string]uint32{}
		for _, z := range index.Zones() {
			numbers[z.Apex] = snap.ZoneCounter(z)
		}
		if snap.ZoneCounter(nil) != 0 {
			t.Error("no zone has a number")
		}
		return numbers
	}
	first := number("m.test.", "z.test.")
	second := number("a.test.", "z.test.")
	if first["z.test."] != second["z.test."] || second["a.test."] == first["m.test."] {
		t.Errorf("%v, then %v", first, second)
	}
	if got, want := counters.Zones(), []string{"", "m.test.", "z.test.", "a.test."}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
