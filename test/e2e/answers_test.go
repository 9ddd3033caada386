package e2e

import (
	"slices"
	"strings"
	"testing"
)

// TestAnswers asks one running server everything that dig can ask.
func TestAnswers(t *testing.T) {
	s, _ := startWorld(t)
	s.awaitAnswer([]string{"+subnet=" + tokyo, "www.glb.test", "A"}, apNortheast)

	t.Run("nearest by client subnet", func(t *testing.T) {
		for subnet, want := range map[string]string{tokyo: apNortheast, frankfurt: euWest, newYork: usEast, tokyo6: apNortheast, "2001:db8:b:1::/56": euWest} {
			if r := s.dig("+subnet="+subnet, "www.glb.test", "A"); !r.is(want) || !r.has("aa") || r.has("ra") {
				t.Errorf("from %s: want %s, authoritative, without recursion\n%s", subnet, want, r.text)
			}
		}
	})
	t.Run("scope", func(t *testing.T) {
		for subnet, want := range map[string]string{
			tokyo:               "192.0.2.0/24/28", // longer than the source: the border of the map, as it is
			"192.0.2.64/32":     "192.0.2.64/32/28",
			"2001:db8:a:1::/64": "2001:db8:a:1::/64/48",
		} {
			if r := s.dig("+subnet="+subnet, "www.glb.test", "A"); r.subnet != want {
				t.Errorf("from %s: scope %q, want %q", subnet, r.subnet, want)
			}
		}
		// Only eu-west has IPv6: NODATA for the others, under the same scope, or it would poison the resolver's cache.
		if r := s.dig("+subnet="+tokyo, "www6.glb.test", "AAAA"); !r.is() || r.subnet != "192.0.2.0/24/28" {
			t.Errorf("NODATA where others get an answer\n%s", r.text)
		}
		if r := s.dig("+subnet="+tokyo, "www.glb.test", "MX"); !r.is() || r.subnet != "192.0.2.0/24/0" {
			t.Errorf("NODATA for everybody: want scope 0\n%s", r.text)
		}
		if r := s.dig("+subnet="+tokyo, "static.glb.test", "A"); r.subnet != "192.0.2.0/24/0" {
			t.Errorf("a static name: %q, want scope 0", r.subnet)
		}
		if r := s.dig("+subnet=0.0.0.0/0", "www.glb.test", "A"); r.status != "NOERROR" || r.subnet != "0.0.0.0/0/0" {
			t.Errorf("source 0 means: don't use my address\n%s", r.text)
		}
		if r := s.dig("www.glb.test", "A"); r.subnet != "" || r.status != "NOERROR" {
			t.Errorf("not asked for, so not echoed\n%s", r.text)
		}
	})
	t.Run("tcp", func(t *testing.T) {
		if r := s.dig("+tcp", "+subnet="+tokyo, "www.glb.test", "A"); !r.is(apNortheast) || r.subnet != "192.0.2.0/24/28" {
			t.Error(r.text)
		}
	})
	t.Run("IPv6", func(t *testing.T) {
		for _, proto := range []string{"+notcp", "+tcp"} {
			if r := dig(t, "@::1", "-p", s.port, proto, "+subnet="+frankfurt, "www.glb.test", "A"); !r.is(euWest) {
				t.Error(r.text)
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
			r := s.dig(strings.Fields(question)...)
			if !r.is(want...) {
				t.Errorf("%s: want %v\n%s", question, want, r.text)
			}
			if authority := r.section("AUTHORITY"); len(want) == 0 && (len(authority) != 1 || authority[0][0] != "glb.test." || authority[0][3] != "SOA" || authority[0][1] != "30") {
				t.Errorf("%s: want the SOA of the apex with TTL 30\n%s", question, r.text)
			}
		}
	})
	t.Run("in-zone alias of a service", func(t *testing.T) {
		r := s.dig("+subnet="+tokyo, "alias.glb.test", "A")
		if !r.is(apNortheast, "www.glb.test.") || r.subnet != "192.0.2.0/24/28" {
			t.Error(r.text)
		}
	})
	t.Run("negative", func(t *testing.T) {
		if r := s.dig("nowhere.glb.test", "A"); r.status != "NXDOMAIN" || len(r.section("AUTHORITY")) != 1 {
			t.Error(r.text)
		}
		for _, outside := range []string{"example.org", "xglb.test", "test"} {
			if r := s.dig(outside, "A"); r.status != "REFUSED" {
				t.Errorf("%s\n%s", outside, r.text)
			}
		}
	})
	t.Run("delegation", func(t *testing.T) {
		r := s.dig("+norecurse", "host.sub.glb.test", "A")
		authority, additional := r.section("AUTHORITY"), r.section("ADDITIONAL")
		if r.has("aa") || len(r.answers) != 0 || len(authority) != 1 || authority[0][4] != "ns.sub.glb.test." || len(additional) != 1 || additional[0][4] != "192.0.2.54" {
			t.Error(r.text)
		}
	})
	t.Run("case", func(t *testing.T) {
		r := s.dig("+subnet="+tokyo, "wWw.GLB.tEsT", "A")
		if !r.is(apNortheast) || !strings.Contains(r.text, ";wWw.GLB.tEsT.") {
			t.Error(r.text)
		}
	})
	t.Run("truncation", func(t *testing.T) {
		r := s.dig("+ignore", "+bufsize=4096", "txt.big.test", "TXT")
		if !r.has("tc") || len(r.answers) != 0 {
			t.Errorf("udp: want TC and an empty answer\n%s", r.text)
		}
		if r := s.dig("txt.big.test", "TXT"); r.has("tc") || len(r.answers) != 40 {
			t.Errorf("tcp: want all 40 records, got %d", len(r.answers))
		}
	})
	t.Run("ANY", func(t *testing.T) {
		r := s.dig("+notcp", "glb.test", "ANY")
		types := map[string]bool{}
		for _, record := range r.section("ANSWER") {
			types[record[3]] = true
		}
		if r.status != "NOERROR" || len(types) != 1 {
			t.Errorf("want one RRset (RFC 8482), got %v\n%s", types, r.text)
		}
	})
	t.Run("CHAOS is off", func(t *testing.T) {
		for _, name := range []string{"id.server", "version.bind"} {
			if r := s.dig("-c", "CH", "-t", "TXT", name); r.status != "REFUSED" || len(r.answers) != 0 {
				t.Error(r.text)
			}
		}
	})
	t.Run("EDNS", func(t *testing.T) {
		if r := s.dig("+nsid", "static.glb.test", "A"); !strings.Contains(r.text, `("ns1.e2e")`) {
			t.Errorf("NSID\n%s", r.text)
		}
		if r := s.dig("+edns=1", "+noednsnegotiation", "static.glb.test", "A"); r.status != "BADVERS" {
			t.Errorf("EDNS version 1\n%s", r.text)
		}
		if r := s.dig("+noedns", "+subnet=0", "static.glb.test", "A"); !slices.Equal(r.answers, []string{"192.0.2.80"}) {
			t.Errorf("no EDNS\n%s", r.text)
		}
		if r := s.dig("+opcode=STATUS", "static.glb.test", "A"); r.status != "NOTIMP" {
			t.Errorf("opcode\n%s", r.text)
		}
	})
}
