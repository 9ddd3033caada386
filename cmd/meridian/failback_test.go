package main

import (
	"context"
	"net/http/httptest"
	"testing"

	"meridian/admin"
)

// returns lets whatever is asked for come back.
type returns struct{ asked *admin.FailbackRequest }

func (r returns) Failback(_ context.Context, request admin.FailbackRequest) (admin.FailbackReport, error) {
	*r.asked = request
	if request.Region != "eu-west" {
		return admin.FailbackReport{}, &admin.RequestError{Text: "no endpoint with a check is in " + request.Region}
	}
	return admin.FailbackReport{Region: "eu-west", Endpoints: []string{"web:1f2e3d4c@198.18.3.1", "web:1f2e3d4c@198.18.3.2"}}, nil
}

func TestFailback(t *testing.T) {
	var asked admin.FailbackRequest
	s := httptest.NewServer(admin.New(admin.Options{Backend: &backend{}, Failback: returns{&asked}}).Handler())
	defer s.Close()
	got := meridianIn(t, "", map[string]string{"USER": "ben"}, "failback", "eu-west", "--service", "www.glb.test", "--reason", "repaired", "--admin", s.URL)
	got.is(t, exitDone, "2 endpoints of eu-west come back: web:1f2e3d4c@198.18.3.1, web:1f2e3d4c@198.18.3.2\n", "")
	if want := (admin.FailbackRequest{Region: "eu-west", Service: "www.glb.test", Author: "ben", Reason: "repaired"}); asked != want {
		t.Errorf("asked %+v, want %+v", asked, want)
	}
	meridian(t, "failback", "eu-wets", "--author", "ana", "--admin", s.URL).is(t, exitUsage, "", "no endpoint with a check is in eu-wets")
	meridian(t, "failback", "eu-west", "--json", "--author", "ana", "--admin", s.URL).is(t, exitDone, `"region": "eu-west"`, "")
}
