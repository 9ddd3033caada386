package scenario

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing/synctest"
	"time"

	"meridian/admin"
	"meridian/dnsserver"
	"meridian/snapshot"
	"meridian/zones"
)

// seed makes the answers that are drawn at random the same in every run of a story.
const seed = 20261120

// Run runs a story in the directory dir, which has what configurations need beside them. It must be called inside a
// testing/synctest bubble. The error is a *Mistake that says which step failed.
func Run(script *Script, dir string, library string) error {
	r := &runner{dir: dir, library: library, network: &network{}, began: time.Now(), random: rand.New(rand.NewPCG(seed, seed))}
	defer r.stop()
	for _, step := range script.Steps {
		if err := r.step(step); err != nil {
			return &Mistake{script.File, step.Line, err.Error()}
		}
	}
	return nil
}

// runner is a story under way.
type runner struct {
	dir     string // of this run: meridian.yaml, and data_dir
	library string // of the configurations that stories name
	network *network
	system  *system // nil: not started
	began   time.Time
	random  *rand.Rand

	answers  []dnsserver.Answer // to the last ask
	asked    ask
	problems []zones.Problem // of the last reload
	refusal  error           // of the operator's last word; nil: obeyed
}

// configFile is the path of the configuration of this run.
func (r *runner) configFile() string { return filepath.Join(r.dir, "meridian.yaml") }

// step does one step.
func (r *runner) step(step Step) error {
	switch step.Verb {
	case "title:":
		return nil
	case "file":
		return os.WriteFile(filepath.Join(r.dir, step.Args[0]), []byte(step.Text), 0o644)
	case "config":
		return r.writeConfig(step)
	}
	if r.system == nil {
		if err := r.start(); err != nil {
			return err
		}
	}
	switch step.Verb {
	case "at":
		d, err := parseTime(step.Args)
		time.Sleep(time.Until(r.began.Add(d)))
		synctest.Wait()
		return err
	case "after":
		d, err := parseTime(step.Args)
		time.Sleep(d)
		synctest.Wait()
		return err
	case "endpoint", "region":
		return r.behave(step)
	case "ask":
		return r.ask(step.Args)
	case "restart":
		r.stop()
		return r.start()
	case "reload":
		if err := r.writeConfig(step); err != nil {
			return err
		}
		r.problems = r.system.reload()
		synctest.Wait()
		return nil
	case "failback":
		_, err := r.system.Failback(context.Background(), admin.FailbackRequest{Region: step.Args[0], Author: "story"})
		synctest.Wait()
		return err
	case "operator":
		err := r.operate(step.Args)
		synctest.Wait()
		return err
	case "expect":
		return r.expect(step.Args)
	}
	return nil // start
}

// writeConfig writes the step's text, or the named configuration, as meridian.yaml.
func (r *runner) writeConfig(step Step) error {
	text := []byte(step.Text)
	if len(step.Args) == 1 {
		var err error
		if text, err = os.ReadFile(filepath.Join(r.library, step.Args[0]+".yaml")); err != nil {
			return err
		}
	}
	return os.WriteFile(r.configFile(), text, 0o644)
}

// start starts the system over what is in the directory, and lets it settle.
func (r *runner) start() error {
	system, problems := assemble(r.configFile(), r.network.probe)
	if system == nil {
		return fmt.Errorf("the configuration doesn't load:\n%s", list(problems))
	}
	r.system = system
	synctest.Wait()
	return nil
}

// stop stops the system, if it runs.
func (r *runner) stop() {
	if r.system != nil {
		r.system.stop()
		r.system = nil
	}
}

// behave makes an endpoint, or all endpoints of a region, behave as the step says.
func (r *runner) behave(step Step) error {
	b, err := parseBehaviour(step.Args[1:])
	if err != nil {
		return err
	}
	var known []string
	found := false
	for _, service := range r.system.Services() {
		for _, pool := range service.Pools {
			for _, addr := range pool.Endpoints {
				name := addr.String()
				if step.Verb == "region" {
					name = pool.Region.Name
				}
				known = append(known, name)
				if name == step.Args[0] {
					found = true
					r.network.set(addr, b)
				}
			}
		}
	}
	if !found {
		return fmt.Errorf("no service has the %s %s%s", step.Verb, step.Args[0], offer(step.Args[0], known))
	}
	return nil
}

// ask asks, as often as the step says, and keeps the answers.
func (r *runner) ask(args []string) error {
	q, err := parseAsk(args)
	if err != nil {
		return err
	}
	r.asked, r.answers = q, nil
	for n := range q.times {
		answer, err := dnsserver.Decide(r.system.Current().Load(), dnsserver.Question{
			Name: q.name, Type: q.qtype, Client: snapshot.Client{ECS: q.subnet, Source: q.from(n)}, Random: r.random.Uint64(),
		})
		if err != nil {
			return err
		}
		r.answers = append(r.answers, answer)
	}
	return nil
}

// list puts problems on a line each.
func list(problems []zones.Problem) string {
	var lines []string
	for _, p := range problems {
		lines = append(lines, p.String())
	}
	return strings.Join(lines, "\n")
}
