package config

import (
	"fmt"
	"strconv"

	"go.yaml.in/yaml/v3"

	"meridian/status"
)

func showQuorum(q status.Quorum) *yaml.Node {
	if q.Up.Kind == status.NeedDefault {
		return plain(q.Down.String())
	}
	return flow(fields("down", plain(q.Down.String()), "up", plain(q.Up.String())))
}

func showFlap(f status.Flap) *yaml.Node {
	return flow(fields("dwell", f.Dwell, "half_life", f.HalfLife, "suppress", plain(fmt.Sprint(f.Suppress)), "max_hold", f.MaxHold))
}

func showFailback(f status.Failback) *yaml.Node {
	switch f.Mode {
	case status.FailbackDelayed:
		return flow(fields("delayed", f.Over))
	case status.FailbackRamp:
		return flow(fields("ramp", f.Over))
	}
	return plain(f.String())
}

func showSafety(l status.Limit) *yaml.Node {
	if l.Share == 0 {
		return nil
	}
	return flow(fields("max_unavailable", plain(strconv.Itoa(int(l.Share*100+.5))+"%"), "window", l.Window))
}

func showLoad(r status.LoadRule) *yaml.Node {
	if r.Target == 0 {
		return nil
	}
	return flow(fields("target", plain(percent(r.Target)), "step", plain(percent(r.Step)), "every", r.Every, "least", plain(percent(r.Least))))
}

// showRule appends what rule says, where base says otherwise; base nil: all of it.
func showRule(y *yaml.Node, rule status.Rule, base *status.Rule) {
	if base == nil || rule.Quorum != base.Quorum {
		put(y, "quorum", showQuorum(rule.Quorum))
	}
	if base == nil || rule.MinVoters != base.MinVoters {
		put(y, "min_voters", plain(strconv.Itoa(rule.MinVoters)))
	}
	if base == nil || rule.Flap != base.Flap {
		put(y, "flap", showFlap(rule.Flap))
	}
	if base == nil || rule.Failback != base.Failback {
		put(y, "failback", showFailback(rule.Failback))
	}
}
