package simulate

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/miekg/dns"

	"meridian/geo"
	"meridian/geo/geotest"
	"meridian/zones"
)

// BenchmarkRun compares 1,000 services over 300,000 networks, by address space and by a full ledger, and each single loss.
func BenchmarkRun(b *testing.B) {
	database, err := geo.OpenBytes("city.mmdb", geotest.City(300_000, 0))
	if err != nil {
		b.Fatal(err)
	}
	var services []*zones.Service
	for i := range 1000 {
		services = append(services, service(fmt.Sprintf("s%d.glb.test.", i), nearest()))
	}
	before := compileOver(b, geo.Sources{Database: database}, nil, services...)
	after := before.Suppose(Hypothesis{Down: []Down{{Region: "eu-west"}}}.Terms())
	rng := rand.New(rand.NewPCG(1, 2))
	var queries []Query
	for range 16384 {
		client := netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(rng.Uint32()), byte(rng.Uint32()), byte(rng.Uint32()), 0}), 24)
		queries = append(queries, Query{client, services[rng.IntN(len(services))].Name, dns.TypeA, 1})
	}
	for name, q := range map[string]Question{
		"space": {Before: before, After: after}, "ledger": {Before: before, After: after, Queries: queries},
		"traffic": {Before: before, After: after, Queries: queries, TrafficOnly: true}, "each": {Before: before, After: after, Each: true},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := Run(q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
