package main

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"meridian/checker"
	"meridian/cmd/config"
	"meridian/zones"
)

func (p *program) checkCommand() *cli.Command {
	return &cli.Command{
		Name:      "check",
		Usage:     "probe now, once, and show each step",
		ArgsUsage: "TARGET",
		Description: "TARGET is a URL: http://127.0.0.1:8080/healthz, https://…, tcp://HOST:PORT, tls://HOST:PORT, icmp://HOST,\n" +
			"grpc://HOST:PORT/SERVICE, grpcs://…, dns://HOST/NAME?type=A; or, with --config, a service, one of its regions, or\n" +
			"one endpoint: www.example.com, www.example.com/eu-west,\n" +
			"www.example.com/eu-west/192.0.2.1. It is probed exactly as a checker does, but counts for nothing.\n" +
			"Exit code 1 when any endpoint isn't healthy.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "config", Aliases: []string{"c"}, Usage: "`FILE` that has the service"},
			&cli.StringFlag{Name: "host", Usage: "`NAME` for the Host header and SNI of a URL target (default: the URL's)"},
			&cli.BoolFlag{Name: "skip-verify", Usage: "accept any certificate of a URL target"},
			&cli.DurationFlag{Name: "timeout", Usage: "of one probe of a URL target", Value: 2 * time.Second},
			&cli.BoolFlag{Name: "json", Usage: "print JSON"},
		},
		Action: p.check,
	}
}

// probeTarget is one endpoint and how to probe it.
type probeTarget struct {
	name  string // for people
	check *zones.Check
	addr  netip.Addr
}

// checkReport is one probe, for --json.
type checkReport struct {
	Target   string       `json:"target"`
	Address  string       `json:"address"`
	OK       bool         `json:"ok"`
	Result   string       `json:"result"` // success, failure, inconclusive
	Reason   string       `json:"reason"`
	Withheld float64      `json:"withheld"`       // share of its traffic that the endpoint should be spared
	Load     float64      `json:"load,omitempty"` // of the endpoint, as a share of what it can carry
	Seconds  float64      `json:"seconds"`
	Steps    []stepReport `json:"steps"`
}

type stepReport struct {
	Step    string  `json:"step"`
	Detail  string  `json:"detail"`
	Seconds float64 `json:"seconds"`
}

func (p *program) check(c *cli.Context) error {
	if err := arguments(c, 1, 1, "one TARGET"); err != nil {
		return err
	}
	targets, err := p.probeTargets(c, c.Args().First())
	if err != nil {
		return err
	}
	healthy := true
	reports := make([]checkReport, len(targets))
	for i, t := range targets {
		seen, steps := checker.Probe(c.Context, t.check, t.addr)
		reports[i] = checkReport{Target: t.name, Address: t.addr.String(), OK: seen.OK, Result: seen.Result(), Reason: seen.Reason, Withheld: seen.Withheld, Load: seen.Load, Seconds: seen.Latency.Seconds()}
		for _, s := range steps {
			reports[i].Steps = append(reports[i].Steps, stepReport{s.Name, s.Detail, s.Took.Seconds()})
		}
		healthy = healthy && seen.OK
		if !c.Bool("json") {
			p.showProbe(i, t, steps)
		}
	}
	if c.Bool("json") {
		if err := p.printJSON(reports); err != nil {
			return err
		}
	}
	if !healthy {
		return silent(exitFailed)
	}
	return nil
}

func (p *program) showProbe(i int, t probeTarget, steps []checker.Step) {
	if i > 0 {
		fmt.Fprintln(p.out)
	}
	how := string(t.check.Type)
	switch {
	case t.check.Combined != nil:
		how = "combined: " + t.check.Name
	case t.check.Port != 0:
		how += fmt.Sprintf(", port %d", t.check.Port)
	}
	fmt.Fprintf(p.out, "%s at %s (%s)\n", t.name, t.addr, how)
	rows := make([][]cell, len(steps))
	for i, s := range steps {
		took := ""
		if s.Took > 0 {
			took = s.Took.Round(10 * time.Microsecond).String()
		}
		rows[i] = []cell{plain("  %s", s.Name), plain("%s", took), plain("%s", s.Detail)}
	}
	p.table(rows)
}

func (p *program) probeTargets(c *cli.Context, text string) ([]probeTarget, error) {
	if strings.Contains(text, "://") {
		return urlTargets(c, text)
	}
	path := c.String("config")
	if path == "" {
		return nil, usagef(c, "%q is not a URL; for a service add --config FILE", text)
	}
	cfg, problems := config.Load(path)
	if cfg == nil {
		return nil, p.badConfiguration(problems)
	}
	return serviceTargets(c, cfg.Services, text)
}

// serviceTargets finds the endpoints that service[/region[/address]] names.
func serviceTargets(c *cli.Context, services []*zones.Service, text string) ([]probeTarget, error) {
	parts := strings.SplitN(text, "/", 3)
	name, err := zones.CanonicalName(parts[0])
	if err != nil {
		return nil, usagef(c, "%q is not a domain name: %w", parts[0], err)
	}
	i := slices.IndexFunc(services, func(s *zones.Service) bool { return s.Name == name })
	if i < 0 {
		var names []string
		for _, s := range services {
			names = append(names, s.Name)
		}
		return nil, withCode(exitFailed, fmt.Errorf("there is no service %s%s", name, hint(name, names)))
	}
	service := services[i]
	if service.Check == nil {
		return nil, withCode(exitFailed, fmt.Errorf("service %s has no check: its endpoints count as up", name))
	}
	var targets []probeTarget
	var regions, addresses []string
	for _, pool := range service.Pools {
		regions = append(regions, pool.Region.Name)
		if len(parts) > 1 && parts[1] != pool.Region.Name {
			continue
		}
		for _, addr := range pool.Endpoints {
			addresses = append(addresses, addr.String())
			if len(parts) < 3 || parts[2] == addr.String() {
				targets = append(targets, probeTarget{name + "/" + pool.Region.Name, service.Check, addr})
			}
		}
	}
	switch {
	case len(parts) > 1 && !slices.Contains(regions, parts[1]):
		return nil, withCode(exitFailed, fmt.Errorf("service %s has no pool in %q%s", name, parts[1], hint(parts[1], regions)))
	case len(targets) == 0 && len(parts) > 2:
		return nil, withCode(exitFailed, fmt.Errorf("pool %s of service %s has no endpoint %q (it has %s)", parts[1], name, parts[2], strings.Join(addresses, ", ")))
	case len(targets) == 0:
		return nil, withCode(exitFailed, fmt.Errorf("%s has no addresses to probe: it is a name", text))
	}
	return targets, nil
}

// urlTargets reads a URL. A name in it is resolved by this machine; every address is a target.
func urlTargets(c *cli.Context, text string) ([]probeTarget, error) {
	check, host, err := config.ParseTarget(text)
	if err != nil {
		return nil, usagef(c, "%w", err)
	}
	check.Name, check.Host = "check", c.String("host")
	check.SkipVerify, check.Timeout = c.Bool("skip-verify"), c.Duration("timeout")
	if addr, err := netip.ParseAddr(host); err == nil {
		return []probeTarget{{text, check, addr.Unmap()}}, nil
	}
	if check.Host == "" {
		check.Host = host
	}
	addrs, err := net.DefaultResolver.LookupNetIP(c.Context, "ip", host)
	if err != nil {
		return nil, withCode(exitFailed, err)
	}
	targets := make([]probeTarget, len(addrs))
	for i, addr := range addrs {
		targets[i] = probeTarget{text, check, addr.Unmap()}
	}
	return targets, nil
}
