package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// maxBody is how many bytes of a request's body are read.
const maxBody = 16 << 10

// CheckListen reports why the admin listener may not listen on address ("127.0.0.1:8053") with token ("": none):
// beyond loopback, anyone who reaches it could operate the server.
func CheckListen(address, token string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("admin.listen %q is not host:port: %w", address, err)
	}
	if token != "" || isLoopback(host) {
		return nil
	}
	return fmt.Errorf("admin.listen %q is open to the network without a secret: set admin.token_file, or listen on 127.0.0.1", address)
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// guard stands before every route; doc.go says what it asks for.
func guard(token string, next http.Handler) http.Handler {
	origins := http.NewCrossOriginProtection()
	origins.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ErrorBody{
			Status: http.StatusForbidden, Detail: "a page of another origin made this request",
			Hint: "use the meridian command, or a page of this listener",
		}.write(w)
	}))
	want := sha256.Sum256([]byte(token))
	return origins.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Cache-Control", "no-store")
		header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)

		switch {
		case isProbe(r.URL.Path):
		case token == "" && !addressedHere(r.Host):
			ErrorBody{
				Status: http.StatusForbidden, Detail: fmt.Sprintf("host name %q is not this listener's", r.Host),
				Hint: "use its address or localhost in the URL; a token (admin.token_file) allows any name",
			}.write(w)
			return
		case token != "" && !authorized(r, want):
			header.Set("WWW-Authenticate", `Bearer realm="meridian", Basic realm="meridian"`)
			ErrorBody{
				Status: http.StatusUnauthorized, Detail: "this needs the listener's token",
				Hint: "send it as \"Authorization: Bearer TOKEN\"; the meridian command takes --token-file",
			}.write(w)
			return
		}
		next.ServeHTTP(w, r)
	}))
}

// isProbe reports whether path is for orchestrators, who have no secrets and learn none here.
func isProbe(path string) bool { return path == "/livez" || path == "/readyz" }

// addressedHere reports whether host, a request's Host header, is an address or localhost: a name that somebody's DNS
// made point here (DNS rebinding) is neither.
func addressedHere(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}

// authorized compares the request's token, as bearer or, for browsers, as the password of HTTP Basic, in a time that
// depends on neither token.
func authorized(r *http.Request, want [sha256.Size]byte) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		if _, token, ok = r.BasicAuth(); !ok {
			return false
		}
	}
	got := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1
}
