package serve

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"meridian/admin"
	"meridian/status/board"
)

// TestFailbackByAnOperator: what is kept down comes back at a word, on this server and on those that read of it.
func TestFailbackByAnOperator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &fakeNet{}
		c, _ := core(t, strings.Replace(world, "data_dir: data", "data_dir: data\nfailback: manual", 1), n)
		defer run(t, c)()
		outage := func() {
			n.kill("198.18.3.1")
			time.Sleep(30 * time.Second)
			n.kill("192.0.2.99")
			time.Sleep(30 * time.Second)
			if got := region(t, c, fromFrankfurt); got != "us-east" {
				t.Fatalf("after an outage: %s", got)
			}
		}
		time.Sleep(15 * time.Second)
		for _, r := range []admin.FailbackRequest{{Region: "eu-wets"}, {Region: "us-east"}, {Region: "eu-west", Service: "a..b"}, {Region: "eu-west", Service: "other.test"}} {
			var mistake *admin.RequestError
			if _, err := c.Failback(t.Context(), r); !errors.As(err, &mistake) {
				t.Errorf("%+v: %v", r, err)
			}
		}
		outage()
		report, err := c.Failback(t.Context(), admin.FailbackRequest{Region: "eu-west", Service: "WWW.glb.test", Author: "ana"})
		synctest.Wait()
		if got := region(t, c, fromFrankfurt); err != nil || len(report.Endpoints) != 1 || got != "eu-west" {
			t.Errorf("after the word: %s, %+v, %v", got, report, err)
		}
		events, err := c.sharing.journal().Events(t.Context(), "", 1)
		if err != nil || len(events) != 1 || events[0].Kind != board.KindFailback || events[0].Subject != "www.glb.test.@eu-west" || events[0].Author != "ana" {
			t.Errorf("the diary says %+v, %v", events, err)
		}

		outage()
		if err := c.sharing.journal().Append(t.Context(), board.Event{At: time.Now(), Kind: board.KindFailback, Subject: "eu-west", Author: "ben", Node: "another"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := region(t, c, fromFrankfurt); got != "eu-west" {
			t.Errorf("after a word to another server: %s", got)
		}
	})
}
