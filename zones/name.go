package zones

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/miekg/dns"
)

// Limits of RFC 1035 section 3.1, in octets of wire format.
const (
	maxName  = 255
	maxLabel = 63
)

// AppendWireName appends the wire format of a name in presentation format to dst, in the case that it has.
// A missing final dot is taken as there. On error dst is returned as it was; the error names the broken rule.
func AppendWireName(dst []byte, name string) ([]byte, error) {
	switch name {
	case "":
		return dst, errors.New("the name is empty")
	case ".":
		return append(dst, 0), nil
	}
	start, head := len(dst), len(dst)
	fail := func(format string, args ...any) ([]byte, error) { return dst[:start], fmt.Errorf(format, args...) }
	dst = append(dst, 0) // length of the first label, known at its end
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch c {
		case '.':
			if len(dst) == head+1 {
				return fail("a label is empty")
			}
			head = len(dst)
			dst = append(dst, 0)
			continue
		case '\\':
			switch rest := name[i+1:]; {
			case len(rest) >= 3 && isDigit(rest[0]) && isDigit(rest[1]) && isDigit(rest[2]):
				v := int(rest[0]-'0')*100 + int(rest[1]-'0')*10 + int(rest[2]-'0')
				if v > 255 {
					return fail(`\%s is above \255`, rest[:3])
				}
				c, i = byte(v), i+3
			case len(rest) > 0 && !isDigit(rest[0]):
				c, i = rest[0], i+1
			default:
				return fail(`a \ escapes nothing`)
			}
		}
		dst = append(dst, c)
		if n := len(dst) - head - 1; n > maxLabel {
			return fail("a label is longer than %d octets", maxLabel)
		} else {
			dst[head] = byte(n)
		}
	}
	if dst[head] != 0 { // no final dot
		dst = append(dst, 0)
	}
	if len(dst)-start > maxName {
		return fail("the name is longer than %d octets", maxName)
	}
	return dst, nil
}

// WireName returns the canonical wire format of a name in presentation format: lower case, ready for Index.Find.
func WireName(name string) ([]byte, error) {
	wire, err := AppendWireName(nil, name)
	if err != nil {
		return nil, err
	}
	LowerName(wire)
	return wire, nil
}

// NameString returns the presentation format of a whole name in wire format, fully qualified, with the escapes of
// RFC 4343 section 2.1. Anything that isn't a name gives "".
func NameString(wire []byte) string {
	s, end, err := dns.UnpackDomainName(wire, 0)
	if err != nil || end != len(wire) {
		return ""
	}
	return s
}

// CanonicalName returns the one spelling of a name that this package compares and prints: fully qualified, lower
// case, escapes only where they are needed.
func CanonicalName(name string) (string, error) {
	if isPlain(name) {
		// Only its lengths can be wrong.
		if _, err := AppendWireName(make([]byte, 0, maxName+1), name); err != nil {
			return "", err
		}
		return name, nil
	}
	wire, err := WireName(name)
	if err != nil {
		return "", err
	}
	return NameString(wire), nil
}

// isPlain reports whether a name is spelled canonically, seen by its characters alone: the usual case, which
// needs no conversion.
func isPlain(name string) bool {
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', isDigit(c), c == '-', c == '_', c == '.', c == '*', c == '/':
		default:
			return false
		}
	}
	return name != "" && name[len(name)-1] == '.'
}

// LowerName makes a name in wire format lower case, in place (ASCII only, RFC 4343). Length octets are at most 63
// and so are never taken for letters.
func LowerName(wire []byte) {
	for i, c := range wire {
		if 'A' <= c && c <= 'Z' {
			wire[i] = c + ('a' - 'A')
		}
	}
}

// Parent returns a wire name without its first label; nil for the root, and for what isn't a name.
func Parent(wire []byte) []byte {
	if len(wire) == 0 || wire[0] == 0 || int(wire[0])+1 >= len(wire) {
		return nil
	}
	return wire[int(wire[0])+1:]
}

// IsSubdomain reports whether the wire name child is parent or lies below it. Both are in the same case. Label
// borders count: "xglb.test." is not below "glb.test.".
func IsSubdomain(child, parent []byte) bool {
	for len(child) > len(parent) {
		if child = Parent(child); child == nil {
			return false
		}
	}
	return bytes.Equal(child, parent)
}

// CompareNames orders wire names of the same case canonically (RFC 4034 section 6.1): by labels from the right,
// so that a name comes directly before everything below it.
func CompareNames(a, b []byte) int {
	var as, bs [maxName / 2]uint8
	na, nb := labels(a, &as), labels(b, &bs)
	for na > 0 && nb > 0 {
		na, nb = na-1, nb-1
		la, lb := a[as[na]:], b[bs[nb]:]
		if c := bytes.Compare(la[1:1+la[0]], lb[1:1+lb[0]]); c != 0 {
			return c
		}
	}
	return na - nb
}

// labels stores where each label but the root's begins, and returns how many there are.
func labels(wire []byte, starts *[maxName / 2]uint8) int {
	n := 0
	for off := 0; off < len(wire) && wire[off] != 0 && n < len(starts); off += int(wire[off]) + 1 {
		starts[n] = uint8(off)
		n++
	}
	return n
}

// isWildcard reports whether the first label is the asterisk label (RFC 4592 section 2.1.1).
func isWildcard(wire string) bool { return len(wire) > 2 && wire[0] == 1 && wire[1] == '*' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
