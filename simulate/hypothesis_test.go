package simulate

import (
	"errors"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"meridian/geo"
)

func TestParse(t *testing.T) {
	h, err := ParseHypothesis(
		[]string{"eu-west", "www.glb.test:us-east", "198.18.1.1", "2001:db8:1::1", "[2001:db8:2::1]"},
		[]string{"eu-west=40%", "WWW.glb.test:us-east=0%", "ap-northeast=12.5"},
		[]string{"api.glb.test:eu-west=50", "api.glb.test.:us-east=50%", "api.glb.test:ap-northeast=0"})
	want := Hypothesis{
		Down: []Down{{Region: "eu-west"}, {Service: "www.glb.test.", Region: "us-east"}, {Endpoint: netip.MustParseAddr("198.18.1.1")},
			{Endpoint: netip.MustParseAddr("2001:db8:1::1")}, {Endpoint: netip.MustParseAddr("2001:db8:2::1")}},
		Dials:   []Dial{{"", "eu-west", .4}, {"www.glb.test.", "us-east", 0}, {"", "ap-northeast", .125}},
		Weights: []Weight{{"api.glb.test.", "eu-west", 50, false}, {"api.glb.test.", "us-east", .5, true}, {"api.glb.test.", "ap-northeast", 0, false}},
	}
	if err != nil || !reflect.DeepEqual(h, want) {
		t.Errorf("%+v, %v\nwant %+v", h, err, want)
	}
	for _, tc := range []struct {
		down, dial, weight string
		text               string
	}{
		{down: "www.glb.test:", text: "names no region"},
		{down: "a..b:eu-west", text: "is not a domain name"},
		{dial: "eu-west", text: "says no share"},
		{dial: "eu-west=140%", text: "the dial of eu-west is 140%, not between 0% and 100%"},
		{dial: "eu-west=101", text: "101%, not between"},
		{dial: "eu-west=-1%", text: "it can't be below 0"},
		{dial: "eu-west=much", text: `"much", which is no number`},
		{dial: "eu-west=NaN", text: "no number"},
		{weight: "eu-west=50", text: "is not of the form SERVICE:REGION=50"},
		{weight: "www:eu-west", text: "is not of the form"},
		{weight: "www:eu-west=-3", text: "it can't be below 0"},
		{weight: "www:eu-west=101%", text: "101% of the configured one"},
		{weight: "www:eu-west=Inf", text: "no number"},
	} {
		list := func(s string) []string {
			if s == "" {
				return nil
			}
			return []string{s}
		}
		_, err := ParseHypothesis(list(tc.down), list(tc.dial), list(tc.weight))
		if mistake, ok := errors.AsType[*Mistake](err); !ok || !strings.Contains(mistake.Text, tc.text) {
			t.Errorf("%+v: %v", tc, err)
		}
	}
	for text, want := range map[string]float64{"5000": 5000, "www.glb.test=0.5": .5} {
		if _, got, err := ParseDemand(text); err != nil || got != want {
			t.Errorf("%s: %g, %v", text, got, err)
		}
	}
	for _, text := range []string{"-1", "50%", "www=many", "a..b=1"} {
		if _, _, err := ParseDemand(text); err == nil {
			t.Errorf("the demand %q passed", text)
		}
	}
}

