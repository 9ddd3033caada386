package zones

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"sort"

	"github.com/miekg/dns"
)

// Zone is the declared data of one zone, as read or made, before any check across zones.
type Zone struct {
	Apex    string   // canonical: lower case, fully qualified
	Records []dns.RR // in the order of the file; owner names canonical, class IN
	Lines   []int32  // parallel to Records: the line of each in its file; nil: not known
	File    string   // empty: not from a file
	// Sum is the SHA-256 of all text that was read, included files among it. It is zero for a zone without a file.
	Sum [sha256.Size]byte
	// Incomplete says that parts of the file couldn't be read. NewIndex then doesn't complain about what may be
	// missing for that reason alone.
	Incomplete bool

	spans []span // nil: all records are from File
}

// span is a run of records that come from one file: those from record first on, up to the next span's first.
type span struct {
	first int
	file  string
}

// startFile says that the records that come next are from a file.
func (z *Zone) startFile(name string) {
	if len(z.spans) == 0 && name == z.File {
		return
	}
	z.spans = append(z.spans, span{len(z.Records), name})
}

// place returns where record i stands. The line is 0 when it isn't known; i < 0 is the zone as a whole.
func (z *Zone) place(i int) (file string, line int) {
	file = z.File
	if i < 0 || i >= len(z.Lines) {
		return file, 0
	}
	// The last span that begins at or before i; of several that begin at one record the last has it.
	if n := sort.Search(len(z.spans), func(n int) bool { return z.spans[n].first > i }); n > 0 {
		file = z.spans[n-1].file
	}
	return file, int(z.Lines[i])
}

// Nameserver is one name server of a zone without a file.
type Nameserver struct {
	Name      string       // presentation format
	Addresses []netip.Addr // needed where the name lies in the zone: it is the only source of its address
}

// Timers of synthesized zones. Nobody transfers such a zone, so only the negative TTL (the least of SOA TTL and
// minimum, RFC 2308 section 5) has a meaning for others.
const (
	synthesizedTTL     = 3600 // seconds, of SOA, NS and addresses
	synthesizedMinimum = 60   // seconds
)

// Synthesize makes the zone of an apex that has no file: SOA, NS and the addresses of those name servers that lie in
// the zone. The SOA names the first one, its mailbox is hostmaster at the apex, and its serial is always 1, so that
// all servers with the same configuration give the same answer. Problems have no position.
func Synthesize(apex string, nameservers []Nameserver) (*Zone, []Problem) {
	z := &Zone{}
	var problems []Problem
	complain := func(warning bool, format string, args ...any) {
		problems = append(problems, Problem{Text: fmt.Sprintf(format, args...), Warning: warning})
	}
	var err error
	if z.Apex, err = CanonicalName(apex); err != nil {
		complain(false, "zone %q: %v", apex, err)
		return z, problems
	}
	if len(nameservers) == 0 {
		complain(false, "zone %s has neither a file nor nameservers", z.Apex)
	}
	header := func(name string, rtype uint16) dns.RR_Header {
		return dns.RR_Header{Name: name, Rrtype: rtype, Class: dns.ClassINET, Ttl: synthesizedTTL}
	}
	mailbox := "hostmaster." + z.Apex
	if z.Apex == "." {
		mailbox = "hostmaster."
	}
	soa := &dns.SOA{
		Hdr: header(z.Apex, dns.TypeSOA), Mbox: mailbox, Serial: 1,
		Refresh: 7200, Retry: 900, Expire: 1209600, Minttl: synthesizedMinimum,
	}
	z.Records = append(z.Records, soa)
	var addresses []dns.RR
	for _, ns := range nameservers {
		name, err := CanonicalName(ns.Name)
		if err != nil {
			complain(false, "nameserver %q of zone %s: %v", ns.Name, z.Apex, err)
			continue
		}
		if soa.Ns == "" {
			soa.Ns = name
		}
		z.Records = append(z.Records, &dns.NS{Hdr: header(z.Apex, dns.TypeNS), Ns: name})
		inside := dns.IsSubDomain(z.Apex, name)
		switch {
		case inside && len(ns.Addresses) == 0:
			complain(false, "nameserver %s lies in its zone %s and so needs its addresses here", name, z.Apex)
		case !inside && len(ns.Addresses) > 0:
			complain(true, "nameserver %s lies outside the zone %s: its addresses here are not used", name, z.Apex)
			continue
		}
		for _, addr := range ns.Addresses {
			switch {
			case !addr.IsValid() || addr.Zone() != "" || addr.IsUnspecified() || addr.IsMulticast():
				complain(false, "nameserver %s can't have the address %s", name, addr)
			case addr.Unmap().Is4(): // "::ffff:192.0.2.53" is an IPv4 address
				a := addr.Unmap().As4()
				addresses = append(addresses, &dns.A{Hdr: header(name, dns.TypeA), A: a[:]})
			default:
				a := addr.As16()
				addresses = append(addresses, &dns.AAAA{Hdr: header(name, dns.TypeAAAA), AAAA: a[:]})
			}
		}
	}
	z.Records = append(z.Records, addresses...)
	z.Incomplete = HasErrors(problems)
	return z, problems
}
