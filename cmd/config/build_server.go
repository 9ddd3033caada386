package config

import (
	"bytes"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// DefaultVantage is who votes where nobody has a name: enough for a machine of its own, and not for a fleet.
const DefaultVantage = "local"

// Defaults that aren't in the types' zero values.
const (
	defaultAdmin   = "127.0.0.1:8053"
	defaultDataDir = "data"
	defaultPrefix  = "meridian"
)

// server builds what this process is: its name, listeners, board and checker.
func (b *builder) server() {
	raw, cfg := b.raw, b.cfg
	cfg.Node = raw.Node.v
	if len(cfg.Node) > 255 {
		b.errorf(raw.Node.at, "node must not be longer than 255 characters")
	}
	cfg.DataDir = b.path(text{v: raw.DataDir.or(defaultDataDir), set: true})
	b.dns()
	b.admin()
	b.board()
	b.checker()
}

func (b *builder) dns() {
	raw, cfg := &b.raw.DNS, b.cfg
	seen := map[netip.AddrPort]bool{}
	for i, t := range raw.Listen {
		ap, ok := b.listenAddress(t, "dns.listen["+strconv.Itoa(i)+"]")
		if !ok {
			continue
		}
		if seen[ap] && ap.Port() != 0 {
			b.errorf(t.at, "dns.listen: %s is listed twice", ap)
			continue
		}
		seen[ap] = true
		cfg.DNS.Listen = append(cfg.DNS.Listen, ap)
	}
	if raw.Listen == nil {
		cfg.DNS.Listen = []netip.AddrPort{
			netip.AddrPortFrom(netip.IPv4Unspecified(), 53),
			netip.AddrPortFrom(netip.IPv6Unspecified(), 53),
		}
	}
	cfg.DNS.Workers = int(raw.Workers.v)
	cfg.DNS.Ledger = raw.Ledger.v != "off"
	if c := raw.Chaos; c != nil {
		cfg.DNS.Chaos = Chaos{ID: c.ID.v, Version: c.Version.v}
		if c.ID.v && cfg.Node == "" {
			b.errorf(c.ID.at, "dns.chaos.id answers with the node's name, which isn't set (add node: NAME)")
		}
	}
}

func (b *builder) admin() {
	raw, cfg := &b.raw.Admin, b.cfg
	listen := raw.Listen
	if !listen.set {
		listen = text{v: defaultAdmin, at: raw.Listen.at, set: true}
	}
	ap, ok := b.listenAddress(listen, "admin.listen")
	cfg.Admin = Admin{Listen: ap, TokenFile: b.path(raw.TokenFile)}
	if !ok {
		return
	}
	if cfg.Admin.TokenFile != "" {
		switch token, err := readSmall(cfg.Admin.TokenFile); {
		case err != nil:
			b.errorf(raw.TokenFile.at, "admin.token_file %s can't be read: %v", cfg.Admin.TokenFile, cause(err))
		case len(bytes.TrimSpace(token)) == 0:
			b.errorf(raw.TokenFile.at, "admin.token_file %s is empty", cfg.Admin.TokenFile)
		}
	} else if !ap.Addr().IsLoopback() {
		b.errorf(raw.Listen.at, "admin.listen: %s is open to the network, which needs admin.token_file (or listen on 127.0.0.1)", ap)
	}
	for _, dns := range cfg.DNS.Listen {
		if dns == ap && ap.Port() != 0 {
			b.errorf(raw.Listen.at, "admin.listen: %s is taken by dns.listen", ap)
		}
	}
}

func (b *builder) board() {
	raw := b.raw.Board.Redis
	if raw == nil {
		return
	}
	redis := &Redis{
		MasterName: raw.MasterName.v, Username: raw.Username.v,
		Password: raw.Password.v, PasswordFile: b.path(raw.PasswordFile), Prefix: raw.Prefix.or(defaultPrefix),
	}
	for i, a := range raw.Addresses {
		if !a.set {
			continue
		}
		if host, port, err := net.SplitHostPort(a.v); err != nil || host == "" || !isPort(port) {
			b.errorf(a.at, "board.redis.addresses[%d]: %s is not a host with a port (such as 127.0.0.1:6379)", i, quote(a.v))
			continue
		}
		redis.Addresses = append(redis.Addresses, a.v)
	}
	if raw.Password.set && raw.PasswordFile.set {
		b.errorf(raw.Password.at, "board.redis has both password and password_file: keep one")
	}
	if strings.ContainsAny(redis.Prefix, "{}") || redis.Prefix == "" {
		b.errorf(raw.Prefix.at, "board.redis.prefix must not be empty or have braces: it is put into braces")
	}
	b.readable(raw.PasswordFile, "board.redis.password_file")
	if t := raw.TLS; t != nil {
		redis.TLS = &TLS{b.path(t.CAFile), b.path(t.CertFile), b.path(t.KeyFile)}
		b.readable(t.CAFile, "board.redis.tls.ca_file")
		b.readable(t.CertFile, "board.redis.tls.cert_file")
		b.readable(t.KeyFile, "board.redis.tls.key_file")
	}
	b.cfg.Board.Redis = redis
}

func isPort(s string) bool {
	p, err := strconv.ParseUint(s, 10, 16)
	return err == nil && p > 0
}

// readable reports a file that is named but can't be opened.
func (b *builder) readable(t text, path string) {
	if name := b.path(t); name != "" {
		f, err := openRegular(name)
		if err != nil {
			b.errorf(t.at, "%s %s can't be read: %v", path, name, cause(err))
			return
		}
		f.Close()
	}
}

func (b *builder) checker() {
	c := &b.cfg.Checker
	*c = Checker{Vantage: DefaultVantage}
	if b.cfg.Node != "" {
		c.Vantage = b.cfg.Node
	}
	raw := b.raw.Checker
	if raw != nil && raw.Vantage.set {
		if c.Vantage = raw.Vantage.v; c.Vantage == "" {
			b.errorf(raw.Vantage.at, "checker.vantage must not be empty")
		}
	}
	if b.vantage != "" {
		c.Vantage = b.vantage
	}
	if raw == nil {
		return
	}
	c.Enabled = raw.Enabled.or(true)
	if r := b.raw.Board.Redis; r != nil && c.Enabled && c.Vantage == DefaultVantage && len(r.Addresses) > 0 {
		b.errorf(r.Addresses[0].at, "a checker that votes on a shared board needs a name of its own there: add checker.vantage, or node")
	}
	c.Vantages = int(raw.Vantages.v)
	if c.Vantages > 0 && b.cfg.Board.Redis == nil {
		b.warnf(raw.Vantages.at, "checker.vantages shares endpoints among checkers, and without board.redis there is only this one: it probes them all")
	}
	for i, t := range raw.References {
		if !t.set {
			continue
		}
		check, host, err := ParseTarget(t.v)
		if err != nil {
			b.errorf(t.at, "checker.references[%d]: %v", i, err)
			continue
		}
		if _, err := netip.ParseAddr(host); err != nil {
			b.errorf(t.at, "checker.references[%d]: %s is a name, and references are addresses: the network is judged without a resolver", i, quote(host))
			continue
		}
		addr, ok := b.address(text{v: host, at: t.at, set: true}, "checker.references["+strconv.Itoa(i)+"]")
		if !ok {
			continue
		}
		check.SkipVerify = true // whatever it says: that it answers is enough
		c.References = append(c.References, Reference{check, addr})
	}
}
