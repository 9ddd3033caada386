package checker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxReason bounds a reason in bytes: what a server sends may end up in it, and it goes into logs, pages and votes.
const maxReason = 160

// failure is an endpoint's failure whose reason is already in words.
type failure string

func (f failure) Error() string { return string(f) }

// localFault is a fault of this machine's or of the configuration's, and none of the endpoint's.
type localFault struct{ error }

func (f localFault) Unwrap() error { return f.error }

// localErrnos are the errors of a connect that this machine lacks the means for, or forbids with a packet filter.
var localErrnos = []error{
	syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL, syscall.EPERM, syscall.EACCES,
}

// conclude fills in what the probe amounts to. caller is the context that the caller gave, limited the one that also ends
// with the check's timeout.
func (a *attempt) conclude(caller, limited context.Context, err error) {
	o := &a.seen
	var local localFault
	switch {
	case err == nil:
		o.OK = true
	case caller.Err() != nil:
		o.Inconclusive = true
		o.Reason = "the probe was stopped"
	case errors.As(err, &local):
		o.Inconclusive = true
		o.Reason = local.Error()
	case isAny(err, localErrnos):
		o.Inconclusive = true
		o.Reason = "this machine can't probe: " + errnoText(err)
	case limited.Err() != nil || isAny(err, []error{context.DeadlineExceeded, os.ErrDeadlineExceeded}):
		o.Silent = !a.heard
		o.Reason = fmt.Sprintf("timeout after %v while %s", a.check.Timeout, a.phase)
	default:
		o.Silent = isAny(err, silentErrnos)
		o.Refused = errors.Is(err, syscall.ECONNREFUSED)
		o.Reason = a.reason(err)
	}
	o.Reason = clip(o.Reason)
}

// silentErrnos come from this machine or a router on the way, not from the endpoint.
var silentErrnos = []error{syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ETIMEDOUT, syscall.ENETDOWN, syscall.EHOSTDOWN}

// reason puts an error into words.
func (a *attempt) reason(err error) string {
	var f failure
	if errors.As(err, &f) {
		return string(f)
	}
	if text := certificateText(err); text != "" {
		return text
	}
	var record tls.RecordHeaderError
	if errors.As(err, &record) {
		if strings.HasPrefix(string(record.RecordHeader[:]), "HTTP") {
			return "the port speaks plain HTTP, not TLS"
		}
		return "the port doesn't speak TLS"
	}
	while := " while " + a.phase
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset" + while
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed" + while
	}
	if text := errnoText(err); text != "" {
		return text
	}
	text := err.Error()
	if a.phase == "in the TLS handshake" {
		return "TLS: " + strings.Replace(text, "tls: ", "", 1)
	}
	return text
}

// errnoText returns the system's words for the system error within err, without addresses; "" if there is none.
func errnoText(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return ""
}

func isAny(err error, targets []error) bool {
	for _, t := range targets {
		if errors.Is(err, t) {
			return true
		}
	}
	return false
}

// certificateText says what is wrong with a certificate that wasn't accepted; "" if err isn't about one.
func certificateText(err error) string {
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	var authority x509.UnknownAuthorityError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		now := time.Now()
		if now.Before(invalid.Cert.NotBefore) {
			return "certificate valid only from " + invalid.Cert.NotBefore.UTC().Format(time.DateTime) + " UTC"
		}
		return "certificate expired " + ago(now.Sub(invalid.Cert.NotAfter)) + " ago"
	case errors.As(err, &invalid):
		return "certificate: " + strings.TrimPrefix(invalid.Error(), "x509: ")
	case errors.As(err, &host):
		names := host.Certificate.DNSNames
		for _, ip := range host.Certificate.IPAddresses {
			names = append(names[:len(names):len(names)], ip.String())
		}
		if len(names) == 0 {
			return fmt.Sprintf("certificate names no host, not %s", host.Host)
		}
		return fmt.Sprintf("certificate is for %s, not for %s", strings.Join(names, ", "), host.Host)
	case errors.As(err, &authority):
		return "certificate signed by an unknown authority"
	}
	return ""
}

// ago returns a duration in the largest unit that fits: "3 days".
func ago(d time.Duration) string {
	count := func(n int, unit string) string {
		if n == 1 {
			return "1 " + unit
		}
		return fmt.Sprintf("%d %ss", n, unit)
	}
	switch {
	case d >= 24*time.Hour:
		return count(int(d/(24*time.Hour)), "day")
	case d >= time.Hour:
		return count(int(d/time.Hour), "hour")
	default:
		return count(int(d/time.Minute), "minute")
	}
}

// unverified returns the certificates that a handshake refused, if that is what err says.
func unverified(err error) []*x509.Certificate {
	var v *tls.CertificateVerificationError
	if errors.As(err, &v) {
		return v.UnverifiedCertificates
	}
	return nil
}

// noteCertificate records when the endpoint's own certificate ends.
func (a *attempt) noteCertificate(chain []*x509.Certificate) {
	if len(chain) > 0 {
		a.seen.CertExpires = chain[0].NotAfter
	}
}

// clip makes s short, printable and one line.
func clip(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
	if len(s) <= maxReason {
		return s
	}
	cut := maxReason - len("…")
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
