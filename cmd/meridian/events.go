package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"meridian/admin"
)

func (p *program) eventsCommand() *cli.Command {
	return &cli.Command{
		Name:  "events",
		Usage: "show what changed, and what operators did, in one time line",
		Description: "Servers that share a board have one time line. -f goes on until it is interrupted, also over restarts of the\n" +
			"server, and misses nothing. With --json each event is one line.",
		Flags: append(append(adminFlags(), outputFlags()...),
			whereFlag(),
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on with what comes"},
			&cli.DurationFlag{Name: "since", Usage: "begin so `LONG` ago (10m, 24h) instead of with the latest few"},
			&cli.IntFlag{Name: "limit", Aliases: []string{"n"}, Usage: "the latest so `MANY`, up to 1000", Value: 20}),
		Action: p.events,
	}
}

func (p *program) events(c *cli.Context) error {
	if err := arguments(c, 0, 0, ""); err != nil {
		return err
	}
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	switch {
	case c.IsSet("since") && c.IsSet("limit"):
		return usagef(c, "--since and --limit exclude each other")
	case c.Duration("since") < 0:
		return usagef(c, "--since %v is in the future", c.Duration("since"))
	case c.Int("limit") < 1 || c.Int("limit") > 1000:
		return usagef(c, "--limit %d is not from 1 to 1000", c.Int("limit"))
	}
	client, err := p.newClient(c, c.String("config"))
	if err != nil {
		return err
	}
	last, err := p.pastEvents(c, client, asJSON)
	if err != nil || !c.Bool("follow") {
		return err
	}
	return p.followEvents(c.Context, client, last, asJSON)
}

// pastEvents prints what has happened and returns behind which event the future begins; empty: there was none yet.
func (p *program) pastEvents(c *cli.Context, client *client, asJSON bool) (string, error) {
	query := url.Values{"limit": {strconv.Itoa(c.Int("limit"))}}
	if c.IsSet("since") {
		query = url.Values{"since": {c.Duration("since").String()}, "limit": {"1000"}}
	}
	for {
		var list admin.EventList
		if err := client.call(c.Context, "GET", "/api/v1/events", query, &list); err != nil {
			return "", err
		}
		if list.Schema != admin.EventsSchema {
			return "", fmt.Errorf("%s answered schema %q; this version knows %q", client.base, list.Schema, admin.EventsSchema)
		}
		for i := range list.Events {
			if err := p.showEvent(&list.Events[i], asJSON); err != nil {
				return "", err
			}
		}
		if !c.IsSet("since") || len(list.Events) == 0 {
			return list.Next, nil
		}
		query = url.Values{"after": {list.Next}, "limit": {"1000"}}
	}
}

// followEvents prints events as they come until ctx ends. A stream that breaks is taken up again behind its last event.
func (p *program) followEvents(ctx context.Context, client *client, after string, asJSON bool) error {
	const pause = time.Second
	away := false
	for ctx.Err() == nil {
		body, err := client.stream(ctx, "/api/v1/events/stream", after)
		if err == nil {
			if away {
				p.sayf("%s answers again", client.base)
			}
			away = false
			after, err = p.readStream(body, after, asJSON)
			body.Close()
		}
		if e, ok := errors.AsType[*exitError](err); ok && e.code != exitUnreachable {
			return err
		}
		if !away && ctx.Err() == nil {
			p.sayf("%s ended the stream; asking again", client.base)
		}
		away = true
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	return nil
}

// maxEventLine bounds one line of a stream.
const maxEventLine = 64 << 10

// readStream prints the events of a stream until it ends, and returns the id of the last.
func (p *program) readStream(body io.Reader, after string, asJSON bool) (string, error) {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxEventLine)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue // ids are in the data too; comments say that it lives
		}
		var e admin.Event
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			return after, withCode(exitFailed, fmt.Errorf("the server sent what this version doesn't understand: %w", err))
		}
		if err := p.showEvent(&e, asJSON); err != nil {
			return after, err
		}
		after = e.ID
	}
	return after, lines.Err()
}

// silence is after how long without a word a stream is taken for dead: servers say something every 15 seconds.
const silence = 45 * time.Second

// stream opens a stream of events behind the one with the id after. An error carries its exit code.
func (cl *client) stream(ctx context.Context, path, after string) (*aliveBody, error) {
	ctx, cancel := context.WithCancel(ctx)
	request, err := cl.request(ctx, "GET", path, nil, nil)
	if err != nil {
		cancel()
		return nil, err
	}
	if after != "" {
		request.Header.Set("Last-Event-ID", after)
	}
	// Begins as any request, and then has no time limit but silence.
	watch := time.AfterFunc(silence, cancel)
	response, err := (&http.Client{Transport: cl.http.Transport}).Do(request) //nolint:bodyclose // aliveBody closes it
	if err != nil {
		watch.Stop()
		cancel()
		return nil, cl.unreachable(err)
	}
	body := &aliveBody{response, watch, cancel}
	if response.StatusCode != http.StatusOK {
		defer body.Close()
		text, err := readAnswer(body)
		if err != nil {
			return nil, withCode(exitUnreachable, err)
		}
		return nil, cl.refused(response.StatusCode, text)
	}
	return body, nil
}

// aliveBody is the body of a stream. It ends when nothing comes for long.
type aliveBody struct {
	response *http.Response
	watch    *time.Timer
	cancel   context.CancelFunc
}

func (b *aliveBody) Read(to []byte) (int, error) {
	n, err := b.response.Body.Read(to)
	b.watch.Reset(silence)
	return n, err
}

func (b *aliveBody) Close() {
	b.watch.Stop()
	b.cancel()
	_ = b.response.Body.Close()
}

// showEvent prints one event on one line: as JSON, or when, what, where and why.
func (p *program) showEvent(e *admin.Event, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(p.out).Encode(e)
	}
	_, err := fmt.Fprintln(p.out, p.eventLine(e))
	return err
}

func (p *program) eventLine(e *admin.Event) string {
	kind := cell{text: fmt.Sprintf("%-8s", e.Kind)}
	switch {
	case e.To == admin.StateDown, e.Kind == "limited":
		kind.colour = "31"
	case e.To == admin.StateUp:
		kind.colour = "32"
	case e.Kind == "held", e.Kind == "freeze":
		kind.colour = "33"
	}
	words := []string{e.Time.UTC().Format("2006-01-02 15:04:05Z"), p.paint(kind)}
	if e.Subject != "" {
		words = append(words, e.Subject)
	}
	if len(e.Places) > 0 {
		words = append(words, "("+strings.Join(e.Places, ", ")+")")
	}
	if e.From != "" || e.To != "" {
		words = append(words, e.From+" -> "+e.To)
	}
	if e.Author != "" {
		words = append(words, "by "+e.Author)
	}
	if e.Until != nil {
		words = append(words, "until "+e.Until.UTC().Format("2006-01-02 15:04:05Z"))
	}
	line := strings.Join(words, " ")
	if e.Reason != "" {
		line += ": " + e.Reason
	}
	return line
}
