package admin

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// slowBackend's reload waits for a word.
type slowBackend struct {
	fakeBackend
	entered, proceed chan struct{}
}

func (s *slowBackend) Reload(context.Context) error {
	close(s.entered)
	<-s.proceed
	return nil
}

// TestServeLetsRequestsFinish: the end of the context closes the listener, but not on a request that is under way.
func TestServeLetsRequestsFinish(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	backend := &slowBackend{entered: make(chan struct{}), proceed: make(chan struct{})}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- New(Options{Backend: backend, Logger: quiet()}).Serve(ctx, l) }()

	type outcome struct {
		response *http.Response
		err      error
	}
	answered := make(chan outcome, 1)
	go func() {
		r, err := http.Post("http://"+l.Addr().String()+"/api/v1/reload", "", nil)
		answered <- outcome{r, err}
	}()
	<-backend.entered
	stop()
	close(backend.proceed)

	got := <-answered
	if got.err != nil || got.response.StatusCode != 200 {
		t.Fatalf("the request under way got %v, %v", got.response, got.err)
	}
	got.response.Body.Close()
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, err := net.DialTimeout("tcp", l.Addr().String(), time.Second); err == nil {
		t.Error("the listener is still open")
	}
}

// TestHeadersAreBounded: a request line and headers of more than MaxHeaderBytes are refused, not read to their end.
func TestHeadersAreBounded(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- New(Options{Backend: &fakeBackend{}, Logger: quiet()}).Serve(ctx, l) }()

	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = io.WriteString(conn, "GET /livez HTTP/1.1\r\nHost: localhost\r\nX: "+strings.Repeat("x", 1<<20))
	}()
	line := make([]byte, len("HTTP/1.1 431"))
	if _, err := io.ReadFull(conn, line); err != nil || string(line) != "HTTP/1.1 431" {
		t.Errorf("got %q, %v", line, err)
	}
	conn.Close()
	stop()
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
}
