package board

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// client is all that the rest of Meridian knows of go-redis: batches of commands, transactions, one subscription. Every
// call ends within the timeout, whatever the other side does; replies are bounded by guardedConn; errors are those of
// explain. Commands and replies are Redis's own, so that the files beside this one can be read with its manual.
type client struct {
	rdb     redis.UniversalClient
	options RedisOptions
	timeout time.Duration
}

// command is a command with its arguments: {"HGET", key, field}.
type command []any

// reply is what one command gave: string, int64, []any or nil, or the error that Redis answered to it alone.
type reply struct {
	value any
	err   error
}

// quiet keeps go-redis from writing its own lines to standard error: what matters comes back as an error.
var quiet = sync.OnceFunc(logging.Disable)

func newClient(o RedisOptions) *client {
	quiet()
	c := &client{options: o, timeout: o.Timeout}
	c.rdb = redis.NewUniversalClient(&redis.UniversalOptions{
		Addrs: o.Addresses, MasterName: o.MasterName, ClientName: "meridian", Dialer: c.dial, Protocol: 2,
		CredentialsProviderContext: c.credentials,
		DialTimeout:                o.Timeout, ReadTimeout: o.Timeout, WriteTimeout: o.Timeout, ContextTimeoutEnabled: true,
		DialerRetries: 1, MaxRetries: 1, MinRetryBackoff: 10 * time.Millisecond, MaxRetryBackoff: 50 * time.Millisecond,
		PoolSize: 4, PoolTimeout: o.Timeout, ConnMaxIdleTime: 5 * time.Minute,
		PipelinePoolSize: -1, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	return c
}

func (c *client) close() error { return c.rdb.Close() }

// dial connects, with TLS where it is wanted. Files are read for each connection, so that renewed ones are used.
func (c *client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: c.timeout, KeepAlive: 15 * time.Second}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if c.options.TLS == nil {
		return guard(conn), nil
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		conn.Close()
		return nil, err
	}
	config, err := c.options.TLS.config(host)
	if err != nil {
		conn.Close()
		return nil, err
	}
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("TLS with %s: %w", address, err)
	}
	return guard(secured), nil
}

func (t *RedisTLS) config(host string) (*tls.Config, error) {
	config := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate in PEM", t.CAFile)
		}
	}
	if t.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// credentials are asked for with each connection, so that a rotated password is used as soon as it is in its file.
func (c *client) credentials(context.Context) (username, password string, err error) {
	if c.options.PasswordFile == "" {
		return c.options.Username, c.options.Password, nil
	}
	text, err := os.ReadFile(c.options.PasswordFile)
	if err != nil {
		return "", "", fmt.Errorf("the password for Redis can't be read: %w", err)
	}
	return c.options.Username, strings.TrimSpace(string(text)), nil
}

// batch sends commands at once and returns a reply for each. The error is one that spoils them all.
func (c *client) batch(ctx context.Context, commands ...command) ([]reply, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	return pipelined(ctx, c.rdb.Pipelined, commands)
}

// transact changes keys if nobody else changes watched meanwhile: it sends reads, asks decide what to write, and writes
// that in one MULTI, of which Redis does everything or nothing. An error of decide is returned as it is; nothing to
// write is not an error. When watched has changed meanwhile, the error is errChanged.
func (c *client) transact(ctx context.Context, watched string, reads []command, decide func([]reply) ([]command, error)) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var refused error
	err := c.rdb.Watch(ctx, func(tx *redis.Tx) error {
		seen, err := pipelined(ctx, tx.Pipelined, reads)
		if err != nil {
			return err
		}
		writes, err := decide(seen)
		if err != nil || len(writes) == 0 {
			refused = err
			return err
		}
		done, err := pipelined(ctx, tx.TxPipelined, writes)
		for i := 0; err == nil && i < len(done); i++ {
			err = done[i].err
		}
		return err
	}, watched)
	switch {
	case refused != nil:
		return refused
	case errors.Is(err, redis.TxFailedErr):
		return errChanged
	}
	return explain(err)
}

// pipelined runs commands through go-redis's pipeline or transaction.
func pipelined(ctx context.Context, run func(context.Context, func(redis.Pipeliner) error) ([]redis.Cmder, error), commands []command) ([]reply, error) {
	if len(commands) == 0 {
		return nil, nil
	}
	done, err := run(ctx, func(p redis.Pipeliner) error {
		for _, args := range commands {
			p.Do(ctx, args...)
		}
		return nil
	})
	if errors.Is(err, redis.TxFailedErr) {
		return nil, err
	}
	replies := make([]reply, len(done))
	var failed error // of the first command that says why
	for i, d := range done {
		cmd, ok := d.(*redis.Cmd)
		if !ok {
			return nil, fmt.Errorf("unexpected reply %T", d)
		}
		value, own := cmd.Result()
		if errors.Is(own, redis.Nil) {
			own = nil
		}
		replies[i] = reply{value, explain(own)}
		if own != nil && (failed == nil || redis.IsExecAbortError(failed) || aboutOneKey(failed)) {
			failed = own // the others of its transaction only say that they were dropped
		}
	}
	switch {
	case failed == nil && err != nil && !errors.Is(err, redis.Nil):
		return nil, explain(err) // of the connection
	case failed != nil && !aboutOneKey(failed):
		return nil, explain(failed)
	}
	return replies, nil
}

// listen subscribes to channel, calls subscribed when that is done and message for each message, until ctx ends,
// the connection does, or message returns false. A connection that is silent is pinged, so that a dead one is noticed.
func (c *client) listen(ctx context.Context, channel string, subscribed func(), message func(payload string) bool) error {
	subscription := c.rdb.Subscribe(ctx)
	defer context.AfterFunc(ctx, func() { subscription.Close() })() // a read that waits doesn't look at ctx
	defer subscription.Close()
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	if err := subscription.Subscribe(limited, channel); err != nil {
		return explain(err)
	}
	pinged := false
	for {
		got, err := subscription.ReceiveTimeout(ctx, c.timeout)
		var timeout net.Error
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &timeout) && timeout.Timeout() && !pinged:
			if err := subscription.Ping(ctx); err != nil {
				return explain(err)
			}
			pinged = true
			continue
		case err != nil:
			return explain(err)
		}
		pinged = false
		switch got := got.(type) {
		case *redis.Subscription:
			subscribed()
		case *redis.Message:
			if !message(got.Payload) {
				return nil
			}
		}
	}
}
