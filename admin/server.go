package admin

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Options is what a Server needs. Backend is required; the routes of what is nil beside it aren't there.
type Options struct {
	Backend    Backend
	Explainer  Explainer
	Simulator  Simulator
	Cautious   Cautious // nil: every reload counts as forced
	Journal    Journal
	Automation Automation
	Failback   Failback
	Overrides  Overrides
	Mailbox    Mailbox
	Demo       Demo
	Token      string       // asked of every request but probes; empty: none is
	Logger     *slog.Logger // nil: slog.Default
}

// Server is the admin listener. Make one with New.
type Server struct {
	options Options
	log     *slog.Logger
	handler http.Handler
	closing chan struct{} // closed when Serve begins to end: streams end then
}

// New returns a server that answers from opts.
func New(opts Options) *Server {
	s := &Server{options: opts, log: opts.Logger, closing: make(chan struct{})}
	if s.log == nil {
		s.log = slog.Default()
	}
	s.handler = guard(opts.Token, s.mux())
	return s
}

// Handler returns the listener's whole surface, guard included.
func (s *Server) Handler() http.Handler { return s.handler }

// drainTime is how long Serve waits for requests that are under way.
const drainTime = 5 * time.Second

// Serve answers on l until ctx ends, then lets requests that are under way finish, and closes l. Bind l only after
// CheckListen. An error is one of l's. It is called once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      time.Minute, // a reload compiles a large database before it answers
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	drained := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(drained)
		close(s.closing)
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer cancel()
		if server.Shutdown(limit) != nil {
			_ = server.Close()
		}
	})
	err := server.Serve(l)
	if !stop() {
		<-drained
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
