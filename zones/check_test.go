package zones_test

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"meridian/zones"
)

var web = zones.Check{
	Name: "web", Type: zones.CheckHTTP, Port: 8080, Path: "/healthz", Host: "www.glb.test", Status: []int{200, 204},
	Interval: 5 * time.Second, Timeout: 2 * time.Second, Recheck: time.Second, ConsecutiveUp: 2, ConsecutiveDown: 3,
}

// TestTargetStays: keys are shared by checkers and servers of different versions, and are in files; a new one for an
// unchanged check splits the votes of a fleet that is being upgraded.
func TestTargetStays(t *testing.T) {
	for want, addr := range map[string]string{
		"web:1f13e819@198.18.1.1":  "198.18.1.1",
		"web:1f13e819@2001:db8::1": "2001:db8::1",
	} {
		if got := web.Target(netip.MustParseAddr(addr)); got != want {
			t.Errorf("Target(%s) = %s, want %s", addr, got, want)
		}
	}
}

// TestTargetTellsChecksApart: every part of a specification but the name is in the key.
func TestTargetTellsChecksApart(t *testing.T) {
	addr := netip.MustParseAddr("198.18.1.1")
	other := web
	other.Path = "/other"
	combined := func(m zones.Combination) *zones.Check {
		return &zones.Check{Name: "web", Type: zones.CheckCombined, Combined: &m}
	}
	checks := map[string]*zones.Check{"web": &web}
	for name, change := range map[string]func(*zones.Check){
		"text":   func(c *zones.Check) { c.JSON = []zones.Member{{Path: "$.a", Want: "1"}} },
		"number": func(c *zones.Check) { c.JSON = []zones.Member{{Path: "$.a", Want: 1.0}} },
		"null":   func(c *zones.Check) { c.JSON = []zones.Member{{Path: "$.a"}} },
		"word":   func(c *zones.Check) { c.Command = []string{"/bin/a b"} },
		"words":  func(c *zones.Check) { c.Command = []string{"/bin/a", "b"} },
	} {
		c := web
		change(&c)
		checks[name] = &c
	}
	for i := range reflect.TypeFor[zones.Check]().NumField() {
		name := reflect.TypeFor[zones.Check]().Field(i).Name
		c := web
		if name != "Name" && name != "Combined" {
			alter(t, reflect.ValueOf(&c).Elem().Field(i))
			checks[name] = &c
		}
	}
	for i := range reflect.TypeFor[zones.Query]().NumField() {
		c := web
		alter(t, reflect.ValueOf(&c.Query).Elem().Field(i))
		checks["Query."+reflect.TypeFor[zones.Query]().Field(i).Name] = &c
	}
	delete(checks, "Query") // the same as Query.Name
	checks["all"] = combined(zones.Combination{All: []*zones.Check{&web, &other}})
	checks["any"] = combined(zones.Combination{Any: []*zones.Check{&web, &other}})
	checks["order"] = combined(zones.Combination{All: []*zones.Check{&other, &web}})
	checks["critical"] = combined(zones.Combination{Critical: &web, Observe: []*zones.Check{&other}})
	seen := map[string]string{}
	for name, c := range checks {
		key := c.Target(addr)
		if before, twice := seen[key]; twice {
			t.Errorf("%s and %s are one target, %s", name, before, key)
		}
		seen[key] = name
	}
	again := web
	same := combined(zones.Combination{All: []*zones.Check{&again, &other}})
	if got, want := same.Target(addr), checks["all"].Target(addr); got != want {
		t.Errorf("the same combination of equal checks is %s and %s", got, want)
	}
	again.Name = "renamed"
	if got := again.Target(addr); strings.TrimPrefix(got, "renamed") != strings.TrimPrefix(web.Target(addr), "web") {
		t.Errorf("the name changed more than the name: %s", got)
	}
}

// alter gives v another value than it has.
func alter(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.Uint16:
		v.SetUint(v.Uint() + 1)
	case reflect.Slice:
		v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
		alter(t, v.Index(v.Len()-1))
	case reflect.Struct:
		alter(t, v.Field(0))
	default:
		t.Fatalf("a %v can't be altered", v.Kind())
	}
}

func TestParts(t *testing.T) {
	other, third := web, web
	c := zones.Check{Combined: &zones.Combination{All: []*zones.Check{&web, &other}, Critical: &other, Observe: []*zones.Check{&third, &web}}}
	got := c.Parts()
	if len(got) != 3 || got[0] != &other || got[1] != &web || got[2] != &third {
		t.Errorf("the parts are %v", got)
	}
	if got := web.Parts(); len(got) != 1 || got[0] != &web {
		t.Errorf("a check that isn't combined has the parts %v", got)
	}
}

func BenchmarkTarget(b *testing.B) {
	addr := netip.MustParseAddr("198.18.1.1")
	b.ReportAllocs()
	for b.Loop() {
		web.Target(addr)
	}
}
