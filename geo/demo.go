package geo

import (
	_ "embed"
	"sync"
)

//go:generate go run ./internal/gendemo -out demo.mmdb

//go:embed demo.mmdb
var demoFile []byte

// DemoName is the name of the built-in database in [Info].
const DemoName = "built-in demo data"

// Demo returns the built-in database, in which the networks that RFC 5737 and RFC 3849 keep for documentation
// stand for cities: 192.0.2.0/28 is in Tokyo, 192.0.2.64/28 in Frankfurt, 2001:db8:1::/48 in Tokyo again.
// geo/internal/gendemo has the whole list.
func Demo() *Database { return demo() }

var demo = sync.OnceValue(func() *Database {
	d, err := OpenBytes(DemoName, demoFile)
	if err != nil {
		panic("geo: built-in demo.mmdb: " + err.Error()) // a test opens it
	}
	return d
})