// TestCheck: what isn't there is named, with what there is; and nothing may be said twice.
func TestCheck(t *testing.T) {
	snap := compile(t, nil, nil, service("www.glb.test.", nearest()), service("api.glb.test.", weighted(5, 3, 2)))
	nan := math.NaN()
	for _, tc := range []struct {
		h     Hypothesis
		text  string
		known string
	}{
		{Hypothesis{Down: []Down{{Region: "eu-wset"}}}, `no service has a pool in region "eu-wset"`, "eu-west"},
		{Hypothesis{Down: []Down{{Service: "ww.glb.test.", Region: "eu-west"}}}, "there is no service ww.glb.test.", "www.glb.test."},
		{Hypothesis{Down: []Down{{Service: "www.glb.test.", Region: "eu"}}}, `service www.glb.test. has no pool in region "eu"`, "eu-west"},
		{Hypothesis{Down: []Down{{Endpoint: netip.MustParseAddr("198.18.9.9")}}}, "no pool has the endpoint 198.18.9.9", "198.18.1.1"},
		{Hypothesis{Down: []Down{{Region: "eu-west"}, {Region: "eu-west"}}}, "given twice", ""},
		{Hypothesis{Dials: []Dial{{"", "eu-west", 1.4}}}, "140%", ""},
		{Hypothesis{Dials: []Dial{{"", "eu-west", nan}}}, "not between", ""},
		{Hypothesis{Dials: []Dial{{"", "eu-west", .4}, {"", "eu-west", .5}}}, "the dial of eu-west is given twice", ""},
		{Hypothesis{Weights: []Weight{{"", "eu-west", 5, false}}}, "say SERVICE:eu-west", ""},
		{Hypothesis{Weights: []Weight{{"www.glb.test.", "eu-west", 5, false}}}, "no weighted node names it", ""},
		{Hypothesis{Weights: []Weight{{"api.glb.test.", "eu-west", -5, false}}}, "not between 0", ""},
		{Hypothesis{Weights: []Weight{{"api.glb.test.", "eu-west", math.Inf(1), false}}}, "not between 0", ""},
		{Hypothesis{Weights: []Weight{{"api.glb.test.", "eu-west", 1.5, true}}}, "150% of the configured", ""},
		{Hypothesis{Weights: []Weight{{"api.glb.test.", "eu-west", 1, false}, {"api.glb.test.", "eu-west", .5, true}}}, "given twice", ""},
	} {
		mistake, ok := errors.AsType[*Mistake](tc.h.Check(snap))
		if !ok || !strings.Contains(mistake.Text, tc.text) || tc.known != "" && !slices.Contains(mistake.Known, tc.known) {
			t.Errorf("%+v: %+v", tc.h, mistake)
		}
	}
	good := Hypothesis{Down: []Down{{Region: "eu-west"}, {Service: "www.glb.test.", Region: "us-east"}}, Dials: []Dial{{"", "us-east", .4}, {"api.glb.test.", "us-east", .4}}}
	if err := good.Check(snap); err != nil {
		t.Error(err)
	}
	if _, err := Run(Question{Before: snap, After: snap, Services: []string{"ww.glb.test."}}); err == nil || !strings.Contains(err.Error(), "no service ww.glb.test.") {
		t.Error(err)
	}
}

// TestAnotherConfiguration: services that come and go are said so, and what moves is what went.
func TestAnotherConfiguration(t *testing.T) {
	www, api, cdn := service("www.glb.test.", weighted(1, 1, 0)), service("api.glb.test.", weighted(1, 0, 0)), service("cdn.glb.test.", nearest())
	before := compile(t, nil, nil, www, api)
	other := service("www.glb.test.", weighted(1, 0, 1))
	other.Pools[2].Capacity = 10
	after := compile(t, nil, nil, other, cdn)
	r := ask(t, Question{Before: before, After: after, Demand: map[string]float64{"www.glb.test.": 40}})
	var changes []string
	for _, s := range r.Services {
		changes = append(changes, s.Service+" "+s.Change)
	}
	if want := []string{"api.glb.test. removed", "cdn.glb.test. added", "www.glb.test. "}; !slices.Equal(changes, want) {
		t.Errorf("%q, want %q", changes, want)
	}
	// Half of www moves to ap-northeast, all of api to nobody: each is half of the traffic.
	if !near(r.Total.Moved, .75) || !near(r.Total.Region(Nobody).Traffic.After, .5) || r.Total.Region(Nobody).Traffic.Before != 0 {
		t.Errorf("%g moves, %+v", r.Total.Moved, r.Total.Regions)
	}
	if l := r.Total.Region("ap-northeast").Load; l == nil || !near(l.After, 20) || !near(l.Used.After, 2) || l.Before != 0 {
		t.Errorf("ap-northeast carries %+v", l)
	}
	if got := r.Sentences()[0]; got != "75% of the address space moves; ap-northeast would carry 200% of its capacity." {
		t.Errorf("%q", got)
	}
}

// TestAnotherMap: a new database moves exactly the addresses that it places elsewhere.
func TestAnotherMap(t *testing.T) {
	www := service("www.glb.test.", nearest())
	at := func(region string) []geo.Override {
		return []geo.Override{
			{Prefix: netip.MustParsePrefix("16.0.0.0/4"), Place: geo.Place{Country: "US", Coordinates: geo.At(39, -77)}},
			{Prefix: netip.MustParsePrefix("16.0.0.0/6"), Place: geo.Place{Country: "US", Region: region, Coordinates: geo.At(39, -77)}},
		}
	}
	before, after := compile(t, nil, at("us-east"), www), compile(t, nil, at("eu-west"), www)
	r := ask(t, Question{Before: before, After: after, Each: true})
	if math.Abs(r.Total.Moved-.25) > 1e-3 || len(r.Flows) != 1 || r.Flows[0].From != "us-east" || r.Flows[0].To != "eu-west" {
		t.Errorf("%g moves: %+v", r.Total.Moved, r.Flows)
	}
	if len(r.Countries) != 1 || r.Countries[0].Country != "US" {
		t.Errorf("who moves: %+v", r.Countries)
	}
	if len(r.Losses) != len(regions) {
		t.Errorf("%d losses", len(r.Losses))
	}
}

