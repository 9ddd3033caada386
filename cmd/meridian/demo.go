package main

import (
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"meridian/admin"
	"meridian/cmd/demo"
)

// demoFlags are those of the demo itself, with the command and without it.
func demoFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "dns-listen", Usage: "`ADDRESS:PORT` to answer on", Value: demo.DefaultDNS.String()},
		&cli.StringFlag{Name: "admin-listen", Usage: "`ADDRESS:PORT` of the page and the API", Value: demo.DefaultAdmin.String()},
	}
}

func (p *program) demoCommand() *cli.Command {
	return &cli.Command{
		Name:        "demo",
		Usage:       "run a Meridian with everything made up but the answers, and break it",
		Description: "Without a subcommand it runs the demo, as meridian alone does. A port that is taken: the next free one.",
		Flags:       demoFlags(),
		Action:      p.demo,
		Subcommands: []*cli.Command{
			{Name: "kill", Usage: "take a region of the running demo down", ArgsUsage: "REGION", Flags: adminFlags(), Action: p.demoAct("kill", "is down")},
			{Name: "revive", Usage: "bring a region of the running demo back", ArgsUsage: "REGION", Flags: adminFlags(), Action: p.demoAct("revive", "is up again")},
		},
	}
}

// demo runs the demo.
func (p *program) demo(c *cli.Context) error {
	if err := arguments(c, 0, 0, ""); err != nil {
		return err
	}
	dns, err := loopback(c, "dns-listen")
	if err != nil {
		return err
	}
	adminAddr, err := loopback(c, "admin-listen")
	if err != nil {
		return err
	}
	_, noDig := exec.LookPath("dig")
	return p.ended(demo.Run(c.Context, demo.Options{
		DNS: dns, Admin: adminAddr, Version: p.version, Log: p.logger(false), Out: p.err, HasDig: noDig == nil, Command: p.calledAs(),
	}))
}

// loopback reads an address flag: the demo has no token, and answers about itself only to this machine.
func loopback(c *cli.Context, flag string) (netip.AddrPort, error) {
	addr, err := netip.ParseAddrPort(c.String(flag))
	if err != nil {
		return addr, usagef(c, "--%s %q is not ADDRESS:PORT", flag, c.String(flag))
	}
	if !addr.Addr().IsLoopback() {
		return addr, usagef(c, "--%s %s: the demo stays on this machine (127.0.0.1, ::1)", flag, addr)
	}
	return addr, nil
}

// calledAs is how the person can call this program again, for lines to paste.
func (p *program) calledAs() string {
	self, err := os.Executable()
	if err != nil {
		return "meridian"
	}
	if strings.Contains(self, "go-build") {
		return "go run ./cmd/meridian" // a binary that is gone when the demo ends
	}
	if found, err := exec.LookPath("meridian"); err == nil {
		if real, err := filepath.EvalSymlinks(found); err == nil && real == self {
			return "meridian"
		}
	}
	return self
}

// demoAct asks the running demo for an action on a region.
func (p *program) demoAct(action, done string) cli.ActionFunc {
	return func(c *cli.Context) error {
		if err := arguments(c, 1, 1, "one REGION"); err != nil {
			return err
		}
		client, err := p.newClient(c, "")
		if err != nil {
			return err
		}
		var answer admin.DemoRegion
		err = client.call(c.Context, "POST", "/api/v1/demo/"+action, url.Values{"region": {c.Args().First()}}, &answer)
		if err != nil {
			return err
		}
		fmt.Fprintf(p.out, "%s %s; the checker notices within seconds.\n", answer.Region, done)
		return nil
	}
}
