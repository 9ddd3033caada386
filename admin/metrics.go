package admin

import (
	"math"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// collector turns the backend's Numbers into metrics, once for each scrape: nothing is counted here.
type collector struct {
	numbers func() Numbers
}

// metric describes one metric family: its place in this list is the only place where its name is written.
func metric(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("meridian_"+name, help, labels, nil)
}

var (
	descBuildInfo    = metric("build_info", "A constant 1, labelled with what is running.", "version", "revision", "goversion")
	descRequests     = metric("dns_requests_total", "DNS requests received.", "proto", "family", "type", "zone")
	descResponses    = metric("dns_responses_total", "DNS responses sent.", "proto", "rcode", "zone")
	descDuration     = metric("dns_request_duration_seconds", "How long a sample of the DNS requests took, from the packet in hand to the answer in hand; over UDP without parsing and finding the name, which a whole batch shares.", "proto")
	descDropped      = metric("dns_dropped_total", "Packets that got no response.", "reason")
	descAnswers      = metric("answers_total", "Answers of services, by the region they sent clients to and why.", "service", "region", "reason")
	descRank         = metric("answer_rank", "How near the region of an answer was to its client: 1 is the nearest of all.")
	descLookups      = metric("geo_lookups_total", "Geographic look-ups of clients.", "result")
	descEndpointUp   = metric("health_endpoint_up", "Whether an endpoint is up. Absent until it was probed.", "region", "check", "endpoint")
	descRegionUp     = metric("health_region_up", "Whether a region is up: 0.5 when part of it is down. Absent until it was probed.", "region")
	descRegionAdmin  = metric("region_admin_state", "A constant 1, labelled with what operators said of a region: ready, drain, maint, up, down.", "region", "state")
	descRegionWeight = metric("region_weight_ratio", "The share of its traffic that operators let a region take.", "region")
	descTransitions  = metric("health_transitions_total", "Changes of endpoint states.", "region", "to")
	descStatusAge    = metric("health_status_age_seconds", "Age of the health states in use.")
	descChecks       = metric("health_checks_total", "Probes made from here.", "result")
	descCheckLength  = metric("health_check_duration_seconds", "How long probes took.")
	descBoardUp      = metric("board_up", "Whether the board, where votes are shared, answered last time.")
	descBoardOps     = metric("board_operations_total", "What was asked of the board.", "op", "result")
	descLocalView    = metric("board_local_view", "Whether the board is away and this server's own checker counts alone.")
	descVoteAge      = metric("health_vote_age_seconds", "Time since the latest ballot of a checker arrived at the board.", "vantage")
	descDistrust     = metric("checker_distrust", "Whether the checker in this process distrusts its own network and withholds votes.", "family")
	descFrozen       = metric("automation_frozen", "Whether automation is frozen: verdicts go on, traffic stays.")
	descHeld         = metric("health_endpoints_held", "Endpoints that aren't served as they are observed, by what holds them.", "reason")
	descLoad         = metric("region_load_ratio", "Highest load of a region's pools that is known, as a share of what they can carry.", "region")
	descWithheld     = metric("health_transitions_withheld_total", "Changes of endpoint states that something held back.", "reason")
	descReloadOK     = metric("config_last_reload_successful", "Whether the last reload of the configuration succeeded.")
	descConfigHash   = metric("config_hash_info", "A constant 1, labelled with the hash of the configuration in use.", "hash")
	descGeoBuild     = metric("geo_database_build_timestamp_seconds", "When the geographic database in use was built.")
	descGeneration   = metric("snapshot_generation", "Generation of the snapshot in use.")
	descPublish      = metric("snapshot_publish_duration_seconds", "How long it took to compile and publish a snapshot.")
	allDescriptions  = []*prometheus.Desc{descBuildInfo, descRequests, descResponses, descDuration, descDropped, descAnswers, descRank, descLookups, descEndpointUp, descRegionUp, descRegionAdmin, descRegionWeight, descTransitions, descStatusAge, descChecks, descCheckLength, descBoardUp, descBoardOps, descLocalView, descVoteAge, descDistrust, descFrozen, descHeld, descLoad, descWithheld, descReloadOK, descConfigHash, descGeoBuild, descGeneration, descPublish}
	rankBucketBounds = []int{1, 2, 3, 4, 5, 10}
)

func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range allDescriptions {
		ch <- d
	}
}

