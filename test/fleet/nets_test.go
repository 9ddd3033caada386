package fleet

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// nets are network namespaces of a test's own: a hub, in which the backends live and the links to Redis begin, and a
// node for each process, with two cables to the hub:
//
//	node --front--> hub: backends, clients
//	node --back --> hub: Redis
//
// A cable that is pulled carries nothing and refuses nothing. The machine's own network isn't touched.
type nets struct {
	hub   *namespace
	nodes int
}

type namespace struct{ name string }

// node is where one process lives.
type node struct {
	*namespace
	host string // its address, as backends and clients see it
	back string // the hub's address on the back cable
	hub  *namespace

	front, rear string // the hub's ends of the cables
}

const (
	backendNet = "198.19" // backends are 198.19.1.1, 198.19.2.1, …, in networks of their own
	cableNet   = "198.18"
)

func newNets(t testing.TB) *nets {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test makes network namespaces, which only root may: run it as root")
	}
	n := &nets{hub: newNamespace(t, "hub")}
	for i := range 3 {
		ip(t, "-n", n.hub.name, "address", "add", fmt.Sprintf("%s.%d.1/32", backendNet, i+1), "dev", "lo")
	}
	return n
}

func newNamespace(t testing.TB, what string) *namespace {
	t.Helper()
	ns := &namespace{fmt.Sprintf("meridian-%d-%d-%s", os.Getpid(), fleets.Add(1), what)}
	ip(t, "netns", "add", ns.name)
	t.Cleanup(func() { ip(t, "netns", "delete", ns.name) })
	ip(t, "-n", ns.name, "link", "set", "lo", "up")
	return ns
}

// newNode makes a namespace and lays its cables.
func (n *nets) newNode(t testing.TB) *node {
	t.Helper()
	n.nodes++
	k := n.nodes
	at := func(last int) string { return fmt.Sprintf("%s.%d.%d", cableNet, k, last) }
	nd := &node{namespace: newNamespace(t, fmt.Sprintf("node%d", k)), hub: n.hub, host: at(2), back: at(5),
		front: fmt.Sprintf("front%d", k), rear: fmt.Sprintf("back%d", k)}
	for _, cable := range []struct {
		hub, node string
		hubAddr   string
		nodeAddr  string
	}{
		{nd.front, "front", at(1), at(2)},
		{nd.rear, "back", at(5), at(6)},
	} {
		ip(t, "-n", n.hub.name, "link", "add", cable.hub, "type", "veth", "peer", "name", cable.node, "netns", nd.name)
		ip(t, "-n", n.hub.name, "address", "add", cable.hubAddr+"/30", "dev", cable.hub)
		ip(t, "-n", nd.name, "address", "add", cable.nodeAddr+"/30", "dev", cable.node)
		ip(t, "-n", n.hub.name, "link", "set", cable.hub, "up")
		ip(t, "-n", nd.name, "link", "set", cable.node, "up")
	}
	nd.connect(t)
	return nd
}

// connect sends what isn't on a cable to the hub's front end; a cable that was pulled has forgotten that.
func (n *node) connect(t testing.TB) {
	t.Helper()
	ip(t, "-n", n.name, "route", "replace", "default", "dev", "front", "via", n.gateway())
}

func (n *node) gateway() string { return n.host[:len(n.host)-1] + "1" }

// pull pulls the hub's end of a cable out.
func (n *node) pull(t testing.TB, cable string) {
	t.Helper()
	ip(t, "-n", n.hub.name, "link", "set", cable, "down")
}

// plug puts it in again.
func (n *node) plug(t testing.TB, cable string) {
	t.Helper()
	ip(t, "-n", n.hub.name, "link", "set", cable, "up")
}

// inHub runs do in the hub; without namespaces: here.
func (n *nets) inHub(t testing.TB, do func()) {
	t.Helper()
	if n == nil {
		do()
		return
	}
	n.hub.inside(t, do)
}

// inside runs do in the namespace: sockets that it opens stay there.
func (ns *namespace) inside(t testing.TB, do func()) {
	t.Helper()
	// The thread has to come back: processes that it started end with it (Pdeathsig).
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	defer home.Close()
	there, err := os.Open(filepath.Join("/run/netns", ns.name))
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		t.Fatalf("entering %s: %v", ns.name, err)
	}
	defer func() {
		if err := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); err != nil {
			panic(err) // this thread would go on in the wrong network
		}
	}()
	do()
}

// ip runs the command of that name.
func ip(t testing.TB, args ...string) {
	t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %v: %v\n%s", args, err, out)
	}
}
