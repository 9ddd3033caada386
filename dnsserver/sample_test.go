package dnsserver

import (
	"math"
	"net/netip"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// sampledResponder is a responder whose samples are taken.
func sampledResponder(tb testing.TB) *responder {
	r := testResponder(tb, udp)
	r.counts.samples = new(samples)
	return r
}

// TestSamplesStandForAllAnswers: the counts of samples sum to the number of answers, and name network, service, type. The
// map of the test tells 192.0.2.0/28 from the rest of its /24.
func TestSamplesStandForAllAnswers(t *testing.T) {
	r := sampledResponder(t)
	got := map[Sample]float64{}
	take := func(s Sample) {
		n := s.Count
		s.Count = 0
		got[s] += n
	}
	const n = 60_000
	byECS := pack(t, ask("www.glb.test.", dns.TypeA, clientSubnet("192.0.2.0/28")))
	wide := pack(t, ask("www.glb.test.", dns.TypeAAAA, clientSubnet("192.0.0.0/20")))
	bySource := pack(t, ask("www.glb.test.", dns.TypeA))
	static := pack(t, ask("ns1.glb.test.", dns.TypeA))
	for i := range n {
		for _, packet := range [][]byte{byECS, byECS, wide, bySource, static} {
			r.respond(nil, packet, resolver)
		}
		if i%100 == 0 {
			r.counts.samples.take(take)
		}
	}
	r.counts.samples.take(take)
	for s, want := range map[Sample]float64{
		{Client: netip.MustParsePrefix("192.0.2.0/28"), Service: "www.glb.test.", Type: dns.TypeA}:    2 * n,
		{Client: netip.MustParsePrefix("192.0.0.0/20"), Service: "www.glb.test.", Type: dns.TypeAAAA}: n,
		{Client: netip.MustParsePrefix("203.0.113.0/24"), Service: "www.glb.test.", Type: dns.TypeA}:  n,
	} {
		if math.Abs(got[s]/want-1) > .1 {
			t.Errorf("%+v: %g, want about %g", s, got[s], want)
		}
		delete(got, s)
	}
	if len(got) > 0 {
		t.Errorf("nobody asked for %v", got)
	}
}

// TestSamplesWithoutAReader: what finds no room costs nothing but detail; the others stand for it.
func TestSamplesWithoutAReader(t *testing.T) {
	r := sampledResponder(t)
	packet := pack(t, ask("www.glb.test.", dns.TypeA))
	const n = 3 * sampleRoom * sampleSpan
	for range n {
		r.respond(nil, packet, resolver)
	}
	sum, taken := 0.0, 0
	r.counts.samples.take(func(s Sample) { sum, taken = sum+s.Count, taken+1 })
	if taken != sampleRoom || math.Abs(sum/n-1) > .1 {
		t.Errorf("%d samples stand for %g of %d answers", taken, sum, n)
	}
	r.counts.samples.take(func(Sample) { t.Error("a sample was taken twice") })
}

// TestSamplesAreTakenWhileWritten runs writer and reader at once; the race detector watches.
func TestSamplesAreTakenWhileWritten(t *testing.T) {
	r := sampledResponder(t)
	packet := pack(t, ask("www.glb.test.", dns.TypeA))
	var writer sync.WaitGroup
	const n = 200_000
	writer.Go(func() {
		for range n {
			r.respond(nil, packet, resolver)
		}
	})
	sum := 0.0
	take := func(s Sample) {
		if s.Service != "www.glb.test." || s.Type != dns.TypeA || !s.Client.IsValid() {
			t.Errorf("half a sample: %+v", s)
		}
		sum += s.Count
	}
	done := make(chan struct{})
	go func() { writer.Wait(); close(done) }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		r.counts.samples.take(take)
	}
	r.counts.samples.take(take)
	if math.Abs(sum/n-1) > .15 {
		t.Errorf("the samples stand for %g of %d answers", sum, n)
	}
}

// TestSamplingDoesNotAllocate: over so many answers that several are sampled in every run, with room and without.
func TestSamplingDoesNotAllocate(t *testing.T) {
	r := sampledResponder(t)
	packet := pack(t, ask("www.glb.test.", dns.TypeA, clientSubnet("192.0.2.0/28")))
	var out [maxUDP]byte
	r.respond(out[:0], packet, resolver)
	for range 2 {
		if n := testing.AllocsPerRun(50, func() {
			for range 10 * sampleSpan {
				r.respond(out[:0], packet, resolver)
			}
		}); n != 0 {
			t.Errorf("%v allocations, want 0", n)
		}
		for range sampleRoom * sampleSpan {
			r.respond(out[:0], packet, resolver)
		}
	}
}

// BenchmarkSampling is what the ledger costs 1,000 answers: the decisions alone, and with their samples.
func BenchmarkSampling(b *testing.B) {
	for name, left := range map[string]int{"decide": math.MaxInt, "sample": 0} {
		b.Run(name, func(b *testing.B) {
			r := sampledResponder(b)
			service := r.current.Load().Services()[0]
			q := &query{qtype: dns.TypeA, subnet: subnet{present: true, family: familyIPv4, source: 24}}
			a := &answer{location: service.Locate(tokyoClient)}
			r.tally.sampler = sampler{left, true}
			for b.Loop() {
				for range 1000 {
					if r.tally.sampler.left--; r.tally.sampler.left < 0 {
						r.tally.sampler.sample(r.counts, service, q, a)
					}
				}
				r.counts.samples.take(func(Sample) {})
			}
		})
	}
}
