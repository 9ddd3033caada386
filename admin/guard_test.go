package admin

import (
	"encoding/base64"
	"testing"
)

func TestCheckListen(t *testing.T) {
	for address, ok := range map[string]bool{
		"127.0.0.1:8053":          true,
		"127.8.9.1:8053":          true,
		"[::1]:8053":              true,
		"[::ffff:127.0.0.1]:8053": true,
		"localhost:8053":          true,
		"0.0.0.0:8053":            false,
		"[::]:8053":               false,
		":8053":                   false,
		"192.0.2.1:8053":          false,
		"admin.example:8053":      false,
	} {
		if err := CheckListen(address, ""); (err == nil) != ok {
			t.Errorf("CheckListen(%q, no token) = %v", address, err)
		}
		if err := CheckListen(address, "secret"); err != nil {
			t.Errorf("CheckListen(%q, token) = %v", address, err)
		}
	}
	if CheckListen("8053", "secret") == nil {
		t.Error("a port alone is taken for an address")
	}
}

func TestToken(t *testing.T) {
	basic := func(password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte("anyone:"+password))
	}
	for _, tc := range []struct {
		method, path, authorization string
		status                      int
	}{
		{"GET", "/livez", "", 200},
		{"GET", "/readyz?verbose", "", 200},
		{"GET", "/", "", 401},
		{"GET", "/metrics", "", 401},
		{"GET", "/api/v1/status", "", 401},
		{"POST", "/api/v1/reload", "", 401},
		{"POST", "/api/v1/reload", "Bearer wrong", 401},
		{"POST", "/api/v1/reload", "Bearer ", 401},
		{"POST", "/api/v1/reload", "secret", 401},
		{"POST", "/api/v1/reload", "Bearer secret", 200},
		{"GET", "/api/v1/status", "Bearer secret", 200},
		{"GET", "/metrics", "Bearer secret", 200},
		{"GET", "/", basic("secret"), 200},
		{"GET", "/", basic("wrong"), 401},
	} {
		f := &fakeBackend{}
		r := ask(newServer(f, "secret"), tc.method, tc.path, "Authorization", tc.authorization, "Host", "admin.example:8053")
		if r.StatusCode != tc.status {
			t.Errorf("%s %s with %q: %s, want %d", tc.method, tc.path, tc.authorization, r.Status, tc.status)
		}
		if tc.status == 401 && (f.reloads != 0 || r.Header.Get("WWW-Authenticate") == "" || decode[ErrorBody](t, r).Hint == "") {
			t.Errorf("%s %s with %q: %d reloads, headers %v", tc.method, tc.path, tc.authorization, f.reloads, r.Header)
		}
	}
}

// TestNamesOfOthers: without a token, a web page must not reach the listener through a name that it made point here.
func TestNamesOfOthers(t *testing.T) {
	for host, status := range map[string]int{
		"127.0.0.1:8053":    200,
		"[::1]:8053":        200,
		"[::1]":             200,
		"localhost:8053":    200,
		"LOCALHOST":         200,
		"evil.example:8053": 403,
		"evil.example":      403,
		"127.0.0.1.nip.io":  403,
		"":                  403,
	} {
		if r := ask(newServer(&fakeBackend{}, ""), "GET", "/api/v1/status", "Host", host); r.StatusCode != status {
			t.Errorf("Host %q: %s, want %d", host, r.Status, status)
		}
	}
}

func TestOtherOrigins(t *testing.T) {
	for _, tc := range []struct {
		header, value string
		status        int
	}{
		{"Origin", "https://evil.example", 403},
		{"Origin", "http://127.0.0.1:8053", 200},
		{"Sec-Fetch-Site", "cross-site", 403},
		{"Sec-Fetch-Site", "same-origin", 200},
	} {
		f := &fakeBackend{}
		r := ask(newServer(f, ""), "POST", "/api/v1/reload", tc.header, tc.value)
		if r.StatusCode != tc.status || (f.reloads == 1) != (tc.status == 200) {
			t.Errorf("%s: %s: %s, %d reloads", tc.header, tc.value, r.Status, f.reloads)
		}
	}
	if r := ask(newServer(&fakeBackend{}, ""), "GET", "/api/v1/status", "Sec-Fetch-Site", "cross-site"); r.StatusCode != 200 {
		t.Errorf("a safe method: %s", r.Status)
	}
}
