package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/urfave/cli/v2"

	"meridian/admin"
	"meridian/cmd/serve"
)

func (p *program) explainCommand() *cli.Command {
	return &cli.Command{
		Name:      "explain",
		Usage:     "show how a client's question is answered now, and why",
		ArgsUsage: "NAME",
		Description: "Asks the running server. With --config it needs none: it compiles that file and takes the states that a server\n" +
			"last wrote to its data_dir (none: every endpoint counts as up). --admin asks a running server nevertheless.",
		Flags: append(append(adminFlags(), outputFlags()...),
			&cli.StringFlag{Name: "from", Usage: "the `CLIENT`: address, network, country code (JP) or a city of the database"},
			&cli.StringFlag{Name: "type", Usage: "`TYPE` of the question", Value: "A"},
			&cli.StringSliceFlag{Name: "down", Usage: "suppose an outage of `WHAT`: a region, SERVICE:REGION, or an endpoint's address"},
			&cli.StringSliceFlag{Name: "dial", Usage: "suppose a `DIAL`: REGION=40% or SERVICE:REGION=40%"},
			&cli.StringSliceFlag{Name: "weight", Usage: "suppose a `WEIGHT`: SERVICE:REGION=50, or 50% of the configured one"},
			&cli.StringFlag{Name: "config", Aliases: []string{"c"}, Usage: "explain by this `FILE`, without a server"}),
		Action: p.explain,
	}
}

func (p *program) explain(c *cli.Context) error {
	if err := arguments(c, 1, 1, "one NAME"); err != nil {
		return err
	}
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	if c.String("from") == "" {
		return usagef(c, "whose question? Add --from with an address, a network, a country code or a city")
	}
	request, err := admin.ParseExplainRequest(c.Args().First(), c.String("type"), c.String("from"))
	if err != nil {
		return withCode(exitUsage, err)
	}
	request.Down, request.Dials, request.Weights = c.StringSlice("down"), c.StringSlice("dial"), c.StringSlice("weight")
	explanation, err := p.explanation(c, request)
	if err != nil {
		return err
	}
	if asJSON {
		return p.printJSON(explanation)
	}
	p.showExplanation(explanation)
	return nil
}

// explanation asks the running server, or the configuration file alone.
func (p *program) explanation(c *cli.Context, request admin.ExplainRequest) (*admin.Explanation, error) {
	if path := c.String("config"); path != "" && !c.IsSet("admin") {
		return p.explainOffline(c, path, request)
	}
	client, err := p.newClient(c, c.String("config"))
	if err != nil {
		return nil, err
	}
	var raw json.RawMessage
	query := url.Values{"name": {request.Name}, "type": {request.Type}, "from": {request.From},
		"down": request.Down, "dial": request.Dials, "weight": request.Weights}
	if err := client.call(c.Context, "GET", "/api/v1/explain", query, &raw); err != nil {
		return nil, err
	}
	explanation := &admin.Explanation{}
	if err := json.Unmarshal(raw, explanation); err != nil || explanation.Schema != admin.ExplainSchema {
		return nil, fmt.Errorf("%s answered schema %q; this version knows %q", client.base, explanation.Schema, admin.ExplainSchema)
	}
	return explanation, nil
}

func (p *program) explainOffline(c *cli.Context, path string, request admin.ExplainRequest) (*admin.Explanation, error) {
	offline, problems := serve.Offline(path)
	if offline == nil {
		return nil, p.badConfiguration(problems)
	}
	explanation, err := offline.Explain(c.Context, request)
	if mistake, ok := errors.AsType[*admin.RequestError](err); ok {
		return nil, withCode(exitUsage, mistake)
	}
	if err != nil {
		return nil, err
	}
	explanation.Finish()
	return explanation, nil
}

func (p *program) showExplanation(e *admin.Explanation) {
	answer := strings.Join(e.Answers, ", ")
	if answer == "" {
		answer = "no records"
	}
	fmt.Fprintf(p.out, "%s %s from %s: %s %s\n", e.Name, e.Type, cmp.Or(e.Client.Address, e.Client.Country), e.RCode, answer)
	because := e.Reason
	if e.Region != "" {
		because = e.Region + ", " + e.Reason
	}
	fmt.Fprintf(p.out, "%s; TTL %d, scope /%d, generation %d\n", because, e.TTL, e.Scope, e.Generation)
	fmt.Fprintf(p.out, "Client: %s\n", clientText(&e.Client))
	if len(e.Steps) > 0 {
		fmt.Fprintln(p.out)
		rows := make([][]cell, len(e.Steps))
		for i, s := range e.Steps {
			rows[i] = []cell{plain("%d. %s", i+1, s.What), plain("%s%s", strings.Repeat("  ", s.Depth), s.Result)}
		}
		p.table(rows)
	}
	if len(e.Candidates) == 0 {
		return
	}
	rows := [][]cell{heading("REGION", "RANK", "DISTANCE", "STATE", "ACCEPTS", "PROBABILITY", "WHY", "ADDRESSES")}
	for _, candidate := range e.Candidates {
		rank, distance := "-", "-"
		if candidate.Rank > 0 {
			rank = fmt.Sprint(candidate.Rank)
		}
		if candidate.Distance != nil {
			distance = fmt.Sprintf("%.0f km", *candidate.Distance)
		}
		rows = append(rows, []cell{
			plain("%s", candidate.Region), plain("%s", rank), plain("%s", distance), stateCell(candidate.State, candidate.Forced),
			plain("%.0f%%", candidate.Acceptance*100), plain("%.1f%%", candidate.Probability*100), plain("%s", candidate.Why),
			plain("%s", strings.Join(candidate.Addresses, ", ")),
		})
	}
	fmt.Fprintln(p.out)
	p.table(rows)
}

// clientText says what is known of the client, from the finest to the coarsest.
func clientText(c *admin.ClientReport) string {
	var parts []string
	for _, part := range []string{c.City, c.Subdivision, c.Country, c.Continent} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if c.ASN != 0 {
		parts = append(parts, fmt.Sprintf("AS%d", c.ASN))
	}
	text := "unknown place"
	if len(parts) > 0 {
		text = strings.Join(parts, ", ")
	}
	if c.Coordinates != nil {
		text += fmt.Sprintf(" at %.2f,%.2f", c.Coordinates[0], c.Coordinates[1])
	}
	if c.Network != "" {
		text += fmt.Sprintf("; network %s of %s", c.Network, c.Database)
	}
	if c.Override {
		text += ", overridden by networks.csv"
	}
	return text
}
