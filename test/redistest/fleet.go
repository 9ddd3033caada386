package redistest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// MasterName is the name under which the Sentinels know the primary.
const MasterName = "meridian"

// Sentinels are three Sentinel processes around a primary and its replicas.
type Sentinels struct {
	Addrs     []string  // of the Sentinels
	Nodes     []*Server // the servers; the first is the primary at the start
	Processes []*Server // the Sentinels
}

// StartSentinels runs a primary, replicas and three Sentinels, and returns when these know all of each other.
func StartSentinels(t testing.TB, replicas int) *Sentinels {
	t.Helper()
	s := &Sentinels{Nodes: []*Server{Start(t)}}
	host, port, err := net.SplitHostPort(s.Nodes[0].Addr)
	if err != nil {
		t.Fatal(err)
	}
	for range replicas {
		r := Start(t, "--replicaof", host+" "+port, "--repl-diskless-sync-delay", "0")
		r.Await("a replica joins", has("master_link_status:up"), "INFO", "replication")
		s.Nodes = append(s.Nodes, r)
	}
	for range 3 {
		p := startSentinel(t, host, port)
		s.Processes = append(s.Processes, p)
		s.Addrs = append(s.Addrs, p.Addr)
	}
	for _, p := range s.Processes {
		p.Await("Sentinels find each other", func(out string) bool {
			return strings.Contains(out, "sentinels=3") && strings.Contains(out, fmt.Sprintf("slaves=%d", replicas))
		}, "INFO", "sentinel")
	}
	return s
}

func startSentinel(t testing.TB, host, port string) *Server {
	t.Helper()
	dir := t.TempDir()
	own := FreePort(t)
	config := fmt.Sprintf("port %s\nbind 127.0.0.1\nprotected-mode no\ndir %s\nsentinel monitor %s %s %s 2\n"+
		"sentinel down-after-milliseconds %s 1000\nsentinel failover-timeout %s 5000\n",
		own, dir, MasterName, host, port, MasterName, MasterName)
	path := filepath.Join(dir, "sentinel.conf") // Sentinel rewrites it
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, Addr: "127.0.0.1:" + own, Dir: dir, command: []string{"redis-sentinel", path}}
	s.launch("+monitor master")
	t.Cleanup(s.Kill)
	return s
}

// Primary returns the node that the Sentinels call the primary.
func (s *Sentinels) Primary() *Server {
	for _, p := range s.Processes {
		out, err := p.Try("SENTINEL", "get-master-addr-by-name", MasterName)
		if err != nil {
			continue
		}
		for _, n := range s.Nodes {
			if strings.ReplaceAll(out, "\n", ":") == n.Addr {
				return n
			}
		}
	}
	return nil
}

// StartCluster runs a Cluster of three primaries, and returns when all slots are served.
func StartCluster(t testing.TB) []*Server {
	t.Helper()
	var nodes []*Server
	var buses []string
	for range 3 {
		bus := FreePort(t)
		buses = append(buses, bus)
		nodes = append(nodes, Start(t, "--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-node-timeout", "2000"))
	}
	for i, slots := range [][2]string{{"0", "5460"}, {"5461", "10922"}, {"10923", "16383"}} {
		nodes[i].Do("CLUSTER", "ADDSLOTSRANGE", slots[0], slots[1])
		nodes[i].Do("CLUSTER", "SET-CONFIG-EPOCH", fmt.Sprint(i+1))
		if i > 0 {
			host, port, err := net.SplitHostPort(nodes[0].Addr)
			if err != nil {
				t.Fatal(err)
			}
			nodes[i].Do("CLUSTER", "MEET", host, port, buses[0])
		}
	}
	for _, n := range nodes {
		n.Await("the Cluster forms", func(out string) bool {
			return strings.Contains(out, "cluster_state:ok") && strings.Contains(out, "cluster_known_nodes:3")
		}, "CLUSTER", "INFO")
	}
	return nodes
}

// Addrs returns the addresses of nodes.
func Addrs(nodes []*Server) []string {
	var all []string
	for _, n := range nodes {
		all = append(all, n.Addr)
	}
	return all
}

func has(text string) func(string) bool {
	return func(out string) bool { return strings.Contains(out, text) }
}
