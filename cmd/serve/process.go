package serve

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"meridian/admin"
	"meridian/checker"
	"meridian/status"
	"meridian/zones"
)

// process is what every running Meridian has, a server and a checker alone: a configuration that can be loaded again,
// what it shares with its fleet, and a checker (that may have nothing to do).
type process struct {
	path    string
	log     *slog.Logger
	sharing *sharing
	checker *checker.Checker
	checks  *histogram
	started time.Time

	declared atomic.Pointer[declared]
	changing sync.Mutex // held while declared is replaced

	mu         sync.Mutex
	lastReload *admin.ReloadReport
}

// begin puts the first configuration in use. log nil: slog.Default().
func (p *process) begin(path string, d *declared, log *slog.Logger) {
	if log == nil {
		log = slog.Default()
	}
	p.path, p.log, p.started, p.checks = path, log, time.Now(), newHistogram(checkBounds)
	p.declared.Store(d)
	p.sharing = newSharing(d.config, log)
}

// hire makes the checker and tells it what to do. probe nil: real probes; live says who else votes.
func (p *process) hire(probe func(context.Context, checker.Target) checker.Observation, live func() []string) {
	d := p.declared.Load()
	p.checker = checker.New(d.config.Checker.Vantage, p, checker.Options{Log: p.log, Probe: probe, Observed: p.observe, Live: live})
	p.checker.SetDuties(d.duties())
}

// Publish implements checker.Board. A process that isn't to probe doesn't vote, not even with an empty ballot: others
// would count it among those who share the targets.
func (p *process) Publish(ctx context.Context, b status.Ballot) error {
	if p.declared.Load().vantage() == "" {
		return nil
	}
	return p.sharing.Publish(ctx, b)
}

// checkBounds are the bounds of health_check_duration_seconds.
var checkBounds = []float64{.001, .005, .01, .05, .1, .25, .5, 1, 2.5, 5, 10}

func (p *process) observe(_ checker.Target, o checker.Observation) { p.checks.observe(o.Latency) }

// refuse keeps the configuration in use, and says why in the log, the report, and the error for who asked.
func (p *process) refuse(problems []zones.Problem, old *declared, generation uint64) error {
	err := &admin.ReloadError{Problems: problems, Kept: kept(old, generation)}
	p.reloaded(err)
	return err
}

// reloaded keeps how the last reload went.
func (p *process) reloaded(err *admin.ReloadError) {
	r := &admin.ReloadReport{Time: time.Now(), OK: err == nil}
	if err != nil {
		for _, problem := range err.Problems {
			r.Error += problem.String() + "\n"
		}
		r.Error += err.Error()
		p.log.Error("reload refused", "error", err.Error(), "problems", len(err.Problems))
		for _, problem := range err.Problems {
			p.log.Error(problem.String())
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lastReload = r
}

// restartWarnings say what of a configuration takes effect at the next start only.
func (p *process) restartWarnings(old, next *declared) []zones.Problem {
	var warnings []zones.Problem
	for _, key := range needsRestart(old.config, next.config) {
		warnings = append(warnings, zones.Problem{File: p.path, Warning: true, Text: "the change of " + key + " takes effect at the next start"})
	}
	return warnings
}

// warn logs what is doubtful about the configuration.
func (p *process) warn(d *declared) {
	for _, w := range d.warnings {
		p.log.Warn(w.String())
	}
}
