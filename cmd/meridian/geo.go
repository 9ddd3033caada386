package main

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/urfave/cli/v2"

	"meridian/admin"
	"meridian/cmd/config"
	"meridian/geo"
)

func (p *program) geoCommand() *cli.Command {
	return &cli.Command{
		Name:  "geo",
		Usage: "look into, check and make geographic databases",
		Subcommands: []*cli.Command{
			{
				Name: "info", Usage: "say what a database is", ArgsUsage: "[FILE.mmdb]",
				Description: "Without a file it is the built-in demo data.",
				Flags:       outputFlags(), Action: p.geoInfo,
			},
			{
				Name: "lookup", Usage: "say where addresses are", ArgsUsage: "ADDRESS…",
				Description: "By the built-in demo data, a --database, or all that a --config lays on top of each other.",
				Flags: append(outputFlags(),
					&cli.StringFlag{Name: "database", Aliases: []string{"d"}, Usage: "`FILE.mmdb` to look into"},
					&cli.StringFlag{Name: "config", Aliases: []string{"c"}, Usage: "`FILE` whose database and networks count"}),
				Action: p.geoLookup,
			},
			{
				Name: "verify", Usage: "read a whole database and say what is wrong with it", ArgsUsage: "FILE.mmdb",
				Description: "Exit code 3 when it is damaged.",
				Flags:       outputFlags(), Action: p.geoVerify,
			},
			p.geoBuildCommand(),
		},
	}
}

// openDatabase opens the file at path, or the built-in demo data where path is empty. One that can't be used is exit code 3.
func openDatabase(path string) (*geo.Database, error) {
	if path == "" {
		return geo.Demo(), nil
	}
	database, err := geo.Open(path)
	if err != nil {
		return nil, withCode(exitBadConfig, err)
	}
	return database, nil
}

// infoReport is geo.Info for --json.
type infoReport struct {
	Name           string    `json:"name"`
	Type           string    `json:"database_type"`
	Schema         string    `json:"record_schema"`
	Description    string    `json:"description"`
	BuildTime      time.Time `json:"build_time"`
	IPVersion      int       `json:"ip_version"`
	Networks       int       `json:"networks"`
	Records        int       `json:"records"`
	HasCoordinates bool      `json:"has_coordinates"`
	HasASN         bool      `json:"has_asn"`
}

func (p *program) geoInfo(c *cli.Context) error {
	if err := arguments(c, 0, 1, "one FILE.mmdb"); err != nil {
		return err
	}
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	database, err := openDatabase(c.Args().First())
	if err != nil {
		return err
	}
	info := database.Info()
	if asJSON {
		return p.printJSON(infoReport(info))
	}
	p.table(infoRows(info))
	return nil
}

func infoRows(i geo.Info) [][]cell {
	return [][]cell{
		{plain("Name"), plain("%s", i.Name)},
		{plain("Type"), plain("%s", i.Type)},
		{plain("Records"), plain("%d, %s schema", i.Records, i.Schema)},
		{plain("Description"), plain("%s", i.Description)},
		{plain("Built"), plain("%s", i.BuildTime.UTC().Format("2006-01-02 15:04:05Z"))},
		{plain("IP version"), plain("%d", i.IPVersion)},
		{plain("Networks"), plain("%d", i.Networks)},
		{plain("Coordinates"), plain("%s", yesNo(i.HasCoordinates))},
		{plain("AS numbers"), plain("%s", yesNo(i.HasASN))},
	}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// placeReport is one address's place for --json.
type placeReport struct {
	Address     string      `json:"address"`
	Network     string      `json:"network"` // empty: none is known
	Continent   string      `json:"continent"`
	Country     string      `json:"country"`
	Subdivision string      `json:"subdivision"`
	City        string      `json:"city"`
	Coordinates *[2]float64 `json:"coordinates"`
	ASN         uint32      `json:"asn"`
	Region      string      `json:"region"` // pinned by networks.csv
	Override    bool        `json:"override"`
	Private     bool        `json:"private"`
	Known       bool        `json:"known"`
}

func (p *program) geoLookup(c *cli.Context) error {
	if err := arguments(c, 1, 1<<20, "an ADDRESS"); err != nil {
		return err
	}
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	var addrs []netip.Addr
	for _, text := range c.Args().Slice() {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return usagef(c, "%q is not an address", text)
		}
		addrs = append(addrs, addr)
	}
	atlas, err := p.atlas(c)
	if err != nil {
		return err
	}
	reports := make([]placeReport, len(addrs))
	for i, addr := range addrs {
		reports[i] = placeOf(atlas, addr)
	}
	if asJSON {
		return p.printJSON(reports)
	}
	rows := [][]cell{heading("ADDRESS", "NETWORK", "WHERE", "COORDINATES", "ASN", "REGION")}
	for _, r := range reports {
		rows = append(rows, r.row())
	}
	p.table(rows)
	return nil
}

