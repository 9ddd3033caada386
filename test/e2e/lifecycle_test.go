package e2e

import (
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"meridian/test/harness"
)

// minimal needs no files beside it.
const minimal = `dns:
  listen: ["127.0.0.1:PORT"]
admin:
  listen: ADMIN
data_dir: ./data
zones:
  a.test:
    nameservers: {ns1.a.test: [192.0.2.53]}
`

// TestDrain: SIGTERM ends a busy server with exit 0, and a TCP client in the middle gets its answer.
func TestDrain(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			s := newServer(t, "", files{"meridian.yaml": minimal}).Start()
			conn, err := dns.DialTimeout("tcp", "127.0.0.1:"+s.Port, patience)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			query := new(dns.Msg).SetQuestion("a.test.", dns.TypeSOA)
			for range 3 { // pipelined: in flight when the signal comes, or already answered
				if err := conn.WriteMsg(query); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := conn.ReadMsg(); err != nil {
				t.Fatalf("before the signal: %v", err)
			}
			if code := s.Stop(signal); code != 0 {
				t.Errorf("exit %d, want 0", code)
			}
			conn.SetReadDeadline(time.Now().Add(patience))
			for range 2 {
				if _, err := conn.ReadMsg(); err != nil {
					t.Errorf("a question that was in flight: %v", err)
				}
			}
		})
	}
}

// TestPortTaken: the message says which port, who has it, and what to do.
func TestPortTaken(t *testing.T) {
	s := newServer(t, "", files{"meridian.yaml": minimal})
	holder, err := net.ListenPacket("udp", "127.0.0.1:"+s.Port)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	s.Spawn("serve", "--config", s.Config())
	if code := s.Wait(); code != 1 {
		t.Errorf("exit %d, want 1", code)
	}
	for _, want := range []string{"127.0.0.1:" + s.Port, "in use", fmt.Sprint(os.Getpid()), "dns.listen"} {
		if !strings.Contains(s.Log.String(), want) {
			t.Errorf("the message lacks %q:\n%s", want, s.Log)
		}
	}
}

// TestUnusableDataDir: without a data_dir that can be written the server says so at once, and answers.
func TestUnusableDataDir(t *testing.T) {
	s := newServer(t, "", files{"meridian.yaml": minimal, "data": "a file where the directory should be"}).Start()
	s.AwaitLog("states are not kept", s.Path("data"))
	if r := s.Dig("a.test", "SOA"); r.Status != "NOERROR" || len(r.Answers) != 1 {
		t.Error(r.Text)
	}
	if _, body, err := harness.Get("http://" + s.Admin + "/readyz?verbose"); err != nil || !strings.Contains(body, "data_dir") {
		t.Errorf("/readyz?verbose doesn't tell: %v\n%s", err, body)
	}
}

// TestBadConfigAtStart: all problems, and exit 3.
func TestBadConfigAtStart(t *testing.T) {
	s := newServer(t, "", files{"meridian.yaml": minimal + "servces: {}\nregions: {x: {coordinates: [91, 0]}}\n"})
	s.Spawn("serve", "--config", s.Config())
	if code := s.Wait(); code != 3 {
		t.Errorf("exit %d, want 3", code)
	}
	for _, want := range []string{"meridian.yaml:9:1:", `did you mean "services"?`, "meridian.yaml:10:", "2 problems"} {
		if !strings.Contains(s.Log.String(), want) {
			t.Errorf("the message lacks %q:\n%s", want, s.Log)
		}
	}
}

// TestManyZones: zones alone, five thousand of them, load in seconds.
func TestManyZones(t *testing.T) {
	const count = 5000
	contents := files{}
	var config strings.Builder
	config.WriteString("dns:\n  listen: [\"127.0.0.1:PORT\"]\nadmin:\n  listen: ADMIN\ndata_dir: ./data\nzones:\n")
	for i := range count {
		fmt.Fprintf(&config, "  z%d.test:\n    file: z%d.zone\n", i, i)
		contents[fmt.Sprintf("z%d.zone", i)] = fmt.Sprintf("$ORIGIN z%d.test.\n$TTL 60\n@ IN SOA ns1 h 1 7200 900 1209600 30\n@ IN NS ns1\nns1 IN A 192.0.2.53\nwww IN A 192.0.2.%d\n", i, i%256)
	}
	contents["meridian.yaml"] = config.String()
	s := newServer(t, "", contents)
	began := time.Now()
	s.Start()
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("%d zones took %v to load", count, took)
	} else {
		t.Logf("%d zones: ready after %v", count, took)
	}
	for _, i := range []int{0, 4321, count - 1} {
		if r := s.Dig(fmt.Sprintf("www.z%d.test", i), "A"); !r.Is(fmt.Sprintf("192.0.2.%d", i%256)) {
			t.Error(r.Text)
		}
	}
}
