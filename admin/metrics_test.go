package admin

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"pgregory.net/rapid"
)

// someNumbers has something of everything.
func someNumbers() Numbers {
	return Numbers{
		Version: "v1", GoVersion: "go1.26",
		Requests:      []RequestCount{{"udp", "ipv4", "A", "glb.test.", 12}},
		Responses:     []ResponseCount{{"udp", "NOERROR", "glb.test.", 11}},
		Durations:     []ProtoDuration{{"udp", Histogram{Bounds: []float64{1e-7, 1e-6}, Counts: []uint64{3, 4}, Count: 4, Sum: 8e-7}}, {Proto: "tcp"}},
		Dropped:       []LabelCount{{"response", 1}},
		Answers:       []AnswerCount{{"www.glb.test.", "eu-west", "nearest", 9}, {"www.glb.test.", "", "fallback", 1}},
		Ranks:         []uint64{6, 2, 0, 0, 0, 1},
		Lookups:       []LabelCount{{"found", 9}, {"unknown", 1}},
		Endpoints:     []EndpointNumber{{"eu-west", "web", "198.18.3.1", StateUp}, {"us-east", "web", "198.18.1.1", StateDown}, {"us-west", "web", "198.18.2.1", StateUnknown}},
		Regions:       []RegionNumber{{"eu-west", StateUp, "drain", 0}, {"us-east", StateDown, AdminReady, 1}, {"us-west", StateUnknown, AdminReady, .4}, {"ap-south", StatePartial, AdminReady, 1}},
		Transitions:   []TransitionCount{{"us-east", StateDown, 1}},
		Checks:        []LabelCount{{"up", 100}, {"timeout", 3}},
		CheckDuration: Histogram{Bounds: []float64{0.01, 0.1, math.Inf(1)}, Counts: []uint64{90, 100, 103}, Count: 103, Sum: 4.5},
		StatusAge:     1500 * time.Millisecond,
		BoardOps:      []OperationCount{{"publish", "success", 20}, {"publish", "timeout", 1}},
		LocalView:     true,
		VoteAges:      []LabelValue{{"fra", 1.5}, {"nyc", 90}},
		Distrust:      []LabelValue{{"ipv4", 0}, {"ipv6", 1}},
		Frozen:        true,
		Loads:         []LabelValue{{Label: "eu-west", Value: .92}}, Held: []LabelValue{{"flap", 2}},
		Withheld: []LabelCount{{"flap", 3}},
		BoardUp:  true, ReloadOK: true, ConfigHash: "abc", GeoBuildTime: time.Unix(1700000000, 0), Generation: 7,
	}
}

