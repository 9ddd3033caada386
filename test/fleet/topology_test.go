package fleet

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"meridian/test/redistest"
)

// TestSentinelFailover: the primary dies, and an empty replica takes its place.
func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	s := redistest.StartSentinels(t, 1)
	f := startFleet(t, plan{servers: 2, checkers: 3, redis: s.Nodes[0].Addr,
		board: fmt.Sprintf("{redis: {addresses: [%q, %q, %q], master_name: %s}}", s.Addrs[0], s.Addrs[1], s.Addrs[2], redistest.MasterName)})
	loads := f.load(0)
	f.steady(loads)
	mark := f.servers[0].Log.Len()

	replica := s.Nodes[1]
	replica.Config("replica-read-only", "no")
	replica.Config("min-replicas-to-write", "0")
	s.Nodes[0].Kill()
	replica.Flush()
	replica.Await("Sentinel promotes the replica", func(out string) bool { return strings.Contains(out, "role:master") }, "INFO", "replication")

	f.steady(loads)
	if n := f.servers[0].Log.Count(mark, `"to":"unknown"`); n != 0 {
		t.Errorf("%d endpoints became unknown in the failover", n)
	}
	replica.Await("the votes are on the new primary", func(out string) bool { return out == "3" }, "ZCARD", "{meridian}:v1:vantages")
	loads.Stop()
}

// TestClusterLosesANode: of a three-node Cluster the one that holds the board dies and comes back empty, then one that
// has nothing to do with it.
func TestClusterLosesANode(t *testing.T) {
	t.Parallel()
	nodes := redistest.StartCluster(t)
	slot, err := strconv.Atoi(strings.Fields(nodes[0].Do("CLUSTER", "KEYSLOT", "{meridian}:v1:vantages"))[0])
	if err != nil {
		t.Fatal(err)
	}
	holder := min(slot/5461, 2)
	other := (holder + 1) % 3
	addresses := redistest.Addrs(nodes)
	f := startFleet(t, plan{servers: 2, checkers: 2, redis: addresses[0],
		board: fmt.Sprintf("{redis: {addresses: [%q, %q, %q]}}", addresses[0], addresses[1], addresses[2])})
	for _, n := range []int{holder, other} {
		outage{
			begin: func(*fleet) {
				nodes[n].Kill()
				for i, node := range nodes {
					if i != n {
						node.Await("the loss is noticed", contains("cluster_state:fail"), "CLUSTER", "INFO")
					}
				}
			},
			end: func(*fleet) {
				nodes[n].Restart()
				for _, node := range nodes {
					node.Await("the Cluster is whole again", contains("cluster_state:ok"), "CLUSTER", "INFO")
				}
			},
			brief: true,
		}.run(t, f)
	}
}

func contains(text string) func(string) bool {
	return func(out string) bool { return strings.Contains(out, text) }
}
