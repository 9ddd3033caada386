// Package geotest makes GeoIP databases for tests and benchmarks: as large as real ones, the same on every run,
// and nobody's data.
package geotest

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"time"

	"meridian/geo"
	"meridian/geo/build"
)

// City returns a City database of n4 IPv4 and n6 IPv6 networks in which nearly every network has a record of its
// own (the hardest case for loading). IPv4 networks are /20 to /24 that lie in /16s belonging mostly to one
// country; IPv6 networks are /48s in /32s. Some countries hold many more networks than others. It panics if the
// database can't be made.
func City(n4, n6 int) []byte {
	w, err := build.NewWriter(build.Options{
		Type: build.TypeCity, Description: "synthetic", BuildTime: time.Unix(1_800_000_000, 0),
	})
	if err != nil {
		panic(err)
	}
	g := generator{w: w, rand: rand.New(rand.NewPCG(1, 2)), countries: geo.Countries()}
	g.networks4(n4)
	g.networks6(n6)
	var out bytes.Buffer
	if _, err := w.WriteTo(&out); err != nil {
		panic(err)
	}
	return out.Bytes()
}

type generator struct {
	w         *build.Writer
	rand      *rand.Rand
	countries []geo.Country
}

// country picks a country; low indexes of a squared draw come more often, as a few countries hold most networks.
func (g *generator) country() *geo.Country {
	x := g.rand.Float64()
	return &g.countries[int(x*x*float64(len(g.countries)))]
}

func (g *generator) insert(p netip.Prefix, c *geo.Country) {
	round := func(x, limit float64) float64 { return min(max(math.Round(x*100)/100, -limit), limit) }
	lat := round(c.Centre.Lat+(g.rand.Float64()-0.5)*3, 90)
	lon := round(c.Centre.Lon+(g.rand.Float64()-0.5)*3, 180)
	place := geo.Place{
		Continent: c.Continent, Country: c.Code, Subdivision: fmt.Sprintf("%s-%d", c.Code, g.rand.IntN(16)+1),
		City: fmt.Sprintf("%s city %d", c.Name, g.rand.IntN(50)), Coordinates: geo.At(lat, lon),
	}
	if err := g.w.InsertPrefix(p, place); err != nil {
		panic(err)
	}
}

func (g *generator) networks4(n int) {
	used := make(map[uint16]bool)
	for n > 0 {
		first, second := 1+g.rand.IntN(222), g.rand.IntN(256)
		block := uint16(first<<8 | second)
		if used[block] || first == 10 || first == 127 {
			continue
		}
		used[block] = true
		home := g.country()
		var taken [256]bool
		for range min(40+g.rand.IntN(80), n) {
			size := 1 << max(g.rand.IntN(20)-15, 0) // /24s: 1, mostly, to 16
			third := g.rand.IntN(256/size) * size
			if overlaps(taken[third : third+size]) {
				continue
			}
			c := home
			if g.rand.IntN(10) == 0 {
				c = g.country()
			}
			bits := 24
			for s := size; s > 1; s /= 2 {
				bits--
			}
			g.insert(netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(first), byte(second), byte(third), 0}), bits), c)
			n--
		}
	}
}

// overlaps reports whether any of a network's /24s is taken, and takes them if none is.
func overlaps(taken []bool) bool {
	for _, t := range taken {
		if t {
			return true
		}
	}
	for i := range taken {
		taken[i] = true
	}
	return false
}

func (g *generator) networks6(n int) {
	tops := [][2]byte{{0x24, 0x00}, {0x26, 0x00}, {0x28, 0x00}, {0x2a, 0x00}, {0x2c, 0x00}}
	seen := make(map[netip.Addr]bool)
	for n > 0 {
		top := tops[g.rand.IntN(len(tops))]
		ip := [16]byte{top[0], top[1] | byte(g.rand.IntN(16)), byte(g.rand.IntN(256)), byte(g.rand.IntN(256))}
		home := g.country()
		for range min(8, n) {
			ip[4], ip[5] = byte(g.rand.IntN(256)), byte(g.rand.IntN(256))
			if addr := netip.AddrFrom16(ip); !seen[addr] {
				seen[addr] = true
				g.insert(netip.PrefixFrom(addr, 48), home)
				n--
			}
		}
	}
}

// Grid returns a locate function that tells places apart by the square of this many degrees that they lie in:
// neighbours often share a locality, as they do under a policy of nearest regions.
func Grid(degrees float64) func(*geo.Place) geo.Locality {
	squares := make(map[[2]int]geo.Locality)
	return func(p *geo.Place) geo.Locality {
		if !p.Coordinates.Known {
			return geo.Unknown
		}
		key := [2]int{int(math.Floor(p.Coordinates.Lat / degrees)), int(math.Floor(p.Coordinates.Lon / degrees))}
		l, ok := squares[key]
		if !ok {
			l = geo.Locality(len(squares) + 1)
			squares[key] = l
		}
		return l
	}
}
