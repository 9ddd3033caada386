package config

import (
	"net/netip"
	"strconv"
	"strings"
)

// address parses the address of an endpoint or a name server: one that packets can be sent to.
func (b *builder) address(t text, path string) (netip.Addr, bool) {
	if !t.set {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(t.v)
	switch {
	case err != nil:
		b.errorf(t.at, "%s: %s is not an IP address%s", path, quote(t.v), addressHint(t.v))
	case a.Zone() != "":
		b.errorf(t.at, "%s: %s has a zone, which means nothing to others", path, quote(t.v))
	case a.Is4In6():
		b.errorf(t.at, "%s: %s is an IPv4 address in IPv6 clothes (write %s)", path, quote(t.v), a.Unmap())
	case a.IsUnspecified():
		b.errorf(t.at, "%s: %s is the unspecified address: no packet can be sent to it", path, quote(t.v))
	case a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		b.errorf(t.at, "%s: %s is a multicast or broadcast address, not that of one host", path, quote(t.v))
	default:
		return a, true
	}
	return netip.Addr{}, false
}

func addressHint(s string) string {
	if _, err := netip.ParsePrefix(s); err == nil {
		return " (it is a network)"
	}
	if _, err := netip.ParseAddrPort(s); err == nil {
		return " (without a port: the check has it)"
	}
	if strings.ContainsAny(s, "abcdefghijklmnopqrstuvwxyz") && !strings.Contains(s, ":") {
		return " (names aren't resolved; a pool may be a name as {cname: " + s + "})"
	}
	return ""
}

// listenAddress parses an address with a port to listen on.
func (b *builder) listenAddress(t text, path string) (netip.AddrPort, bool) {
	if !t.set {
		return netip.AddrPort{}, false
	}
	ap, err := netip.ParseAddrPort(t.v)
	if err != nil {
		b.errorf(t.at, "%s: %s is not an address with a port%s", path, quote(t.v), listenHint(t.v))
		return netip.AddrPort{}, false
	}
	if ap.Addr().Is4In6() || ap.Addr().IsMulticast() {
		b.errorf(t.at, "%s: %s is not an address of this host (IPv4 is written as 192.0.2.1:53)", path, quote(t.v))
		return netip.AddrPort{}, false
	}
	return ap, true
}

func listenHint(s string) string {
	if a, err := netip.ParseAddr(s); err == nil && a.Is4() {
		return " (write " + strconv.Quote(netip.AddrPortFrom(a, 53).String()) + ")"
	}
	host, port, found := cutLast(s, ":")
	switch {
	case found && host == "" && port != "":
		return " (write \"0.0.0.0:" + port + "\" or \"[::]:" + port + "\")"
	case found && strings.Contains(host, ":") && !strings.HasPrefix(host, "["):
		return " (IPv6 addresses stand in brackets: \"[::1]:53\")"
	case host != "" && !strings.ContainsAny(host, ":[]") && strings.ContainsAny(host, "abcdefghijklmnopqrstuvwxyz"):
		return " (host names aren't resolved: write the address)"
	}
	return " (such as 127.0.0.1:53 or \"[::1]:53\")"
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// reaches reports whether a packet to target arrives at what listens on listen.
func reaches(target, listen netip.AddrPort) bool {
	if target.Port() != listen.Port() || listen.Port() == 0 {
		return false
	}
	a, l := target.Addr(), listen.Addr()
	return a == l || l.IsUnspecified() && a.IsLoopback() && (l.Is6() || a.Is4())
}
