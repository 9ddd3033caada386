package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meridian/test/harness"
)

// The endpoints of the regions. They are real addresses of this machine, so that they can be probed.
const (
	usEast      = "127.0.0.11"
	usWest      = "127.0.0.12"
	euWest      = "127.0.0.13"
	apSouth     = "127.0.0.14"
	apNortheast = "127.0.0.15"
)

// The places of networks.csv below.
const (
	tokyo     = "192.0.2.0/24" // the /28 at its start is Tokyo; what follows is other places
	frankfurt = "192.0.2.64/28"
	newYork   = "192.0.2.128/28"
	tokyo6    = "2001:db8:a::/48"
)

// worldYAML is a configuration with regions, checks that are quick, and services whose endpoints are the backends.
const worldYAML = `node: ns1.e2e
dns:
  listen: ["127.0.0.1:PORT", "[::1]:PORT"]
admin:
  listen: ADMIN
data_dir: ./data
geo:
  networks: networks.csv
checker:
  vantage: e2e
regions:
  us-east:      {coordinates: [39.04, -77.49],  country: US}
  us-west:      {coordinates: [45.60, -121.18], country: US}
  eu-west:      {coordinates: [53.35, -6.26],   country: IE}
  ap-south:     {coordinates: [19.08, 72.88],   country: IN}
  ap-northeast: {coordinates: [35.68, 139.69],  country: JP}
checks:
  web:
    type: http
    port: HEALTH
    path: /healthz
    host: www.glb.test
    interval: 500ms
    timeout: 400ms
    consecutive_up: 2
    consecutive_down: 2
zones:
  glb.test:
    file: glb.test.zone
  big.test:
    file: big.test.zone
services:
  www.glb.test:
    ttl: 30
    check: web
    pools:
      us-east:      [127.0.0.11]
      us-west:      [127.0.0.12]
      eu-west:      [127.0.0.13, "::1"]
      ap-south:     [127.0.0.14]
      ap-northeast: [127.0.0.15]
    policy: nearest
  www6.glb.test:
    ttl: 30
    pools: {us-west: [198.18.2.1], eu-west: ["2001:db8:3::1"]}
    policy:
      geo:
        rules:
          - {countries: [DE], policy: {failover: [eu-west]}}
          - {countries: [JP], policy: {failover: [us-west]}}
        default: nearest
  w.glb.test:
    ttl: 30
    pools: {us-east: [198.18.1.1], eu-west: [198.18.3.1]}
    policy:
      weighted: {us-east: 1, eu-west: 1}
  cdn.glb.test:
    pools:
      us-east: {cname: us.cdn.example.net.}
    policy: nearest
`

// networksCSV places what the tests ask from. The neighbours of each /28 are far away, so that the map's border is there.
const networksCSV = `192.0.2.0/28,JP,JP-13,Tokyo,35.68,139.69
192.0.2.16/28,DE,DE-HE,Frankfurt,50.11,8.68
192.0.2.64/28,DE,DE-HE,Frankfurt,50.11,8.68
192.0.2.80/28,JP,JP-13,Tokyo,35.68,139.69
192.0.2.128/28,US,US-NY,New York,40.71,-74.01
2001:db8:a::/48,JP,JP-13,Tokyo,35.68,139.69
2001:db8:b::/48,DE,DE-HE,Frankfurt,50.11,8.68
`

// world is the whole set of files: the configuration, the contract's zone, and a zone with a very large RRset.
func world(t *testing.T) files {
	t.Helper()
	zone, err := os.ReadFile(filepath.Join("..", "contract", "glb.test.zone"))
	if err != nil {
		t.Fatal(err)
	}
	var big strings.Builder
	big.WriteString("$ORIGIN big.test.\n$TTL 60\n@ IN SOA ns1 hostmaster 1 7200 900 1209600 30\n@ IN NS ns1\nns1 IN A 192.0.2.53\n")
	for i := range 40 {
		fmt.Fprintf(&big, "txt IN TXT \"%02d %s\"\n", i, strings.Repeat("x", 90))
	}
	return files{"meridian.yaml": worldYAML, "networks.csv": networksCSV, "glb.test.zone": string(zone), "big.test.zone": big.String()}
}

// startWorld starts the five backends and a server over them.
func startWorld(t *testing.T) (*harness.Server, map[string]*harness.Backend) {
	t.Helper()
	backends, health := harness.NewBackends(t, usEast, usWest, euWest, apSouth, apNortheast)
	return newServer(t, health, world(t)).Start(), backends
}
