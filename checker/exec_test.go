package checker

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"meridian/zones"
)

// program returns a check that runs a script of sh's.
func program(script string) *zones.Check {
	c := probeOf(zones.CheckExec, netip.MustParseAddrPort("127.0.0.6:8080"))
	c.Command = []string{"/bin/sh", "-c", script}
	return c
}

var somewhere = netip.MustParseAddrPort("127.0.0.6:8080")

func TestExecStatus(t *testing.T) {
	for _, tt := range []struct {
		script, result, reason string
		withheld               float64
	}{
		{"exit 0", "success", "exit status 0", 0},
		{"echo; echo 'OK - fine | time=3s'; echo more", "success", "OK - fine (exit status 0)", 0},
		{"echo WARNING: slow; exit 1", "success", "WARNING: slow (exit status 1)", 0.5},
		{"echo gone >&2; exit 2", "failure", "gone (exit status 2)", 0},
		{"echo no idea; exit 3", "inconclusive", "no idea (exit status 3)", 0},
		{"exit 4", "failure", "exit status 4", 0},
		{"kill -SEGV $$", "failure", "signal: segmentation fault", 0},
	} {
		o := see(t, program(tt.script), somewhere)
		o.Reason = strings.TrimSuffix(o.Reason, " (core dumped)")
		if o.Result() != tt.result || o.Reason != tt.reason || o.Withheld != tt.withheld || o.Silent || o.Refused {
			t.Errorf("%s: %s, %q, withheld %v; want %s, %q, %v", tt.script, o.Result(), o.Reason, o.Withheld, tt.result, tt.reason, tt.withheld)
		}
	}
	c := program("")
	c.Command = []string{"/nonexistent/check", "it"}
	if o := see(t, c, somewhere); !o.Inconclusive || !strings.Contains(o.Reason, "no such file") {
		t.Errorf("a program that isn't there: %+v", o)
	}
}

// TestExecEnvironment: the program knows the endpoint, and nothing of ours.
func TestExecEnvironment(t *testing.T) {
	t.Setenv("REDIS_PASSWORD", "secret")
	file := filepath.Join(t.TempDir(), "env")
	expectUp(t, see(t, program("pwd > "+file+"; env >> "+file+"; cat >> "+file), somewhere), "exit status 0")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"MERIDIAN_ADDRESS=127.0.0.6\n", "MERIDIAN_PORT=8080\n", "MERIDIAN_HOST=www.glb.test\n", "MERIDIAN_TIMEOUT=5\n", "MERIDIAN_CHECK=web\n", "PATH=/usr/local/bin:/usr/bin:/bin\n", "/\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in %q", want, text)
		}
	}
	if strings.Contains(string(text), "secret") {
		t.Error("it saw our environment")
	}
	// Arguments are the program's own: no shell reads them.
	c := program("")
	c.Command = []string{"/bin/echo", "$(id); `id`", "* > /tmp/x"}
	expectUp(t, see(t, c, somewhere), "$(id); `id` * > /tmp/x (exit status 0)")
}

// TestH48HangsForksWritesWithoutEnd: a program that hangs is killed with all of its group, one that leaves children behind
// too, and what it writes is bounded.
func TestH48HangsForksWritesWithoutEnd(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pids")
	c := program("sleep 1000 & echo $! >> " + file + "; (trap '' TERM; sleep 1000) & echo $! >> " + file + "; echo $$ >> " + file + "; wait")
	c.Timeout = 300 * time.Millisecond
	begin := time.Now()
	expectDown(t, see(t, c, somewhere), "timeout after 300ms while running /bin/sh")
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("hangs: took %v", took)
	}
	expectGone(t, file, 3)

	os.Remove(file)
	c = program("sleep 1000 & echo $! > " + file + "; echo fine")
	begin = time.Now()
	expectUp(t, see(t, c, somewhere), "fine (exit status 0)")
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("leaves a child behind: took %v", took)
	}
	expectGone(t, file, 1)

	c = program("yes xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")
	c.Timeout = 300 * time.Millisecond
	var o Observation
	if bytes := allocated(func() { o = see(t, c, somewhere) }); bytes > 8<<20 {
		t.Errorf("endless output makes the probe allocate %d bytes", bytes)
	}
	expectDown(t, o, "timeout after 300ms while running /bin/sh")

	c = program("head -c 10000000 /dev/zero; exit 2")
	if o := see(t, c, somewhere); o.OK || len(o.Reason) > maxReason {
		t.Errorf("%d bytes of output: %+v", 10000000, o)
	}
}

// expectGone waits until the n processes in file are no more, or only remain to be reaped by their parent.
func expectGone(t *testing.T, file string, n int) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pids := strings.Fields(string(text))
	if len(pids) != n {
		t.Fatalf("the processes are %q, want %d", text, n)
	}
	for _, p := range pids {
		pid, err := strconv.Atoi(p)
		if err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(5 * time.Second); !gone(pid); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("process %d lives on", pid)
			}
		}
	}
}

// gone reports whether a process has ended, whoever still has to reap it.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return true
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(after, "Z")
}