// TestEveryMetricPassesPromlint scrapes as Prometheus does: names, units and help texts are as they should be, and no
// two series are the same.
func TestEveryMetricPassesPromlint(t *testing.T) {
	s := newServer(&fakeBackend{numbers: someNumbers()}, "")
	body := text(t, ask(s, "GET", "/metrics"))
	problems, err := promlint.New(strings.NewReader(body)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	for _, d := range allDescriptions {
		name := strings.Split(d.String(), `"`)[1]
		if !strings.Contains(body, "\n"+name) && !strings.HasPrefix(body, name) {
			t.Errorf("%s isn't shown", name)
		}
	}
}

func TestMetrics(t *testing.T) {
	want := `
# HELP meridian_answer_rank How near the region of an answer was to its client: 1 is the nearest of all.
# TYPE meridian_answer_rank histogram
meridian_answer_rank_bucket{le="1"} 6
meridian_answer_rank_bucket{le="2"} 8
meridian_answer_rank_bucket{le="3"} 8
meridian_answer_rank_bucket{le="4"} 8
meridian_answer_rank_bucket{le="5"} 8
meridian_answer_rank_bucket{le="10"} 9
meridian_answer_rank_bucket{le="+Inf"} 9
meridian_answer_rank_sum 16
meridian_answer_rank_count 9
# HELP meridian_answers_total Answers of services, by the region they sent clients to and why.
# TYPE meridian_answers_total counter
meridian_answers_total{reason="fallback",region="",service="www.glb.test."} 1
meridian_answers_total{reason="nearest",region="eu-west",service="www.glb.test."} 9
# HELP meridian_automation_frozen Whether automation is frozen: verdicts go on, traffic stays.
# TYPE meridian_automation_frozen gauge
meridian_automation_frozen 1
# HELP meridian_board_operations_total What was asked of the board.
# TYPE meridian_board_operations_total counter
meridian_board_operations_total{op="publish",result="success"} 20
meridian_board_operations_total{op="publish",result="timeout"} 1
# HELP meridian_checker_distrust Whether the checker in this process distrusts its own network and withholds votes.
# TYPE meridian_checker_distrust gauge
meridian_checker_distrust{family="ipv4"} 0
meridian_checker_distrust{family="ipv6"} 1
# HELP meridian_health_endpoint_up Whether an endpoint is up. Absent until it was probed.
# TYPE meridian_health_endpoint_up gauge
meridian_health_endpoint_up{check="web",endpoint="198.18.1.1",region="us-east"} 0
meridian_health_endpoint_up{check="web",endpoint="198.18.3.1",region="eu-west"} 1
# HELP meridian_health_region_up Whether a region is up: 0.5 when part of it is down. Absent until it was probed.
# TYPE meridian_health_region_up gauge
meridian_health_region_up{region="ap-south"} 0.5
meridian_health_region_up{region="eu-west"} 1
meridian_health_region_up{region="us-east"} 0
# HELP meridian_health_vote_age_seconds Time since the latest ballot of a checker arrived at the board.
# TYPE meridian_health_vote_age_seconds gauge
meridian_health_vote_age_seconds{vantage="fra"} 1.5
meridian_health_vote_age_seconds{vantage="nyc"} 90
# HELP meridian_health_status_age_seconds Age of the health states in use.
# TYPE meridian_health_status_age_seconds gauge
meridian_health_status_age_seconds 1.5
`
	if err := testutil.CollectAndCompare(collector{someNumbers}, strings.NewReader(want),
		"meridian_answer_rank", "meridian_answers_total", "meridian_health_endpoint_up", "meridian_health_region_up", "meridian_health_status_age_seconds",
		"meridian_automation_frozen", "meridian_board_operations_total", "meridian_checker_distrust", "meridian_health_vote_age_seconds"); err != nil {
		t.Error(err)
	}
}

// TestWhatIsNotKnownIsAbsent: a scrape of a server that knows nothing yet says nothing instead of zero.
func TestWhatIsNotKnownIsAbsent(t *testing.T) {
	c := collector{func() Numbers { return Numbers{StatusAge: -1} }}
	for _, name := range []string{"meridian_health_status_age_seconds", "meridian_geo_database_build_timestamp_seconds", "meridian_health_region_up"} {
		if n := testutil.CollectAndCount(c, name); n != 0 {
			t.Errorf("%d series of %s, want none", n, name)
		}
	}
	if problems, err := testutil.CollectAndLint(c); err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
}

// TestRankHistogram compares with counting each answer by itself.
func TestRankHistogram(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ranks := rapid.SliceOfN(rapid.Uint64Range(0, 5), 0, 14).Draw(t, "ranks")
		slow := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "slow", Buckets: []float64{1, 2, 3, 4, 5, 10}})
		for i, answers := range ranks {
			for range answers {
				slow.Observe(float64(i + 1))
			}
		}
		got, want := histogram(t, rankHistogram(ranks)), histogram(t, slow)
		if got.GetSampleCount() != want.GetSampleCount() || got.GetSampleSum() != want.GetSampleSum() {
			t.Fatalf("got %v, want %v", got, want)
		}
		for i, b := range want.GetBucket() {
			if g := got.GetBucket()[i]; g.GetCumulativeCount() != b.GetCumulativeCount() || g.GetUpperBound() != b.GetUpperBound() {
				t.Fatalf("bucket %d: got %v, want %v", i, g, b)
			}
		}
	})
}

func histogram(t *rapid.T, m prometheus.Metric) *dto.Histogram {
	var out dto.Metric
	if err := m.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.GetHistogram()
}
