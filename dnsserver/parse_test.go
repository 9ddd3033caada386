package dnsserver

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"pgregory.net/rapid"
)

// FuzzParse compares both parsers with each other and with what miekg/dns makes of the whole message.
func FuzzParse(f *testing.F) {
	for _, p := range packets(f) {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, packet []byte) {
		if answerable(packet) != plain {
			return
		}
		var slow, fast query
		var slowName, fastName [maxNameLen]byte
		parseSlow(packet, &slowName, &slow)
		if parseQuery(packet, &fastName, &fast) == plain && !reflect.DeepEqual(fast, slow) {
			t.Fatalf("two parsers, two queries:\n%+v\n%+v", fast, slow)
		}
		m := new(dns.Msg)
		err := m.Unpack(packet)
		switch {
		case slow.malformed:
			if err == nil && wellFormed(m, packet) {
				t.Fatalf("malformed, but what is wrong with it?\n%v", m)
			}
		case err == nil:
			compareQuery(t, &slow, m)
		case len(m.Extra) == 0 && binary.BigEndian.Uint16(packet[10:]) == 0:
			// Records beside OPT and TSIG, and options that aren't ours, may hold what they like.
			t.Fatalf("well-formed, but %v", err)
		}
	})
}

// wellFormed says with miekg/dns, slowly, which messages are no FORMERR.
func wellFormed(m *dns.Msg, packet []byte) bool {
	counts := [...]int{len(m.Question), len(m.Answer), len(m.Ns), len(m.Extra)}
	for i, n := range counts {
		if n != int(binary.BigEndian.Uint16(packet[4+2*i:])) {
			return false // records are missing
		}
	}
	if counts[0] != 1 || counts[1] > 0 || counts[2] > 0 && m.Question[0].Qtype != dns.TypeIXFR {
		return false
	}
	_, end, err := dns.UnpackDomainName(packet, headerLen)
	var name [maxNameLen]byte
	n, packErr := dns.PackDomainName(m.Question[0].Name, name[:], 0, nil, false)
	if err != nil || packErr != nil || n != end-headerLen {
		return false // compressed
	}
	for end += 4; end < len(packet) && len(m.Ns)+len(m.Extra) > 0; {
		var after int
		if _, after, err = dns.UnpackRR(packet, end); err != nil {
			return false
		}
		end = after
		counts[3]--
		if counts[2]+counts[3] == 0 {
			break
		}
	}
	return end == len(packet) && wellFormedExtra(m, packet)
}

func wellFormedExtra(m *dns.Msg, packet []byte) bool {
	for _, rr := range m.Ns {
		if rr.Header().Rrtype == dns.TypeOPT || rr.Header().Rrtype == dns.TypeTSIG {
			return false
		}
	}
	opts := 0
	for i, rr := range m.Extra {
		switch rr := rr.(type) {
		case *dns.TSIG:
			if i != len(m.Extra)-1 || !wholeTSIG(rr) {
				return false
			}
		case *dns.OPT:
			if opts++; opts > 1 || rr.Hdr.Name != "." {
				return false
			}
			subnets := 0
			for _, o := range rr.Option {
				if e, ok := o.(*dns.EDNS0_SUBNET); ok && rr.Version() == 0 {
					if subnets++; subnets > 1 || !canonical(e, packet) {
						return false
					}
				}
			}
		}
	}
	return true
}

// wholeTSIG reports whether a TSIG, if its names aren't compressed, is as long as its fields say.
func wholeTSIG(t *dns.TSIG) bool {
	owner := dns.Len(&dns.NULL{Hdr: dns.RR_Header{Name: t.Hdr.Name}})
	return t.Algorithm != "" && len(t.MAC) == 2*int(t.MACSize) && len(t.OtherData) == 2*int(t.OtherLen) &&
		int(t.Hdr.Rdlength) == dns.Len(t)-owner
}

// canonical reports whether the option stands in the packet as it is packed again: miekg/dns masks an address and
// fills it up without a word.
func canonical(e *dns.EDNS0_SUBNET, packet []byte) bool {
	if e.Family == 0 || e.SourceScope != 0 {
		return false
	}
	b := make([]byte, 64)
	n, err := dns.PackRR(&dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}, Option: []dns.EDNS0{e}}, b, 0, nil, false)
	return err == nil && bytes.Contains(packet, b[optLen:n])
}

