package architecture

import (
	"slices"
	"strings"
	"testing"
)

const (
	miekg  = "github.com/miekg/dns"
	redis  = "github.com/redis/go-redis"
	geoip2 = "github.com/oschwald/geoip2-golang/v2"
	mmdb   = "github.com/oschwald/maxminddb-golang/v2"
	writer = "github.com/maxmind/mmdbwriter"
)

// allowed says what a room's own (non-test) files may import beside the standard library. A room stands for the
// packages below it too, unless these have a line of their own. Rooms without a line (cmd, test) may import all.
var allowed = []struct {
	room    string
	imports []string // a path stands for the paths below it
	because string
}{
	{"geo", []string{geoip2, mmdb},
		"geography knows no DNS: it is useful, and testable, without a packet"},
	{"geo/build", []string{"meridian/geo", geoip2, mmdb, writer, "go4.org/netipx"},
		"databases are written by tools, never by a server; still no DNS"},
	{"geo/internal", []string{"meridian/geo", "meridian/geo/build", geoip2, mmdb, writer, "go4.org/netipx"},
		"generators of geo's own data; still no DNS"},
	{"policy", []string{"meridian/geo"},
		"a policy is arithmetic on places and acceptance: pure, and compared with a naive interpreter"},
	{"zones", []string{"meridian/geo", "meridian/policy", miekg, "github.com/xrash/smetrics"},
		"what we are authoritative for doesn't depend on what was observed, nor on who serves it"},
	{"status", nil,
		"the vocabulary that checkers, operators and servers share must not pull any of them in"},
	{"status/board", []string{"meridian/status", redis},
		"a board moves votes; it knows neither zones nor probes nor packets"},
	{"checker", []string{"meridian/zones", "meridian/status", miekg, "google.golang.org/grpc", "golang.org/x/net/icmp", "golang.org/x/net/ipv4", "golang.org/x/net/ipv6", "github.com/ohler55/ojg/jp"},
		"a checker runs alone in some region: it probes what zones names and votes in status's words"},
	{"snapshot", []string{"meridian/geo", "meridian/policy", "meridian/zones", "meridian/status", miekg},
		"a snapshot is compiled from values; where they came from (board, files) is not its business"},
	{"simulate", []string{"meridian/geo", "meridian/policy", "meridian/zones", "meridian/snapshot", "meridian/status", miekg},
		"a simulation compares two snapshots; who asks, and where recorded queries come from, is not its business"},
	{"ledger", nil,
		"a ledger counts names and networks; what they mean is known to those who hand them in and take them out"},
	{"dnsserver", []string{"meridian/snapshot", "meridian/zones", "meridian/geo", miekg, "golang.org/x/sys", "golang.org/x/net"},
		"the query path reads packets and one snapshot, and nothing that can block or be away"},
}

// unreachable says what a room must not reach, however many imports lie between.
var unreachable = []struct {
	room    string
	targets []string
	because string
}{
	{"geo", []string{miekg, "net/http", "log", "log/slog"}, "geography knows no DNS, asks nobody and logs nothing"},
	{"geo", []string{"meridian/geo/build", writer}, "reading a database doesn't need the code that writes one"},
	{"policy", []string{miekg, "net/http", "log", "log/slog"}, "policy is pure"},
	{"snapshot", []string{"meridian/status/board", redis, "net/http", "log/slog"}, "a compile can't wait for the board, and its outcome is a return value"},
	{"simulate", []string{"meridian/status/board", redis, "net/http", "log/slog", "meridian/admin", "meridian/ledger"}, "a question changes nothing and waits for nobody"},
	{"dnsserver", []string{"meridian/ledger", "meridian/simulate"}, "samples are taken from a worker; it hands them to nobody, and no query can wait for a file"},
	{"status", []string{redis, "net/http", "meridian/zones"}, "the shared vocabulary drags nothing along"},
	{"zones", []string{redis, "net/http"}, "zone data is files and values"},
	{"dnsserver", []string{"meridian/status/board", redis}, "a query can't wait for Redis"},
	{"dnsserver", []string{"meridian/checker"}, "checker and dnsserver don't know each other: either is deployed alone"},
	{"dnsserver", []string{"meridian/admin", "net/http"}, "the HTTP listener is another room, and must not be linked into a bare DNS server"},
	{"checker", []string{"meridian/dnsserver", "meridian/snapshot", "meridian/admin"}, "checker and dnsserver don't know each other: either is deployed alone"},
	{"status/board", []string{"meridian/checker", "meridian/dnsserver", "meridian/snapshot"}, "the board carries messages between rooms and belongs to none"},
	{"admin", []string{"meridian/cmd"}, "main wires the rooms; no room knows main"},
}

