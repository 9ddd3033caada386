package geo_test

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"meridian/geo"
	"meridian/geo/geotest"
)

// cityFile is a City database of 300,000 IPv4 and 60,000 IPv6 networks.
var cityFile = sync.OnceValue(func() []byte { return geotest.City(300_000, 60_000) })

var cityTable = sync.OnceValue(func() *geo.Table {
	d, err := geo.OpenBytes("synthetic", cityFile())
	if err != nil {
		panic(err)
	}
	a, err := geo.NewAtlas(geo.Sources{Database: d})
	if err != nil {
		panic(err)
	}
	return a.Compile(geotest.Grid(5))
})

var sink geo.Locality

// The look-ups go round a number of addresses: 1,024, which stay in the first caches, as a busy resolver's clients
// do; and 65,536, which don't.
var spreads = []struct {
	name  string
	count int
}{{"warm", 1 << 10}, {"spread", 1 << 16}}

// BenchmarkLookup4 looks up any unicast addresses.
func BenchmarkLookup4(b *testing.B) {
	t := cityTable()
	r := rand.New(rand.NewPCG(3, 4))
	for _, s := range spreads {
		addrs := make([]uint32, s.count)
		for i := range addrs {
			addrs[i] = r.Uint32N(223<<24) + 1<<24
		}
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				l, scope := t.Lookup4(addrs[i&(len(addrs)-1)])
				sink += l + geo.Locality(scope)
				i++
			}
			b.ReportMetric(float64(t.Size())/1e6, "MB-table")
		})
	}
}

// BenchmarkLookup6 looks up addresses in networks of the database, the deepest leaves of the table.
func BenchmarkLookup6(b *testing.B) {
	d, err := geo.OpenBytes("synthetic", cityFile())
	if err != nil {
		b.Fatal(err)
	}
	atlas, err := geo.NewAtlas(geo.Sources{Database: d})
	if err != nil {
		b.Fatal(err)
	}
	var all []uint64
	for p := range atlas.Networks() {
		if p.Addr().Is6() {
			ip := p.Addr().As16()
			all = append(all, binary.BigEndian.Uint64(ip[:8]))
		}
	}
	t := cityTable()
	r := rand.New(rand.NewPCG(5, 6))
	for _, s := range spreads {
		addrs := make([]uint64, s.count)
		for i := range addrs {
			addrs[i] = all[r.IntN(len(all))]
		}
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				l, scope := t.Lookup6(addrs[i&(len(addrs)-1)], 1)
				sink += l + geo.Locality(scope)
				i++
			}
		})
	}
}

// BenchmarkLoad opens, decodes, lays out and compiles 360,000 networks on one core, the file already read.
func BenchmarkLoad(b *testing.B) {
	file := cityFile()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	b.ReportAllocs()
	var before, after runtime.MemStats
	var table *geo.Table
	var atlas *geo.Atlas
	runtime.GC()
	runtime.ReadMemStats(&before)
	for b.Loop() {
		d, err := geo.OpenBytes("synthetic", file)
		if err != nil {
			b.Fatal(err)
		}
		if atlas, err = geo.NewAtlas(geo.Sources{Database: d}); err != nil {
			b.Fatal(err)
		}
		table = atlas.Compile(geotest.Grid(5))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB-kept")
	b.ReportMetric(float64(len(file))/1e6, "MB-file")
	b.ReportMetric(float64(table.Size())/1e6, "MB-table")
	b.ReportMetric(float64(atlas.Places()), "places")
}