func compareQuery(t *testing.T, q *query, m *dns.Msg) {
	t.Helper()
	name, _, err := dns.UnpackDomainName(q.name, 0)
	if err != nil || q.id != m.Id || int(q.opcode) != m.Opcode || q.recurse != m.RecursionDesired ||
		name != strings.ToLower(m.Question[0].Name) || q.qtype != m.Question[0].Qtype || q.class != m.Question[0].Qclass {
		t.Fatalf("%+v isn't\n%v", q, m)
	}
	o := m.IsEdns0()
	if q.edns != (o != nil) || (q.tsig != nil) != (m.IsTsig() != nil) {
		t.Fatalf("%+v isn't\n%v", q, m)
	}
	if o == nil {
		return
	}
	if q.size != o.UDPSize() || q.dnssec != o.Do() || q.version != o.Version() {
		t.Fatalf("OPT of %+v isn't\n%v", q, o)
	}
	if q.version != 0 {
		return
	}
	nsid, subnet := false, false
	for _, opt := range o.Option {
		switch e := opt.(type) {
		case *dns.EDNS0_NSID:
			nsid = true
		case *dns.EDNS0_SUBNET:
			subnet = true
			if p := q.subnet.prefix(); q.subnet.family != e.Family || p.Bits() != int(e.SourceNetmask) || !e.Address.Equal(p.Addr().AsSlice()) {
				t.Fatalf("client subnet %v isn't %v", p, e)
			}
		}
	}
	if nsid != q.nsid || subnet != q.subnet.present {
		t.Fatalf("options of %+v aren't\n%v", q, o)
	}
}

// TestLower compares eight bytes at a time with one.
func TestLower(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SliceOfN(rapid.Byte(), 0, maxNameLen).Draw(t, "name")
		want := bytes.Clone(name)
		for i, c := range want {
			if 'A' <= c && c <= 'Z' {
				want[i] = c + 'a' - 'A'
			}
		}
		var scratch [maxNameLen]byte
		if got := lower(&scratch, name); !bytes.Equal(got, want) {
			t.Fatalf("%q became %q", name, got)
		}
	})
}

func TestClientSubnetOption(t *testing.T) {
	for _, c := range []struct {
		name string
		body []byte
		want string // empty: FORMERR
	}{
		{"an IPv4 /24", []byte{0, 1, 24, 0, 192, 0, 2}, "192.0.2.0/24"},
		{"an IPv4 /32", []byte{0, 1, 32, 0, 192, 0, 2, 1}, "192.0.2.1/32"},
		{"an IPv4 /25", []byte{0, 1, 25, 0, 192, 0, 2, 128}, "192.0.2.128/25"},
		{"an IPv4 /0", []byte{0, 1, 0, 0}, "0.0.0.0/0"},
		{"an IPv6 /0", []byte{0, 2, 0, 0}, "::/0"},
		{"an IPv6 /56", []byte{0, 2, 56, 0, 0x20, 1, 0xd, 0xb8, 0, 1, 0}, "2001:db8:1::/56"},
		{"an IPv6 /128", append([]byte{0, 2, 128, 0}, bytes.Repeat([]byte{1}, 16)...), "101:101:101:101:101:101:101:101/128"},
		{"nothing", nil, ""},
		{"three bytes", []byte{0, 1, 0}, ""},
		{"family 0", []byte{0, 0, 0, 0}, ""},
		{"family 3", []byte{0, 3, 8, 0, 1}, ""},
		{"family 257", []byte{1, 1, 8, 0, 1}, ""},
		{"an IPv4 /33", []byte{0, 1, 33, 0, 1, 2, 3, 4, 0}, ""},
		{"an IPv6 /129", append([]byte{0, 2, 129, 0}, make([]byte, 17)...), ""},
		{"a scope", []byte{0, 1, 24, 24, 192, 0, 2}, ""},
		{"a byte too few", []byte{0, 1, 24, 0, 192, 0}, ""},
		{"a byte too many", []byte{0, 1, 24, 0, 192, 0, 2, 0}, ""},
		{"a bit behind the prefix", []byte{0, 1, 23, 0, 192, 0, 1}, ""},
		{"a /0 with an address", []byte{0, 1, 0, 0, 0}, ""},
	} {
		var s subnet
		ok := s.parse(c.body)
		if ok != (c.want != "") || ok && s.prefix().String() != c.want {
			t.Errorf("%s: %v, %v; want %q", c.name, s.prefix(), ok, c.want)
		}
		if !ok {
			continue
		}
		want := append([]byte{0, 8, 0, byte(len(c.body))}, c.body...)
		want[7] = 17
		if got := s.append(nil, 17); !bytes.Equal(got, want) || len(got) != s.len() {
			t.Errorf("%s came back as %x, want %x", c.name, got, want)
		}
	}
}
