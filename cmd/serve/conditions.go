package serve

import (
	"fmt"
	"strings"
	"time"

	"github.com/miekg/dns"

	"meridian/admin"
	"meridian/checker"
	"meridian/snapshot"
	"meridian/status"
	"meridian/status/board"
)

// oldGeo is when a GeoIP database is worth a warning: vendors publish at least every month.
const oldGeo = 60 * 24 * time.Hour

// facts are what the conditions of a process are judged by.
type facts struct {
	now       time.Time
	snap      *snapshot.Snapshot // nil: none yet, or a checker alone
	mirror    board.Report
	publish   error // why this process's votes don't reach the shared board; nil: they do, or there are none
	checker   checker.Stats
	fleet     *fleet
	idle      bool   // there is nothing to vote on
	reloaded  bool   // the last reload went well, or there was none
	geoError  string // why the last change of the geographic files was refused; empty: it wasn't
	geoFile   bool   // the database is a file of the operator's
	geoBuilt  time.Time
	overrides string // what is wrong with the overrides; empty: nothing
	switching error  // why the fleet's switches can't be read; nil: they can
}

// warnings collects conditions. The order is that in which they are told.
type warnings []admin.Condition

// tell adds a condition; the text is for when it isn't met.
func (w *warnings) tell(name string, ok bool, format string, args ...any) {
	c := admin.Condition{Name: name, OK: ok, Warning: true}
	if !ok {
		c.Text = fmt.Sprintf(format, args...)
	}
	*w = append(*w, c)
}

// checking are the conditions of every process that probes.
func (f *facts) checking() warnings {
	var w warnings
	w.tell("config", f.reloaded, "the last reload was refused; the configuration before it stays in use")
	w.tell("publish", f.publish == nil, "this checker's votes don't reach the board: %v", f.publish)
	w.tell("uplink", !f.checker.DistrustV4 && !f.checker.DistrustV6,
		"this checker distrusts its own network (%s) and withholds votes", families(f.checker))
	return w
}

// conditions are what may be wrong without making a server unready: it answers from what it knows. Each row of the table
// in deploy/README.md is one of them, and a test holds the two together.
func (f *facts) conditions() []admin.Condition {
	w := f.checking()
	w.tell("board", f.mirror.Board == nil && (f.mirror.Source == board.Fleet || f.mirror.Source == "" || f.idle), "%s; %s", f.mirror.Why, f.meanwhile())
	w.tell("local_view", f.mirror.Source != board.Local, "%s; this server's own checker counts alone", f.mirror.Why)
	w.tell("restored", !f.restored(), "the states are those of %s ago, from before the restart; no fresh votes have upheld them yet", ago(f.now, f.mirror.Restored))
	doubting, stale := f.unreliable()
	w.tell("checkers", len(doubting)+len(stale) == 0, "%s", join(
		clause("distrusting themselves, and not voting: ", doubting), clause("not heard of lately, and ignored: ", stale)))
	w.tell("automation", !f.mirror.Frozen, "automation is frozen%s: traffic stays, whatever is observed", f.whoFroze())
	w.tell("switches", f.switching == nil, "whether automation is to be frozen can't be read (%v); what was known before holds", f.switching)
	w.tell("overrides", f.overrides == "", "%s", f.overrides)
	w.tell("limits", len(f.mirror.Limited) == 0, "automation has reached its limit, and holds up what goes down: %s", f.limited())
	held := f.held()
	w.tell("held", len(held) == 0, "not served as observed: %s", list(held))
	fallback, short := f.drained()
	w.tell("fallback", len(fallback) == 0, "no pool takes anything, so these answer from their fallback: %s", list(fallback))
	w.tell("min_healthy", len(short) == 0, "too few endpoints are up: %s", list(short))
	w.tell("data_dir", f.mirror.Disk == nil, "%v", f.mirror.Disk)
	w.tell("geo", f.geoError == "", "the changed geographic data was refused, the old stays in use: %s", f.geoError)
	w.tell("geo_age", !f.geoFile || f.now.Sub(f.geoBuilt) < oldGeo, "the GeoIP database is of %s, %d days old",
		f.geoBuilt.Format(time.DateOnly), int(f.now.Sub(f.geoBuilt).Hours()/24))
	return w
}

