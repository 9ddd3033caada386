package dnsserver

import (
	"encoding/binary"
	"net/netip"
	"time"
)

const (
	// maxQuery is the longest query over TCP. Resolvers send less than a tenth of it; a peer that announces more is
	// cut off, so that a connection never holds more than this, whatever its length prefix says.
	maxQuery = 4096
	// flushAt is how many bytes of answers to pipelined queries go out together.
	flushAt = 16 << 10
	// farewell is how long a connection that the server ends may take to send what is under way and to read the rest.
	farewell = 100 * time.Millisecond
)

// answerNext appends the answer to the query that in begins with, with its length in front (RFC 1035, section 4.2.2).
// It returns the query's length with its prefix, 0 when the query isn't whole yet; and false for what is never
// answered and ends the connection.
func (r *responder) answerNext(dst, in []byte, source netip.Addr) (out []byte, used int, ok bool) {
	if len(in) < 2 {
		return dst, 0, true
	}
	n := int(binary.BigEndian.Uint16(in))
	if n > maxQuery {
		r.counts.dropped[dropTooLong].Add(1)
		return dst, 0, false
	}
	if len(in)-2 < n {
		return dst, 0, true
	}
	begin := len(dst)
	out = r.respond(append(dst, 0, 0), in[2:2+n], source)
	length := len(out) - begin - 2
	if length == 0 {
		return out[:begin], 2 + n, false
	}
	binary.BigEndian.PutUint16(out[begin:], uint16(length))
	return out, 2 + n, true
}