// TestAnEmptyMap: where nothing is known of any address, all clients are at an unknown place.
func TestAnEmptyMap(t *testing.T) {
	www := service("www.glb.test.", nearest())
	snap := compileOver(t, geo.Sources{}, nil, www)
	r := ask(t, Question{Before: snap, After: snap.Suppose(Hypothesis{Down: []Down{{Region: "us-east"}}}.Terms())})
	if !near(r.Total.Moved, 1) || !near(r.Total.Region("eu-west").Traffic.After, 1) {
		t.Errorf("%+v", r.Total)
	}
}

// TestFallback: what no region takes is said.
func TestFallback(t *testing.T) {
	www := service("www.glb.test.", nearest())
	snap := compile(t, nil, nil, www)
	h := Hypothesis{Down: []Down{{Region: "us-east"}, {Region: "eu-west"}, {Region: "ap-northeast"}}}
	r := ask(t, Question{Before: snap, After: snap.Suppose(h.Terms())})
	if r.Total.Fallback != (Change{0, 1}) || r.Total.Moved != 0 {
		t.Errorf("%+v", r.Total)
	}
	if want := []string{"Nothing moves.", "No region would take 100% of them; the fallback answers."}; !slices.Equal(r.Sentences(), want) {
		t.Errorf("%q", r.Sentences())
	}
}

// TestLedger: recorded queries weigh, by their own type, name and network, and give the rate.
func TestLedger(t *testing.T) {
	www, api := service("www.glb.test.", nearest()), service("api.glb.test.", weighted(1, 1, 0))
	snap := compile(t, nil, nil, www, api)
	tokyo, newYork := netip.MustParsePrefix("192.0.2.0/28"), netip.MustParsePrefix("192.0.2.128/28")
	q := Question{
		Before: snap, After: snap.Suppose(Hypothesis{Down: []Down{{Service: www.Name, Region: "ap-northeast"}}}.Terms()), Seconds: 10,
		Queries: []Query{{tokyo, www.Name, dns.TypeA, 300}, {newYork, www.Name, dns.TypeAAAA, 600}, {tokyo, api.Name, dns.TypeA, 100}, {tokyo, "gone.glb.test.", dns.TypeA, 5000}},
	}
	r := ask(t, q)
	q.TrafficOnly = true
	if brief := ask(t, q); !near(brief.Total.Moved, r.Total.Moved) || brief.Total.Region("us-east").V4 != (Change{}) {
		t.Errorf("without the address space: %+v", brief.Total)
	}
	if r.By != ByLedger || !near(r.Queries, 1000) || r.Seconds != 10 || !near(r.Total.Moved, .3) {
		t.Errorf("%s: %g queries, %g moves", r.By, r.Queries, r.Total.Moved)
	}
	if len(r.Countries) != 1 || r.Countries[0].Country != "JP" || !near(r.Countries[0].Share, .3) {
		t.Errorf("who moves: %+v", r.Countries)
	}
	// 90 a second of www and 5 of api's 10, over two pools of 100 each.
	if l := r.Total.Region("us-east").Load; l == nil || !near(l.Before, 65) || l.Capacity != 200 {
		t.Errorf("us-east carries %+v", l)
	}
}

func TestPercent(t *testing.T) {
	for share, want := range map[float64]string{0: "0%", 1: "100%", .314: "31%", .0999: "10%", .024: "2.4%", .02: "2%", .0005: "0.05%", .00001: "<0.01%", 1.3: "130%", 1e-12: "0%"} {
		if got := Percent(share); got != want {
			t.Errorf("%g: %s, want %s", share, got, want)
		}
	}
}

// TestPieces: the parts of a network are one behind the other, are the whole of it, and are treated alike.
func TestPieces(t *testing.T) {
	sticky := service("sticky.glb.test.", weighted(1, 1, 1))
	sticky.Sticky = true
	snap := compile(t, nil, nil, service("www.glb.test.", nearest()), sticky)
	for client, want := range map[string]int{"192.0.2.0/24": 16, "192.0.2.64/28": 1, "192.0.2.77/32": 1, "203.0.113.0/25": 0, "192.0.0.0/20": 0, "0.0.0.0/0": 0, "2001:db8::/32": 0, "::/0": 0, "255.255.255.0/24": 1} {
		for i, want := range map[int]int{0: want, 1: 0} {
			p := &pair{before: snap.Service(i)}
			sum, n := 0.0, 0
			next := netip.MustParsePrefix(client).Addr()
			for piece, share := range p.pieces(netip.MustParsePrefix(client)) {
				if piece.Addr() != next || piece != piece.Masked() {
					t.Fatalf("%s: %v, want one from %v on", client, piece, next)
				}
				sum, n, next = sum+share, n+1, behind(piece)
			}
			if !near(sum, 1) || n < 1 || n > 256 || want > 0 && n > want {
				t.Errorf("%s: %d pieces are %g of it", client, n, sum)
			}
		}
	}
}
