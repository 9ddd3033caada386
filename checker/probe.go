package checker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"meridian/zones"
)

// Probe probes the endpoint at addr once with c, and returns what was seen and, step by step, how.
// c.Timeout covers the whole probe: connection, TLS, headers and body together. The parts of a combined check are probed one
// after the other.
func Probe(ctx context.Context, c *zones.Check, addr netip.Addr) (Observation, []Step) {
	var p prober
	t := newTrace()
	o := p.probe(ctx, c, addr, t)
	return o, t.steps
}

// prober probes endpoints. It may be used by many goroutines at a time. The zero value is ready to use.
type prober struct{ roots rootsCache }

// attempt is one probe under way. It is used by one goroutine.
type attempt struct {
	check *zones.Check
	addr  netip.Addr
	trace *trace
	phase string // what a time-out would interrupt: "connecting"
	heard bool   // something has come back from the endpoint
	seen  Observation
}

func (p *prober) probe(ctx context.Context, c *zones.Check, addr netip.Addr, t *trace) Observation {
	if c.Combined != nil {
		return p.probeParts(ctx, c, addr, t)
	}
	begin := time.Now()
	limited, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	a := attempt{check: c, addr: addr.Unmap(), trace: t}
	err := a.run(limited, &p.roots)
	a.seen.Latency = time.Since(begin)
	a.conclude(ctx, limited, err)
	if c.Slow > 0 && a.seen.OK && a.seen.Latency > c.Slow {
		a.seen.Withheld = max(a.seen.Withheld, zones.Degraded)
		a.seen.Reason = clip(fmt.Sprintf("%s, but slow: %v", a.seen.Reason, a.seen.Latency.Round(time.Millisecond)))
	}
	a.trace.step("verdict", verdictText(&a.seen))
	return a.seen
}

func verdictText(o *Observation) string {
	switch {
	case o.Inconclusive:
		return "inconclusive: " + o.Reason
	case !o.OK:
		return "not healthy: " + o.Reason
	case o.Withheld > 0:
		return fmt.Sprintf("healthy, to be spared %.0f%% of its traffic: %s", 100*o.Withheld, o.Reason)
	}
	return "healthy: " + o.Reason
}

// run does what the check asks for. The error says why the endpoint isn't healthy, or why the probe couldn't be made.
func (a *attempt) run(ctx context.Context, roots *rootsCache) error {
	switch a.check.Type {
	case zones.CheckGRPC:
		return a.grpc(ctx, roots)
	case zones.CheckDNS:
		return a.dns(ctx)
	case zones.CheckICMP:
		return a.icmp(ctx)
	case zones.CheckExec:
		return a.exec(ctx)
	case zones.CheckPush:
		return localFault{errors.New("push checks aren't probed: heartbeats are sent to the admin listener of a checker")}
	}
	conn, err := a.connect(ctx, "tcp")
	if err != nil {
		return err
	}
	defer conn.Close()
	defer interrupt(ctx, conn)()

	switch a.check.Type {
	case zones.CheckTCP:
		a.seen.Reason = "connected"
		return nil
	case zones.CheckTLS:
		_, err := a.handshake(ctx, conn, roots)
		return err
	case zones.CheckHTTP:
		return a.request(conn)
	case zones.CheckHTTPS:
		secure, err := a.handshake(ctx, conn, roots, "http/1.1")
		if err != nil {
			return err
		}
		return a.request(secure)
	default:
		return localFault{fmt.Errorf("checks of type %q are not known here", a.check.Type)}
	}
}

// interrupt has every read and write of conn end, whatever layer they are in, when ctx does: the time is up, or nobody waits
// for the result any more. The function returned ends that.
func interrupt(ctx context.Context, conn interface{ SetDeadline(time.Time) error }) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
}

// connect opens a new connection to the endpoint's own address. No name is resolved and no proxy asked.
// For UDP that only fixes the addresses: packets from elsewhere are never seen, and nothing is heard yet.
func (a *attempt) connect(ctx context.Context, network string) (net.Conn, error) {
	a.phase = "connecting"
	to := netip.AddrPortFrom(a.addr, a.check.Port).String()
	conn, err := (&net.Dialer{KeepAlive: -1}).DialContext(ctx, network, to)
	if err != nil {
		a.trace.step("connect", to+" failed")
		return nil, err
	}
	a.heard = network == "tcp"
	a.trace.step("connect", to+" from "+conn.LocalAddr().String())
	return conn, nil
}

// handshake turns conn into a TLS connection. The certificate is verified for the check's host, which is also the SNI;
// there is no session cache, so each probe sees the certificate of today. protocols are offered for what is spoken within.
func (a *attempt) handshake(ctx context.Context, conn net.Conn, roots *rootsCache, protocols ...string) (*tls.Conn, error) {
	a.phase = "in the TLS handshake"
	pool, err := roots.pool(a.check.CAFile)
	if err != nil {
		return nil, localFault{fmt.Errorf("the CA file can't be used: %w", err)}
	}
	config := &tls.Config{
		ServerName:         serverName(a.check, a.addr),
		RootCAs:            pool,
		InsecureSkipVerify: a.check.SkipVerify,
		NextProtos:         protocols,
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		a.noteCertificate(unverified(err))
		a.trace.step("tls", "for "+config.ServerName+" failed")
		return nil, err
	}
	state := secure.ConnectionState()
	a.noteCertificate(state.PeerCertificates)
	a.seen.Reason = tls.VersionName(state.Version) + " handshake completed"
	a.trace.step("tls", fmt.Sprintf("%s for %s, %s, certificate until %s", tls.VersionName(state.Version), config.ServerName,
		tls.CipherSuiteName(state.CipherSuite), a.seen.CertExpires.UTC().Format(time.DateOnly)))
	return secure, nil
}

// serverName returns the name that the certificate must be for: the check's host without a port, or else the address.
// An address is verified, but not sent as SNI.
func serverName(c *zones.Check, addr netip.Addr) string {
	if c.Host == "" {
		return addr.String()
	}
	host := c.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.Trim(host, "[]")
}

// hostHeader returns the Host field: the check's host, or else the address, with the port where it isn't the scheme's own.
func hostHeader(c *zones.Check, addr netip.Addr) string {
	host := c.Host
	if host == "" {
		host = addr.WithZone("").String()
	}
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	host = strings.Trim(host, "[]")
	if c.Type == zones.CheckHTTP && c.Port == 80 || c.Type == zones.CheckHTTPS && c.Port == 443 {
		if strings.Contains(host, ":") {
			return "[" + host + "]"
		}
		return host
	}
	return net.JoinHostPort(host, fmt.Sprint(c.Port))
}
