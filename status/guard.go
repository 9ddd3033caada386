package status

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Limit is how fast automation may take a service apart.
type Limit struct {
	Share  float64       // of the service's pools, 0..1, that may go down within Window; one always may. 0: no limit
	Window time.Duration // above 0
}

// String returns the limit in the configuration's words: "max_unavailable 50% in 5m0s".
func (l Limit) String() string {
	return fmt.Sprintf("max_unavailable %.4g%% in %v", 100*l.Share, l.Window)
}

// Group is what a limit counts: the pools of one service in one address family. The families are judged apart, because
// one can fail alone.
type Group struct {
	Service string
	Family  string // "IPv4" or "IPv6"; with Service it names the group
	Limit   Limit
	Pools   []Pool
}

// Pool is one pool of a group.
type Pool struct {
	Region string
	Keys   []string // its endpoints' state keys
	Need   int      // so many of them must not be down; with fewer the pool is down
}

// name returns what the group is remembered by.
func (g *Group) name() string { return HoldKey(g.Service, g.Family) }

// most returns how many of the group's pools may go down within the window.
func (g *Group) most() int { return max(1, int(g.Limit.Share*float64(len(g.Pools))+1e-9)) }

// Guard holds the groups that have a limit. It is immutable.
type Guard struct {
	groups []Group
	byKey  map[string][]int // groups that hold a state key
	byName map[string]int
}

// NewGuard returns the guard of those groups that have a limit; nil when none has.
func NewGuard(groups []Group) *Guard {
	g := &Guard{byKey: map[string][]int{}, byName: map[string]int{}}
	for _, group := range groups {
		if group.Limit.Share <= 0 || group.Limit.Window <= 0 {
			continue
		}
		n := len(g.groups)
		g.groups = append(g.groups, group)
		g.byName[group.name()] = n
		for _, p := range group.Pools {
			for _, key := range p.Keys {
				if at := g.byKey[key]; !slices.Contains(at, n) {
					g.byKey[key] = append(at, n)
				}
			}
		}
	}
	if len(g.groups) == 0 {
		return nil
	}
	return g
}

// Out is a pool that automation took out.
type Out struct {
	Region string    `json:"region"`
	At     time.Time `json:"at"`
}

// limit holds up the pools that would go down beyond their group's limit. It looks at the groups of the keys that
// changed and at those that lost a pool within their window; nothing else can have changed.
func (g *governing) limit(changed []string) {
	guard := g.in.Rules.Guard
	if guard == nil {
		return
	}
	touched := map[int]bool{}
	for _, key := range changed {
		for _, n := range guard.byKey[key] {
			touched[n] = true
		}
	}
	for name := range g.prev.Outs {
		if n, ok := guard.byName[name]; ok {
			touched[n] = true
		}
	}
	order := make([]int, 0, len(touched))
	for n := range touched {
		order = append(order, n)
	}
	slices.Sort(order)
	for _, n := range order {
		g.limitGroup(&guard.groups[n])
	}
}

// limitGroup lets the pools of one group go down, those that have waited for it first, as long as the limit allows, and
// holds up the others.
func (g *governing) limitGroup(group *Group) {
	outs := g.recent(group)
	var going []int // pools that were up for the service, and aren't
	for i := range group.Pools {
		if p := &group.Pools[i]; g.alive(p, group.Service, g.prev.Table) && !g.alive(p, "", g.table) {
			going = append(going, i)
		}
	}
	slices.SortStableFunc(going, func(a, b int) int {
		return cmp.Compare(g.waits(group, b), g.waits(group, a))
	})
	var held []string
	for _, i := range going {
		p := &group.Pools[i]
		at := slices.IndexFunc(outs, func(o Out) bool { return o.Region == p.Region })
		switch {
		case g.frozen:
			held = append(held, p.Region)
		case at >= 0:
			outs[at].At = g.now
		case len(outs) < group.most():
			outs = append(outs, Out{p.Region, g.now})
		default:
			held = append(held, p.Region)
		}
	}
	if len(outs) > 0 {
		g.next.Outs[group.name()] = outs
	}
	if len(held) > 0 {
		g.hold(group, outs, held)
	}
}

// recent returns the pools of the group that went down within the window, each once.
func (g *governing) recent(group *Group) []Out {
	var outs []Out
	for _, o := range g.prev.Outs[group.name()] {
		known := slices.ContainsFunc(group.Pools, func(p Pool) bool { return p.Region == o.Region })
		if known && elapsed(o.At, g.now) < group.Limit.Window {
			outs = append(outs, o)
		}
	}
	return outs
}

// alive reports whether the pool counts as up in table, as the service sees it; for no service: as it is.
func (g *governing) alive(p *Pool, service string, table Table) bool {
	up := 0
	for _, key := range p.Keys {
		if table.View(service, key).Health != Down {
			up++
		}
	}
	return up >= p.Need
}

// waits returns 1 for a pool that is held up already.
func (g *governing) waits(group *Group, pool int) int {
	for _, key := range group.Pools[pool].Keys {
		if _, held := g.prev.Table[HoldKey(group.Service, key)]; held {
			return 1
		}
	}
	return 0
}

// hold keeps the pools of the regions as the service saw them, and says so.
func (g *governing) hold(group *Group, outs []Out, regions []string) {
	why, until := g.whyFrozen(), time.Time{}
	if !g.frozen {
		why, until = exhausted(group, outs)
		g.wake(until)
	}
	name := strings.TrimSuffix(group.Service, ".")
	mark := State{Health: Up, Held: HoldVelocity, Since: g.now,
		Reason: fmt.Sprintf("%s over %s: %s held up though down: %s", name, group.Family, strings.Join(regions, ", "), why)}
	if before, held := g.prev.Table[group.Service]; held {
		mark.Since = before.Since
	}
	if other, both := g.table[group.Service]; both { // the other family is held up, too
		mark.Reason = other.Reason + "; " + mark.Reason
	}
	g.table[group.Service] = mark
	for i := range group.Pools {
		if !slices.Contains(regions, group.Pools[i].Region) {
			continue
		}
		for _, key := range group.Pools[i].Keys {
			was := g.prev.Table.View(group.Service, key)
			if now := g.table[key]; was.Health != Down && now.Health == Down {
				g.table[HoldKey(group.Service, key)] = State{
					Health: Up, Held: HoldVelocity, Withheld: was.Withheld, Since: was.Since,
					Reason: fmt.Sprintf("held up%s: %s; observed down: %s", untilClock(until), why, now.Reason),
				}
			}
		}
	}
}

// exhausted says in words which pools used up the group's limit, and when the first of them leaves the window.
func exhausted(group *Group, outs []Out) (why string, until time.Time) {
	first := outs[0].At
	regions := make([]string, len(outs))
	for i, o := range outs {
		regions[i] = o.Region
		if o.At.Before(first) {
			first = o.At
		}
	}
	return fmt.Sprintf("%s of %d regions went down already (%s)", strings.Join(regions, ", "), len(group.Pools), group.Limit), first.Add(group.Limit.Window)
}
