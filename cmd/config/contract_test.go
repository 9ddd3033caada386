package config

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"meridian/geo"
	"meridian/policy"
	"meridian/status"
	"meridian/zones"
)

// cityDatabase makes a database with one city.
func cityDatabase(t testing.TB) string {
	w, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "GeoLite2-City", IncludeReservedNetworks: true})
	if err != nil {
		t.Fatal(err)
	}
	_, tokyo, err := net.ParseCIDR("192.0.2.0/24")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Insert(tokyo, mmdbtype.Map{
		"city":      mmdbtype.Map{"names": mmdbtype.Map{"en": mmdbtype.String("Tokyo")}},
		"continent": mmdbtype.Map{"code": mmdbtype.String("AS")},
		"country":   mmdbtype.Map{"iso_code": mmdbtype.String("JP")},
		"location":  mmdbtype.Map{"latitude": mmdbtype.Float64(35.68), "longitude": mmdbtype.Float64(139.69)},
	}); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := w.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// contractFolder is test/contract with the two files beside it that it doesn't have.
func contractFolder(t testing.TB) string {
	dir := files(t, map[string]string{
		"city.mmdb":    cityDatabase(t),
		"networks.csv": "203.0.113.0/24,@us-west\n198.51.100.0/24,DE,DE-HE,Frankfurt,50.11,8.68\n",
	})
	if err := os.CopyFS(dir, os.DirFS("../../test/contract")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestContract(t *testing.T) {
	cfg, problems := loads(t, filepath.Join(contractFolder(t), "meridian.yaml"))
	if len(problems) != 0 {
		t.Errorf("problems:\n%s", lines(problems))
	}
	if cfg.Node != "ns1.fra" || cfg.Checker.Enabled || cfg.Checker.Vantage != "fra" || cfg.States.Rules[""].Quorum != (status.Quorum{Down: status.Need{Kind: status.NeedMajority}}) {
		t.Errorf("node %q, checker %+v, quorum %v", cfg.Node, cfg.Checker, cfg.States.Rules[""].Quorum)
	}
	if want := []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:1053"), netip.MustParseAddrPort("[::1]:1053")}; !slices.Equal(cfg.DNS.Listen, want) {
		t.Errorf("dns.listen = %v", cfg.DNS.Listen)
	}
	if cfg.DataDir != filepath.Join(filepath.Dir(cfg.Path), "data") {
		t.Errorf("data_dir = %q: not relative to the file", cfg.DataDir)
	}
	names := make([]string, len(cfg.Regions))
	for i, r := range cfg.Regions {
		names[i] = r.Name
	}
	if got := strings.Join(names, " "); got != "us-east us-west eu-west ap-south ap-northeast" {
		t.Errorf("regions: %s", got)
	}
	if got := cfg.Geo.Sources; got.Database.Info().Type != "GeoLite2-City" || len(got.Overrides) != 2 || got.ASN != nil {
		t.Errorf("geo sources: %+v", got)
	}
	web := &zones.Check{
		Name: "web", Type: zones.CheckHTTP, Port: 8080, Path: "/healthz", Host: "www.glb.test", Status: []int{200, 204},
		Interval: 5 * time.Second, Timeout: 2 * time.Second, Recheck: time.Second, ConsecutiveUp: 2, ConsecutiveDown: 3,
	}
	if diff := cmp.Diff([]*zones.Check{web}, cfg.Checks); diff != "" {
		t.Error(diff)
	}
	tokyo := geo.Region{Name: "ap-northeast", Coordinates: geo.At(35.68, 139.69), Country: "JP"}
	byName := map[string]*zones.Service{}
	for i, s := range cfg.Services {
		byName[s.Name] = s
		wire, err := zones.WireName(s.Name)
		if err != nil {
			t.Fatal(err)
		}
		if m := cfg.Index.Find(wire, 1); m.Node == nil || m.Node.Service() != i {
			t.Errorf("%s isn't service %d of the index", s.Name, i)
		}
	}
	www := byName["www.glb.test."]
	if www.Check != cfg.Checks[0] || www.MinHealthy != (zones.MinHealthy{Share: 0.5}) || www.TTL != 30 || www.Pools[4].Region != tokyo {
		t.Errorf("www: %+v", www)
	}
	for name, want := range map[string]policy.Node{
		"www":    &policy.Nearest{Pools: []int{0, 1, 2, 3, 4}},
		"w":      &policy.Weighted{Shares: []policy.Share{share(10, 0), share(20, 1), share(30, 2)}},
		"fo":     &policy.Failover{Children: []policy.Node{to(0), to(1), to(2)}},
		"multi":  &policy.All{Children: []policy.Node{to(0), to(1)}, Max: 3},
		"sticky": &policy.Weighted{Shares: []policy.Share{share(1, 0), share(1, 1), share(1, 2)}},
		"nested": &policy.Geo{
			Rules: []policy.Rule{
				{Countries: []string{"DE", "FR"}, Policy: &policy.Failover{Children: []policy.Node{to(1), to(0)}}},
				{Continents: []string{"AS"}, Policy: &policy.Weighted{Shares: []policy.Share{share(25, 2), share(75, 3)}}},
			},
			Default: &policy.Nearest{Pools: []int{0, 1, 2, 3}},
		},
	} {
		if diff := cmp.Diff(want, byName[name+".glb.test."].Policy); diff != "" {
			t.Errorf("policy of %s: %s", name, diff)
		}
	}
	if !byName["sticky.glb.test."].Sticky || byName["cdn.glb.test."].Pools[0].CNAME != "us.cdn.example.net." {
		t.Error("sticky or the CNAME pool is lost")
	}
}

func to(pool int) policy.Node { return &policy.Region{Pool: pool} }

func share(weight float64, pool int) policy.Share {
	return policy.Share{Weight: weight, Node: to(pool)}
}
