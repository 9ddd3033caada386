package geo_test

import (
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

// BenchmarkLookup4 looks up addresses spread over 1<<14 of the networks' space: warm, as a busy resolver's are.
func BenchmarkLookup4(b *testing.B) {
	t := cityTable()
	r := rand.New(rand.NewPCG(3, 4))
	addrs := make([]uint32, 1<<14)
	for i := range addrs {
		addrs[i] = r.Uint32N(223<<24) + 1<<24
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		l, scope := t.Lookup4(addrs[i&(1<<14-1)])
		sink += l + geo.Locality(scope)
		i++
	}
	b.ReportMetric(float64(t.Size())/1e6, "MB-table")
}

// BenchmarkLookup6 looks up addresses inside the /48s, the deepest leaves of the table.
func BenchmarkLookup6(b *testing.B) {
	benchmarkLookup6(b, cityFile(), cityTable())
}

func benchmarkLookup6(b *testing.B, file []byte, t *geo.Table) {
	d, err := geo.OpenBytes("synthetic", file)
	if err != nil {
		b.Fatal(err)
	}
	a, err := geo.NewAtlas(geo.Sources{Database: d})
	if err != nil {
		b.Fatal(err)
	}
	var all [][2]uint64
	for p := range a.Networks() {
		if p.Addr().Is6() {
			ip := p.Addr().As16()
			var hi uint64
			for _, x := range ip[:8] {
				hi = hi<<8 | uint64(x)
			}
			all = append(all, [2]uint64{hi, 1})
		}
	}
	r := rand.New(rand.NewPCG(5, 6))
	addrs := make([][2]uint64, 1<<14)
	for i := range addrs {
		addrs[i] = all[r.IntN(len(all))]
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		x := &addrs[i&(1<<14-1)]
		l, scope := t.Lookup6(x[0], x[1])
		sink += l + geo.Locality(scope)
		i++
	}
	b.ReportMetric(float64(t.Size())/1e6, "MB-table")
}

// BenchmarkLoad opens, decodes, lays out and compiles 360,000 networks, the file already read.
func BenchmarkLoad(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	benchmarkLoad(b, cityFile())
}

func benchmarkLoad(b *testing.B, file []byte) {
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
