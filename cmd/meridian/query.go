package main

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
	"github.com/urfave/cli/v2"

	"meridian/cmd/config/nearest"
)

// defaultDNS is where the demo answers.
const defaultDNS = "127.0.0.1:1053"

func (p *program) queryCommand() *cli.Command {
	return &cli.Command{
		Name:        "query",
		Usage:       "ask a DNS server one question, like a small dig",
		ArgsUsage:   "NAME [TYPE]",
		Description: "Prints the whole answer, with --short only its data.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "server", Usage: "`HOST[:PORT]` to ask", Value: defaultDNS},
			&cli.StringFlag{Name: "subnet", Usage: "client `PREFIX` to send along (EDNS Client Subnet): 192.0.2.0/28"},
			&cli.BoolFlag{Name: "tcp", Usage: "ask over TCP"},
			&cli.BoolFlag{Name: "nsid", Usage: "ask for the server's name"},
			&cli.BoolFlag{Name: "short", Usage: "print only the data of the answer"},
			&cli.DurationFlag{Name: "timeout", Usage: "give up after this `DURATION`", Value: 3 * time.Second},
		},
		Action: p.query,
	}
}

func (p *program) query(c *cli.Context) error {
	if err := arguments(c, 1, 2, "NAME [TYPE]"); err != nil {
		return err
	}
	question, err := question(c)
	if err != nil {
		return err
	}
	server := c.String("server")
	if _, _, err := net.SplitHostPort(server); err != nil {
		server = net.JoinHostPort(strings.Trim(server, "[]"), "53")
	}
	client := dns.Client{Net: "udp", Timeout: c.Duration("timeout")}
	if c.Bool("tcp") {
		client.Net = "tcp"
	}
	answer, took, err := client.ExchangeContext(c.Context, question, server)
	if err == nil && answer.Truncated && client.Net == "udp" {
		p.sayf(";; truncated, asking again over TCP")
		client.Net = "tcp"
		answer, took, err = client.ExchangeContext(c.Context, question, server)
	}
	if err != nil {
		return withCode(exitUnreachable, fmt.Errorf("no answer from %s over %s: %w", server, client.Net, err))
	}
	if c.Bool("short") {
		for _, rr := range answer.Answer {
			fmt.Fprintln(p.out, strings.TrimPrefix(rr.String(), rr.Header().String()))
		}
		return nil
	}
	fmt.Fprint(p.out, answer)
	p.sayf(";; %s over %s in %v", server, client.Net, took.Round(10*time.Microsecond))
	return nil
}

// question makes the message from the arguments and flags.
func question(c *cli.Context) (*dns.Msg, error) {
	name := c.Args().Get(0)
	if _, ok := dns.IsDomainName(name); !ok {
		return nil, usagef(c, "%q is not a domain name", name)
	}
	text := c.Args().Get(1)
	if text == "" {
		text = "A"
	}
	qtype, ok := dns.StringToType[strings.ToUpper(text)]
	if !ok {
		types := make([]string, 0, len(dns.StringToType))
		for t := range dns.StringToType {
			types = append(types, t)
		}
		slices.Sort(types)
		return nil, usagef(c, "there is no type %q%s", text, nearest.Hint(text, types))
	}
	m := new(dns.Msg).SetQuestion(dns.Fqdn(name), qtype)
	m.RecursionDesired = false
	opt := m.SetEdns0(1232, false).IsEdns0()
	if subnet := c.String("subnet"); subnet != "" {
		prefix, err := parseSubnet(subnet)
		if err != nil {
			return nil, usagef(c, "--subnet %q is neither an address nor a network", subnet)
		}
		ecs := &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: uint8(prefix.Bits()), Address: prefix.Addr().AsSlice()}
		if prefix.Addr().Is6() {
			ecs.Family = 2
		}
		opt.Option = append(opt.Option, ecs)
	}
	if c.Bool("nsid") {
		opt.Option = append(opt.Option, &dns.EDNS0_NSID{Code: dns.EDNS0NSID})
	}
	return m, nil
}

// parseSubnet reads a network; an address stands for itself alone.
func parseSubnet(text string) (netip.Prefix, error) {
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return prefix.Masked(), nil
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	addr = addr.WithZone("").Unmap()
	return netip.PrefixFrom(addr, addr.BitLen()), nil
}
