package zones

import (
	"errors"
	"fmt"

	"github.com/miekg/dns"
)

// MaxRRset is the largest RRset that can be served, in octets of RRset.Wire: a TCP message is at most 65,535
// octets, and header, question and OPT need some of them.
const MaxRRset = 64_000

// RRset is all records of one owner name and type, ready for both renderers. It is never written again.
type RRset struct {
	Name string // canonical owner name; for a wildcard the asterisk name
	Type uint16
	TTL  uint32 // seconds; the least where the records of a file disagreed (RFC 2181 section 5.2)
	// RRs are the records for the slow renderer, owner Name and TTL as above.
	RRs []dns.RR
	// Wire is all records packed for the fast renderer. The owner of each is the pointer 0xC00C, to the question
	// of the message; names in RDATA are uncompressed.
	Wire []byte
	// Ends has the end offset in Wire of each record: record i is Wire[Ends[i-1]:Ends[i]].
	Ends []uint16
}

// NewRRset packs records of one type into an RRset owned by name (presentation format). TTLs that differ become the
// least. The records are copied where their header has to change, and are not to be changed later. It fails when
// there are none, when types differ, when one can't be packed, and above MaxRRset.
func NewRRset(name string, rrs []dns.RR) (*RRset, error) {
	name, err := CanonicalName(name)
	if err != nil {
		return nil, err
	}
	var p packer
	set, err := p.pack(name, rrs)
	if err != nil {
		return nil, err
	}
	return &set, nil
}

// packer packs RRsets. The zero value packs each into slices of its own; newPacker's shares slices among many:
// an index of a million names would otherwise need three small allocations for each.
type packer struct {
	msg   dns.Msg
	buf   []byte // the packed message; nil: a new one each time
	wire  []byte // what is built in packWire
	end   []uint16
	wires arena[byte]
	ends  arena[uint16]
	rrs   arena[dns.RR]
}

func newPacker() *packer {
	const chunk = 4096
	return &packer{
		buf:   make([]byte, 64<<10),
		wires: arena[byte]{chunk: 4 * chunk},
		ends:  arena[uint16]{chunk: chunk},
		rrs:   arena[dns.RR]{chunk: chunk},
	}
}

// pack makes an RRset; name is canonical.
func (p *packer) pack(name string, rrs []dns.RR) (RRset, error) {
	if len(rrs) == 0 {
		return RRset{}, errors.New("an RRset needs a record")
	}
	set := RRset{Name: name, Type: rrs[0].Header().Rrtype, TTL: rrs[0].Header().Ttl, RRs: p.rrs.take(rrs)}
	for _, rr := range set.RRs {
		set.TTL = min(set.TTL, rr.Header().Ttl)
	}
	for i, rr := range set.RRs {
		h := rr.Header()
		if h.Rrtype != set.Type {
			return RRset{}, fmt.Errorf("an RRset of type %s can't hold %s", dns.Type(set.Type), dns.Type(h.Rrtype))
		}
		if h.Name != name || h.Ttl != set.TTL {
			rr = dns.Copy(rr)
			rr.Header().Name, rr.Header().Ttl = name, set.TTL
			set.RRs[i] = rr
		}
	}
	if err := p.packWire(&set); err != nil {
		return RRset{}, fmt.Errorf("%s %s can't be packed: %w", name, dns.Type(set.Type), err)
	}
	return set, nil
}

// packWire fills in Wire and Ends. It packs through a message, because dns.PackRR writes into the record, which
// another index may be serving.
func (p *packer) packWire(set *RRset) error {
	p.msg.Answer = set.RRs
	msg, err := p.msg.PackBuffer(p.buf)
	p.msg.Answer = nil
	if err != nil {
		return err
	}
	p.wire, p.end = p.wire[:0], p.end[:0]
	msg = msg[12:] // the header
	for range set.RRs {
		for msg[0] != 0 { // the owner, uncompressed
			msg = msg[int(msg[0])+1:]
		}
		msg = msg[1:]
		n := 10 + int(msg[8])<<8 + int(msg[9]) // type, class, TTL, length, RDATA
		p.wire = append(append(p.wire, 0xC0, 0x0C), msg[:n]...)
		if len(p.wire) > MaxRRset {
			return fmt.Errorf("it is larger than %d octets, more than one answer can hold", MaxRRset)
		}
		p.end = append(p.end, uint16(len(p.wire)))
		msg = msg[n:]
	}
	set.Wire, set.Ends = p.wires.take(p.wire), p.ends.take(p.end)
	return nil
}

// arena hands out copies of slices, cut from chunks.
type arena[T any] struct {
	free  []T
	chunk int // elements; 0: each copy is an allocation of its own
}

// take returns a copy of src with no room behind it.
func (a *arena[T]) take(src []T) []T {
	n := len(src)
	if n > len(a.free) {
		if n > a.chunk/8 {
			dst := make([]T, n)
			copy(dst, src)
			return dst
		}
		a.free = make([]T, a.chunk)
	}
	dst := a.free[:n:n]
	a.free = a.free[n:]
	copy(dst, src)
	return dst
}
