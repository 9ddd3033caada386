package serve

import (
	"slices"
	"strings"
	"testing"

	"meridian/admin"
)

// placed is world with policies that look at the client in every way.
const placed = world + `
  failover.glb.test:
    pools: {us-east: [198.18.1.1], eu-west: [198.18.3.1]}
    policy: {failover: [eu-west, us-east]}
  rules.glb.test:
    pools: {us-east: [198.18.1.1], eu-west: [198.18.3.1]}
    policy: {geo: {rules: [{continents: [AF], policy: us-east}, {countries: [JP, NE], policy: eu-west}], default: nearest}}
`

// TestExplainByPlace: a country of which the database has no network is explained by its centre.
func TestExplainByPlace(t *testing.T) {
	c, _ := core(t, placed, &fakeNet{})
	c.publisher.layout = c.declared.Load().layout
	c.publisher.publish()
	for from, want := range map[string]string{
		"DZ": "eu-west us-east", // Algiers is nearer to Dublin, and in Africa
		"NE": "eu-west eu-west", // Niger has a rule of its own
		"BO": "us-east us-east",
		"CU": "us-east us-east",
	} {
		var regions []string
		for _, name := range []string{"www.glb.test", "rules.glb.test"} {
			e, err := c.Explain(t.Context(), admin.ExplainRequest{Name: name, Type: "A", From: from})
			if err != nil {
				t.Fatal(err)
			}
			regions = append(regions, e.Region)
			if e.Client.Source != "place" || e.Client.Country != from || e.Client.Address != "" || e.Client.Coordinates == nil || len(e.Answers) != 1 {
				t.Errorf("%s from %s: %+v", name, from, e)
			}
			if i := slices.IndexFunc(e.Steps, func(s admin.ExplainStep) bool { return s.What == "client" }); i < 0 || !strings.Contains(e.Steps[i].Result, "taken to be at its centre") {
				t.Errorf("%s from %s doesn't say by what: %+v", name, from, e.Steps)
			}
			if i := slices.IndexFunc(e.Candidates, func(c admin.Candidate) bool { return c.Probability == 1 }); i < 0 || e.Candidates[i].Region != e.Region || e.Candidates[i].Distance == nil {
				t.Errorf("%s from %s: candidates %+v", name, from, e.Candidates)
			}
		}
		if got := strings.Join(regions, " "); got != want {
			t.Errorf("from %s: %s, want %s", from, got, want)
		}
	}
}

// TestAPlaceIsAnsweredAsItsNetworks: at the place of each network of the database, a client gets what the network gets.
func TestAPlaceIsAnsweredAsItsNetworks(t *testing.T) {
	c, _ := core(t, placed, &fakeNet{})
	c.publisher.layout = c.declared.Load().layout
	c.publisher.publish()
	snap, cfg := c.Current().Load(), c.declared.Load().config
	networks := 0
	for prefix, place := range snap.Atlas().Networks() {
		if place.Private || place.IsUnknown() {
			continue
		}
		networks++
		there, err := snap.At(place)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"www.glb.test", "failover.glb.test", "rules.glb.test"} {
			req := admin.ExplainRequest{Name: name, Type: "A", From: prefix.String()}
			want, wantErr := explain(snap, cfg, req)
			got, gotErr := explain(there, cfg, req)
			if wantErr != nil || gotErr != nil {
				t.Fatal(wantErr, gotErr)
			}
			if got.Region != want.Region || got.Reason != want.Reason || !slices.Equal(got.Answers, want.Answers) {
				t.Errorf("%s from %s: %s (%s), by its place %s (%s)", name, prefix, want.Region, want.Reason, got.Region, got.Reason)
			}
		}
	}
	if networks < 10 {
		t.Errorf("only %d networks", networks)
	}
}
