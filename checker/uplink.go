package checker

import (
	"net/netip"
	"time"
)

// uplink judges this checker's own network, for one address family. When nothing answers anywhere, a checker can't tell
// its own loss from the world's: it then withholds its votes, and what it can't reach doesn't count towards verdicts.
//
// Unrelated means in different networks (IPv4 /24, IPv6 /48), and at most one in ten of them may make an exception: a
// single network that answers, among up to nine, proves the uplink. Two things are believed of it.
//
//   - It is lost while networks are silent: nothing came back from any of their targets, not even a refusal.
//   - It is cut off when they all became unreachable at once: silent, or refusing where most of them answered just
//     before. A firewall or a proxy on the way refuses in everybody's name. Where everything refuses from the start, or
//     one after the other, it is believed to be down.
type uplink struct {
	networks  map[netip.Prefix]*network
	silent    int // networks that are silent
	unreached int // networks that are silent, refuse, or a mixture of both
	cut       bool
	heard     [2]heard // the latest answers, from two different networks; the later one first
}

type network struct {
	targets, silent, unreached int
	answered                   time.Time // when a probe ended to which one of its targets answered
	fresh                      time.Duration
}

// heard is when a probe began to which the network answered.
type heard struct {
	network netip.Prefix
	began   time.Time
}

// minNetworks is from how many unrelated networks on their failure says something of the uplink. With fewer, a region
// that is gone is the likelier reason.
const minNetworks = 3

// lost reports whether the uplink is lost or cut off.
func (u *uplink) lost() bool { return u.cut || u.most(u.silent) }

// most reports whether so many networks are all, but for at most one in ten.
func (u *uplink) most(count int) bool {
	n := len(u.networks)
	return n >= minNetworks && count >= n-n/10
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

// count replaces what a target was last seen as by what it is seen as now; nil: it wasn't there before, or is dropped.
// fresh is how long an answer speaks for the time after it.
func (u *uplink) count(addr netip.Addr, before, after *Observation, now time.Time, fresh time.Duration) {
	failing := u.most(u.unreached)
	if before != nil && u.tally(addr, before, -1).targets == 0 && after == nil {
		delete(u.networks, networkOf(addr))
	}
	if after != nil {
		n := u.tally(addr, after, 1)
		if !after.unreached() {
			n.answered, n.fresh = now, fresh
			u.hear(heard{networkOf(addr), now.Add(-after.Latency)})
		}
	}
	u.judge(failing, now)
}

// judge notices when the uplink is cut off, and when it is back. Whether the networks answered just before is looked at
// once, when the last of them fails.
func (u *uplink) judge(failing bool, now time.Time) {
	if now := u.most(u.unreached); failing || !now {
		u.cut = u.cut && now
		return
	}
	answered := 0
	for _, n := range u.networks {
		if !n.answered.IsZero() && now.Sub(n.answered) <= n.fresh {
			answered++
		}
	}
	u.cut = 2*answered > len(u.networks)
}

func (u *uplink) tally(addr netip.Addr, o *Observation, by int) *network {
	p := networkOf(addr)
	n := u.networks[p]
	if n == nil {
		n = &network{}
		if u.networks == nil {
			u.networks = make(map[netip.Prefix]*network)
		}
		u.networks[p] = n
	}
	u.silent -= n.all(n.silent)
	u.unreached -= n.all(n.unreached)
	n.targets += by
	if o.Silent {
		n.silent += by
	}
	if o.unreached() {
		n.unreached += by
	}
	u.silent += n.all(n.silent)
	u.unreached += n.all(n.unreached)
	return n
}

// all returns 1 if so many targets are all of the network's, otherwise 0.
func (n *network) all(count int) int {
	if n.targets > 0 && count == n.targets {
		return 1
	}
	return 0
}

func (u *uplink) hear(h heard) {
	if h.network != u.heard[0].network {
		u.heard[1] = u.heard[0]
	}
	u.heard[0] = h
}

// witnessed reports whether somebody outside of addr's network answered a probe that began at or after since.
func (u *uplink) witnessed(addr netip.Addr, since time.Time) bool {
	own := networkOf(addr)
	for _, h := range u.heard {
		if h.network != own && !h.began.Before(since) {
			return true
		}
	}
	return false
}
