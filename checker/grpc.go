package checker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// maxGRPCMessage bounds the answer, in bytes; a health response has two.
const maxGRPCMessage = 4 << 10

// grpc asks the health service of the gRPC health checking protocol, over HTTP/2 in plain text or over TLS. The library
// only sees the one connection that this attempt opens for it: to the endpoint's own address, without proxies, retries
// or service configuration.
func (a *attempt) grpc(ctx context.Context, roots *rootsCache) error {
	w := &wire{attempt: a, ctx: ctx, roots: roots, TransportCredentials: insecure.NewCredentials()}
	client, err := grpc.NewClient("passthrough:///endpoint",
		grpc.WithContextDialer(w.dial), grpc.WithTransportCredentials(w), grpc.WithAuthority(hostHeader(a.check, a.addr)),
		grpc.WithUserAgent(userAgent), grpc.WithNoProxy(), grpc.WithDisableRetry(), grpc.WithDisableServiceConfig(),
		grpc.WithMaxHeaderListSize(maxHeader),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxGRPCMessage)))
	if err != nil {
		return localFault{err}
	}
	defer client.Close()
	answer, err := health.NewHealthClient(client).Check(ctx, &health.HealthCheckRequest{Service: a.check.GRPCService})
	if cause := w.end(); cause != nil {
		return cause
	}
	a.phase, a.heard = "waiting for the answer", true
	if err != nil {
		return a.grpcError(ctx, err)
	}
	a.seen.Reason = "gRPC " + answer.GetStatus().String()
	a.trace.step("grpc", fmt.Sprintf("grpc.health.v1.Health/Check of %q: %v", a.check.GRPCService, answer.GetStatus()))
	if answer.GetStatus() != health.HealthCheckResponse_SERVING {
		return failure(a.seen.Reason)
	}
	return nil
}

// grpcError puts into words why a call on a connection that was there had no answer.
func (a *attempt) grpcError(ctx context.Context, err error) error {
	a.trace.step("grpc", "grpc.health.v1.Health/Check failed")
	s := status.Convert(err)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case s.Code() == codes.Unimplemented:
		return failure("gRPC Unimplemented: there is no health service (grpc.health.v1)")
	case s.Code() == codes.NotFound:
		return failure(fmt.Sprintf("gRPC NotFound: the health service knows no service %q", a.check.GRPCService))
	}
	return failure(fmt.Sprintf("gRPC %v: %s", s.Code(), s.Message()))
}

// wire is the connection of one probe, as the gRPC library wants it: dialled, and secured, by the attempt. The library calls
// it in goroutines of its own, for one connection at a time; the attempt itself waits for the call's end meanwhile.
type wire struct {
	*attempt
	ctx   context.Context // of the probe: a connection may outlive the library's own
	roots *rootsCache
	credentials.TransportCredentials

	mu    sync.Mutex
	tried bool
	ended bool  // the call is over: the attempt isn't the library's to use any more
	cause error // why there is no connection; nil: there is one
}

var errOneConnection = errors.New("a probe has one connection")

func (w *wire) dial(context.Context, string) (net.Conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.tried || w.ended {
		return nil, errOneConnection
	}
	w.tried = true
	conn, err := w.connect(w.ctx, "tcp")
	w.cause = err
	return conn, err
}

// end takes the attempt back from the library, and returns why there was no connection; nil: there was one.
func (w *wire) end() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	return w.cause
}

// ClientHandshake secures the connection where the check is for TLS.
func (w *wire) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if !w.check.TLS {
		return w.TransportCredentials.ClientHandshake(ctx, authority, conn)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return nil, nil, errOneConnection
	}
	secure, err := w.handshake(w.ctx, conn, w.roots, "h2")
	if err == nil && secure.ConnectionState().NegotiatedProtocol != "h2" {
		err = failure("the endpoint doesn't speak HTTP/2 over TLS (no ALPN h2)")
	}
	if err != nil {
		w.cause = err
		return nil, nil, err
	}
	return secure, credentials.TLSInfo{State: secure.ConnectionState(), CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity}}, nil
}

// Info decides the scheme that the endpoint is told.
func (w *wire) Info() credentials.ProtocolInfo {
	if w.check.TLS {
		return credentials.ProtocolInfo{SecurityProtocol: "tls"}
	}
	return w.TransportCredentials.Info()
}

// Clone returns w itself: it belongs to one probe.
func (w *wire) Clone() credentials.TransportCredentials { return w }
