package main

import (
	"fmt"
	"os/user"
	"strings"

	"github.com/urfave/cli/v2"

	"meridian/admin"
)

// authorFlag says who acts.
func authorFlag() cli.Flag {
	return &cli.StringFlag{Name: "author", Usage: "`WHO` does this (default: the user's name)", EnvVars: []string{"MERIDIAN_AUTHOR"}}
}

// author is who acts: the flag, or whose session this is.
func (p *program) author(c *cli.Context) (string, error) {
	if who := strings.TrimSpace(c.String("author")); who != "" {
		return who, nil
	}
	for _, key := range []string{"SUDO_USER", "USER", "LOGNAME"} {
		if who := p.getenv(key); who != "" {
			return who, nil
		}
	}
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username, nil
	}
	return "", usagef(c, "who are you? Add --author NAME")
}

func (p *program) freezeCommand() *cli.Command {
	return &cli.Command{
		Name:  "freeze",
		Usage: "freeze automation: what is observed is shown, traffic stays as it is",
		Description: "It holds for all servers that share a board, and ends by itself. Checkers go on to probe and vote; status, events\n" +
			"and /readyz?verbose show what would change. Frozen already: reason and end are replaced.",
		Flags: append(append(adminFlags(), outputFlags()...),
			whereFlag(), authorFlag(),
			&cli.StringFlag{Name: "reason", Usage: "`WHY`, for those who find it frozen (needed)"},
			&cli.DurationFlag{Name: "for", Usage: "for so `LONG`, at most 720h", Value: admin.DefaultFreeze}),
		Action: p.freeze,
	}
}

func (p *program) unfreezeCommand() *cli.Command {
	return &cli.Command{
		Name:  "unfreeze",
		Usage: "let traffic follow what is observed again",
		Flags: append(append(adminFlags(), outputFlags()...),
			whereFlag(), authorFlag(),
			&cli.StringFlag{Name: "reason", Usage: "`WHY`, if there is something to say"}),
		Action: p.unfreeze,
	}
}

func (p *program) freeze(c *cli.Context) error {
	if err := arguments(c, 0, 0, ""); err != nil {
		return err
	}
	if strings.TrimSpace(c.String("reason")) == "" {
		return usagef(c, "why? Add --reason \"…\" for those who find automation frozen")
	}
	return p.switchAutomation(c, "freeze", map[string]string{"for": c.Duration("for").String()})
}

func (p *program) unfreeze(c *cli.Context) error {
	if err := arguments(c, 0, 0, ""); err != nil {
		return err
	}
	return p.switchAutomation(c, "unfreeze", map[string]string{})
}

// switchAutomation asks the server for action, and says what now holds.
func (p *program) switchAutomation(c *cli.Context, action string, body map[string]string) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	if body["author"], err = p.author(c); err != nil {
		return err
	}
	if reason := c.String("reason"); reason != "" {
		body["reason"] = reason
	}
	client, err := p.newClient(c, c.String("config"))
	if err != nil {
		return err
	}
	var now admin.AutomationReport
	if err := client.post(c.Context, "/api/v1/"+action, body, &now); err != nil {
		return err
	}
	if asJSON {
		return p.printJSON(now)
	}
	fmt.Fprintln(p.out, automationText(&now))
	return nil
}

// automationText is a sentence about automation.
func automationText(a *admin.AutomationReport) string {
	text := "Automation is on: traffic follows what is observed."
	if a.Frozen {
		text = "Automation is FROZEN by " + a.By
		if a.Author != "" {
			text = "Automation is FROZEN by " + a.Author
		}
		if a.Until != nil {
			text += " until " + a.Until.UTC().Format("2006-01-02 15:04:05Z")
		}
		if a.Reason != "" {
			text += ": " + a.Reason
		}
		text += "."
	}
	if a.Withheld > 0 {
		text += " " + admin.Count(a.Withheld, "endpoint") + " not served as observed."
	}
	return text
}
