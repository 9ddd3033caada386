package admin

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"meridian/geo"
)

func TestFoldStates(t *testing.T) {
	for _, tc := range []struct {
		parts []string
		want  string
	}{
		{nil, StateUnknown},
		{[]string{StateUnknown}, StateUnknown},
		{[]string{StateUp, StateUnknown}, StateUp},
		{[]string{StateDown, StateUnknown}, StateDown},
		{[]string{StateUp, StateDown}, StatePartial},
		{[]string{StateUp, StatePartial}, StatePartial},
		{[]string{StateDown, StateDown}, StateDown},
	} {
		if got := FoldStates(tc.parts...); got != tc.want {
			t.Errorf("FoldStates(%q) = %q, want %q", tc.parts, got, tc.want)
		}
	}
}

func TestFoldRegions(t *testing.T) {
	regions := []geo.Region{{Name: "eu-west", Country: "IE"}, {Name: "us-east", Country: "US"}, {Name: "cdn"}, {Name: "idle"}}
	down := EndpointReport{Address: "198.18.3.1", State: StateDown, Since: moment(3), Reason: "HTTP 503"}
	services := []ServiceState{
		{Name: "a.test.", Pools: []PoolReport{
			{Region: "eu-west", Endpoints: []EndpointReport{{Address: "198.18.3.1", State: StateUp, Since: moment(5)}, {Address: "198.18.3.2", State: StateUp, Since: moment(1)}}},
			{Region: "us-east", Endpoints: []EndpointReport{{Address: "198.18.1.1", State: StateUp, Since: moment(2)}}},
			{Region: "cdn", CNAME: "cdn.example."},
		}},
		{Name: "b.test.", Pools: []PoolReport{
			{Region: "eu-west", Endpoints: []EndpointReport{down}},
			{Region: "nowhere", Endpoints: []EndpointReport{down}},
		}},
	}
	want := []RegionReport{
		{Name: "eu-west", Country: "IE", State: StatePartial, Since: moment(3), Reason: "HTTP 503", Pools: 2, Up: 1, Down: 1, Admin: AdminReady, Weight: 1},
		{Name: "us-east", Country: "US", State: StateUp, Since: moment(2), Pools: 1, Up: 1, Admin: AdminReady, Weight: 1},
		{Name: "cdn", State: StateUp, Pools: 1, Admin: AdminReady, Weight: 1},
		{Name: "idle", State: StateUnknown, Admin: AdminReady, Weight: 1},
	}
	if diff := cmp.Diff(want, FoldRegions(regions, services)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestDegraded(t *testing.T) {
	well := StatusReport{Board: BoardReport{Up: true}, Warnings: []string{"old data"}, Regions: []RegionReport{{Name: "a", State: StateUp}, {Name: "b", State: StateUnknown}}}
	if got := well.Degraded(); got != nil {
		t.Errorf("a server that is well says %q", got)
	}
	ill := StatusReport{
		Board:    BoardReport{Kind: "redis"},
		Config:   ConfigReport{LastReload: &ReloadReport{}},
		Regions:  []RegionReport{{Name: "eu-west", State: StateDown, Reason: "HTTP 503"}, {Name: "us-east", State: StatePartial}},
		Services: []ServiceState{{Name: "www.test.", Fallback: true}},
	}
	want := []string{
		"region eu-west is down: HTTP 503", "region us-east is partial", "service www.test. answers from its fallback: no pool takes anything",
		"the last reload failed", "the board (redis) is away; states hold",
	}
	if diff := cmp.Diff(want, ill.Degraded()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