// atlas is what the flags say to look into.
func (p *program) atlas(c *cli.Context) (*geo.Atlas, error) {
	if path := c.String("config"); path != "" {
		if c.IsSet("database") {
			return nil, usagef(c, "--config and --database exclude each other")
		}
		cfg, problems := config.Load(path)
		if cfg == nil {
			return nil, p.badConfiguration(problems)
		}
		p.sayProblems(problems)
		return geo.NewAtlas(cfg.Geo.Sources)
	}
	database, err := openDatabase(c.String("database"))
	if err != nil {
		return nil, err
	}
	atlas, err := geo.NewAtlas(geo.Sources{Database: database})
	if err != nil {
		return nil, withCode(exitBadConfig, err)
	}
	return atlas, nil
}

func placeOf(atlas *geo.Atlas, addr netip.Addr) placeReport {
	place, network := atlas.Lookup(addr)
	r := placeReport{
		Address: addr.String(), Continent: place.Continent, Country: place.Country, Subdivision: place.Subdivision, City: place.City,
		ASN: place.ASN, Region: place.Region, Override: place.Override, Private: place.Private, Known: !place.IsUnknown(),
	}
	if network.IsValid() {
		r.Network = network.String()
	}
	if place.Coordinates.Known {
		r.Coordinates = &[2]float64{place.Coordinates.Lat, place.Coordinates.Lon}
	}
	return r
}

func (r placeReport) row() []cell {
	where, coordinates, asn := "", "-", "-"
	for _, part := range []string{r.City, r.Subdivision, r.Country, r.Continent} {
		if part != "" && where != "" {
			where += ", "
		}
		where += part
	}
	switch {
	case where == "" && r.Private:
		where = "private"
	case where == "":
		where = "unknown"
	}
	if r.Coordinates != nil {
		coordinates = fmt.Sprintf("%.2f,%.2f", r.Coordinates[0], r.Coordinates[1])
	}
	if r.ASN != 0 {
		asn = fmt.Sprintf("AS%d", r.ASN)
	}
	region := "-"
	if r.Region != "" {
		region = "@" + r.Region
	}
	return []cell{plain("%s", r.Address), plain("%s", r.Network), plain("%s", where), plain("%s", coordinates), plain("%s", asn), plain("%s", region)}
}

func (p *program) geoVerify(c *cli.Context) error {
	if err := arguments(c, 1, 1, "one FILE.mmdb"); err != nil {
		return err
	}
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	database, err := openDatabase(c.Args().First())
	if err != nil {
		return err
	}
	report := database.Verify()
	if asJSON {
		err = p.printJSON(verifyReportOf(report))
	} else {
		p.showVerified(report)
	}
	if err == nil && len(report.Problems) > 0 {
		return silent(exitBadConfig)
	}
	return err
}

// verifyReport is geo.Report for --json.
type verifyReport struct {
	Info            infoReport `json:"info"`
	Networks4       int        `json:"networks_ipv4"`
	Networks6       int        `json:"networks_ipv6"`
	NoCountry       int        `json:"without_country"`
	NoCoordinates   int        `json:"without_coordinates"`
	CountryCentre   int        `json:"at_country_centre"`
	Nothing         int        `json:"without_anything"`
	BadRecords      int        `json:"bad_records"`
	BadCountryCodes int        `json:"bad_country_codes"`
	Problems        []string   `json:"problems"`
}

func verifyReportOf(r geo.Report) verifyReport {
	out := verifyReport{
		Info: infoReport(r.Info), Networks4: r.Networks4, Networks6: r.Networks6, NoCountry: r.NoCountry, NoCoordinates: r.NoCoordinates,
		CountryCentre: r.CountryCentre, Nothing: r.Nothing, BadRecords: r.BadRecords, BadCountryCodes: r.BadCountryCodes, Problems: []string{},
	}
	for _, problem := range r.Problems {
		out.Problems = append(out.Problems, problem.Error())
	}
	return out
}

func (p *program) showVerified(r geo.Report) {
	p.table(append(infoRows(r.Info), [][]cell{
		{plain("IPv4"), plain("%s", admin.Count(r.Networks4, "network"))},
		{plain("IPv6"), plain("%s", admin.Count(r.Networks6, "network"))},
		{plain("No country"), plain("%s", admin.Count(r.NoCountry, "network"))},
		{plain("No coordinates"), plain("%s, of which %d are placed at their country's centre", admin.Count(r.NoCoordinates, "network"), r.CountryCentre)},
		{plain("Nothing"), plain("%s", admin.Count(r.Nothing, "network"))},
		{plain("Bad codes"), plain("%s", admin.Count(r.BadCountryCodes, "record"))},
	}...))
	for _, problem := range r.Problems {
		p.sayf("%s: %v", r.Info.Name, problem)
	}
	if len(r.Problems) == 0 {
		fmt.Fprintln(p.out, "Good.")
		return
	}
	p.sayf("%s. A server doesn't take this database over.", admin.Count(len(r.Problems), "problem"))
}
