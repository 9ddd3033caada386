package board

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meridian/status"
	"meridian/test/redistest"
)

// TestR10PasswordRotation: the file is read for each connection, so the new password is used without a restart.
func TestR10PasswordRotation(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t)
	r.Do("ACL", "SETUSER", "admin", "on", ">root", "~*", "&*", "+@all")
	r.Authenticate("admin", "root")
	r.Do("ACL", "SETUSER", "meridian", "on", ">first", "~{meridian}:v1:*", "&{meridian}:v1:*", "+@all", "-@dangerous")
	r.Do("ACL", "SETUSER", "default", "off")
	file := filepath.Join(t.TempDir(), "password")
	write := func(password string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	write("wrong")
	o := at(r)
	o.Username, o.PasswordFile = "meridian", file
	b := openBoard(t, o)
	fails(t, b.put("fra", status.Up), "auth", "refuses the username or password")
	write("first")
	await(t, func() bool { return b.put("fra", status.Up) == nil }, func() string { return "the right password isn't used" })
	b.eventually("fra:up")

	r.Do("ACL", "SETUSER", "meridian", "resetpass", ">second")
	r.Do("CLIENT", "KILL", "USER", "meridian")
	await(t, func() bool { return strings.Contains(b.votes(), "refuses the username or password") }, b.votes)
	if logged := b.log.count("first") + b.log.count("second"); logged > 0 {
		t.Error("a password is in the log")
	}
	write("second")
	b.eventually("fra:up")
	await(t, func() bool { return b.put("fra", status.Down) == nil }, func() string { return "the new password isn't used" })

	o.PasswordFile = file + ".gone"
	if got := openBoard(t, o).votes(); !strings.Contains(got, "password for Redis can't be read") {
		t.Errorf("without its file: %q", got)
	}
}

func TestR10NoAuthAndNoPermission(t *testing.T) {
	r := redistest.Start(t, "--requirepass", "secret")
	fails(t, openBoard(t, at(r)).put("fra", status.Up), "auth", "NOAUTH")
	o := at(r)
	o.Password = "secret"
	b := openBoard(t, o)
	b.mustPut("fra", status.Up)
	b.eventually("fra:up")
	r.Authenticate("default", "secret")
	r.Do("ACL", "SETUSER", "default", "-zadd")
	fails(t, b.put("fra", status.Down), "permission", "docs/keyspace.md")
	b.eventually("fra:up")
	r.Do("ACL", "SETUSER", "default", "+zadd")
	await(t, func() bool { return b.put("fra", status.Down) == nil }, func() string { return "the permission isn't used" })
}

// TestDocumentedPermissionsSuffice: docs/keyspace.md names the least that an ACL user needs.
func TestDocumentedPermissionsSuffice(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "keyspace.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "ACL SETUSER meridian ")
	rule, _, ended := strings.Cut(rest, "\n\n")
	if !found || !ended {
		t.Fatal("docs/keyspace.md doesn't say what an ACL user needs")
	}
	r := redistest.Start(t)
	rule = strings.NewReplacer(">PASSWORD", ">secret", "\\\n", " ").Replace(rule)
	r.Do(append([]string{"ACL", "SETUSER", "meridian"}, strings.Fields(rule)...)...)
	o := at(r)
	o.Username, o.Password = "meridian", "secret"
	b := openBoard(t, o)
	b.mustPut("fra", status.Up)
	b.eventually("fra:up")
	s := runScribe(t, b, "ns1", &pageStand{})
	s.Note(Event{Kind: "health", Subject: "a", To: "down", At: time.Now()})
	await(t, func() bool { return r.Do("XLEN", "{meridian}:v1:events") == "1" }, func() string { return "the scribe may not write" })
	if _, err := b.SetControl(t.Context(), Control{}); err != nil {
		t.Error(err)
	}
	if _, err := b.Journal().Events(t.Context(), "", 10); err != nil {
		t.Error(err)
	}
	if b.Stats().Operations[Operation{"subscribe", "permission"}] > 0 {
		t.Error("the hints may not be listened to")
	}
}

func TestR11TLS(t *testing.T) {
	t.Parallel()
	authority, stranger := redistest.NewAuthority(t), redistest.NewAuthority(t)
	soon := time.Now().Add(time.Hour)
	good, goodKey := authority.Issue("127.0.0.1", soon)
	server := redistest.StartTLS(t, authority, good, goodKey)
	client, clientKey := authority.Issue("meridian", soon)
	with := func(r *redistest.Server, tls RedisTLS) *testBoard {
		o := at(r)
		o.TLS = &tls
		return openBoard(t, o)
	}
	b := with(server, RedisTLS{authority.CAFile, client, clientKey})
	b.mustPut("fra", status.Up)
	b.eventually("fra:up")

	fails(t, with(server, RedisTLS{stranger.CAFile, client, clientKey}).put("fra", status.Up), "tls", "unknown authority")
	if err := with(server, RedisTLS{CAFile: authority.CAFile}).put("fra", status.Up); err == nil {
		t.Error("Redis wants a client certificate, and none was good enough")
	}
	if err := openBoard(t, at(server)).put("fra", status.Up); err == nil {
		t.Error("plain text was spoken with a TLS port")
	}
	if err := with(redistest.Start(t), RedisTLS{CAFile: authority.CAFile}).put("fra", status.Up); err == nil {
		t.Error("TLS was spoken with a plain port")
	}

	expired, expiredKey := authority.Issue("127.0.0.1", time.Now().Add(-time.Hour))
	fails(t, with(redistest.StartTLS(t, authority, expired, expiredKey), RedisTLS{authority.CAFile, client, clientKey}).put("fra", status.Up), "tls", "expired")
	other, otherKey := authority.Issue("redis.example", soon)
	fails(t, with(redistest.StartTLS(t, authority, other, otherKey), RedisTLS{authority.CAFile, client, clientKey}).put("fra", status.Up), "tls", "127.0.0.1")

	missing := with(server, RedisTLS{CAFile: authority.CAFile + ".gone"})
	if got := missing.votes(); !strings.Contains(got, ".gone") {
		t.Errorf("without its file: %q", got)
	}
}
