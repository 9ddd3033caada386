package serve

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"meridian/admin"
)

const pushed = `
checker: {vantage: here}
regions:
  us-east: {coordinates: [39.04, -77.49], country: US}
  eu-west: {coordinates: [53.35, -6.26], country: IE}
checks:
  web: {type: http, port: 8080, interval: 5s, timeout: 1s}
  beat: {type: push, lifetime: 20s}
  other: {type: push}
zones:
  glb.test: {nameservers: {ns1.glb.test: [192.0.2.53]}}
services:
  www.glb.test:
    check: {all: [web, beat]}
    pools: {us-east: [198.18.1.1], eu-west: [198.18.3.1, 198.18.3.2]}
  two.glb.test:
    check: {any: [beat, other]}
    pools: {us-east: [198.18.1.1]}
  web.glb.test:
    check: web
    pools: {us-east: [198.18.1.1]}
`

// TestPushMovesTheAnswer: heartbeats decide over an endpoint together with probes, and a missing one takes it out.
func TestPushMovesTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := core(t, pushed, new(fakeNet))
		defer run(t, c)()
		beat := func(endpoint, state string) {
			t.Helper()
			p := admin.PushRequest{Service: "www.glb.test", Endpoint: endpoint, State: state}
			if err := c.Push(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(15 * time.Second)
		for range 4 {
			beat("198.18.1.1", "")
			beat("198.18.3.1", "up")
			beat("198.18.3.2", "down")
			time.Sleep(10 * time.Second)
		}
		if got := region(t, c, fromFrankfurt); got != "eu-west" {
			t.Fatalf("a client in Frankfurt gets %s", got)
		}
		for range 4 { // eu-west falls silent
			beat("198.18.1.1", "")
			time.Sleep(10 * time.Second)
		}
		if got := region(t, c, fromFrankfurt); got != "us-east" {
			t.Fatalf("without heartbeats from eu-west a client in Frankfurt gets %s", got)
		}
	})
}

func TestPushMistakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := core(t, pushed, new(fakeNet))
		for want, p := range map[string]admin.PushRequest{
			`there is no service wwww.glb.test. (did you mean "www.glb.test."?)`: {Service: "wwww.glb.test", Region: "us-east"},
			`service "a..b" is not a domain name`:                                {Service: "a..b", Region: "us-east"},
			`has no pool in region "us-wset"`:                                    {Service: "www.glb.test", Region: "us-wset"},
			`endpoint "eins" is not an IP address`:                               {Service: "www.glb.test", Endpoint: "eins"},
			`has no endpoint 192.0.2.1 there`:                                    {Service: "www.glb.test", Endpoint: "192.0.2.1"},
			`pool eu-west of service www.glb.test. has 2 endpoints`:              {Service: "www.glb.test", Region: "eu-west"},
			`has no endpoint 198.18.1.1 there`:                                   {Service: "www.glb.test", Region: "eu-west", Endpoint: "198.18.1.1"},
			`service web.glb.test. has no check of type push`:                    {Service: "web.glb.test", Region: "us-east"},
			`service two.glb.test. has several push checks`:                      {Service: "two.glb.test", Region: "us-east"},
			`service two.glb.test. has no push check "web"`:                      {Service: "two.glb.test", Region: "us-east", Check: "web"},
		} {
			err := c.Push(t.Context(), p)
			var mistake *admin.RequestError
			if !errors.As(err, &mistake) || !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: %v, want %q", p, err, want)
			}
		}
		if err := c.Push(t.Context(), admin.PushRequest{Service: "two.glb.test", Region: "us-east", Check: "other"}); err != nil {
			t.Error(err)
		}
	})
	c, _ := core(t, strings.Replace(pushed, "{vantage: here}", "{enabled: false}", 1), new(fakeNet))
	if err := c.Push(t.Context(), admin.PushRequest{Service: "www.glb.test", Region: "us-east"}); err == nil || !strings.Contains(err.Error(), "no checker") {
		t.Errorf("without a checker: %v", err)
	}
}
