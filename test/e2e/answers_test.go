package e2e

import (
	"slices"
	"strings"
	"testing"

	"meridian/test/harness"
)

// TestAnswers asks one running server everything that dig can ask.
func TestAnswers(t *testing.T) {
	s, _ := startWorld(t)
	s.AwaitAnswer([]string{"+subnet=" + tokyo, "www.glb.test", "A"}, apNortheast)

	t.Run("nearest by client subnet", func(t *testing.T) {
		for subnet, want := range map[string]string{tokyo: apNortheast, frankfurt: euWest, newYork: usEast, tokyo6: apNortheast, "2001:db8:b:1::/56": euWest} {
			if r := s.Dig("+subnet="+subnet, "www.glb.test", "A"); !r.Is(want) || !r.Has("aa") || r.Has("ra") {
				t.Errorf("from %s: want %s, authoritative, without recursion\n%s", subnet, want, r.Text)
			}
		}
	})
	t.Run("scope", func(t *testing.T) {
		for subnet, want := range map[string]string{
			tokyo:               "192.0.2.0/24/28", // longer than the source: the border of the map, as it is
			"192.0.2.64/32":     "192.0.2.64/32/28",
			"2001:db8:a:1::/64": "2001:db8:a:1::/64/48",
		} {
			if r := s.Dig("+subnet="+subnet, "www.glb.test", "A"); r.Subnet != want {
				t.Errorf("from %s: scope %q, want %q", subnet, r.Subnet, want)
			}
		}
		// Only eu-west has IPv6: NODATA for the others, under the same scope, or it would poison the resolver's cache.
		if r := s.Dig("+subnet="+tokyo, "www6.glb.test", "AAAA"); !r.Is() || r.Subnet != "192.0.2.0/24/28" {
			t.Errorf("NODATA where others get an answer\n%s", r.Text)
		}
		if r := s.Dig("+subnet="+tokyo, "www.glb.test", "MX"); !r.Is() || r.Subnet != "192.0.2.0/24/0" {
			t.Errorf("NODATA for everybody: want scope 0\n%s", r.Text)
		}
		if r := s.Dig("+subnet="+tokyo, "static.glb.test", "A"); r.Subnet != "192.0.2.0/24/0" {
			t.Errorf("a static name: %q, want scope 0", r.Subnet)
		}
		if r := s.Dig("+subnet=0.0.0.0/0", "www.glb.test", "A"); r.Status != "NOERROR" || r.Subnet != "0.0.0.0/0/0" {
			t.Errorf("source 0 means: don't use my address\n%s", r.Text)
		}
		if r := s.Dig("www.glb.test", "A"); r.Subnet != "" || r.Status != "NOERROR" {
			t.Errorf("not asked for, so not echoed\n%s", r.Text)
		}
	})
	t.Run("tcp", func(t *testing.T) {
		if r := s.Dig("+tcp", "+subnet="+tokyo, "www.glb.test", "A"); !r.Is(apNortheast) || r.Subnet != "192.0.2.0/24/28" {
			t.Error(r.Text)
		}
	})
	t.Run("IPv6", func(t *testing.T) {
		for _, proto := range []string{"+notcp", "+tcp"} {
			if r := harness.Dig(t, "@::1", "-p", s.Port, proto, "+subnet="+frankfurt, "www.glb.test", "A"); !r.Is(euWest) {
				t.Error(r.Text)
			}
		}
	})
	t.Run("static data", func(t *testing.T) {
		for question, want := range map[string][]string{
			"static.glb.test A":       {"192.0.2.80"},
			"glb.test NS":             {"ns1.glb.test.", "ns2.glb.test."},
			"glb.test CAA":            {`0 issue "letsencrypt.org"`},
			"x.y.wild.glb.test TXT":   {`"wildcard"`},
			"a.b.ent.glb.test A":      {"192.0.2.81"},
			"cdn.glb.test A":          {"us.cdn.example.net."},
			"ns1.glb.test AAAA":       {"2001:db8::53"},
			"w.glb.test AAAA":         {}, // only IPv4 there: NODATA, not NXDOMAIN
			"b.ent.glb.test A":        {}, // an empty non-terminal
			"static.glb.test TYPE300": {},
		} {
			r := s.Dig(strings.Fields(question)...)
			if !r.Is(want...) {
				t.Errorf("%s: want %v\n%s", question, want, r.Text)
			}
			if authority := r.Section("AUTHORITY"); len(want) == 0 && (len(authority) != 1 || authority[0][0] != "glb.test." || authority[0][3] != "SOA" || authority[0][1] != "30") {
				t.Errorf("%s: want the SOA of the apex with TTL 30\n%s", question, r.Text)
			}
		}
	})
	t.Run("in-zone alias of a service", func(t *testing.T) {
		r := s.Dig("+subnet="+tokyo, "alias.glb.test", "A")
		if !r.Is(apNortheast, "www.glb.test.") || r.Subnet != "192.0.2.0/24/28" {
			t.Error(r.Text)
		}
	})
	t.Run("negative", func(t *testing.T) {
		if r := s.Dig("nowhere.glb.test", "A"); r.Status != "NXDOMAIN" || len(r.Section("AUTHORITY")) != 1 {
			t.Error(r.Text)
		}
		for _, outside := range []string{"example.org", "xglb.test", "test"} {
			if r := s.Dig(outside, "A"); r.Status != "REFUSED" {
				t.Errorf("%s\n%s", outside, r.Text)
			}
		}
	})
	t.Run("delegation", func(t *testing.T) {
		r := s.Dig("+norecurse", "host.sub.glb.test", "A")
		authority, additional := r.Section("AUTHORITY"), r.Section("ADDITIONAL")
		if r.Has("aa") || len(r.Answers) != 0 || len(authority) != 1 || authority[0][4] != "ns.sub.glb.test." || len(additional) != 1 || additional[0][4] != "192.0.2.54" {
			t.Error(r.Text)
		}
	})
	t.Run("case", func(t *testing.T) {
		r := s.Dig("+subnet="+tokyo, "wWw.GLB.tEsT", "A")
		if !r.Is(apNortheast) || !strings.Contains(r.Text, ";wWw.GLB.tEsT.") {
			t.Error(r.Text)
		}
	})
	t.Run("truncation", func(t *testing.T) {
		r := s.Dig("+ignore", "+bufsize=4096", "txt.big.test", "TXT")
		if !r.Has("tc") || len(r.Answers) != 0 {
			t.Errorf("udp: want TC and an empty answer\n%s", r.Text)
		}
		if r := s.Dig("txt.big.test", "TXT"); r.Has("tc") || len(r.Answers) != 40 {
			t.Errorf("tcp: want all 40 records, got %d", len(r.Answers))
		}
	})
	t.Run("ANY", func(t *testing.T) {
		r := s.Dig("+notcp", "glb.test", "ANY")
		types := map[string]bool{}
		for _, record := range r.Section("ANSWER") {
			types[record[3]] = true
		}
		if r.Status != "NOERROR" || len(types) != 1 {
			t.Errorf("want one RRset (RFC 8482), got %v\n%s", types, r.Text)
		}
	})
	t.Run("CHAOS is off", func(t *testing.T) {
		for _, name := range []string{"id.server", "version.bind"} {
			if r := s.Dig("-c", "CH", "-t", "TXT", name); r.Status != "REFUSED" || len(r.Answers) != 0 {
				t.Error(r.Text)
			}
		}
	})
	t.Run("EDNS", func(t *testing.T) {
		if r := s.Dig("+nsid", "static.glb.test", "A"); !strings.Contains(r.Text, `("ns1.e2e")`) {
			t.Errorf("NSID\n%s", r.Text)
		}
		if r := s.Dig("+edns=1", "+noednsnegotiation", "static.glb.test", "A"); r.Status != "BADVERS" {
			t.Errorf("EDNS version 1\n%s", r.Text)
		}
		if r := s.Dig("+noedns", "+subnet=0", "static.glb.test", "A"); !slices.Equal(r.Answers, []string{"192.0.2.80"}) {
			t.Errorf("no EDNS\n%s", r.Text)
		}
		if r := s.Dig("+opcode=STATUS", "static.glb.test", "A"); r.Status != "NOTIMP" {
			t.Errorf("opcode\n%s", r.Text)
		}
	})
}