func (c collector) Collect(ch chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, value uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), labels...)
	}
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	labelled := func(d *prometheus.Desc, counts []LabelCount) {
		for _, l := range counts {
			counter(d, l.Count, l.Label)
		}
	}
	n := c.numbers()

	gauge(descBuildInfo, 1, n.Version, n.Revision, n.GoVersion)
	for _, r := range n.Requests {
		counter(descRequests, r.Count, r.Proto, r.Family, r.Type, r.Zone)
	}
	for _, r := range n.Responses {
		counter(descResponses, r.Count, r.Proto, r.RCode, r.Zone)
	}
	for _, d := range n.Durations {
		ch <- d.metric(descDuration, d.Proto)
	}
	labelled(descDropped, n.Dropped)
	for _, a := range n.Answers {
		counter(descAnswers, a.Count, a.Service, a.Region, a.Reason)
	}
	ch <- rankHistogram(n.Ranks)
	labelled(descLookups, n.Lookups)

	for _, e := range n.Endpoints {
		if up, known := upness(e.State); known {
			gauge(descEndpointUp, up, e.Region, e.Check, e.Address)
		}
	}
	for _, r := range n.Regions {
		if up, known := upness(r.State); known {
			gauge(descRegionUp, up, r.Region)
		}
		if r.Admin != "" {
			gauge(descRegionAdmin, 1, r.Region, r.Admin)
			gauge(descRegionWeight, r.Weight, r.Region)
		}
	}
	for _, t := range n.Transitions {
		counter(descTransitions, t.Count, t.Region, t.To)
	}
	if n.StatusAge >= 0 {
		gauge(descStatusAge, n.StatusAge.Seconds())
	}
	labelled(descChecks, n.Checks)
	ch <- n.CheckDuration.metric(descCheckLength)
	c.collectFleet(&n, counter, gauge)

	gauge(descReloadOK, truth(n.ReloadOK))
	gauge(descConfigHash, 1, n.ConfigHash)
	if !n.GeoBuildTime.IsZero() {
		gauge(descGeoBuild, float64(n.GeoBuildTime.Unix()))
	}
	gauge(descGeneration, float64(n.Generation))
	ch <- n.PublishLength.metric(descPublish)
}

// collectFleet tells of the board, the checkers and automation.
func (c collector) collectFleet(n *Numbers, counter func(*prometheus.Desc, uint64, ...string), gauge func(*prometheus.Desc, float64, ...string)) {
	gauge(descBoardUp, truth(n.BoardUp))
	gauge(descLocalView, truth(n.LocalView))
	for _, o := range n.BoardOps {
		counter(descBoardOps, o.Count, o.Op, o.Result)
	}
	for _, v := range n.VoteAges {
		gauge(descVoteAge, v.Value, v.Label)
	}
	for _, v := range n.Distrust {
		gauge(descDistrust, v.Value, v.Label)
	}
	gauge(descFrozen, truth(n.Frozen))
	for _, v := range n.Held {
		gauge(descHeld, v.Value, v.Label)
	}
	for _, v := range n.Loads {
		gauge(descLoad, v.Value, v.Label)
	}
	for _, w := range n.Withheld {
		counter(descWithheld, w.Count, w.Label)
	}
}

// rankHistogram counts answers by rank; what is beyond the last bound is only in +Inf.
func rankHistogram(ranks []uint64) prometheus.Metric {
	buckets := make(map[float64]uint64, len(rankBucketBounds))
	var count, sum, below uint64
	bound := 0
	for i, answers := range ranks {
		rank := i + 1
		for bound < len(rankBucketBounds) && rankBucketBounds[bound] < rank {
			buckets[float64(rankBucketBounds[bound])] = below
			bound++
		}
		below += answers
		count += answers
		sum += uint64(rank) * answers
	}
	for ; bound < len(rankBucketBounds); bound++ {
		buckets[float64(rankBucketBounds[bound])] = below
	}
	return prometheus.MustNewConstHistogram(descRank, count, float64(sum), buckets)
}

func (h Histogram) metric(d *prometheus.Desc, labels ...string) prometheus.Metric {
	buckets := make(map[float64]uint64, len(h.Bounds))
	for i, bound := range h.Bounds {
		if i < len(h.Counts) && !math.IsInf(bound, 0) {
			buckets[bound] = h.Counts[i]
		}
	}
	return prometheus.MustNewConstHistogram(d, h.Count, h.Sum, buckets, labels...)
}

func upness(state string) (up float64, known bool) {
	switch state {
	case StateUp:
		return 1, true
	case StatePartial:
		return 0.5, true
	case StateDown:
		return 0, true
	}
	return 0, false
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// newRegistry holds the backend's metrics beside those of the Go runtime and the process.
func newRegistry(numbers func() Numbers) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collector{numbers},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return registry
}

func metricsHandler(registry *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: 4,
		EnableOpenMetrics:   true,
	})
}
