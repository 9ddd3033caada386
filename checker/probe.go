package checker

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"meridian/zones"
)

// Probe probes the endpoint at addr once with c, and returns what was seen and, step by step, how.
// c.Timeout covers the whole probe: connection, TLS, headers and body together.
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
	seen  Observation
}

func (p *prober) probe(ctx context.Context, c *zones.Check, addr netip.Addr, t *trace) Observation {
	begin := time.Now()
	limited, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	a := attempt{check: c, addr: addr.Unmap(), trace: t}
	err := a.run(limited, &p.roots)
	a.seen.Latency = time.Since(begin)
	a.conclude(ctx, limited, err)
	verdict := "healthy: "
	if !a.seen.OK {
		verdict = "not healthy: "
	}
	if a.seen.Inconclusive {
		verdict = "inconclusive: "
	}
	a.trace.step("verdict", verdict+a.seen.Reason)
	return a.seen
}

// run does what the check asks for. The error says why the endpoint isn't healthy, or why the probe couldn't be made.
func (a *attempt) run(ctx context.Context, roots *rootsCache) error {
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	// A deadline in the past ends every read and write, whatever layer they are in, when the time is up or nobody waits
	// for the result any more.
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()

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
		secure, err := a.handshake(ctx, conn, roots)
		if err != nil {
			return err
		}
		return a.request(secure)
	default:
		return localFault{fmt.Errorf("checks of type %q are not known here", a.check.Type)}
	}
}

// connect opens a new connection to the endpoint's own address. No name is resolved and no proxy asked.
func (a *attempt) connect(ctx context.Context) (net.Conn, error) {
	a.phase = "connecting"
	to := netip.AddrPortFrom(a.addr, a.check.Port).String()
	conn, err := (&net.Dialer{KeepAlive: -1}).DialContext(ctx, "tcp", to)
	if err != nil {
		a.trace.step("connect", to+" failed")
		return nil, err
	}
	a.trace.step("connect", to+" from "+conn.LocalAddr().String())
	return conn, nil
}

// handshake turns conn into a TLS connection. The certificate is verified for the check's host, which is also the SNI;
// there is no session cache, so each probe sees the certificate of today.
func (a *attempt) handshake(ctx context.Context, conn net.Conn, roots *rootsCache) (*tls.Conn, error) {
	a.phase = "in the TLS handshake"
	pool, err := roots.pool(a.check.CAFile)
	if err != nil {
		return nil, localFault{fmt.Errorf("the CA file can't be used: %w", err)}
	}
	config := &tls.Config{
		ServerName:         serverName(a.check, a.addr),
		RootCAs:            pool,
		InsecureSkipVerify: a.check.SkipVerify,
	}
	if a.check.Type == zones.CheckHTTPS {
		config.NextProtos = []string{"http/1.1"}
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
