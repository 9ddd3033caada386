package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"meridian/admin"
)

// defaultAdmin is where a server's admin listener is when its configuration doesn't say otherwise.
const defaultAdmin = "http://127.0.0.1:8053"

// adminFlags are those of every command that talks to a running server.
func adminFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "admin", Aliases: []string{"server"}, Usage: "`URL` or host:port of the server's admin listener (default: " + defaultAdmin + ")", EnvVars: []string{"MERIDIAN_ADMIN"}},
		&cli.StringFlag{Name: "token-file", Usage: "`FILE` with the listener's token", EnvVars: []string{"MERIDIAN_TOKEN_FILE"}},
		&cli.DurationFlag{Name: "timeout", Usage: "give up after this `DURATION`", Value: 30 * time.Second},
	}
}

// whereFlag lets a configuration say where its server is.
func whereFlag() cli.Flag {
	return &cli.StringFlag{Name: "config", Aliases: []string{"c"}, Usage: "`FILE` of the running server: says where its admin listener is"}
}

// client talks to one admin listener.
type client struct {
	base  *url.URL
	token string
	etag  string // sent as If-Match; empty: none
	http  *http.Client
}

// newClient reads the admin flags and, for what they don't say, the configuration at path (empty: none).
func (p *program) newClient(c *cli.Context, path string) (*client, error) {
	text, tokenFile := c.String("admin"), c.String("token-file")
	if path != "" {
		found, err := locate(path)
		if err != nil {
			return nil, withCode(exitFailed, fmt.Errorf("can't read where the server is: %w", err))
		}
		text, tokenFile = cmp.Or(text, found.address), cmp.Or(tokenFile, found.tokenFile)
		if found.unread && text == "" {
			p.sayf("%s can't be read for its admin.listen; asking at %s (--admin names another place)", path, defaultAdmin)
		}
	}
	text = cmp.Or(text, defaultAdmin)
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	base, err := url.Parse(text)
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return nil, usagef(c, "%q is not a URL such as %s", text, defaultAdmin)
	}
	client := &client{base: base, http: &http.Client{
		Timeout:   c.Duration("timeout"),
		Transport: &http.Transport{Proxy: nil}, // the server is addressed as it was named, whatever http_proxy says
	}}
	if tokenFile != "" {
		token, err := os.ReadFile(tokenFile)
		if err != nil {
			return nil, withCode(exitFailed, fmt.Errorf("can't read the token: %w", err))
		}
		client.token = strings.TrimSpace(string(token))
	}
	return client, nil
}

// refusal is an error that the server answered with.
type refusal struct {
	admin.ErrorBody
}

func (r *refusal) Error() string {
	if r.Hint == "" {
		return r.Detail
	}
	return r.Detail + "\n" + r.Hint
}

// match returns a client whose requests change nothing unless the overrides have the revision still.
func (cl *client) match(revision int64) *client {
	out := *cl
	out.etag = strconv.Quote(strconv.FormatInt(revision, 10))
	return &out
}

// exitCode is what the refusal means for the command.
func (r *refusal) exitCode() int {
	switch r.Status {
	case http.StatusBadRequest:
		return exitUsage
	case http.StatusUnprocessableEntity:
		return exitBadConfig
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusConflict, http.StatusPreconditionFailed:
		return exitRefused
	}
	return exitFailed
}

// call sends one request and decodes its answer into result, which may be nil. Errors carry their exit codes.
func (cl *client) call(ctx context.Context, method, path string, query url.Values, result any) error {
	return cl.exchange(ctx, method, path, query, nil, result)
}

// post is call for a request with a body.
func (cl *client) post(ctx context.Context, path string, body, result any) error {
	return cl.exchange(ctx, "POST", path, nil, body, result)
}

func (cl *client) exchange(ctx context.Context, method, path string, query url.Values, content, result any) error {
	status, body, err := cl.send(ctx, method, path, query, content)
	if err != nil {
		return err
	}
	if status >= 400 {
		return cl.refused(status, body)
	}
	if result == nil {
		return nil
	}
	if raw, ok := result.(*json.RawMessage); ok {
		*raw = body
		return nil
	}
	if err := json.Unmarshal(body, result); err != nil {
		return withCode(exitFailed, fmt.Errorf("%s answered what this version doesn't understand: %w", cl.base, err))
	}
	return nil
}

// refused is the error that an answer is.
func (cl *client) refused(status int, body []byte) error {
	r := &refusal{}
	if json.Unmarshal(body, &r.ErrorBody) != nil || r.Detail == "" {
		r.ErrorBody = admin.ErrorBody{Status: status, Detail: fmt.Sprintf("%s answered %d %s: is it Meridian's admin listener?", cl.base, status, http.StatusText(status))}
	}
	return withCode(r.exitCode(), r)
}

// maxAnswer bounds what is read of an answer: a status of 10,000 services fits.
const maxAnswer = 256 << 20

// send returns the answer's status and body as they are; content, unless nil, is sent as JSON. An error is one of
// reaching the server.
func (cl *client) send(ctx context.Context, method, path string, query url.Values, content any) (int, []byte, error) {
	request, err := cl.request(ctx, method, path, query, content)
	if err != nil {
		return 0, nil, err
	}
	response, err := cl.http.Do(request)
	if err != nil {
		return 0, nil, cl.unreachable(err)
	}
	defer response.Body.Close()
	body, err := readAnswer(response.Body)
	if err != nil {
		return 0, nil, withCode(exitUnreachable, fmt.Errorf("%s broke off its answer: %w", cl.base, err))
	}
	return response.StatusCode, body, nil
}

func readAnswer(from io.Reader) ([]byte, error) { return io.ReadAll(io.LimitReader(from, maxAnswer)) }

func (cl *client) request(ctx context.Context, method, path string, query url.Values, content any) (*http.Request, error) {
	u := cl.base.JoinPath(path)
	u.RawQuery = query.Encode()
	var body io.Reader
	if content != nil {
		text, err := json.Marshal(content)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, withCode(exitUsage, err)
	}
	if content != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if cl.etag != "" {
		request.Header.Set("If-Match", cl.etag)
	}
	if cl.token != "" {
		request.Header.Set("Authorization", "Bearer "+cl.token)
	}
	return request, nil
}

// unreachable is the error of a server that doesn't answer.
func (cl *client) unreachable(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	return withCode(exitUnreachable, fmt.Errorf("no server answers at %s: %w\nIs it running? --admin URL names another one", cl.base, err))
}
