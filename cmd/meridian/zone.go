package main

import (
	"fmt"
	"os"

	"github.com/miekg/dns"
	"github.com/urfave/cli/v2"

	"meridian/admin"
	"meridian/cmd/config"
	"meridian/zones"
)

func (p *program) zoneCommand() *cli.Command {
	const which = "\n\nThe apex of a FILE is the owner of its SOA; where that is relative, the file's name without \".zone\", unless --origin\n" +
		"or an APEX says otherwise. With --config it is a zone of that configuration, named by its APEX alone."
	flags := func() []cli.Flag {
		return []cli.Flag{
			&cli.StringFlag{Name: "origin", Usage: "`APEX` of the zone"},
			&cli.StringFlag{Name: "config", Aliases: []string{"c"}, Usage: "`FILE` that has the zone"},
		}
	}
	return &cli.Command{
		Name:  "zone",
		Usage: "check a zone file, or print what is served of a zone",
		Subcommands: []*cli.Command{
			{
				Name: "check", Usage: "report every mistake of a zone file", ArgsUsage: "FILE | APEX FILE | APEX",
				Description: "Exit code 3 when the zone can't be served. Warnings alone don't count." + which,
				Flags:       flags(), Action: p.zoneCheck,
			},
			{
				Name: "dump", Usage: "print a zone's records in canonical order, as they are served", ArgsUsage: "FILE | APEX FILE | APEX",
				Description: "The addresses of services aren't records of the zone: meridian explain shows them." + which,
				Flags:       flags(), Action: p.zoneDump,
			},
		},
	}
}

func (p *program) zoneCheck(c *cli.Context) error {
	zone, err := p.readZone(c)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.out, "%s: serial %d, %s. Good.\n", zone.Apex, serial(zone), admin.Count(len(zone.Records), "record"))
	return nil
}

func (p *program) zoneDump(c *cli.Context) error {
	zone, err := p.readZone(c)
	if err != nil {
		return err
	}
	return zones.Dump(zone, p.out)
}

// readZone reads the zone that the arguments name, and prints what is wrong with it.
func (p *program) readZone(c *cli.Context) (*zones.Zone, error) {
	if path := c.String("config"); path != "" {
		return p.configuredZone(c, path)
	}
	if err := arguments(c, 1, 2, "FILE, or APEX FILE"); err != nil {
		return nil, err
	}
	apex, file := c.String("origin"), c.Args().First()
	if c.NArg() == 2 {
		apex, file = c.Args().Get(0), c.Args().Get(1)
	}
	if apex != "" {
		canonical, err := zones.CanonicalName(apex)
		if err != nil {
			return nil, usagef(c, "%q is not a domain name: %w", apex, err)
		}
		apex = canonical
	}
	text := p.in
	var options []zones.Option
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, p.badConfiguration([]zones.Problem{{File: file, Text: "can't be read: " + cause(err)}})
		}
		defer f.Close()
		text = f
		options = append(options, zones.IncludeFrom(config.ZoneFolder(file)))
	}
	zone, problems := zones.CheckZone(apex, file, text, options...)
	if zones.HasErrors(problems) {
		return nil, p.badConfiguration(problems)
	}
	p.sayProblems(problems)
	return zone, nil
}

func (p *program) configuredZone(c *cli.Context, path string) (*zones.Zone, error) {
	if err := arguments(c, 1, 1, "one APEX"); err != nil {
		return nil, err
	}
	apex, err := zones.CanonicalName(c.Args().First())
	if err != nil {
		return nil, usagef(c, "%q is not a domain name: %w", c.Args().First(), err)
	}
	cfg, problems := config.Load(path)
	if cfg == nil {
		return nil, p.badConfiguration(problems)
	}
	p.sayProblems(problems)
	var apexes []string
	for _, z := range cfg.Zones {
		if z.Apex == apex {
			return z, nil
		}
		apexes = append(apexes, z.Apex)
	}
	return nil, withCode(exitFailed, fmt.Errorf("%s has no zone %s%s", path, apex, hint(apex, apexes)))
}

func serial(zone *zones.Zone) uint32 {
	for _, rr := range zone.Records {
		if soa, ok := rr.(*dns.SOA); ok {
			return soa.Serial
		}
	}
	return 0
}