// meanwhile is what goes on while the board is of no use.
func (f *facts) meanwhile() string {
	if f.mirror.Source == board.Local {
		return "this server's own checker counts alone"
	}
	return "states hold"
}

// restored reports whether the states in use are nothing but what a file remembers.
func (f *facts) restored() bool {
	return !f.mirror.Restored.IsZero() && f.mirror.Restored.Equal(f.mirror.Confirmed) && f.mirror.Source != board.Fleet
}

// unreliable names the checkers whose votes don't count.
func (f *facts) unreliable() (doubting, stale []string) {
	for _, a := range f.fleet.ballots {
		switch {
		case a.Age > f.fleet.maxAge:
			stale = append(stale, fmt.Sprintf("%s (%v)", a.Ballot.Vantage, a.Age.Round(time.Second)))
		case a.Ballot.Doubt != "":
			doubting = append(doubting, a.Ballot.Vantage+" ("+a.Ballot.Doubt+")")
		}
	}
	return doubting, stale
}

func (f *facts) whoFroze() string {
	r := automationReport(f.mirror, time.Time{})
	if r.By != "operator" {
		return " by the configuration"
	}
	text := " by " + r.Author + " (" + r.Reason + ")"
	if r.Until != nil {
		text += " until " + r.Until.UTC().Format("2006-01-02 15:04:05 UTC")
	}
	return text
}

func (f *facts) limited() string {
	var all []string
	for _, l := range f.mirror.Limited {
		all = append(all, l.Service+" ("+l.Why+")")
	}
	return list(all)
}

// held names what something other than a freeze or a limit, which have their own conditions, or a moment's dwell keeps
// from being served as it is observed.
func (f *facts) held() []string {
	var all []string
	for _, d := range f.mirror.Divergent {
		switch d.Effective.Held {
		case status.HoldFreeze, status.HoldVelocity, status.HoldDwell:
		default:
			all = append(all, d.Key+" ("+d.Effective.Reason+")")
		}
	}
	return all
}

// drained names the services no pool of which takes anything, and the pools with too few endpoints up.
func (f *facts) drained() (fallback, short []string) {
	if f.snap == nil {
		return nil, nil
	}
	for _, svc := range f.snap.Services() {
		spec, taken := svc.Spec(), false
		if spec.Of != nil {
			continue // its pools are those of the service
		}
		for p := range spec.Pools {
			if max(svc.Acceptance(dns.TypeA, p), svc.Acceptance(dns.TypeAAAA, p)) > 0 {
				taken = true
				continue
			}
			for family := range 2 {
				if h := svc.PoolHealth(f.snap.States(), p, family); h.Health == status.Down && h.Up > 0 {
					short = append(short, fmt.Sprintf("%s in %s (%d of %d)", spec.Name, spec.Pools[p].Region.Name, h.Up, h.Endpoints))
				}
			}
		}
		if !taken {
			fallback = append(fallback, spec.Name)
		}
	}
	return fallback, short
}

func families(s checker.Stats) string {
	switch {
	case s.DistrustV4 && s.DistrustV6:
		return "IPv4 and IPv6"
	case s.DistrustV6:
		return "IPv6"
	}
	return "IPv4"
}

// listed is how many things a condition names: it is a sentence, not a report.
const listed = 3

func list(names []string) string {
	if len(names) > listed {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:listed], ", "), len(names)-listed)
	}
	return strings.Join(names, ", ")
}

// clause is what is to be said of names; empty for none.
func clause(what string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	return what + list(names)
}

func join(clauses ...string) string {
	var said []string
	for _, c := range clauses {
		if c != "" {
			said = append(said, c)
		}
	}
	return strings.Join(said, "; ")
}

// ago is how long before now t was, in whole seconds.
func ago(now, t time.Time) string { return now.Sub(t).Round(time.Second).String() }
