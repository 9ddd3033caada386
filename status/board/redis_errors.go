package board

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
)

// errChanged is about a key that somebody else changed between reading and writing it.
var errChanged = errors.New("changed by another at the same moment")

// unavailable is why Redis can't be used now. Whatever it is, the board is tried again later.
type unavailable struct {
	Kind string // one of a few words, for metrics: "timeout", "refused", "readonly", …
	text string
	err  error
}

func (u *unavailable) Error() string { return u.text }
func (u *unavailable) Unwrap() error { return u.err }

// Away reports whether err is about a board that can't be used now, and may be used later.
func Away(err error) bool {
	var u *unavailable
	return errors.As(err, &u)
}

// answers are Redis's own errors, by their first words, with what they mean to an operator.
var answers = []struct{ prefix, kind, text string }{
	{"NOAUTH", "auth", "Redis wants a password (board.redis.password_file)"},
	{"WRONGPASS", "auth", "Redis refuses the username or password; the password file is read again with each attempt"},
	{"ERR invalid password", "auth", "Redis refuses the password; the password file is read again with each attempt"},
	{"NOPERM", "permission", "the ACL of Redis doesn't let this user do what Meridian needs (docs/keyspace.md)"},
	{"READONLY", "readonly", "this Redis is a read-only replica; its primary is looked for again"},
	{"LOADING", "loading", "Redis is loading its data"},
	{"MASTERDOWN", "masterdown", "this Redis is a replica that has lost its primary"},
	{"BUSY", "busy", "Redis is busy with a script"},
	{"OOM", "oom", "Redis is out of memory and takes no writes"},
	{"MISCONF", "misconf", "Redis can't save to its disk and takes no writes"},
	{"NOREPLICAS", "noreplicas", "Redis has too few replicas and takes no writes"},
	{"CLUSTERDOWN", "clusterdown", "the Redis Cluster is down: some of its slots have no primary"},
	{"MOVED", "cluster", "this Redis is one of a Cluster: name several of its nodes in board.redis.addresses"},
	{"ASK", "cluster", "the Redis Cluster is moving the board to another node"},
	{"TRYAGAIN", "cluster", "the Redis Cluster is moving the board to another node"},
	{"CROSSSLOT", "cluster", "the Redis Cluster doesn't keep the board's keys together"},
	{"ERR This instance has cluster support disabled", "cluster", "several addresses mean a Cluster, which this Redis isn't (for Sentinel add board.redis.master_name)"},
	{"WRONGTYPE", wrongType, "somebody stored something else under a name of the board"},
	{"ERR max number of clients", "maxclients", "Redis has as many clients as it takes"},
	{"redis: all sentinels specified", "sentinel", "no Sentinel answers"},
	{"redis: connection pool timeout", "timeout", "Redis doesn't answer"},
}

// explain says in an operator's words what is wrong. What comes from here already stays as it is.
func explain(err error) error {
	var known *unavailable
	if err == nil || errors.As(err, &known) || errors.Is(err, errChanged) {
		return err
	}
	text := err.Error()
	for _, a := range answers {
		if strings.HasPrefix(text, a.prefix) {
			return &unavailable{a.kind, a.text + ": " + clip(text, 200), err}
		}
	}
	kind, what := classify(err)
	return &unavailable{kind, what + ": " + clip(text, 300), err}
}

// classify names errors that aren't Redis's answers.
func classify(err error) (kind, text string) {
	var timeout net.Error
	var op *net.OpError
	var record tls.RecordHeaderError
	var certificate *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var name *net.DNSError
	switch {
	case errors.Is(err, errNotRedis):
		return "garbage", "what answers isn't Redis"
	case errors.Is(err, errTooMuch):
		return "oversize", "Redis sends more than a board holds"
	case errors.As(err, &certificate), errors.As(err, &authority), errors.As(err, &record):
		return "tls", "no TLS with Redis"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "timeout", "Redis doesn't answer in time"
	case errors.As(err, &name):
		return "resolve", "the name of Redis can't be resolved"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout", "Redis doesn't answer in time"
	case errors.As(err, &op) && op.Op == "dial":
		return "refused", "Redis can't be reached"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.As(err, &op):
		return "closed", "Redis closed the connection"
	}
	return "error", "Redis fails"
}

// aboutOneKey reports whether an error of a command says nothing about those beside it: somebody stored another type there.
func aboutOneKey(err error) bool {
	var known *unavailable
	if errors.As(err, &known) {
		return known.Kind == wrongType
	}
	return strings.HasPrefix(err.Error(), "WRONGTYPE")
}

const wrongType = "wrongtype"

// kindOf returns the word under which err is counted.
func kindOf(err error) string {
	var u *unavailable
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &u):
		return u.Kind
	case errors.Is(err, errChanged):
		return "conflict"
	case errors.Is(err, context.Canceled):
		return "canceled"
	}
	return "error"
}

// clip shortens text to at most n bytes, and keeps it to one printable line.
func clip(text string, n int) string {
	if len(text) > n {
		text = text[:n] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '�' {
			return ' '
		}
		return r
	}, text)
}
