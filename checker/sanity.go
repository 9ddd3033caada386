package checker

import (
	"slices"
	"time"

	"meridian/status"
	"meridian/zones"
)

// sanity is what a checker knows against itself, for IPv4 and IPv6 apart.
//
// References, where there are any, are the judges: targets that are always there, such as a router or a public resolver,
// of which it counts only that something answers. When all of a family's are down, the checker votes on nothing of that
// family; as long as one answers, it believes its own eyes. A family without references is judged by the other's, if that
// has some; without any, by whether unrelated targets fail together (uplink).
type sanity struct {
	references []*entry
	uplinks    [families]uplink
	lost       [families]bool
	doubt      string // why nothing is voted on; empty: something is
}

const families = 2

var familyNames = [families]string{"IPv4", "IPv6"}

// family is an index into what is kept for each address family.
func family(e *entry) int {
	if e.Addr.Unmap().Is4() {
		return 0
	}
	return 1
}

func (d *desk) uplink(e *entry) *uplink { return &d.sanity.uplinks[family(e)] }

// refer makes the references those of the configuration.
func (d *desk) refer(references []Target) {
	wanted := map[string]bool{}
	s := &d.sanity
	for _, t := range references {
		key := referencePrefix + t.Key
		if wanted[key] {
			continue
		}
		wanted[key] = true
		if d.entries[key] == nil {
			t.Key = key
			e := &entry{Target: t, index: -1, reference: true}
			d.entries[key] = e
			s.references = append(s.references, e)
			d.schedule.add(e, time.Now().Add(spread(d.vantage, key, t.Check.Interval)))
		}
	}
	kept := s.references[:0]
	for _, e := range s.references {
		if wanted[e.Key] {
			kept = append(kept, e)
			continue
		}
		d.drop(e)
	}
	clear(s.references[len(kept):])
	s.references = kept
	d.doubt()
}

// referencePrefix keeps the keys of references apart from those of targets, which begin with the name of a check.
const referencePrefix = "reference/"

// judges returns the references that judge the family.
func (s *sanity) judges(f int) []*entry {
	var own []*entry
	for _, e := range s.references {
		if family(e) == f {
			own = append(own, e)
		}
	}
	if own == nil {
		return s.references
	}
	return own
}

// sight takes in whether the network carried a conclusive observation, or not.
func (d *desk) sight(e *entry, o *Observation, now time.Time) {
	switch {
	case e.reference:
		for f := range families {
			if !o.unreached() && slices.Contains(d.sanity.judges(f), e) {
				d.sanity.uplinks[f].hear(heard{networkOf(e.Addr), now.Add(-o.Latency)})
			}
		}
	case isRemote(e.Check):
		d.uplink(e).count(e.Addr, e.sighted, o, now, freshFor(e)+e.Check.Timeout)
	}
	e.sighted = o
	d.doubt()
}

// forget takes a dropped entry out of the judgement.
func (d *desk) forget(e *entry) {
	if e.sighted != nil && !e.reference && isRemote(e.Check) {
		d.uplink(e).count(e.Addr, e.sighted, nil, time.Now(), 0)
	}
	d.doubt()
}

// isRemote reports whether probes of the check go through the network to the endpoint's address, as far as is known here.
func isRemote(c *zones.Check) bool { return c.Type != zones.CheckExec && c.Type != zones.CheckPush }

// believes reports whether an observation may count towards a verdict.
func (d *desk) believes(e *entry, o *Observation) bool {
	if e.reference || o.OK {
		return true
	}
	return !d.sanity.lost[family(e)] || !o.unreached() && len(d.sanity.references) == 0
}

// distrusts reports whether the verdict on e isn't to be voted on.
func (d *desk) distrusts(e *entry) bool {
	return d.sanity.lost[family(e)] && (len(d.sanity.references) > 0 || e.unreached())
}

// doubt notices when this checker's own network is lost, or back.
func (d *desk) doubt() {
	s := &d.sanity
	all := true
	for f := range families {
		judges := s.judges(f)
		lost := s.uplinks[f].lost()
		for i, e := range judges {
			lost = (i == 0 || lost) && e.verdict.health == status.Down
		}
		all = all && (lost || len(s.uplinks[f].networks) == 0)
		if s.lost[f] != lost {
			s.lost[f] = lost
			d.stats.distrust[f].Store(lost)
			d.sayDoubt(f, len(judges))
			d.voteSoon()
		}
	}
	s.doubt = ""
	switch {
	case !all || !s.lost[0] && !s.lost[1]:
	case len(s.references) > 0:
		s.doubt = "none of its references answers"
	default:
		s.doubt = "nothing answers it any more"
	}
}

func (d *desk) sayDoubt(f, references int) {
	what := []any{"vantage", d.vantage, "family", familyNames[f], "networks", len(d.sanity.uplinks[f].networks), "references", references}
	switch {
	case !d.sanity.lost[f]:
		d.log.Info("endpoints answer again; votes count", what...)
	case references > 0:
		d.log.Warn("no reference answers: this checker's own network is the likely reason; it withholds its votes", what...)
	default:
		d.log.Warn("nothing answers any more: this checker's own network is the likely reason; it withholds its votes", what...)
	}
}

const (
	maxWaits     = 5  // re-checks that a verdict waits for at most; after them it waits at the regular interval
	witnesses    = 3  // how many unrelated targets are asked then
	witnessReach = 64 // among how many of those that are due next they are looked for
)

// mustWait reports whether a verdict of down on e, whose failures may as well be this checker's own, should wait until
// somebody unrelated has been heard, or has been found to fail too: rapid re-checks would come to it before anybody else
// is looked at. The wait ends when all have been probed once at their regular time. Some are asked at once.
func (d *desk) mustWait(e *entry, now time.Time) bool {
	u := d.uplink(e)
	alone := len(u.networks) < minNetworks && len(d.sanity.references) == 0
	patience := time.Duration((1+jitter)*float64(e.Check.Interval)) + e.Check.Timeout
	if e.reference || e.verdict.run == 0 || alone || u.witnessed(e.Addr, e.runBegan) || now.Sub(e.runBegan) > patience {
		return false
	}
	d.askAround(e, now)
	return true
}

// askAround has the references probed now, and some targets of e's family that are in other networks.
func (d *desk) askAround(e *entry, now time.Time) {
	asked := d.sanity.judges(family(e))
	asked = asked[:len(asked):len(asked)]
	for _, other := range d.schedule[:min(len(d.schedule), witnessReach)] {
		if len(asked) >= witnesses {
			break
		}
		if isRemote(other.Check) && family(other) == family(e) && networkOf(other.Addr) != networkOf(e.Addr) && !other.unreached() {
			asked = append(asked, other)
		}
	}
	for _, other := range asked {
		d.schedule.bring(other, now)
	}
}
