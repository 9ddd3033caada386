package checker

import "net/netip"

// uplink judges this checker's own network, for one address family. When nothing answers anywhere, a checker can't tell
// its own loss from the world's: it then withholds its votes, and silence doesn't count towards verdicts.
//
// Unrelated means in different networks (IPv4 /24, IPv6 /48); a network is silent when nothing came back from any of its
// targets, not even a refusal. A single network that answers, among up to nine, proves the uplink. What is down by then
// stays so; with consecutive_down of 2 or more everything is seen to fail before anything is judged.
type uplink struct {
	networks map[netip.Prefix]*network
	silent   int // networks that are silent
}

type network struct{ targets, silent int }

// minNetworks is from how many unrelated networks on silence says something of the uplink. With fewer, a region that is
// gone is the likelier reason.
const minNetworks = 3

// lost reports whether all networks are silent, but for at most one in ten.
func (u *uplink) lost() bool {
	n := len(u.networks)
	return n >= minNetworks && u.silent >= n-n/10
}

func networkOf(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := 24
	if addr.Is6() {
		bits = 48
	}
	p, _ := addr.Prefix(bits) // of a valid address it can't fail; all invalid ones are one network
	return p
}

// add counts a target by its latest observation.
func (u *uplink) add(addr netip.Addr, silent bool) { u.count(addr, silent, 1) }

// remove takes out what add put in.
func (u *uplink) remove(addr netip.Addr, silent bool) { u.count(addr, silent, -1) }

func (u *uplink) count(addr netip.Addr, silent bool, by int) {
	p := networkOf(addr)
	n := u.networks[p]
	if n == nil {
		n = &network{}
		if u.networks == nil {
			u.networks = make(map[netip.Prefix]*network)
		}
		u.networks[p] = n
	}
	if n.isSilent() {
		u.silent--
	}
	n.targets += by
	if silent {
		n.silent += by
	}
	if n.isSilent() {
		u.silent++
	}
	if n.targets == 0 {
		delete(u.networks, p)
	}
}

func (n *network) isSilent() bool { return n.targets > 0 && n.silent == n.targets }
