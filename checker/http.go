package checker

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"meridian/status"
	"meridian/zones"
)

const (
	maxHeader = 64 << 10 // bytes of all headers of a response, interim responses included
	userAgent = "Meridian-Health-Check/1"
)

// request asks for the check's path over conn, and judges the answer. It is plain HTTP/1.1, one request on one
// connection: no redirect is followed, nothing is inflated, no cookie kept. http.Transport would bring goroutines,
// retries and reuse, all of which a probe does without.
func (a *attempt) request(conn net.Conn) error {
	a.phase = "sending the request"
	host := hostHeader(a.check, a.addr)
	target, err := url.ParseRequestURI(cmp.Or(a.check.Path, "/"))
	if err != nil {
		return localFault{fmt.Errorf("the path %q is no request target", a.check.Path)}
	}
	req := &http.Request{
		Method: http.MethodGet,
		URL:    target,
		Host:   host,
		Header: http.Header{"User-Agent": {userAgent}, "Accept": {"*/*"}},
		Close:  true,
	}
	if err := req.Write(conn); err != nil {
		return err
	}
	a.trace.step("request", "GET "+target.RequestURI()+" HTTP/1.1, Host: "+host)

	in := &io.LimitedReader{R: conn, N: maxHeader}
	// The body isn't closed: that would read all of it, and there is nothing to release; the connection is closed anyway.
	resp, err := a.header(bufio.NewReader(in), req) //nolint:bodyclose // see above
	if err != nil {
		if in.N <= 0 {
			return failure(fmt.Sprintf("the headers exceed %d bytes", maxHeader))
		}
		return err
	}
	if resp.ProtoMajor != 1 {
		return failure(resp.Proto + " in answer to HTTP/1.1")
	}
	in.N = math.MaxInt64 // body limits itself
	a.seen.Status = resp.StatusCode
	a.seen.Reason = statusText(resp.StatusCode)
	a.trace.step("status", a.seen.Reason)
	if err := a.judgeStatus(resp); err != nil {
		return err
	}
	if err := a.body(resp); err != nil {
		return err
	}
	a.drain(resp.Header.Get(drainHeader))
	if value := strings.TrimSpace(resp.Header.Get(loadHeader)); value != "" {
		a.load(loadHeader, value)
	}
	return nil
}

// loadHeader is a field of a healthy response by which an endpoint says its load, as a share of what it can carry: 0.73.
const loadHeader = "X-Meridian-Load"

// load takes in what where says of the load. What is no load is told, and makes nothing unhealthy.
func (a *attempt) load(where, value string) {
	v, err := strconv.ParseFloat(value, 64)
	load, ok := status.NewLoad(v)
	if err != nil || !ok {
		a.seen.Reason = fmt.Sprintf("%s (%s: %q is no load, such as 0.73)", a.seen.Reason, where, clip(value))
		a.trace.step("load", a.seen.Reason)
		return
	}
	a.seen.Load = load
	a.trace.step("load", fmt.Sprintf("%s says %.3g%% of what the endpoint can carry", where, 100*load))
}

// drainHeader is a field of a healthy response by which an endpoint asks to be spared: 1 all of its traffic, 0.25 a quarter
// of it. It is no failure: who is connected stays, and new clients go elsewhere at once. Without the field, or with 0, for
// consecutive_up responses the traffic comes back.
const drainHeader = "X-Meridian-Drain"

func (a *attempt) drain(value string) {
	if value = strings.TrimSpace(value); value == "" {
		return
	}
	share, err := strconv.ParseFloat(value, 64)
	switch {
	case err != nil || !(share >= 0 && share <= 1):
		a.seen.Reason = fmt.Sprintf("%s (%s: %q is no share from 0 to 1)", a.seen.Reason, drainHeader, clip(value))
	case share > 0:
		a.seen.Withheld, a.seen.Asked = share, true
		a.seen.Reason = fmt.Sprintf("asks to be drained (%s: %s)", drainHeader, value)
	}
	a.trace.step("drain", a.seen.Reason)
}

// header reads up to the end of the final response's header, past interim responses (RFC 9110, section 15.2).
func (a *attempt) header(in *bufio.Reader, req *http.Request) (*http.Response, error) {
	a.phase = "waiting for headers"
	for {
		resp, err := http.ReadResponse(in, req)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp, nil
		}
	}
}

func (a *attempt) judgeStatus(resp *http.Response) error {
	healthy := a.check.Status
	if len(healthy) == 0 {
		healthy = []int{http.StatusOK}
	}
	if slices.Contains(healthy, resp.StatusCode) {
		return nil
	}
	if resp.StatusCode/100 == 3 && resp.Header.Get("Location") != "" {
		return failure(a.seen.Reason + " (redirects are not followed)")
	}
	return failure(a.seen.Reason)
}

// body reads the body to its end, or to zones.MaxBody, and looks for the check's text in what it read. A body that breaks
// off is a failure even when no text is asked for.
func (a *attempt) body(resp *http.Response) error {
	a.phase = "reading the body"
	body, err := io.ReadAll(io.LimitReader(resp.Body, zones.MaxBody))
	size := "unknown length"
	if resp.ContentLength >= 0 {
		size = fmt.Sprintf("%d bytes", resp.ContentLength)
	}
	a.trace.step("body", fmt.Sprintf("read %d bytes of %s", len(body), size))
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return failure(fmt.Sprintf("%s, but the body ended after %d bytes of %s", a.seen.Reason, len(body), size))
	case err != nil:
		return err
	case a.check.Body != "" && !bytes.Contains(body, []byte(a.check.Body)):
		return failure(fmt.Sprintf("%s, but the body's first %d bytes don't contain %q", a.seen.Reason, len(body), a.check.Body))
	case len(a.check.JSON) > 0 || a.check.Load != "":
		return a.json(body)
	}
	return nil
}

// statusText returns "HTTP 503 Service Unavailable", in the registry's words and not the server's.
func statusText(code int) string {
	return strings.TrimSpace(fmt.Sprintf("HTTP %d %s", code, http.StatusText(code)))
}