// TestRoomsImportOnlyWhatTheyMay checks the direct imports of every room against the table.
func TestRoomsImportOnlyWhatTheyMay(t *testing.T) {
	own, names := ours(t)
	all, _ := house()
	for _, name := range names {
		rule := -1
		for i := range allowed {
			if within(name, allowed[i].room) && (rule < 0 || len(allowed[i].room) > len(allowed[rule].room)) {
				rule = i
			}
		}
		if rule < 0 {
			continue
		}
		for _, path := range own[name].Imports {
			if p := all[path]; p != nil && p.Standard || within(path, module+"/"+allowed[rule].room) {
				continue
			}
			if !slices.ContainsFunc(allowed[rule].imports, func(a string) bool { return path == a || thirdParty(a) && within(path, a) }) {
				t.Errorf("%s imports %s; it may import only %s, because %s",
					name, path, strings.Join(append([]string{"the standard library"}, allowed[rule].imports...), ", "), allowed[rule].because)
			}
		}
	}
}

// thirdParty reports whether the path is outside the module; only such a path stands for the packages below it:
// who may import meridian/status may not import meridian/status/board.
func thirdParty(path string) bool { return !within(path, module) }

// TestRoomsDontReach checks what each room reaches through others, and prints the chain when it does.
func TestRoomsDontReach(t *testing.T) {
	own, names := ours(t)
	for _, rule := range unreachable {
		if own[rule.room] == nil {
			t.Errorf("the table names the room %q, which is not there (there are: %s)", rule.room, strings.Join(names, ", "))
			continue
		}
		for _, target := range rule.targets {
			if chain := reach(t, module+"/"+rule.room, target); chain != nil {
				t.Errorf("%s reaches %s, which it must not, because %s:\n\t%s", rule.room, target, rule.because, strings.Join(chain, "\n\t-> "))
			}
		}
	}
}

// TestRedisStaysInOneFile: Redis is one way to share a board, so exactly one file of one room knows it.
func TestRedisStaysInOneFile(t *testing.T) {
	var files []string
	eachSource(t, func(s source) {
		for _, spec := range s.file.Imports {
			if within(strings.Trim(spec.Path.Value, `"`), redis) && !s.isTest() && !slices.Contains(files, s.path) {
				files = append(files, s.path)
			}
		}
	})
	switch {
	case len(files) > 1:
		t.Errorf("go-redis is imported by %v; one file is enough, so that another store stays one more file", files)
	case len(files) == 1 && !within(files[0], "status"):
		t.Errorf("go-redis is imported by %s; its place is status/board", files[0])
	}
}

// TestNobodyImportsMain: main wires the rooms, so nothing but commands and tests may import what is below cmd.
func TestNobodyImportsMain(t *testing.T) {
	own, names := ours(t)
	for _, name := range names {
		for _, path := range own[name].Imports {
			if within(path, module+"/cmd") && !within(name, "cmd") && !within(name, "test") {
				t.Errorf("%s imports %s; only cmd and test may, because main wires the rooms and no room knows main", name, path)
			}
			if within(path, module+"/test") && !within(name, "test") {
				t.Errorf("%s imports %s; only tests may", name, path)
			}
		}
	}
}

// reach returns the shortest chain of imports from one package to target or a package below it; nil: there is none.
func reach(t *testing.T, from, target string) []string {
	t.Helper()
	all, err := house()
	if err != nil {
		t.Fatal(err)
	}
	via := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		for _, path := range imports(all, queue[0]) {
			if _, seen := via[path]; seen {
				continue
			}
			via[path] = queue[0]
			// "log" names one package of the standard library, "net/http" it and what is below.
			if path == target || strings.Contains(target, "/") && within(path, target) {
				var chain []string
				for ; path != ""; path = via[path] {
					chain = append(chain, path)
				}
				slices.Reverse(chain)
				return chain
			}
			queue = append(queue, path)
		}
	}
	return nil
}

// imports returns what one package imports. The standard library is searched no deeper: which of its packages lead
// to which is Go's business.
func imports(all map[string]*listed, path string) []string {
	if p := all[path]; p != nil && !p.Standard {
		return p.Imports
	}
	return nil
}

// within reports whether path is dir or below it.
func within(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

// TestReachFindsChains is the check of the checker: a chain that is certainly there is found, one that isn't, isn't.
func TestReachFindsChains(t *testing.T) {
	ours(t)
	if chain := reach(t, module+"/zones", module+"/policy"); len(chain) != 2 {
		t.Errorf("zones imports policy directly; found the chain %v", chain)
	}
	if chain := reach(t, module+"/zones", "golang.org/x/net"); len(chain) < 3 {
		t.Errorf("zones reaches golang.org/x/net through miekg/dns; found the chain %v", chain)
	}
	if chain := reach(t, module+"/policy", module+"/zones"); chain != nil {
		t.Errorf("policy doesn't import zones; found the chain %v", chain)
	}
}
